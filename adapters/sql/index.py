"""The index rows of tickets beside their events: the verbs of bot.index.Index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func
from sqlmodel import col, select

from adapters.sql.codec import summary_of
from adapters.sql.history import StoredEvent, events_of, unreadable_reason
from adapters.sql.tables import EventRow, TicketRow, instant_or_none, micros
from adapters.sql.tickets import UPDATE_TICKET, queue_columns, row_update
from bot.index import IndexRow
from bot.ports import Change

_COUNT = select(func.count()).select_from(TicketRow)
_AFTER = (
    select(TicketRow.key)
    .where(col(TicketRow.key) > bindparam("ticket"))
    .order_by(col(TicketRow.key))
    .limit(bindparam("most"))
)
_SAMPLE = select(TicketRow.key).order_by(func.random()).limit(bindparam("most"))
_WITH_EVENTS = (
    select(TicketRow.__table__, EventRow.seq, EventRow.kind, EventRow.body)  # type: ignore[attr-defined]
    .outerjoin(EventRow, col(EventRow.ticket) == col(TicketRow.key))
    .where(col(TicketRow.key).in_(bindparam("tickets", expanding=True)))
    .order_by(col(TicketRow.key), col(EventRow.seq))
)
"""One statement, so that a row and its events are of one moment."""
_REWRITE = UPDATE_TICKET.where(col(TicketRow.wake_at).is_not_distinct_from(bindparam("stood")))
"""A wake-up that records nothing leaves the version as it is, and sets another."""


def size(db: Connection) -> int:
    """Index.index_size."""
    return db.execute(_COUNT).scalar_one()


def after(db: Connection, ticket: str, limit: int) -> list[IndexRow]:
    """Index.index_after."""
    return _rows(db, db.execute(_AFTER, {"ticket": ticket, "most": limit}).scalars().all())


def sample(db: Connection, limit: int) -> list[IndexRow]:
    """Index.index_sample."""
    return _rows(db, db.execute(_SAMPLE, {"most": limit}).scalars().all())


def reindex(db: Connection, corrections: Sequence[tuple[IndexRow, Change]]) -> int:
    """Index.reindex."""
    stood = [
        row_update(change) | {"stood": micros(row.wake_at) if row.wake_at else None}
        for row, change in corrections
    ]
    return db.execute(_REWRITE, stood).rowcount if stood else 0


def _rows(db: Connection, keys: Sequence[str]) -> list[IndexRow]:
    if not keys:
        return []
    stored: dict[str, Any] = {}
    events: dict[str, list[StoredEvent]] = {}
    for row in db.execute(_WITH_EVENTS, {"tickets": [*keys]}):
        stored[row.key] = row
        events.setdefault(row.key, []).extend([(row.seq, row.kind, row.body)] if row.seq else [])
    return [_row(row, events[key]) for key, row in stored.items()]


def _row(row: Any, events: Sequence[StoredEvent]) -> IndexRow:
    summary = summary_of(row.summary) if row.summary and row.summarized == row.version else None
    if queue_columns(summary) != {"state": row.state, "rank": row.rank, "turn_at": row.turn_at}:
        summary = None
    try:
        history, fault = events_of(row.version, events), ""
    except ValueError as wrong:
        history, fault = (), unreadable_reason(wrong)
    wake_at = instant_or_none(row.wake_at)
    return IndexRow(row.key, row.version, wake_at, bool(row.closed), summary, history, fault)
