"""The store of the desk: every operation once, for both databases; small values and timers stand here."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import BigInteger, Connection, bindparam, func, or_
from sqlmodel import col, delete, select

from adapters.sql import api, archive, lanes, outbox, retention, tickets
from adapters.sql.engines.engine import (
    DatabaseFault,
    Engine,
    WatchedEngine,
    insert_into,
    insert_new,
    is_postgres,
    postgres_url,
    sqlite_path,
    upsert,
)
from adapters.sql.engines.sqlite import SqliteEngine
from adapters.sql.migrate import as_database_fault, ensure_ready
from adapters.sql.tables import (
    KeyValueRow,
    SimulatedClockRow,
    TicketRow,
    TimerRow,
    instant,
    instant_or_none,
    micros,
)
from adapters.sql.writes import store_messages
from bot.api.reading import StoredEvent, TicketQuery
from bot.clock import SimulatedClock, WallClock, real_now
from bot.desk.index import IndexRow
from bot.model.address import MessageRef
from bot.model.api_token import Token
from bot.model.queue import QueueEntry, QueuePage
from bot.ports import (
    Appended,
    Change,
    Charge,
    Clock,
    DecideWake,
    Duplicate,
    LeaseLost,
    Message,
    Outgoing,
    Selection,
    StoredTicket,
    Timer,
    TimerResult,
    trace_id,
)
from bot.reports.event_chain import CheckedTicket
from bot.runtime.monitor import StoreStats
from sla_core.events import Event, Opened

log = structlog.get_logger(__name__)

_IS_KEY = (col(KeyValueRow.topic) == bindparam("of"), col(KeyValueRow.key) == bindparam("name"))
_HAS_NOT_EXPIRED = or_(
    col(KeyValueRow.expires_at).is_(None), col(KeyValueRow.expires_at) > bindparam("now", type_=BigInteger)
)
_VALUE = select(KeyValueRow.value).where(*_IS_KEY, _HAS_NOT_EXPIRED)
_VALUES = select(KeyValueRow.key, KeyValueRow.value).where(
    col(KeyValueRow.topic) == bindparam("of"), _HAS_NOT_EXPIRED
)
_DELETE = delete(KeyValueRow).where(*_IS_KEY)
_UNLOCK = _DELETE.where(col(KeyValueRow.value) == bindparam("holder"))
LOCKS = "lock"


def _put(db: Connection, topic: str, key: str, value: str, until: datetime | None) -> None:
    """KeyValueStore.put."""
    row = KeyValueRow(topic=topic, key=key, value=value, expires_at=micros(until) if until else None)
    db.execute(upsert(db.dialect.name, KeyValueRow, "value", "expires_at"), row.model_dump())


def _get(db: Connection, topic: str, key: str, now: datetime) -> str | None:
    """KeyValueStore.get."""
    return db.execute(_VALUE, {"of": topic, "name": key, "now": micros(now)}).scalar()


def _get_all(db: Connection, topic: str, now: datetime) -> dict[str, str]:
    """KeyValueStore.get_all."""
    return dict(db.execute(_VALUES, {"of": topic, "now": micros(now)}).all())


def _try_lock(db: Connection, name: str, holder: str, until: datetime, now: datetime) -> bool:
    """KeyValueStore.try_lock. Of two simultaneous attempts, the second waits and then fails."""
    given = {"topic": LOCKS, "key": name, "value": holder, "expires_at": micros(until), "at": 0}
    return db.execute(_lock(db.dialect.name), given | {"now": micros(now)}).scalar() is not None


def _unlock(db: Connection, name: str, holder: str) -> None:
    """KeyValueStore.unlock."""
    db.execute(_UNLOCK, {"of": LOCKS, "name": name, "holder": holder})


@cache
def _lock(dialect: str) -> Any:
    row = insert_into(dialect, KeyValueRow)
    free = or_(
        col(KeyValueRow.expires_at) <= bindparam("now", type_=BigInteger),
        col(KeyValueRow.value) == row.excluded.value,
    )
    return row.on_conflict_do_update(
        index_elements=["topic", "key"],
        set_={"value": row.excluded.value, "expires_at": row.excluded.expires_at},
        where=free,
    ).returning(col(KeyValueRow.key))


def _delete_key(db: Connection, topic: str, key: str) -> None:
    """KeyValueStore.delete."""
    db.execute(_DELETE, {"of": topic, "name": key})


_IS_OTHER_KIND = col(TimerRow.kind).not_in(bindparam("but", expanding=True))
DUE = (
    select(TimerRow.kind, TimerRow.key, TimerRow.due_at, TimerRow.payload)
    .where(col(TimerRow.due_at) <= bindparam("now"), _IS_OTHER_KIND)
    .order_by(col(TimerRow.due_at), col(TimerRow.kind), col(TimerRow.key))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_NEXT = select(func.min(TimerRow.due_at)).where(_IS_OTHER_KIND)
_CANCEL = delete(TimerRow).where(
    col(TimerRow.kind) == bindparam("of"), col(TimerRow.key) == bindparam("name")
)


def _set_timer(db: Connection, timer: Timer) -> None:
    """Timers.set_timer."""
    row = TimerRow(kind=timer.kind, key=timer.key, due_at=micros(timer.due_at), payload=timer.payload)
    db.execute(upsert(db.dialect.name, TimerRow, "due_at", "payload"), row.model_dump())


def _cancel_timer(db: Connection, kind: str, key: str) -> None:
    """Timers.cancel_timer."""
    db.execute(_CANCEL, {"of": kind, "name": key})


def _next_timer(db: Connection, excluding: Collection[str]) -> datetime | None:
    """Timers.next_timer."""
    return instant_or_none(db.execute(_NEXT, {"but": [*excluding]}).scalar())


def _fire(
    db: Connection,
    now: datetime,
    limit: int,
    excluding: Collection[str],
    fire: Callable[[Timer], TimerResult],
    at: datetime,
) -> list[str]:
    """Timers.fire."""
    rows = db.execute(DUE, {"now": micros(now), "most": limit, "but": [*excluding]}).all()
    for kind, key, due_at, payload in rows:
        fired = fire(Timer(kind, key, instant(due_at), payload))
        store_messages(db, [(message, trace_id(message.key)) for message in fired.messages], at)
        if fired.again_at is None:
            _cancel_timer(db, kind, key)
        else:
            _set_timer(db, Timer(kind, key, fired.again_at, fired.payload))
    return [kind for kind, *_ in rows]


class SqlStore:
    """Implements DeskStore and KeyValueStore of bot.ports, and the ports beside their users.

    After `close`, every method raises RuntimeError. On PostgreSQL, methods wait a moment while the database
    restarts, then raise StoreUnavailable. Replicas' clocks should differ by less than a second.
    """

    def __init__(self, engine: Engine, on_change: Callable[[], None] | None = None) -> None:
        self.engine = WatchedEngine(engine)
        self.on_change = on_change
        """Called in the loop after each change that this process stored, as something may be due now."""
        self.real_clock: Clock = WallClock()
        """Real time, which decides which values have expired."""

    async def close(self) -> None:
        await self.engine.close()

    async def integrity_faults(self) -> list[str]:
        """What the database's own check finds wrong in its file; a large one takes a while."""
        return await self.engine.read(retention.integrity_faults)

    async def write_fault(self) -> str | None:
        """See bot.runtime.monitor.ProvableStore."""
        try:
            await self.engine.write(partial(retention.prove_write, now=self.real_clock.now()))
        except Exception as fault:
            log.warning("a write failed", why=" ".join(str(fault).split()), kind=type(fault).__name__)
            return self.engine.damage or self.engine.public_words(fault)
        return self.engine.damage

    async def simulated_clock(self, wanted: SimulatedClock | None) -> SimulatedClock | None:
        return await self.engine.write(lambda db: stored_clock(db, wanted))

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Duplicate:
        return await self.engine.write_batched(
            tickets.store_requests, tickets.OpenRequest(envelope, account, draft), self._changed
        )

    async def append(self, envelope: str | None, change: Change) -> Appended | Duplicate:
        return await self.engine.write_batched(
            tickets.store_requests, tickets.AppendRequest(envelope, change), self._changed
        )

    async def wake(
        self, now: datetime, limit: int, excluding: Collection[str], decide: DecideWake
    ) -> list[str]:
        at = real_now()
        return await self.engine.write(
            lambda db: tickets.wake(db, now, limit, excluding, decide, at), self._woken, long=True
        )

    async def ticket_of_envelope(self, envelope: str) -> str | None:
        return await self.engine.read_sync(lambda db: tickets.ticket_of_envelope(db, envelope))

    async def load(self, ticket: str) -> tuple[Event, ...]:
        return await self.engine.read_sync(lambda db: tickets.load(db, ticket))

    async def due(self, now: datetime, limit: int) -> list[str]:
        return await self.engine.read(lambda db: tickets.due(db, now, limit))

    async def next_wake(self) -> datetime | None:
        return await self.engine.read(tickets.next_wake)

    async def open_tickets(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        return await self.engine.read_sync(lambda db: tickets.open_tickets(db, account, limit))

    async def queue(self, accounts: Collection[str] | None, limit: int, *, ended: bool = False) -> QueuePage:
        return await self.engine.read(lambda db: tickets.queue(db, accounts, limit, ended))

    async def ticket_page(self, query: TicketQuery, limit: int) -> list[tuple[datetime, QueueEntry]]:
        return await self.engine.read(lambda db: api.page(db, query, limit))

    async def events_from(self, since: datetime, after: StoredEvent | None, limit: int) -> list[StoredEvent]:
        return await self.engine.read(lambda db: api.events_from(db, since, after, limit))

    async def since(self, accounts: Collection[str], opened: datetime) -> list[QueueEntry]:
        return await self.engine.read(lambda db: tickets.since(db, accounts, opened))

    async def tickets(self, account: str) -> list[str]:
        return await self.engine.read(lambda db: tickets.tickets(db, account))

    async def ticket_of(self, message: MessageRef) -> str | None:
        return await self.engine.read_sync(lambda db: outbox.ticket_of(db, message))

    async def enqueue(self, messages: Sequence[Message]) -> None:
        at = real_now()
        await self.engine.write(
            lambda db: store_messages(db, [(m, trace_id(m.key)) for m in messages], at), self._said
        )

    async def key_of(self, message: MessageRef) -> str | None:
        return await self.engine.read_sync(lambda db: outbox.key_of(db, message))

    async def newest_version(self, message: MessageRef) -> Message | None:
        return await self.engine.read_sync(lambda db: outbox.newest_version(db, message))

    async def posted(self, keys: Collection[str]) -> dict[str, MessageRef]:
        return await self.engine.read_sync(lambda db: outbox.posted(db, keys))

    async def set_timer(self, timer: Timer) -> None:
        await self.engine.write(lambda db: _set_timer(db, timer), self._said)

    async def cancel_timer(self, kind: str, key: str) -> None:
        await self.engine.write(lambda db: _cancel_timer(db, kind, key))

    async def next_timer(self, excluding: Collection[str] = ()) -> datetime | None:
        return await self.engine.read(lambda db: _next_timer(db, excluding))

    async def fire(
        self, now: datetime, limit: int, excluding: Collection[str], fire: Callable[[Timer], TimerResult]
    ) -> list[str]:
        at = real_now()
        return await self.engine.write(
            lambda db: _fire(db, now, limit, excluding, fire, at), self._woken, long=True
        )

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        return await self.engine.read(lambda db: outbox.lanes(db, ready_at, limit))

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        return await self.engine.write_batched(outbox.claim, outbox.ClaimRequest(lane, now, until))

    async def begin(
        self, outgoing: Outgoing, charges: Sequence[Charge], now: datetime, until: datetime
    ) -> datetime | None:
        outcome = await self.engine.write_batched(
            outbox.begin, outbox.BeginRequest(outgoing, charges, now, until)
        )
        if isinstance(outcome, LeaseLost):
            raise outcome
        return outcome

    async def sent(self, key: str, ref: MessageRef) -> None:
        await self.engine.write_batched(outbox.sent, outbox.SentReport(key, ref))

    async def defer(
        self,
        outgoing: Outgoing,
        until: datetime,
        why: str,
        *,
        message_only: bool = False,
        maybe_delivered: bool = False,
    ) -> None:
        await self.engine.write(
            lambda db: outbox.defer(db, outgoing, until, why, message_only, maybe_delivered)
        )

    async def block_until(self, buckets: Collection[str], until: datetime) -> None:
        await self.engine.write(lambda db: lanes.block_until(db, buckets, until))

    async def refused(self, key: str, why: str) -> None:
        await self.engine.write(lambda db: outbox.refused(db, key, why))

    async def next_ready(self, after: datetime) -> datetime | None:
        return await self.engine.read(lambda db: outbox.next_ready(db, after))

    async def store_stats(self, due_before: datetime) -> StoreStats:
        return await self.engine.read(lambda db: retention.store_stats(db, due_before))

    async def index_size(self) -> int:
        return await self.engine.read(tickets.size)

    async def index_after(self, ticket: str, limit: int) -> list[IndexRow]:
        return await self.engine.read(lambda db: tickets.after(db, ticket, limit))

    async def index_sample(self, limit: int) -> list[IndexRow]:
        return await self.engine.read(lambda db: tickets.sample(db, limit))

    async def reindex(self, corrections: Sequence[tuple[IndexRow, Change]]) -> int:
        return await self.engine.write(lambda db: tickets.reindex(db, corrections))

    async def archive_size(self, chosen: Selection) -> int:
        return await self.engine.read(lambda db: archive.size(db, chosen))

    async def archive_after(self, ticket: str, chosen: Selection, limit: int) -> list[StoredTicket]:
        return await self.engine.read(lambda db: archive.after(db, ticket, chosen, limit))

    async def check_chains(self, after: str, limit: int) -> list[CheckedTicket]:
        return await self.engine.read(lambda db: archive.check(db, after, limit))

    async def missing_tickets(self) -> list[str]:
        return await self.engine.read(archive.missing_tickets)

    async def add_hashes(self, tickets: Collection[str]) -> int:
        return await self.engine.write(lambda db: archive.add_hashes(db, tickets), long=True)

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        await self.engine.write(lambda db: _put(db, topic, key, value, expires_at))

    async def get(self, topic: str, key: str) -> str | None:
        now = self.real_clock.now()
        return await self.engine.read_sync(lambda db: _get(db, topic, key, now))

    async def get_all(self, topic: str) -> dict[str, str]:
        now = self.real_clock.now()
        return await self.engine.read(lambda db: _get_all(db, topic, now))

    async def delete(self, topic: str, key: str) -> None:
        await self.engine.write(lambda db: _delete_key(db, topic, key))

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        return await self.engine.write(lambda db: _try_lock(db, name, holder, until, now))

    async def unlock(self, name: str, holder: str) -> None:
        await self.engine.write(lambda db: _unlock(db, name, holder))

    async def add_token(self, token: Token, digest: str) -> bool:
        return await self.engine.write(lambda db: api.add_token(db, token, digest))

    async def tokens(self) -> list[Token]:
        return await self.engine.read(api.tokens)

    async def token_of(self, digest: str) -> Token | None:
        return await self.engine.read_sync(lambda db: api.token_of(db, digest))

    async def revoke_token(self, name: str) -> bool:
        return await self.engine.write(lambda db: api.revoke_token(db, name))

    async def delete_envelopes(self, before: datetime, limit: int) -> int:
        return await self.engine.write(lambda db: retention.delete_envelopes(db, before, limit))

    async def delete_expired(self, now: datetime, limit: int) -> int:
        return await self.engine.write(lambda db: retention.delete_expired(db, now, limit))

    async def set_expiry(self, topic: str, expires_at: datetime, limit: int) -> int:
        return await self.engine.write(lambda db: retention.set_expiry(db, topic, expires_at, limit))

    def _changed(self, outcome: Appended | Duplicate) -> None:
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
    url: str, on_change: Callable[[], None] | None = None, secondary: bool = False
) -> AsyncIterator[SqlStore]:
    """Opens the store at DATABASE_URL and closes it at the end. Creates the tables of a new database.

    `sqlite://` is a private, temporary database. A `secondary` only reads a database that another
    process may serve, and never creates one. Raises DatabaseFault.
    """
    if is_postgres(url):
        store = SqlStore(await asyncio.to_thread(_postgres, postgres_url(url), secondary), on_change)
    elif path := sqlite_path(url):
        store = SqlStore(await asyncio.to_thread(_sqlite, path, True, secondary), on_change)
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


