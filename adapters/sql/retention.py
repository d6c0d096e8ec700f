"""Deletes old rows in batches, counts what monitoring reports, and checks that the database is whole."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, literal_column, text, tuple_
from sqlmodel import col, delete, select, update

from adapters.sql.engines.engine import upsert
from adapters.sql.lanes import WAITING
from adapters.sql.tables import (
    EventRow,
    InboxRow,
    KeyValueRow,
    OutboxRow,
    TicketRow,
    TimerRow,
    instant,
    micros,
)
from bot.config.web import PLATFORM as WEBHOOK
from bot.ports import Priority
from bot.runtime.monitor import StoreStats

OLD_ENVELOPES = (
    select(InboxRow.envelope)
    .where(col(InboxRow.at) < bindparam("before"))
    .order_by(col(InboxRow.at))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
DELETE_OLD_ENVELOPES = delete(InboxRow).where(col(InboxRow.envelope).in_(OLD_ENVELOPES))
_EXPIRED = (
    select(KeyValueRow.topic, KeyValueRow.key)
    .where(col(KeyValueRow.expires_at) <= bindparam("now"))
    .order_by(col(KeyValueRow.expires_at))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
DELETE_EXPIRED = delete(KeyValueRow).where(tuple_(col(KeyValueRow.topic), col(KeyValueRow.key)).in_(_EXPIRED))
_OF_TOPIC = col(KeyValueRow.topic) == bindparam("of")
_ENDLESS = (
    select(KeyValueRow.key)
    .where(_OF_TOPIC, col(KeyValueRow.expires_at).is_(None))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LET_EXPIRE = (
    update(KeyValueRow)
    .where(_OF_TOPIC, col(KeyValueRow.key).in_(_ENDLESS))
    .values(expires_at=bindparam("end"))
)


def delete_envelopes(db: Connection, before: datetime, limit: int) -> int:
    """ExpiringStore.delete_envelopes."""
    return db.execute(DELETE_OLD_ENVELOPES, {"before": micros(before), "most": limit}).rowcount


def delete_expired(db: Connection, now: datetime, limit: int) -> int:
    """ExpiringStore.delete_expired."""
    return db.execute(DELETE_EXPIRED, {"now": micros(now), "most": limit}).rowcount


def set_expiry(db: Connection, topic: str, expires_at: datetime, limit: int) -> int:
    """ExpiringStore.set_expiry."""
    return db.execute(_LET_EXPIRE, {"of": topic, "end": micros(expires_at), "most": limit}).rowcount


_COUNT = select(func.count()).select_from(TicketRow)
_OPEN = _COUNT.where(col(TicketRow.closed) == literal_column("0")).scalar_subquery()
_CLOCKS = _COUNT.where(col(TicketRow.wake_at).is_not(None)).scalar_subquery()
_OVERDUE = _COUNT.where(col(TicketRow.wake_at) <= bindparam("before")).scalar_subquery()
_LATE_TIMERS = (
    select(func.count())
    .select_from(TimerRow)
    .where(col(TimerRow.due_at) <= bindparam("before"))
    .scalar_subquery()
)
COUNTS = select(_OPEN, _CLOCKS, _OVERDUE, _LATE_TIMERS)
# A webhook that does not answer is no delay of the desk's.
MESSAGES = (
    select(OutboxRow.priority, func.count(), func.min(func.nullif(OutboxRow.created_at, 0)))
    .where(col(OutboxRow.state) == WAITING, col(OutboxRow.lane).not_like(f"{WEBHOOK}:%"))
    .group_by(col(OutboxRow.priority))
)


def store_stats(db: Connection, due_before: datetime) -> StoreStats:
    """StatsSource.store_stats."""
    tickets, clocks, overdue, late_timers = db.execute(COUNTS, {"before": micros(due_before)}).one()
    waiting = db.execute(MESSAGES).all()
    return StoreStats(
        tickets,
        clocks,
        overdue,
        {Priority(priority): number for priority, number, _ in waiting},
        {Priority(priority): instant(oldest) for priority, _, oldest in waiting if oldest},
        late_timers,
    )


TOPIC, KEY = "write_proof", "last"
_WRITTEN = ", ".join(str(table.__tablename__) for table in (InboxRow, TicketRow, EventRow, OutboxRow))
_LOCK = text(f"LOCK TABLE {_WRITTEN} IN ROW EXCLUSIVE MODE")
"""The lock that every act takes. It waits only for those who keep others from writing."""


def integrity_faults(db: Connection) -> list[str]:
    """PostgreSQL checks its pages as it reads them, and has no such command."""
    if db.dialect.name != "sqlite":
        return []
    found = db.exec_driver_sql("PRAGMA integrity_check(5)").scalars().all()
    return [] if found == ["ok"] else [*map(str, found)]


def prove_write(db: Connection, now: datetime) -> None:
    """Writes a value. Raises what an act would raise if the tables that it writes are locked."""
    if db.dialect.name == "postgresql":
        db.execute(_LOCK)
    given = {"topic": TOPIC, "key": KEY, "value": now.isoformat(), "expires_at": None, "at": 0}
    db.execute(upsert(db.dialect.name, KeyValueRow, "value", "expires_at"), given)
