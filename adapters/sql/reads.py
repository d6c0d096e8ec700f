"""What is asked of the tables. Statements are built once: building one costs more than running it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, text
from sqlmodel import col, select

from adapters.sql.codec import EVENTS, recipient_of, say_of
from adapters.sql.tables import EventRow, NoteRow, OutboxRow, TicketRow, instant, micros
from bot.address import MessageRef, Place
from bot.ports import Message, NoSuchTicket, Outgoing, Priority
from sla_core.events import Event

_HISTORY = (
    select(EventRow.kind, EventRow.body)
    .where(col(EventRow.ticket) == bindparam("ticket"))
    .order_by(col(EventRow.seq))
)
_DUE = (
    select(TicketRow.key)
    .where(col(TicketRow.wake_at) <= bindparam("now"))
    .order_by(col(TicketRow.wake_at), col(TicketRow.key))
    .limit(bindparam("most"))
)
_NEXT_WAKE = select(func.min(TicketRow.wake_at)).where(col(TicketRow.wake_at).is_not(None))
_TICKETS = (
    select(TicketRow.key)
    .where(col(TicketRow.account) == bindparam("account"))
    .order_by(col(TicketRow.number).desc())
)
_TICKET_OF = (
    select(OutboxRow.ticket)
    .where(
        col(OutboxRow.ref_place) == bindparam("place"),
        col(OutboxRow.ref_id) == bindparam("id"),
        col(OutboxRow.ref_id).is_not(None),
    )
    .limit(1)
)
_NOTED = select(NoteRow.value).where(
    col(NoteRow.topic) == bindparam("topic"), col(NoteRow.key) == bindparam("key")
)
_NOTES = select(NoteRow.key, NoteRow.value).where(col(NoteRow.topic) == bindparam("topic"))

_UNFINISHED = (
    select(TicketRow.key)
    .where(col(TicketRow.closed) == 0)
    .order_by(col(TicketRow.wake_at).is_(None), col(TicketRow.wake_at), col(TicketRow.key))
    .limit(bindparam("most"))
)
_UNFINISHED_OF = _UNFINISHED.where(col(TicketRow.account) == bindparam("account"))

_MAY_GO = """
    SELECT m.id FROM outbox m
    LEFT JOIN outbox t ON t.key = m.thread
    LEFT JOIN outbox e ON e.key = m.edits
    LEFT JOIN lane h ON h.lane = m.lane
    WHERE m.lane = {lane} AND m.state = 'waiting'
      AND (m.not_before IS NULL OR m.not_before <= :now)
      AND (h.lease_until IS NULL OR h.lease_until <= :now)
      AND (h.not_before IS NULL OR h.not_before <= :now OR m.priority < h.priority)
      AND (m.thread IS NULL OR t.ref_id IS NOT NULL OR t.state IN ('refused', 'superseded'))
      AND (m.edits IS NULL OR (e.ref_id IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM lane b JOIN outbox o ON o.key = b.sending
          WHERE b.lease_until > :now AND o.edits = m.edits)))
    ORDER BY m.priority, m.turn, m.id LIMIT 1
"""

# Hops from lane to lane along the index of waiting messages, so that a crowded lane costs one look.
_LANES = text(
    f"""
    WITH RECURSIVE busy (lane) AS (
        SELECT min(lane) FROM outbox WHERE state = 'waiting'
        UNION ALL
        SELECT (SELECT min(o.lane) FROM outbox o WHERE o.state = 'waiting' AND o.lane > busy.lane)
        FROM busy WHERE busy.lane IS NOT NULL
    )
    SELECT busy.lane FROM busy
    JOIN outbox o ON o.id = ({_MAY_GO.format(lane="busy.lane")})
    WHERE busy.lane IS NOT NULL
    ORDER BY o.priority, o.turn, o.id LIMIT :most
    """
)
CLAIM = f"""
    SELECT o.key, o.ticket, o.recipient, o.body, o.priority, o.thread, o.edits, o.effect, o.attempts,
           o.tried_at,
           t.ref_place AS thread_place, t.ref_direct AS thread_direct, t.ref_id AS thread_id,
           e.ref_place AS edits_place, e.ref_direct AS edits_direct, e.ref_id AS edits_id
    FROM outbox o
    LEFT JOIN outbox t ON t.key = o.thread
    LEFT JOIN outbox e ON e.key = o.edits
    WHERE o.id = ({_MAY_GO.format(lane=":lane")})
