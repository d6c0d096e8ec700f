"""The release before goes on writing while this one runs on the same tables, as in a deploy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.sql.migrate import migrate
from adapters.sql.store import SqlStore, connect
from adapters.sql.tables import EVENTS, instant, message_body_text, micros, recipient_text
from bot.desk.desk import Desk
from bot.desk.index import check, rebuild
from bot.model.views import Notice
from bot.ports import Change, Conflict, Duplicate, Message, Priority
from sla_core.events import Acknowledged, CustomerWrote, Event, Taken
from tests.harness import HeldClock, directory_of
from tests.sql.old_release import TABLES, restore
from tests.sql.outbox_steps import delivers
from tests.sql.raw_sql import run
from tests.sql.samples import ACME, ANN, BOB, opening, ref

NOW = instant(TABLES["ticket"][-1]["opened_at"]) + timedelta(minutes=1)
"""Of the old desk's clock."""
LATER = instant(TABLES["outbox"][-1]["created_at"]) + timedelta(minutes=1)
"""In real time: what the old desk had in hand is given up."""


@dataclass
class Deploy:
    """The newer desk, and its store as the older one writes into it."""

    desk: Desk
    store: SqlStore

    async def old_records(
        self, key: str, event: Event, envelope: str, wake_at: datetime | None, said: Message
    ) -> None:
        """One act, in the columns that the release before knows."""
        (version,) = (await run(self.store, "SELECT version FROM ticket WHERE key = :key", key=key))[0]
        moved = "UPDATE ticket SET version = version + 1, wake_at = :at, closed = 0 WHERE key = :key"
        await run(self.store, moved, key=key, at=wake_at and micros(wake_at))
        await run(
            self.store,
            "INSERT INTO event (ticket, seq, at, kind, body) VALUES (:key, :seq, :at, :kind, :body)",
            key=key,
            seq=version + 1,
            at=micros(event.at),
            kind=EVENTS.kind(event),
            body=EVENTS.text(event),
        )
        acted = "INSERT INTO inbox (envelope, ticket, at) VALUES (:envelope, :key, 0)"
        await run(self.store, acted, envelope=envelope, key=key)
        await run(
            self.store,
            "INSERT INTO outbox (key, ticket, lane, recipient, priority, thread, body, state, attempts, turn,"
            " created_at) VALUES (:key, :ticket, :lane, :recipient, :priority, :thread, :body, 'waiting', 0,"
            " (SELECT max(turn) + 1 FROM outbox), 1)",
            key=said.key,
            ticket=key,
            lane=said.lane,
            recipient=recipient_text(said.to),
            priority=int(said.priority),
            thread=said.thread,
            body=message_body_text(said.content),
        )

    async def wrong(self) -> list[str]:
        rows = check(await self.store.index_sample(99), self.desk.directory, self.desk.clock.now()).wrong
        return sorted(row.ticket for row, _ in rows)


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def deploy(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> AsyncIterator[Deploy]:
    address = url if request.param == "sqlite" else str(request.getfixturevalue("empty_postgres_url"))
    restore(address)
    migrate(address)
    async with connect(address) as store:
        yield Deploy(Desk(store, HeldClock(NOW.isoformat()), directory_of(tmp_path)), store)


def said(key: str) -> Message:
    return Message(key, "ACME-2", ACME, Notice(("The old desk speaks",)), Priority.STATE, "ACME-2/customer")


async def test_each_release_sees_the_events_of_the_other(deploy: Deploy) -> None:
    desk, store = deploy.desk, deploy.store
    everything = sorted(f"ACME-{number}" for number in range(1, 6))
    assert await deploy.wrong() == everything, "the old desk filled no column of the queue"
    await desk.change("ours", "ACME-2", lambda ticket, policy, now: [Taken(now, BOB)])
    assert await deploy.wrong() == [key for key in everything if key != "ACME-2"]
    before = await store.load("ACME-2")

    wrote = CustomerWrote(NOW, ANN, "To the old desk")
    await deploy.old_records("ACME-2", wrote, "theirs", NOW + timedelta(hours=1), said("theirs"))
    assert await store.load("ACME-2") == (*before, wrote)
    shown = {entry.key: entry.summary for entry in (await store.queue(["acme"], 9, ended=True)).entries}
    assert shown["ACME-2"] is None, "it is read from its events"
    assert await store.due(NOW + timedelta(hours=1), 9) == ["ACME-1", "ACME-2"]
    assert await store.open("theirs", "acme", opening()) == Duplicate("ACME-2")
    stale = Change("ACME-2", len(before), (Taken(NOW, BOB),), None, ())
    with pytest.raises(Conflict):
        await store.append(None, stale)

    await desk.change("ours too", "ACME-2", lambda ticket, policy, now: [Acknowledged(now, BOB)])
    assert "ACME-2" not in await deploy.wrong()
    assert [type(event) for event in (await store.load("ACME-2"))[-2:]] == [CustomerWrote, Acknowledged]


async def test_messages_of_the_old_release_are_sent_in_order(deploy: Deploy) -> None:
    store = deploy.store
    await deploy.old_records("ACME-2", CustomerWrote(NOW, ANN, "One"), "one", None, said("theirs"))
    await store.enqueue([Message("ours", None, ACME, Notice(("The new desk speaks",)), Priority.STATE)])
    keys = [await delivers(store, ACME, ref(f"x{number}"), LATER) for number in range(3)]
    assert keys == ["theirs", "ours", "ACME-5/2/customer/said"]


async def test_rows_left_by_the_old_release_are_rebuilt(deploy: Deploy) -> None:
    desk, store = deploy.desk, deploy.store
    await rebuild(store, desk.directory, desk.clock, lambda number: None)
    assert await deploy.wrong() == []
    await deploy.old_records("ACME-2", CustomerWrote(NOW, ANN, "One"), "one", None, said("theirs"))
    assert await deploy.wrong() == ["ACME-2"]
    await rebuild(store, desk.directory, desk.clock, lambda number: None)
    assert await deploy.wrong() == []
    assert all(entry.summary for entry in (await store.queue(["acme"], 9, ended=True)).entries)
