"""The desk's Store on PostgreSQL, which several processes may share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from adapters.sql import postgres_lanes as lanes
from adapters.sql import postgres_reads as reads
from adapters.sql import postgres_shelf as shelf
from adapters.sql import postgres_writes as writes
from adapters.sql.postgres_pool import Database
from adapters.sql.postgres_writer import Writer
from bot.address import MessageRef
from bot.auditor import Census
from bot.clock import StageClock, real_now
from bot.ports import Appended, Change, Cost, Decision, Outgoing, Seen
from sla_core.events import Event, Opened


class PostgresStore:
    """Every verb is as bot.ports.Store, Outbox and Notebook say. Made by `connect`; to be closed.

    A verb waits a moment for a database that restarts, and then raises Away. Instants come from the
    caller: leases and buckets run on the replicas' clocks, which are to differ by less than a second.
    """

    def __init__(self, database: Database, on_change: Callable[[], None] | None = None) -> None:
        self.database = database
        self.on_change = on_change
        """Called in the loop after each change that was kept here. Other replicas' changes do not call it."""
        self._writer = Writer(database, self._changed)

    async def close(self) -> None:
        """Finish what was begun and let go of the database. Asking afterwards raises RuntimeError."""
        await self._writer.close()
        await self.database.close()

    async def stage(self, wanted: StageClock | None) -> StageClock | None:
        """The stage clock that this database lives on; None: real time.

        A database without tickets takes `wanted` for good. Raises DatabaseFault when it lives on another.
        """
        return await self.database.run(lambda db: writes.stage(db, wanted))

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Seen:
        return await self._writer.keep(writes.Opening(envelope, account, draft))

    async def append(self, envelope: str | None, change: Change) -> Appended | Seen:
        return await self._writer.keep(writes.Appending(envelope, change))

    async def wake(self, now: datetime, limit: int, but: Collection[str], decide: Decision) -> list[str]:
        at = real_now()
        keys = await self.database.run(lambda db: writes.wake(db, now, limit, but, decide, at))
        if keys:
            self._changed()
        return keys

    async def seen(self, envelope: str) -> str | None:
        return await reads.seen(self.database, envelope)

    async def load(self, ticket: str) -> tuple[Event, ...]:
        return await reads.history(self.database, ticket)

    async def due(self, now: datetime, limit: int) -> list[str]:
        return await reads.due(self.database, now, limit)

    async def next_wake(self) -> datetime | None:
        return await reads.next_wake(self.database)

    async def ticket_of(self, message: MessageRef) -> str | None:
        return await reads.ticket_of(self.database, message)

    async def tickets(self, account: str) -> list[str]:
        return await reads.tickets(self.database, account)

    async def openings(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        return await reads.openings(self.database, account, limit)

    async def unfinished(self, account: str | None, limit: int) -> list[str]:
        return await reads.unfinished(self.database, account, limit)

    async def census(self, due_before: datetime) -> Census:
        return await reads.census(self.database, due_before)

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        return await reads.lanes(self.database, ready_at, limit)

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        return await self.database.run(lambda db: lanes.claim(db, lane, now, until))

    async def begin(
        self, outgoing: Outgoing, costs: Sequence[Cost], now: datetime, until: datetime
    ) -> datetime | None:
        return await self.database.run(lambda db: lanes.begin(db, outgoing, costs, now, until))

    async def sent(self, key: str, ref: MessageRef) -> None:
        await self.database.run(lambda db: lanes.sent(db, key, ref))

    async def put_off(
        self, outgoing: Outgoing, until: datetime, why: str, *, alone: bool = False, unsure: bool = False
    ) -> None:
        await self.database.run(lambda db: lanes.put_off(db, outgoing, until, why, alone, unsure))

    async def shut(self, buckets: Collection[str], until: datetime) -> None:
        await self.database.run(lambda db: lanes.shut(db, buckets, until))

    async def refused(self, key: str, why: str) -> None:
        await self.database.run(lambda db: lanes.refused(db, key, why))

    async def next_ready(self, after: datetime) -> datetime | None:
        return await reads.next_ready(self.database, after)

    async def note(self, topic: str, key: str, value: str) -> None:
        await self.database.run(lambda db: writes.note(db, topic, key, value))

    async def noted(self, topic: str, key: str) -> str | None:
        return await reads.noted(self.database, topic, key)

    async def notes(self, topic: str) -> dict[str, str]:
        return await reads.notes(self.database, topic)

    async def forget(self, topic: str, key: str) -> None:
        await self.database.run(lambda db: writes.forget(db, topic, key))

    async def forget_acts(self, before: datetime, limit: int) -> int:
        return await self.database.run(lambda db: shelf.forget_acts(db, before, limit))

    async def forget_notes(self, topic: str, now: datetime, before: datetime, limit: int) -> int:
        return await self.database.run(lambda db: shelf.forget_notes(db, topic, now, before, limit))

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()
