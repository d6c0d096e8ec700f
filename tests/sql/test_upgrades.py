"""A desk of every earlier version comes along with all it has, and may go back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sql.migrate import downgrade, migrate, revision, upgrade
from adapters.sql.store import connect
from adapters.sql.tables import EVENTS, message_body_text, micros, recipient_text
from bot.ports import Appended, Change, Duplicate, Priority
from sla_core.events import Closed, Event, Reopened
from tests.sql.outbox_steps import FullStore, delivers, in_queue, next_keys, says
from tests.sql.samples import ACME, ANN, NOON, answered, at, change, message, opened, opening, ref, wrote

HEAD, *EARLIER = ["0010", "0009", "0008", "0007", "0006", "0005", "0004", "0003", "0002", "0001"]

TICKET = "INSERT INTO ticket (key, account, number, version, wake_at, opened_at) VALUES (?, ?, ?, ?, ?, ?)"
EVENT = "INSERT INTO event (ticket, seq, at, kind, body) VALUES (?, ?, ?, ?, ?)"
MESSAGE = (
    "INSERT INTO outbox (key, ticket, lane, recipient, priority, thread, edits, effect, body, state,"
    " attempts, ref_place, ref_direct, ref_id) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, 0, ?, ?, ?)"
)
"""How the first version writes, regardless of columns added since."""
HISTORIES: dict[str, tuple[Event, ...]] = {
    "ACME-1": (opened(), wrote(), answered()),
    "ACME-2": (opened(), Closed(at(3), ANN)),
    "ACME-3": (opened(), Closed(at(3), ANN), Reopened(at(4), ANN, "Again")),
    "ACME-4": (opened(), Closed(at(3), ANN), Reopened(at(4), ANN, "Again"), Closed(at(5), ANN)),
}


def fill(path: Path) -> None:
    """Four tickets as the first version wrote them: with a card sent, an edit and a reply still to go."""
    with closing(sqlite3.connect(path)) as db:
        for number, (key, history) in enumerate(HISTORIES.items(), 1):
            wake = micros(at(90)) if key == "ACME-1" else None
            db.execute(TICKET, (key, "acme", number, len(history), wake, micros(NOON)))
            db.executemany(
                EVENT,
                [
                    (key, seq, micros(event.at), EVENTS.kind(event), EVENTS.text(event))
                    for seq, event in enumerate(history, 1)
                ],
            )
        for said, state, posted in (
            (message("card"), "sent", (str(ACME), False, "1")),
            (message("edit", edits="card"), "waiting", (None, None, None)),
            (message("reply", thread="card"), "waiting", (None, None, None)),
        ):
            to, body = recipient_text(said.to), message_body_text(said.content)
            row = (said.key, said.ticket, said.lane, to, said.priority, said.thread, said.edits, body, state)
            db.execute(MESSAGE, (*row, *posted))
        db.execute("INSERT INTO inbox VALUES ('envelope', 'ACME-1', 0)")
        db.execute("INSERT INTO account_number VALUES ('acme', 4)")
        db.execute("INSERT INTO lane (lane, not_before) VALUES ('slack:C0ELSE', 7)")
        db.commit()


def mark_closed(path: Path) -> None:
    """As later versions do themselves."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE ticket SET closed = 1 WHERE key IN ('ACME-2', 'ACME-4')")
        db.commit()


def rows(path: Path) -> list[list[object]]:
    """What every version has."""
    columns = {
        "ticket": "key, account, number, version, wake_at, opened_at",
        "event": "ticket, seq, at, kind, body",
        "outbox": "id, key, ticket, lane, recipient, priority, thread, edits, body, state, ref_place, ref_id",
        "inbox": "*",
        "account_number": "*",
    }
    with closing(sqlite3.connect(path)) as db:
        return [db.execute(f"SELECT {named} FROM {table}").fetchall() for table, named in columns.items()]


