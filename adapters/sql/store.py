"""The desk's store: every verb once, on either database."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from adapters.sql import index, key_value, outbox, posted, rate_limits, retention, stats, tickets, timers
from adapters.sql.edits import say
from adapters.sql.engines.engine import Engine
from adapters.sql.engines.sqlite import SqliteEngine
from adapters.sql.migrate import faults, ready
from adapters.sql.stage import stage_clock
from adapters.sql.url import is_postgres, postgres_url, sqlite_path
from bot.address import MessageRef
from bot.auditor import Census
from bot.clock import StageClock, WallClock, real_now
from bot.index import IndexRow
from bot.ports import (
    Appended,
    Change,
    Clock,
    Cost,
    Decision,
    Fired,
    Message,
    Outgoing,
    Overtaken,
    Page,
    Seen,
    Timer,
    trace_id,
)
from sla_core.events import Event, Opened


class SqlStore:
    """Implements bot.ports.Records and Notebook, bot.index.Index, and what monitoring and retention ask.

    Made by `connect`. Once it is closed, every verb raises RuntimeError. On PostgreSQL a verb waits a moment
    for a database that restarts, then raises Away; replicas share it, and their clocks should differ by less
    than a second.
    """

    def __init__(self, engine: Engine, on_change: Callable[[], None] | None = None) -> None:
        self.engine = engine
        self.on_change = on_change
        """Called in the loop after each change that this process stored: something may be due now."""
        self.real_clock: Clock = WallClock()
        """Says which values have expired."""

    async def close(self) -> None:
        await self.engine.close()

    async def stage(self, wanted: StageClock | None) -> StageClock | None:
        """See adapters.sql.stage.stage_clock."""
        return await self.engine.write(lambda db: stage_clock(db, wanted))

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Seen:
        return await self.engine.share(tickets.keep, tickets.Opening(envelope, account, draft), self._changed)

    async def append(self, envelope: str | None, change: Change) -> Appended | Seen:
        return await self.engine.share(tickets.keep, tickets.Appending(envelope, change), self._changed)

    async def wake(self, now: datetime, limit: int, but: Collection[str], decide: Decision) -> list[str]:
        at = real_now()
        return await self.engine.write(
            lambda db: tickets.wake(db, now, limit, but, decide, at), self._woken, long=True
        )

    async def seen(self, envelope: str) -> str | None:
        return await self.engine.look(lambda db: tickets.seen(db, envelope))

    async def load(self, ticket: str) -> tuple[Event, ...]:
        return await self.engine.look(lambda db: tickets.load(db, ticket))

    async def due(self, now: datetime, limit: int) -> list[str]:
        return await self.engine.read(lambda db: tickets.due(db, now, limit))

    async def next_wake(self) -> datetime | None:
        return await self.engine.read(tickets.next_wake)

    async def openings(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        return await self.engine.look(lambda db: tickets.openings(db, account, limit))

    async def queue(self, accounts: Collection[str] | None, limit: int, *, ended: bool = False) -> Page:
        return await self.engine.read(lambda db: tickets.queue(db, accounts, limit, ended))

    async def tickets(self, account: str) -> list[str]:
        return await self.engine.read(lambda db: tickets.tickets(db, account))

    async def ticket_of(self, message: MessageRef) -> str | None:
        return await self.engine.look(lambda db: outbox.ticket_of(db, message))

    async def enqueue(self, messages: Sequence[Message]) -> None:
        at = real_now()
        await self.engine.write(lambda db: say(db, [(m, trace_id(m.key)) for m in messages], at), self._said)

    async def adopt(self, message: Message, ref: MessageRef) -> None:
        at = real_now()
        await self.engine.write(lambda db: posted.adopt(db, message, ref, at), self._said)

    async def key_of(self, message: MessageRef) -> str | None:
        return await self.engine.look(lambda db: posted.key_of(db, message))

    async def set_timer(self, timer: Timer) -> None:
        await self.engine.write(lambda db: timers.set_timer(db, timer), self._said)

    async def cancel_timer(self, kind: str, key: str) -> None:
        await self.engine.write(lambda db: timers.cancel_timer(db, kind, key))

    async def next_timer(self, but: Collection[str] = ()) -> datetime | None:
        return await self.engine.read(lambda db: timers.next_timer(db, but))

    async def fire(
        self, now: datetime, limit: int, but: Collection[str], fire: Callable[[Timer], Fired]
    ) -> list[str]:
        at = real_now()
        return await self.engine.write(
            lambda db: timers.fire(db, now, limit, but, fire, at), self._woken, long=True
        )

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        return await self.engine.read(lambda db: outbox.lanes(db, ready_at, limit))

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        return await self.engine.share(outbox.claim, outbox.Claiming(lane, now, until))

    async def begin(
        self, outgoing: Outgoing, costs: Sequence[Cost], now: datetime, until: datetime
    ) -> datetime | None:
        outcome = await self.engine.share(outbox.begin, outbox.Beginning(outgoing, costs, now, until))
        if isinstance(outcome, Overtaken):
            raise outcome
        return outcome

    async def sent(self, key: str, ref: MessageRef) -> None:
        await self.engine.share(outbox.sent, outbox.Arrival(key, ref))

    async def put_off(
        self, outgoing: Outgoing, until: datetime, why: str, *, alone: bool = False, unsure: bool = False
    ) -> None:
        await self.engine.write(lambda db: outbox.put_off(db, outgoing, until, why, alone, unsure))

    async def shut(self, buckets: Collection[str], until: datetime) -> None:
        await self.engine.write(lambda db: rate_limits.shut(db, buckets, until))

    async def refused(self, key: str, why: str) -> None:
        await self.engine.write(lambda db: outbox.refused(db, key, why))

    async def next_ready(self, after: datetime) -> datetime | None:
        return await self.engine.read(lambda db: outbox.next_ready(db, after))

    async def census(self, due_before: datetime) -> Census:
        return await self.engine.read(lambda db: stats.census(db, due_before))

    async def index_size(self) -> int:
        return await self.engine.read(index.size)

    async def index_after(self, ticket: str, limit: int) -> list[IndexRow]:
        return await self.engine.read(lambda db: index.after(db, ticket, limit))

    async def index_sample(self, limit: int) -> list[IndexRow]:
        return await self.engine.read(lambda db: index.sample(db, limit))

    async def reindex(self, corrections: Sequence[tuple[IndexRow, Change]]) -> int:
        return await self.engine.write(lambda db: index.reindex(db, corrections))

    async def note(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        await self.engine.write(lambda db: key_value.note(db, topic, key, value, expires_at))

    async def noted(self, topic: str, key: str) -> str | None:
        now = self.real_clock.now()
        return await self.engine.look(lambda db: key_value.noted(db, topic, key, now))

    async def notes(self, topic: str) -> dict[str, str]:
        now = self.real_clock.now()
        return await self.engine.read(lambda db: key_value.notes(db, topic, now))

    async def forget(self, topic: str, key: str) -> None:
        await self.engine.write(lambda db: key_value.forget(db, topic, key))

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        return await self.engine.write(lambda db: key_value.try_lock(db, name, holder, until, now))

    async def unlock(self, name: str, holder: str) -> None:
        await self.engine.write(lambda db: key_value.unlock(db, name, holder))

    async def forget_acts(self, before: datetime, limit: int) -> int:
        return await self.engine.write(lambda db: retention.forget_acts(db, before, limit))

    async def forget_expired(self, now: datetime, limit: int) -> int:
        return await self.engine.write(lambda db: retention.forget_expired(db, now, limit))

    async def let_expire(self, topic: str, expires_at: datetime, limit: int) -> int:
        return await self.engine.write(lambda db: retention.let_expire(db, topic, expires_at, limit))

    def _changed(self, outcome: Appended | Seen) -> None:
        if isinstance(outcome, Appended) and self.on_change is not None:
            self.on_change()

    def _said(self, _: None) -> None:
        if self.on_change is not None:
            self.on_change()

    def _woken(self, keys: list[str]) -> None:
        if keys and self.on_change is not None:
            self.on_change()


@asynccontextmanager
async def connect(
    url: str, on_change: Callable[[], None] | None = None, guest: bool = False
) -> AsyncIterator[SqlStore]:
    """The store at DATABASE_URL, closed at the end; a new database is given its tables.

    `sqlite://` is a database of one's own that is gone at the end. A `guest` only looks in, on what another
    process may be serving, and makes no database. Raises DatabaseFault.
    """
    if is_postgres(url):
        store = SqlStore(await asyncio.to_thread(_postgres, postgres_url(url), guest), on_change)
    elif path := sqlite_path(url):
        store = SqlStore(await asyncio.to_thread(_sqlite, path, True, guest), on_change)
    else:
        async with _temporary(on_change) as store:
            yield store
        return
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _temporary(on_change: Callable[[], None] | None) -> AsyncIterator[SqlStore]:
    folder = Path(tempfile.mkdtemp(prefix="frontline-"))
    try:
        store = SqlStore(await asyncio.to_thread(_sqlite, folder / "frontline.db", False, False), on_change)
        try:
            yield store
        finally:
            await store.close()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


def _sqlite(path: Path, durable: bool, guest: bool) -> Engine:
    ready(path, make=not guest)
    with faults(path):
        return SqliteEngine(path, durable=durable, guest=guest)


def _postgres(url: str, guest: bool) -> Engine:
    # Its driver takes a while to load, and most databases are files.
    from adapters.sql.engines.postgres import PostgresEngine

    ready(url, make=not guest)
    return PostgresEngine(url)