def _sqlite(path: Path, durable: bool, secondary: bool) -> Engine:
    ensure_ready(path, create=not secondary)
    with as_database_fault(path):
        return SqliteEngine(path, durable=durable, secondary=secondary)


def _postgres(url: str, secondary: bool) -> Engine:
    # Imported here because the driver takes a while to load, and most databases are SQLite files.
    from adapters.sql.engines.postgres import PostgresEngine

    ensure_ready(url, create=not secondary)
    return PostgresEngine(url)


_STORED = select(SimulatedClockRow.real, SimulatedClockRow.stage, SimulatedClockRow.speed)
_ANY_TICKET = select(TicketRow.key).limit(1)


def stored_clock(db: Connection, wanted: SimulatedClock | None) -> SimulatedClock | None:
    """The clock that this database runs on: the stored one, else `wanted`, which is stored. None: real time.

    Raises DatabaseFault if `wanted` differs from the stored clock, or if there are tickets in real time.
    """
    found = db.execute(_STORED).one_or_none()
    if found is None and wanted is not None:
        if db.execute(_ANY_TICKET).first() is not None:
            raise DatabaseFault(
                "FRONTLINE_CLOCK: this database has tickets in real time;"
                " unset it, or set another DATABASE_URL"
            )
        row = SimulatedClockRow(
            id=1, real=micros(wanted.real), stage=micros(wanted.stage), speed=wanted.speed
        )
        db.execute(insert_new(db.dialect.name, SimulatedClockRow), row.model_dump())
        found = db.execute(_STORED).one()  # another process may have stored its clock first
    if found is None:
        return None
    stored = SimulatedClock(instant(found.real), instant(found.stage), found.speed)
    if wanted and (wanted.stage, wanted.speed) != (stored.stage, stored.speed):
        raise DatabaseFault(
            f"FRONTLINE_CLOCK: this database lives on {stored.stage.isoformat()}*{stored.speed};"
            " set that, nothing, or another DATABASE_URL"
        )
    return stored
