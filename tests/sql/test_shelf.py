"""What every database lets go when it is old, and what it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.sql.store import SqlStore, connect
from adapters.sql.tables import micros
from bot.clock import real_now
from bot.desk import interview
from bot.ports import Seen
from bot.runtime import Runtime
from bot.upkeep import ACTS, AT_A_TIME, BREATH, ENDLESS, EVERY, Upkeep
from tests.harness import HeldClock, open_desk
from tests.sql.samples import change, message, opening, wrote
from tests.sql.speaking import next_of
from tests.sql.statements import run
from tests.waiting import eventually

Tables = SqlStore
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
"""Longer than a test takes."""


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def tables(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Tables]:
    address = url if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    async with connect(address) as store:
        yield store


def upkeep(tables: Tables, after: timedelta = timedelta(0)) -> Upkeep:
    clock = HeldClock("2026-03-20T12:00:00Z")
    clock.at = real_now() + after
    return Upkeep(tables, clock)


async def do_all(keeping: Upkeep) -> int:
    """How many rows it touches until nothing more is to be done now."""
    touched = 0
    while more := await keeping.look():
        touched += more
    return touched


async def acted(tables: Tables, number: int, at: datetime) -> None:
    """So many acts were done then, each known by its envelope."""
    rows = ", ".join(f"('envelope {n} of {at}', 'ACME-1', {micros(at)})" for n in range(number))
    await run(tables, f"INSERT INTO inbox VALUES {rows}")


async def test_envelopes_are_let_go_after_thirty_days(tables: Tables) -> None:
    """Stripe keeps its keys as long; every platform gives up within hours."""
    await tables.open("today", "acme", opening(message("m1")))
    now = real_now()
    await acted(tables, 2 * AT_A_TIME + 7, now - ACTS - DAY)
    await acted(tables, 5, now - ACTS + DAY)

    assert await do_all(upkeep(tables)) == 2 * AT_A_TIME + 7

    assert await run(tables, "SELECT count(*) FROM inbox") == [(6,)]
    assert await tables.open("today", "acme", opening()) == Seen("ACME-1")
    assert await next_of(tables) == ["m1"], "and what is to be said is untouched"
    assert await upkeep(tables).look() == 0


async def test_an_act_from_long_ago_is_an_act_again(tables: Tables) -> None:
    await tables.open("first", "acme", opening())
    await tables.append("again", change(1, events=(wrote(),)))
    assert await tables.append("again", change(1, events=(wrote(),))) == Seen("ACME-1")
    await upkeep(tables, ACTS + DAY).look()
    await tables.append("again", change(2, events=(wrote(),)))
    assert len(await tables.load("ACME-1")) == 3


async def test_few_at_a_time(tables: Tables) -> None:
    """Whoever writes waits for one handful at most."""
    await tables.open("today", "acme", opening())
    old = real_now() - ACTS - DAY
    await acted(tables, 9, old)
    await acted(tables, 9, old - DAY)
    assert await tables.forget_acts(real_now() - ACTS, 4) == 4
    assert await run(tables, f"SELECT count(*) FROM inbox WHERE at = {micros(old)}") == [(9,)], "oldest first"


async def test_replicas_may_do_it_at_once(tables: Tables) -> None:
    await tables.open("today", "acme", opening())
    await acted(tables, 40, real_now() - ACTS - DAY)
    before = real_now() - ACTS
    gone = await asyncio.gather(*(tables.forget_acts(before, 10) for _ in range(8)))
    while more := await tables.forget_acts(before, 10):
        gone.append(more)
    assert sum(gone) == 40


async def test_expired_values_and_locks_are_deleted(tables: Tables) -> None:
    now = real_now()
    await tables.note("channel-moved", "slack:C0OLD", "slack:C0NEW")
    await tables.note("draft", "ann", "x", now + DAY)
    await tables.note("draft", "bob", "y", now + 2 * DAY)
    assert await tables.try_lock("renewal", "ann", now + DAY, now)
    assert await tables.try_lock("welcome", "bob", now + 2 * DAY, now)
    assert await upkeep(tables).look() == 0

    assert await upkeep(tables, DAY + MINUTE).look() == 2

    left = "SELECT topic, key FROM note ORDER BY topic, key"
    assert await run(tables, left) == [
        ("channel-moved", "slack:C0OLD"),
        ("draft", "bob"),
        ("lock", "welcome"),
    ]
    assert await upkeep(tables, 2 * DAY + MINUTE).look() == 2
    assert await run(tables, left) == [("channel-moved", "slack:C0OLD")]


async def test_few_expired_values_at_a_time(tables: Tables) -> None:
    now = real_now()
    for number in range(9):
        await tables.note("draft", f"{number}", "x", now + timedelta(minutes=number))
    assert await tables.forget_expired(now + DAY, 4) == 4
    assert set(await tables.notes("draft")) == {"4", "5", "6", "7", "8"}, "oldest first"
    gone = await asyncio.gather(*(tables.forget_expired(now + DAY, 2) for _ in range(8)))
    while more := await tables.forget_expired(now + DAY, 2):
        gone.append(more)
    assert sum(gone) == 5, "replicas may do it at once"


@pytest.mark.parametrize("topic", ENDLESS)
async def test_values_of_the_version_before_expire_too(tables: Tables, topic: str) -> None:
    """It stores them without an end, also while it runs beside this one; they are read until then."""
    written = "INSERT INTO note (topic, key, value) VALUES ('{}', '{}', 'x')"
    await run(tables, written.format(topic, "early"))
    await run(tables, written.format("channel-moved", "slack:C0OLD"))
    await upkeep(tables).look()
    await run(tables, written.format(topic, "late"))
    await upkeep(tables, ENDLESS[topic] - MINUTE).look()
    assert await tables.notes(topic) == {"early": "x", "late": "x"}

    await upkeep(tables, ENDLESS[topic] + MINUTE).look()

    assert await tables.notes(topic) == {"late": "x"}
    await upkeep(tables, 2 * ENDLESS[topic]).look()
    assert await tables.notes(topic) == {}
    assert await tables.notes("channel-moved") == {"slack:C0OLD": "x"}, "what matters stays"


def test_where_questions_were_asked_is_kept() -> None:
    """Below an old one a reply is still no ticket's."""
    assert interview.ROOTS not in ENDLESS


async def test_batch_after_batch_then_an_hour_of_rest(tables: Tables) -> None:
    await tables.open("today", "acme", opening())
    await acted(tables, AT_A_TIME + 3, real_now() - ACTS - DAY)
    keeping = upkeep(tables)
    assert [await keeping.do() for _ in range(3)] == [BREATH, BREATH, EVERY]


async def test_it_goes_on_beside_the_desk(tables: Tables, tmp_path: Path) -> None:
    await tables.open("today", "acme", opening())
    await acted(tables, 3, real_now() - ACTS - DAY)
    desk = await open_desk(tmp_path, "2026-03-20T12:00:00Z", store=tables)

    async def forgotten() -> bool:
        return await run(tables, "SELECT count(*) FROM inbox") == [(1,)]

    async with Runtime(desk.desk, tables, shelf=tables).running():
        await eventually(forgotten)
