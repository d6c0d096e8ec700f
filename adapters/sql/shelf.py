"""What is let go when it is old, on either database, few rows at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from adapters.sql.tables import micros

FORGET_ACTS = """
    DELETE FROM inbox WHERE envelope IN (
        SELECT envelope FROM inbox WHERE at < :before ORDER BY at LIMIT :most {unless_locked})
"""
DATE_NOTES = """
    UPDATE note SET at = :now WHERE topic = :topic AND key IN (
        SELECT key FROM note WHERE topic = :topic AND at = 0 LIMIT :most {unless_locked})
"""
FORGET_NOTES = """
    DELETE FROM note WHERE topic = :topic AND key IN (
        SELECT key FROM note WHERE topic = :topic AND at > 0 AND at < :before LIMIT :most {unless_locked})
"""
_ACTS, _DATED, _NOTES = (
    statement.format(unless_locked="") for statement in (FORGET_ACTS, DATE_NOTES, FORGET_NOTES)
)


def acts(before: datetime, limit: int) -> Mapping[str, object]:
    """What FORGET_ACTS is given."""
    return {"before": micros(before), "most": limit}


def notes(topic: str, now: datetime, before: datetime, limit: int) -> Mapping[str, object]:
    """What DATE_NOTES and FORGET_NOTES are given."""
    return {"topic": topic, "now": micros(now), "before": micros(before), "most": limit}


def forget_acts(db: sqlite3.Connection, before: datetime, limit: int) -> int:
    """Shelf.forget_acts, on SQLite."""
    return db.execute(_ACTS, acts(before, limit)).rowcount


def forget_notes(db: sqlite3.Connection, topic: str, now: datetime, before: datetime, limit: int) -> int:
    """Shelf.forget_notes, on SQLite."""
    given = notes(topic, now, before, limit)
    return db.execute(_DATED, given).rowcount + db.execute(_NOTES, given).rowcount
