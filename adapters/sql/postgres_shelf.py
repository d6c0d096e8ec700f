"""What is let go when it is old, on PostgreSQL; replicas that do it at once pass over each other's rows."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection

from adapters.sql import shelf
from adapters.sql.postgres_reads import named

_ACTS, _DATED, _NOTES = (
    named(statement.format(unless_locked="FOR UPDATE SKIP LOCKED"))
    for statement in (shelf.FORGET_ACTS, shelf.DATE_NOTES, shelf.FORGET_NOTES)
)


async def forget_acts(db: AsyncConnection, before: datetime, limit: int) -> int:
    """Shelf.forget_acts."""
    return (await db.execute(_ACTS, shelf.acts(before, limit))).rowcount


async def forget_notes(db: AsyncConnection, topic: str, now: datetime, before: datetime, limit: int) -> int:
    """Shelf.forget_notes."""
    given = shelf.notes(topic, now, before, limit)
    dated = await db.execute(_DATED, given)
    return dated.rowcount + (await db.execute(_NOTES, given)).rowcount
