"""Small values by topic and key: the verbs of bot.ports.Notebook, each a part of one transaction."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam
from sqlmodel import col, delete, select

from adapters.sql.engines.dialect import upsert
from adapters.sql.tables import NoteRow

_IS_KEY = (col(NoteRow.topic) == bindparam("of"), col(NoteRow.key) == bindparam("name"))
NOTED = select(NoteRow.value).where(*_IS_KEY)
_NOTES = select(NoteRow.key, NoteRow.value).where(col(NoteRow.topic) == bindparam("of"))
_FORGET = delete(NoteRow).where(*_IS_KEY)


def note(db: Connection, topic: str, key: str, value: str) -> None:
    """Notebook.note."""
    db.execute(
        upsert(db.dialect.name, NoteRow, "value"), {"topic": topic, "key": key, "value": value, "at": 0}
    )


def noted(db: Connection, topic: str, key: str) -> str | None:
    """Notebook.noted."""
    return db.execute(NOTED, {"of": topic, "name": key}).scalar()


def notes(db: Connection, topic: str) -> dict[str, str]:
    """Notebook.notes."""
    return dict(db.execute(_NOTES, {"of": topic}).all())


def forget(db: Connection, topic: str, key: str) -> None:
    """Notebook.forget."""
    db.execute(_FORGET, {"of": topic, "name": key})
