"""What is asked of the tables. Statements are built once: building one costs more than running it."""

from __future__ import annotations

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

_MAY_GO = """
    SELECT m.id FROM outbox m
    LEFT JOIN outbox t ON t.key = m.thread
    LEFT JOIN outbox e ON e.key = m.edits
    WHERE m.lane = {lane} AND m.state = 'waiting'
      AND (m.thread IS NULL OR t.ref_id IS NOT NULL OR t.state IN ('refused', 'superseded'))
      AND (m.edits IS NULL OR e.ref_id IS NOT NULL)
    ORDER BY m.priority, m.id LIMIT 1
"""

# Hops from lane to lane along the index of waiting messages, so that a crowded lane costs one look.
_UNSENT = text(
    f"""
    WITH RECURSIVE busy (lane) AS (
        SELECT min(lane) FROM outbox WHERE state = 'waiting'
        UNION ALL
        SELECT (SELECT min(o.lane) FROM outbox o WHERE o.state = 'waiting' AND o.lane > busy.lane)
        FROM busy WHERE busy.lane IS NOT NULL
    )
    SELECT o.key, o.ticket, o.recipient, o.body, o.priority, o.thread, o.edits, o.effect, o.attempts,
           t.ref_place AS thread_place, t.ref_direct AS thread_direct, t.ref_id AS thread_id,
           e.ref_place AS edits_place, e.ref_direct AS edits_direct, e.ref_id AS edits_id
    FROM busy
    LEFT JOIN lane parked ON parked.lane = busy.lane AND parked.not_before > :ready_at
    JOIN outbox o ON o.id = ({_MAY_GO.format(lane="busy.lane")})
    LEFT JOIN outbox t ON t.key = o.thread
    LEFT JOIN outbox e ON e.key = o.edits
    WHERE busy.lane IS NOT NULL AND parked.lane IS NULL
    ORDER BY o.priority, o.id LIMIT :most
    """
)
_NEXT_READY = text(
    f"""
    SELECT min(not_before) FROM lane
    WHERE not_before > :after AND EXISTS ({_MAY_GO.format(lane="lane.lane")})
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


def unsent(db: Connection, ready_at: datetime, limit: int) -> list[Outgoing]:
    """Store.unsent."""
    found = db.execute(_UNSENT, {"ready_at": micros(ready_at), "most": limit}).all()
    return [_outgoing(row) for row in found]


def next_ready(db: Connection, after: datetime | None) -> datetime | None:
    """Store.next_ready."""
    earliest = -(2**63) if after is None else micros(after)
    return _maybe(db.execute(_NEXT_READY, {"after": earliest}).scalar())


def ticket_of(db: Connection, message: MessageRef) -> str | None:
    """Store.ticket_of."""
    return db.execute(_TICKET_OF, {"place": str(message.place), "id": message.id}).scalar()


def tickets(db: Connection, account: str) -> list[str]:
    """Store.tickets."""
    return list(db.execute(_TICKETS, {"account": account}).scalars())


def noted(db: Connection, topic: str, key: str) -> str | None:
    """Notebook.noted."""
    return db.execute(_NOTED, {"topic": topic, "key": key}).scalar()


def notes(db: Connection, topic: str) -> dict[str, str]:
    """Notebook.notes."""
    return {row.key: row.value for row in db.execute(_NOTES, {"topic": topic})}


def _maybe(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)


def _outgoing(row: Any) -> Outgoing:
    message = Message(
        row.key,
        row.ticket,
        recipient_of(row.recipient),
        say_of(row.body),
        Priority(row.priority),
        row.thread,
        row.edits,
        row.effect,
    )
    thread = _ref(row.thread_place, row.thread_direct, row.thread_id)
    return Outgoing(message, row.attempts, thread, _ref(row.edits_place, row.edits_direct, row.edits_id))


def _ref(place: str | None, direct: bool | None, id_: str | None) -> MessageRef | None:
    if place is None or id_ is None:
        return None
    platform, _, channel = place.partition(":")
    return MessageRef(Place(platform, channel, bool(direct)), id_)
