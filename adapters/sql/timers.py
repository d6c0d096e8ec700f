"""Timers that belong to no ticket: the verbs of bot.ports.Timers, each a part of one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, func
from sqlmodel import col, delete, select

from adapters.sql.edits import store_messages
from adapters.sql.engines.dialect import upsert
from adapters.sql.tables import TimerRow, instant, instant_or_none, micros
from bot.ports import Timer, TimerResult, trace_id

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


def set_timer(db: Connection, timer: Timer) -> None:
    """Timers.set_timer."""
    row = TimerRow(kind=timer.kind, key=timer.key, due_at=micros(timer.due_at), payload=timer.payload)
    db.execute(upsert(db.dialect.name, TimerRow, "due_at", "payload"), row.model_dump())


def cancel_timer(db: Connection, kind: str, key: str) -> None:
    """Timers.cancel_timer."""
    db.execute(_CANCEL, {"of": kind, "name": key})


def next_timer(db: Connection, excluding: Collection[str]) -> datetime | None:
    """Timers.next_timer."""
    return instant_or_none(db.execute(_NEXT, {"but": [*excluding]}).scalar())


def fire(
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
            cancel_timer(db, kind, key)
        else:
            set_timer(db, Timer(kind, key, fired.again_at, fired.payload))
    return [kind for kind, *_ in rows]
