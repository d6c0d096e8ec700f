"""Small values by topic and key, and timers: KeyValueStore and Timers of bot.ports."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, func, or_
from sqlmodel import col, delete, select

from adapters.sql.edits import store_messages
from adapters.sql.engines.engine import insert_into, upsert
from adapters.sql.tables import KeyValueRow, TimerRow, instant, instant_or_none, micros
from bot.ports import Timer, TimerResult, trace_id

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


def put(db: Connection, topic: str, key: str, value: str, expires_at: datetime | None) -> None:
    """KeyValueStore.put."""
    given = {"topic": topic, "key": key, "value": value, "at": 0}
    given |= {"expires_at": None if expires_at is None else micros(expires_at)}
    db.execute(upsert(db.dialect.name, KeyValueRow, "value", "expires_at"), given)


def get(db: Connection, topic: str, key: str, now: datetime) -> str | None:
    """KeyValueStore.get."""
    return db.execute(_VALUE, {"of": topic, "name": key, "now": micros(now)}).scalar()


def get_all(db: Connection, topic: str, now: datetime) -> dict[str, str]:
    """KeyValueStore.get_all."""
    return dict(db.execute(_VALUES, {"of": topic, "now": micros(now)}).all())


def try_lock(db: Connection, name: str, holder: str, until: datetime, now: datetime) -> bool:
    """KeyValueStore.try_lock. Of two simultaneous attempts, the second waits and then fails."""
    given = {"topic": LOCKS, "key": name, "value": holder, "expires_at": micros(until), "at": 0}
    return db.execute(_lock(db.dialect.name), given | {"now": micros(now)}).scalar() is not None


def unlock(db: Connection, name: str, holder: str) -> None:
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


def delete_key(db: Connection, topic: str, key: str) -> None:
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
