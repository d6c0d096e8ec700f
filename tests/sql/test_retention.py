"""What every database deletes when it is old, and what it keeps."""

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
from bot.desk.intake import conversation
from bot.ports import Duplicate
from bot.runtime.retention import (
    BATCH_PAUSE,
    BATCH_SIZE,
    ENVELOPE_LIFE,
    EVERY,
    LIVES_WITHOUT_EXPIRY,
    Retention,
)
from bot.runtime.runtime import Runtime
from tests.harness import HeldClock, open_desk
from tests.sql.outbox_steps import next_keys
from tests.sql.raw_sql import run
from tests.sql.samples import change, message, opening, wrote
from tests.waiting import eventually

Tables = SqlStore
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
"""Longer than a test takes."""


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def tables(request: pytest.FixtureRequest) -> AsyncIterator[Tables]:
    address = str(request.getfixturevalue(f"{request.param}_url"))
    async with connect(address) as store:
        yield store


def retention_job(tables: Tables, after: timedelta = timedelta(0)) -> Retention:
    clock = HeldClock("2026-03-20T12:00:00Z")
    clock.at = real_now() + after
    return Retention(tables, clock)


async def do_all(keeping: Retention) -> int:
    """How many rows it touches until nothing more is to be done now."""
    touched = 0
    while more := await keeping.delete_batch():
        touched += more
    return touched


async def acted(tables: Tables, number: int, at: datetime) -> None:
    """So many acts were done then, each known by its envelope."""
    rows = ", ".join(f"('envelope {n} of {at}', 'ACME-1', {micros(at)})" for n in range(number))
    await run(tables, f"INSERT INTO inbox VALUES {rows}")


async def test_envelopes_are_deleted_after_thirty_days(tables: Tables) -> None:
    """Stripe keeps its keys as long; every platform gives up within hours."""
    await tables.open("today", "acme", opening(message("m1")))
    now = real_now()
    await acted(tables, 2 * BATCH_SIZE + 7, now - ENVELOPE_LIFE - DAY)
    await acted(tables, 5, now - ENVELOPE_LIFE + DAY)

    assert await do_all(retention_job(tables)) == 2 * BATCH_SIZE + 7

    assert await run(tables, "SELECT count(*) FROM inbox") == [(6,)]
    assert await tables.open("today", "acme", opening()) == Duplicate("ACME-1")
    assert await next_keys(tables) == ["m1"], "and what is to be said is untouched"
    assert await retention_job(tables).delete_batch() == 0


async def test_an_envelope_older_than_retention_is_applied_again(tables: Tables) -> None:
    await tables.open("first", "acme", opening())
    await tables.append("again", change(1, events=(wrote(),)))
    assert await tables.append("again", change(1, events=(wrote(),))) == Duplicate("ACME-1")
    await retention_job(tables, ENVELOPE_LIFE + DAY).delete_batch()
    await tables.append("again", change(2, events=(wrote(),)))
    assert len(await tables.load("ACME-1")) == 3


async def test_envelopes_are_deleted_in_batches(tables: Tables) -> None:
    """A writer waits for one batch at most."""
    await tables.open("today", "acme", opening())
    old = real_now() - ENVELOPE_LIFE - DAY
    await acted(tables, 9, old)
    await acted(tables, 9, old - DAY)
    assert await tables.delete_envelopes(real_now() - ENVELOPE_LIFE, 4) == 4
    assert await run(tables, f"SELECT count(*) FROM inbox WHERE at = {micros(old)}") == [(9,)], "oldest first"


async def test_replicas_may_delete_at_the_same_time(tables: Tables) -> None:
    await tables.open("today", "acme", opening())
    await acted(tables, 40, real_now() - ENVELOPE_LIFE - DAY)
    before = real_now() - ENVELOPE_LIFE
    gone = await asyncio.gather(*(tables.delete_envelopes(before, 10) for _ in range(8)))
    while more := await tables.delete_envelopes(before, 10):
        gone.append(more)
    assert sum(gone) == 40


