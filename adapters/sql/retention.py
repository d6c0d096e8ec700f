"""Deletes what is old, a few rows at a time. Replicas that do it at once pass over each other's rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, tuple_
from sqlmodel import col, delete, select, update

from adapters.sql.tables import InboxRow, NoteRow, micros

OLD_ACTS = (
    select(InboxRow.envelope)
    .where(col(InboxRow.at) < bindparam("before"))
    .order_by(col(InboxRow.at))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
FORGET_ACTS = delete(InboxRow).where(col(InboxRow.envelope).in_(OLD_ACTS))
_EXPIRED = (
    select(NoteRow.topic, NoteRow.key)
    .where(col(NoteRow.expires_at) <= bindparam("now"))
    .order_by(col(NoteRow.expires_at))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
FORGET_EXPIRED = delete(NoteRow).where(tuple_(col(NoteRow.topic), col(NoteRow.key)).in_(_EXPIRED))
_OF_TOPIC = col(NoteRow.topic) == bindparam("of")
_ENDLESS = (
    select(NoteRow.key)
    .where(_OF_TOPIC, col(NoteRow.expires_at).is_(None))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LET_EXPIRE = (
    update(NoteRow).where(_OF_TOPIC, col(NoteRow.key).in_(_ENDLESS)).values(expires_at=bindparam("end"))
)


def forget_acts(db: Connection, before: datetime, limit: int) -> int:
    """Shelf.forget_acts."""
    return db.execute(FORGET_ACTS, {"before": micros(before), "most": limit}).rowcount


def forget_expired(db: Connection, now: datetime, limit: int) -> int:
    """Shelf.forget_expired."""
    return db.execute(FORGET_EXPIRED, {"now": micros(now), "most": limit}).rowcount


def let_expire(db: Connection, topic: str, expires_at: datetime, limit: int) -> int:
    """Shelf.let_expire."""
    return db.execute(_LET_EXPIRE, {"of": topic, "end": micros(expires_at), "most": limit}).rowcount