@pytest.mark.parametrize("earlier", EARLIER)
async def test_an_upgrade_and_a_downgrade_keep_the_data(path: Path, url: str, earlier: str) -> None:
    upgrade(path, earlier)
    fill(path)
    if earlier >= "0003":
        mark_closed(path)
    before = rows(path)

    assert migrate(url) == HEAD
    assert rows(path) == before
    async with connect(url) as store:
        await knows_everything(store)

    downgrade(path, earlier)
    assert revision(url) == earlier
    went_back = rows(path)
    assert migrate(url) == HEAD
    assert rows(path) == went_back
    async with connect(url) as store:
        assert await store.load("ACME-4") == HISTORIES["ACME-4"]
        assert sorted(await in_queue(store, "acme")) == ["ACME-1", "ACME-3"]


async def knows_everything(store: FullStore) -> None:
    for key, history in HISTORIES.items():
        assert await store.load(key) == history
    assert sorted(await in_queue(store, "acme")) == ["ACME-1", "ACME-3"]
    assert await store.next_wake() == at(90)
    assert await store.open("envelope", "acme", opening()) == Duplicate("ACME-1")
    assert await store.ticket_of(ref("1")) == "ACME-1"
    assert [await delivers(store, ACME, ref(id)) for id in ("1", "2")] == ["edit", "reply"]
    assert await next_keys(store) == []
    await says(store, message("later", edits="card"))
    assert await next_keys(store) == ["later"]
    assert await store.open("new", "acme", opening()) == Appended("ACME-5", 1)
    closing_it = Change("ACME-5", 1, (Closed(at(9), ANN),), None, (), closed=True)
    await store.append(None, closing_it)
    assert "ACME-5" not in await in_queue(store, "acme")


async def test_the_previous_version_can_write_while_both_run(path: Path, url: str) -> None:
    """During a deploy the old processes know nothing of the new columns."""
    migrate(url)
    fill(path)
    async with connect(url) as store:
        assert await in_queue(store, "acme") == ["ACME-1", "ACME-2", "ACME-3", "ACME-4"]
        assert await next_keys(store) == ["edit"]
        await says(store, message("ours"))
        order = [await delivers(store, ACME, ref(id)) for id in ("1", "2", "3")]
        assert order == ["edit", "reply", "ours"]
        await store.append(None, change(3, events=(wrote(),), wake_at=NOON + timedelta(hours=1)))
        assert await store.next_wake() == at(60)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE ticket SET version = version + 1, wake_at = NULL WHERE key = 'ACME-1'")
        db.execute("UPDATE outbox SET state = 'sent', why = NULL WHERE key = 'ours'")


async def test_an_upgrade_and_a_downgrade_keep_key_values(path: Path, url: str) -> None:
    """And the version before writes them meanwhile, without a time."""
    upgrade(path, "0004")
    written = "INSERT INTO note (topic, key, value) VALUES (?, ?, ?)"
    with closing(sqlite3.connect(path)) as db:
        db.execute(written, ("channel-turn", "early", "joined"))
        db.commit()
    migrate(url)
    with closing(sqlite3.connect(path)) as db:
        db.execute(written, ("channel-turn", "late", "left"))
        db.commit()
    both = {"early": "joined", "late": "left"}
    async with connect(url) as store:
        assert await store.get_all("channel-turn") == both
    downgrade(path, "0004")
    migrate(url)
    async with connect(url) as store:
        assert await store.get_all("channel-turn") == both


async def test_countdowns_use_the_lane_of_the_previous_version(path: Path, url: str) -> None:
    """It speaks for lanes of whole platforms only; this version for both."""
    async with connect(url) as store:
        countdown = message("countdown", priority=Priority.COUNTDOWN, edits="card")
        await says(store, message("card"), replace(countdown, rate_limit_key="slack:T0ACME:edits"))
        await delivers(store, ACME, ref("1"))
        assert await store.lanes(NOON, 9) == ["countdown:slack:T0ACME:edits"]
    downgrade(path, "0004")
    assert migrate(url) == HEAD
    async with connect(url) as store:
        assert await store.lanes(NOON, 9) == ["countdown:slack"]
        assert await delivers(store, "countdown:slack", ref("1")) == "countdown"


def test_upgrading_after_a_downgrade_gives_the_same_tables(path: Path) -> None:
    def schema() -> list[str]:
        with closing(sqlite3.connect(path)) as db:
            return sorted(sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))

    for earlier in EARLIER:
        upgrade(path)
        head = schema()
        downgrade(path, earlier)
        upgrade(path)
        assert schema() == head
