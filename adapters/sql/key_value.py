"""Small values by topic and key: the verbs of bot.ports.Notebook, each a part of one transaction."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, or_
from sqlmodel import col, delete, select

from adapters.sql.engines.dialect import insert_into, upsert
from adapters.sql.tables import NoteRow, micros

_IS_KEY = (col(NoteRow.topic) == bindparam("of"), col(NoteRow.key) == bindparam("name"))
_HAS_NOT_EXPIRED = or_(
    col(NoteRow.expires_at).is_(None), col(NoteRow.expires_at) > bindparam("now", type_=BigInteger)
)
_NOTED = select(NoteRow.value).where(*_IS_KEY, _HAS_NOT_EXPIRED)
_NOTES = select(NoteRow.key, NoteRow.value).where(col(NoteRow.topic) == bindparam("of"), _HAS_NOT_EXPIRED)
_FORGET = delete(NoteRow).where(*_IS_KEY)
_UNLOCK = _FORGET.where(col(NoteRow.value) == bindparam("holder"))
LOCKS = "lock"


def note(db: Connection, topic: str, key: str, value: str, expires_at: datetime | None) -> None:
    """Notebook.note."""
    given = {"topic": topic, "key": key, "value": value, "at": 0}
    given |= {"expires_at": None if expires_at is None else micros(expires_at)}
    db.execute(upsert(db.dialect.name, NoteRow, "value", "expires_at"), given)


def noted(db: Connection, topic: str, key: str, now: datetime) -> str | None:
    """Notebook.noted."""
    return db.execute(_NOTED, {"of": topic, "name": key, "now": micros(now)}).scalar()


def notes(db: Connection, topic: str, now: datetime) -> dict[str, str]:
    """Notebook.notes."""
    return dict(db.execute(_NOTES, {"of": topic, "now": micros(now)}).all())


def try_lock(db: Connection, name: str, holder: str, until: datetime, now: datetime) -> bool:
    """Notebook.try_lock. Of two that try at once the second waits for the first, and finds it locked."""
    given = {"topic": LOCKS, "key": name, "value": holder, "expires_at": micros(until), "at": 0}
    return db.execute(_lock(db.dialect.name), given | {"now": micros(now)}).scalar() is not None


def unlock(db: Connection, name: str, holder: str) -> None:
    """Notebook.unlock."""
    db.execute(_UNLOCK, {"of": LOCKS, "name": name, "holder": holder})


@cache
def _lock(dialect: str) -> Any:
    row = insert_into(dialect, NoteRow)
    free = or_(
        col(NoteRow.expires_at) <= bindparam("now", type_=BigInteger),
        col(NoteRow.value) == row.excluded.value,
    )
    return row.on_conflict_do_update(
        index_elements=["topic", "key"],
        set_={"value": row.excluded.value, "expires_at": row.excluded.expires_at},
        where=free,
    ).returning(col(NoteRow.key))


def forget(db: Connection, topic: str, key: str) -> None:
    """Notebook.forget."""
    db.execute(_FORGET, {"of": topic, "name": key})
