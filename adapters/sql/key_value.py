"""Small values by topic and key: the verbs of bot.ports.KeyValueStore, each a part of one transaction."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, or_
from sqlmodel import col, delete, select

from adapters.sql.engines.dialect import insert_into, upsert
from adapters.sql.tables import KeyValueRow, micros

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
    """KeyValueStore.try_lock. Of two that try at once the second waits for the first, and finds it locked."""
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
