"""The desk's Store on a SQLite file, and the way to it or to a PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapters.sql import glances, lanes, reads, shelf, writes
from adapters.sql.firsts import Firsts
from adapters.sql.migrate import faults, ready
from adapters.sql.sqlite import Database
from adapters.sql.url import is_postgres, postgres_url, sqlite_path
from bot.address import MessageRef
from bot.auditor import Census, Counted
from bot.clock import StageClock, real_now
from bot.ports import Appended, Change, Cost, Decision, Notebook, Outbox, Outgoing, Seen, Store
from bot.upkeep import Shelf
from sla_core.events import Event, Opened


class DeskStore(Store, Outbox, Notebook, Counted, Shelf, Protocol):
    """All that the desk asks of a database, whichever it is."""

    on_change: Callable[[], None] | None

    async def stage(self, wanted: StageClock | None) -> StageClock | None: ...


class SqliteStore:
    """Every verb is as bot.ports.Store, Outbox and Notebook say. Made by `connect`; to be closed."""

    def __init__(self, database: Database, on_change: Callable[[], None] | None = None) -> None:
        self.database = database
        self.on_change = on_change
        """Called in the loop after each change that was kept: tickets and messages may wait now."""
        self._firsts = Firsts()

    async def close(self) -> None:
        """Finish what was begun and let go of the file. Writing afterwards raises RuntimeError."""
        await self.database.close()

    async def stage(self, wanted: StageClock | None) -> StageClock | None:
        """The stage clock that this database lives on; None: real time.

        A database without tickets takes `wanted` for good. Raises DatabaseFault when it lives on another.
        """
        return await self.database.write(lambda db: writes.stage(db, wanted))

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Seen:
        at = real_now()
        drafted: list[Change] = []

        def noted(number: int) -> Change:
            drafted.append(change := draft(number))
            return change

        kept = await self.database.write(
            lambda db: writes.open_ticket(db, envelope, account, noted, at), self._kept
        )
        if isinstance(kept, Appended) and isinstance(opened := drafted[-1].events[0], Opened):
            self._firsts.keep(kept.ticket, opened)
        return kept

    async def append(self, envelope: str | None, change: Change) -> Appended | Seen:
        at = real_now()
        return await self.database.write(lambda db: writes.append(db, envelope, change, at), self._kept)

    async def seen(self, envelope: str) -> str | None:
        return glances.seen(self.database, envelope)

    async def load(self, ticket: str) -> tuple[Event, ...]:
        return glances.history(self.database, ticket)

    async def due(self, now: datetime, limit: int) -> list[str]:
        return await self.database.read(lambda db: reads.due(db, now, limit))

    async def next_wake(self) -> datetime | None:
        return await self.database.read(reads.next_wake)

    async def wake(self, now: datetime, limit: int, but: Collection[str], decide: Decision) -> list[str]:
        at = real_now()
        return await self.database.write(lambda db: writes.wake(db, now, limit, but, decide, at), self._woken)

    async def openings(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        return glances.openings(self.database, account, limit, self._firsts)

    async def unfinished(self, account: str | None, limit: int) -> list[str]:
        return await self.database.read(lambda db: reads.unfinished(db, account, limit))

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        return await self.database.read(lambda db: reads.lanes(db, ready_at, limit))

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        return await self.database.write(lambda db: lanes.claim(db, lane, now, until))

    async def begin(
        self, outgoing: Outgoing, costs: Sequence[Cost], now: datetime, until: datetime
    ) -> datetime | None:
        return await self.database.write(lambda db: lanes.begin(db, outgoing, costs, now, until))

    async def sent(self, key: str, ref: MessageRef) -> None:
        await self.database.write(lambda db: lanes.sent(db, key, ref))

    async def put_off(
        self, outgoing: Outgoing, until: datetime, why: str, *, alone: bool = False, unsure: bool = False
    ) -> None:
        await self.database.write(lambda db: lanes.put_off(db, outgoing, until, why, alone, unsure))

    async def shut(self, buckets: Collection[str], until: datetime) -> None:
        await self.database.write(lambda db: lanes.shut(db, buckets, until))

    async def refused(self, key: str, why: str) -> None:
        await self.database.write(lambda db: lanes.refused(db, key, why))

    async def next_ready(self, after: datetime) -> datetime | None:
        return await self.database.read(lambda db: reads.next_ready(db, after))

    async def ticket_of(self, message: MessageRef) -> str | None:
        return glances.ticket_of(self.database, message)

    async def tickets(self, account: str) -> list[str]:
        return await self.database.read(lambda db: reads.tickets(db, account))

    async def census(self, due_before: datetime) -> Census:
        return await self.database.read(lambda db: reads.census(db, due_before))

    async def note(self, topic: str, key: str, value: str) -> None:
        await self.database.write(lambda db: writes.note(db, topic, key, value))

    async def noted(self, topic: str, key: str) -> str | None:
        return glances.noted(self.database, topic, key)

    async def notes(self, topic: str) -> dict[str, str]:
        return await self.database.read(lambda db: reads.notes(db, topic))

    async def forget(self, topic: str, key: str) -> None:
        await self.database.write(lambda db: writes.forget(db, topic, key))

    async def forget_acts(self, before: datetime, limit: int) -> int:
        return await self.database.write(lambda db: shelf.forget_acts(db, before, limit))

    async def forget_notes(self, topic: str, now: datetime, before: datetime, limit: int) -> int:
        return await self.database.write(lambda db: shelf.forget_notes(db, topic, now, before, limit))

    def _woken(self, keys: list[str]) -> None:
        if keys and self.on_change is not None:
            self.on_change()

    def _kept(self, outcome: Appended | Seen) -> None:
        if isinstance(outcome, Appended) and self.on_change is not None:
            self.on_change()


@asynccontextmanager
async def connect(
    url: str, on_change: Callable[[], None] | None = None, guest: bool = False
) -> AsyncIterator[DeskStore]:
    """The store at DATABASE_URL, closed at the end; a new database is given its tables.

    `sqlite://` is a database of one's own that is gone at the end. A `guest` only looks in, on what another
    process may be serving, and makes no database. Raises DatabaseFault.
    """
    if is_postgres(url):
        async with _shared(postgres_url(url), on_change, guest) as store:
            yield store
        return
    if path := sqlite_path(url):
        async with _opened(path, on_change, durable=True, guest=guest) as store:
            yield store
        return
    folder = Path(tempfile.mkdtemp(prefix="frontline-"))
    try:
        async with _opened(folder / "frontline.db", on_change, durable=False) as store:
            yield store
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


@asynccontextmanager
async def _shared(url: str, on_change: Callable[[], None] | None, guest: bool) -> AsyncIterator[DeskStore]:
    # Their driver takes a while to load, and most databases are files.
    from adapters.sql.postgres import PostgresStore
    from adapters.sql.postgres_pool import Database as Pool

    await asyncio.to_thread(ready, url, make=not guest)
    store = PostgresStore(Pool(url), on_change)
    await store.database.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _opened(
    path: Path, on_change: Callable[[], None] | None, durable: bool, guest: bool = False
) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(await asyncio.to_thread(_database, path, durable, guest), on_change)
    try:
        yield store
    finally:
        await store.close()


def _database(path: Path, durable: bool, guest: bool) -> Database:
    ready(path, make=not guest)
    with faults(path):
        return Database(path, durable=durable, guest=guest)
