"""Where messages stand: Outbox.adopt and Outbox.key_of, each a part of one transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, literal_column
from sqlmodel import col, select

from adapters.sql import outbox
from adapters.sql.edits import store_messages
from adapters.sql.tables import OutboxRow
from bot.address import MessageRef
from bot.ports import Message, trace_id

_KNOWN = select(OutboxRow.id).where(col(OutboxRow.key) == bindparam("message"))
KEY_OF = (
    select(OutboxRow.key)
    .where(
        col(OutboxRow.ref_place) == bindparam("place"),
        col(OutboxRow.ref_id) == bindparam("id"),
        col(OutboxRow.ref_id).is_not(None),
        col(OutboxRow.edits).is_(None),
    )
    .limit(literal_column("1"))
)


def adopt(db: Connection, message: Message, ref: MessageRef, at: datetime) -> None:
    """Outbox.adopt."""
    if db.execute(_KNOWN, {"message": message.key}).first() is None:
        store_messages(db, [(message, trace_id(message.key))], at)
        outbox.sent(db, [outbox.SentReport(message.key, ref)])


def key_of(db: Connection, message: MessageRef) -> str | None:
    """Outbox.key_of."""
    return db.execute(KEY_OF, {"place": str(message.place), "id": message.id}).scalar()