"""
"""The message that a lane says next; `lane` and `now` (microseconds) are given."""
_NEXT_READY = text(
    """
    SELECT min(at) FROM (
        SELECT min(not_before) AS at FROM outbox WHERE state = 'waiting' AND not_before > :after
        UNION ALL
        SELECT min(l.not_before) FROM lane l WHERE l.not_before > :after
          AND EXISTS (SELECT 1 FROM outbox o WHERE o.lane = l.lane AND o.state = 'waiting')
        UNION ALL
        SELECT min(l.lease_until) FROM lane l WHERE l.lease_until > :after
          AND EXISTS (SELECT 1 FROM outbox o WHERE o.lane = l.lane AND o.state = 'waiting')
    ) AS instants
    """
)


def history(db: Connection, ticket: str) -> tuple[Event, ...]:
    """Store.load. Raises NoSuchTicket."""
    rows = db.execute(_HISTORY, {"ticket": ticket}).all()
    if not rows:
        raise NoSuchTicket(ticket)
    return tuple(EVENTS.value(kind, body) for kind, body in rows)


def due(db: Connection, now: datetime, limit: int) -> list[str]:
    """Store.due."""
    return list(db.execute(_DUE, {"now": micros(now), "most": limit}).scalars())


def next_wake(db: Connection) -> datetime | None:
    """Store.next_wake."""
    return _maybe(db.execute(_NEXT_WAKE).scalar())


def lanes(db: Connection, ready_at: datetime, limit: int) -> list[str]:
    """Outbox.lanes."""
    return list(db.execute(_LANES, {"now": micros(ready_at), "most": limit}).scalars())


def next_ready(db: Connection, after: datetime) -> datetime | None:
    """Outbox.next_ready."""
    return _maybe(db.execute(_NEXT_READY, {"after": micros(after)}).scalar())


def ticket_of(db: Connection, message: MessageRef) -> str | None:
    """Store.ticket_of."""
    return db.execute(_TICKET_OF, {"place": str(message.place), "id": message.id}).scalar()


def tickets(db: Connection, account: str) -> list[str]:
    """Store.tickets."""
    return list(db.execute(_TICKETS, {"account": account}).scalars())


def unfinished(db: Connection, account: str | None, limit: int) -> list[str]:
    """Store.unfinished."""
    if account is None:
        return list(db.execute(_UNFINISHED, {"most": limit}).scalars())
    return list(db.execute(_UNFINISHED_OF, {"account": account, "most": limit}).scalars())


def noted(db: Connection, topic: str, key: str) -> str | None:
    """Notebook.noted."""
    return db.execute(_NOTED, {"topic": topic, "key": key}).scalar()


def notes(db: Connection, topic: str) -> dict[str, str]:
    """Notebook.notes."""
    return {row.key: row.value for row in db.execute(_NOTES, {"topic": topic})}


def _maybe(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)


def outgoing(row: Mapping[str, Any], fence: str) -> Outgoing:
    """A row of CLAIM as the desk's own value."""
    message = Message(
        row["key"],
        row["ticket"],
        recipient_of(row["recipient"]),
        say_of(row["body"]),
        Priority(row["priority"]),
        row["thread"],
        row["edits"],
        row["effect"],
    )
    return Outgoing(
        message,
        row["attempts"],
        _ref(row["thread_place"], row["thread_direct"], row["thread_id"]),
        _ref(row["edits_place"], row["edits_direct"], row["edits_id"]),
        fence,
        _maybe(row["tried_at"]),
    )


def _ref(place: str | None, direct: bool | None, id_: str | None) -> MessageRef | None:
    if place is None or id_ is None:
        return None
    platform, _, channel = place.partition(":")
    return MessageRef(Place(platform, channel, bool(direct)), id_)
