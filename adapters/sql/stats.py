"""Counts for monitoring, answered from indexes alone: they are asked every few seconds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, literal_column
from sqlmodel import col, select

from adapters.sql.tables import OutboxRow, TicketRow, TimerRow, instant, micros
from adapters.sql.waiting import WAITING
from bot.auditor import StoreStats
from bot.ports import Priority

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
MESSAGES = (
    select(OutboxRow.priority, func.count(), func.min(func.nullif(OutboxRow.created_at, 0)))
    .where(col(OutboxRow.state) == WAITING)
    .group_by(col(OutboxRow.priority))
)


def store_stats(db: Connection, due_before: datetime) -> StoreStats:
    """Counted.census."""
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