async def test_expired_values_and_locks_are_deleted(tables: Tables) -> None:
    now = real_now()
    await tables.put("channel-moved", "slack:C0OLD", "slack:C0NEW")
    await tables.put("draft", "ann", "x", now + DAY)
    await tables.put("draft", "bob", "y", now + 2 * DAY)
    assert await tables.try_lock("renewal", "ann", now + DAY, now)
    assert await tables.try_lock("welcome", "bob", now + 2 * DAY, now)
    assert await retention_job(tables).delete_batch() == 0

    assert await retention_job(tables, DAY + MINUTE).delete_batch() == 2

    left = "SELECT topic, key FROM note ORDER BY topic, key"
    assert await run(tables, left) == [
        ("channel-moved", "slack:C0OLD"),
        ("draft", "bob"),
        ("lock", "welcome"),
    ]
    assert await retention_job(tables, 2 * DAY + MINUTE).delete_batch() == 2
    assert await run(tables, left) == [("channel-moved", "slack:C0OLD")]


async def test_expired_values_are_deleted_in_batches(tables: Tables) -> None:
    now = real_now()
    for number in range(9):
        await tables.put("draft", f"{number}", "x", now + timedelta(minutes=number))
    assert await tables.delete_expired(now + DAY, 4) == 4
    assert set(await tables.get_all("draft")) == {"4", "5", "6", "7", "8"}, "oldest first"
    gone = await asyncio.gather(*(tables.delete_expired(now + DAY, 2) for _ in range(8)))
    while more := await tables.delete_expired(now + DAY, 2):
        gone.append(more)
    assert sum(gone) == 5, "replicas may do it at once"


@pytest.mark.parametrize("topic", LIVES_WITHOUT_EXPIRY)
async def test_values_of_the_previous_version_expire(tables: Tables, topic: str) -> None:
    """It stores them without an end, also while it runs beside this one; they are read until then."""
    written = "INSERT INTO note (topic, key, value) VALUES ('{}', '{}', 'x')"
    await run(tables, written.format(topic, "early"))
    await run(tables, written.format("channel-moved", "slack:C0OLD"))
    await retention_job(tables).delete_batch()
    await run(tables, written.format(topic, "late"))
    await retention_job(tables, LIVES_WITHOUT_EXPIRY[topic] - MINUTE).delete_batch()
    assert await tables.get_all(topic) == {"early": "x", "late": "x"}

    await retention_job(tables, LIVES_WITHOUT_EXPIRY[topic] + MINUTE).delete_batch()

    assert await tables.get_all(topic) == {"late": "x"}
    await retention_job(tables, 2 * LIVES_WITHOUT_EXPIRY[topic]).delete_batch()
    assert await tables.get_all(topic) == {}
    assert await tables.get_all("channel-moved") == {"slack:C0OLD": "x"}, "what matters stays"


def test_conversation_roots_never_expire() -> None:
    """Below an old one a reply is still no ticket's."""
    assert conversation.ROOTS not in LIVES_WITHOUT_EXPIRY


async def test_batches_run_until_done_then_pause_for_an_hour(tables: Tables) -> None:
    await tables.open("today", "acme", opening())
    await acted(tables, BATCH_SIZE + 3, real_now() - ENVELOPE_LIFE - DAY)
    keeping = retention_job(tables)
    assert [await keeping.run() for _ in range(3)] == [BATCH_PAUSE, BATCH_PAUSE, EVERY]


async def test_retention_runs_while_the_desk_works(tables: Tables, tmp_path: Path) -> None:
    await tables.open("today", "acme", opening())
    await acted(tables, 3, real_now() - ENVELOPE_LIFE - DAY)
    desk = await open_desk(tmp_path, "2026-03-20T12:00:00Z", store=tables)

    async def forgotten() -> bool:
        return await run(tables, "SELECT count(*) FROM inbox") == [(1,)]

    async with Runtime(desk.desk, tables, expiring_store=tables).running():
        await eventually(forgotten)
