"""Deletes what is old, a few rows at a time. Replicas that do it at once pass over each other's rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam
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
_OF_TOPIC = col(NoteRow.topic) == bindparam("of")
_SOME = select(NoteRow.key).where(_OF_TOPIC).limit(bindparam("most")).with_for_update(skip_locked=True)
_UNDATED = _SOME.where(col(NoteRow.at) == 0)
_OLD = _SOME.where(col(NoteRow.at) > 0, col(NoteRow.at) < bindparam("before"))
_DATE = update(NoteRow).where(_OF_TOPIC, col(NoteRow.key).in_(_UNDATED)).values(at=bindparam("now"))
_FORGET_NOTES = delete(NoteRow).where(_OF_TOPIC, col(NoteRow.key).in_(_OLD))


def forget_acts(db: Connection, before: datetime, limit: int) -> int:
    """Shelf.forget_acts."""
    return db.execute(FORGET_ACTS, {"before": micros(before), "most": limit}).rowcount


def forget_notes(db: Connection, topic: str, now: datetime, before: datetime, limit: int) -> int:
    """Shelf.forget_notes."""
    dated = db.execute(_DATE, {"of": topic, "now": micros(now), "most": limit}).rowcount
    return dated + db.execute(_FORGET_NOTES, {"of": topic, "before": micros(before), "most": limit}).rowcount
