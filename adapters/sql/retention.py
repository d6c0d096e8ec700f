"""Deletes what is old, a few rows at a time. Replicas that do it at once pass over each other's rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, tuple_
from sqlmodel import col, delete, select, update

from adapters.sql.tables import InboxRow, KeyValueRow, micros

OLD_ENVELOPES = (
    select(InboxRow.envelope)
    .where(col(InboxRow.at) < bindparam("before"))
    .order_by(col(InboxRow.at))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
DELETE_OLD_ENVELOPES = delete(InboxRow).where(col(InboxRow.envelope).in_(OLD_ENVELOPES))
_EXPIRED = (
    select(KeyValueRow.topic, KeyValueRow.key)
    .where(col(KeyValueRow.expires_at) <= bindparam("now"))
    .order_by(col(KeyValueRow.expires_at))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
DELETE_EXPIRED = delete(KeyValueRow).where(tuple_(col(KeyValueRow.topic), col(KeyValueRow.key)).in_(_EXPIRED))
_OF_TOPIC = col(KeyValueRow.topic) == bindparam("of")
_ENDLESS = (
    select(KeyValueRow.key)
    .where(_OF_TOPIC, col(KeyValueRow.expires_at).is_(None))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LET_EXPIRE = (
    update(KeyValueRow)
    .where(_OF_TOPIC, col(KeyValueRow.key).in_(_ENDLESS))
    .values(expires_at=bindparam("end"))
)


def delete_envelopes(db: Connection, before: datetime, limit: int) -> int:
    """ExpiringStore.delete_envelopes."""
    return db.execute(DELETE_OLD_ENVELOPES, {"before": micros(before), "most": limit}).rowcount


def delete_expired(db: Connection, now: datetime, limit: int) -> int:
    """ExpiringStore.delete_expired."""
    return db.execute(DELETE_EXPIRED, {"now": micros(now), "most": limit}).rowcount


def set_expiry(db: Connection, topic: str, expires_at: datetime, limit: int) -> int:
    """ExpiringStore.set_expiry."""
    return db.execute(_LET_EXPIRE, {"of": topic, "end": micros(expires_at), "most": limit}).rowcount
