"""What is asked of the tables. Statements are built once: building one costs more than running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, text
from sqlmodel import col, select

from adapters.sql.codec import EVENTS, Unreadable, recipient_of, say_of
from adapters.sql.histories import cannot_be_read
from adapters.sql.tables import (
    MICROSECOND,
    EventRow,
    InboxRow,
    NoteRow,
    OutboxRow,
    TicketRow,
    instant,
    micros,
)
from bot.address import MessageRef, Place
from bot.auditor import Census
from bot.ports import COUNTDOWNS, MOST_AHEAD, Message, NoSuchTicket, Outgoing, Priority
from sla_core.events import Event, Opened

OPENINGS = text(
    """
    SELECT t.key, e.kind, e.body FROM ticket t JOIN event e ON e.ticket = t.key AND e.seq = 1
    WHERE t.account = :account AND t.closed = 0 ORDER BY t.number DESC LIMIT :most
    """
)
OPEN = (
    select(TicketRow.key)
    .where(col(TicketRow.account) == bindparam("account"), col(TicketRow.closed) == literal_column("0"))
    .order_by(col(TicketRow.number).desc())
    .limit(bindparam("most"))
    .offset(literal_column("0"))
)
HISTORY = (
    select(EventRow.kind, EventRow.body)
    .where(col(EventRow.ticket) == bindparam("ticket"))
    .order_by(col(EventRow.seq))
)
FIRST = select(EventRow.kind, EventRow.body).where(
    col(EventRow.ticket) == bindparam("ticket"), col(EventRow.seq) == literal_column("1")
)
DUE = (
    select(TicketRow.key)
    .where(col(TicketRow.wake_at) <= bindparam("now"))
    .order_by(col(TicketRow.wake_at), col(TicketRow.key))
    .limit(bindparam("most"))
)
NEXT_WAKE = select(func.min(TicketRow.wake_at)).where(col(TicketRow.wake_at).is_not(None))
TICKETS = (
    select(TicketRow.key)
    .where(col(TicketRow.account) == bindparam("account"))
    .order_by(col(TicketRow.number).desc())
)
TICKET_OF = (
    select(OutboxRow.ticket)
    .where(
        col(OutboxRow.ref_place) == bindparam("place"),
        col(OutboxRow.ref_id) == bindparam("id"),
        col(OutboxRow.ref_id).is_not(None),
    )
    .limit(literal_column("1"))
    .offset(literal_column("0"))
)
SEEN = select(InboxRow.ticket).where(col(InboxRow.envelope) == bindparam("envelope"))
NOTED = select(NoteRow.value).where(
    col(NoteRow.topic) == bindparam("topic"), col(NoteRow.key) == bindparam("key")
)
NOTES = select(NoteRow.key, NoteRow.value).where(col(NoteRow.topic) == bindparam("topic"))

UNFINISHED = (
    select(TicketRow.key)
    .where(text("closed = 0"))
    .order_by(col(TicketRow.wake_at).is_(None), col(TicketRow.wake_at), col(TicketRow.key))
    .limit(bindparam("most"))
)
UNFINISHED_OF = UNFINISHED.where(col(TicketRow.account) == bindparam("account"))

AHEAD = MOST_AHEAD // MICROSECOND

# The lanes are few and the outbox is long: their order in the inner join is not left to SQLite.
_MAY_GO = f"""
    SELECT m.id FROM outbox m
    LEFT JOIN outbox t ON t.key = m.thread
    LEFT JOIN outbox e ON e.key = m.edits
    WHERE m.lane = {{lane}} AND m.state = 'waiting' AND m.priority < coalesce((
          SELECT CASE WHEN h.lease_until > :now AND h.lease_until <= :now + {AHEAD} THEN 0
                      WHEN h.not_before > :now AND h.not_before <= :now + {AHEAD} THEN h.priority END
          FROM lane h WHERE h.lane = {{lane}}), 99)
      AND (m.not_before IS NULL OR m.not_before <= :now OR m.not_before > :now + {AHEAD})
      AND (m.thread IS NULL OR t.ref_id IS NOT NULL OR t.state IN ('refused', 'superseded'))
      AND (m.edits IS NULL OR (e.ref_id IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM lane b CROSS JOIN outbox o
          WHERE b.lease_until > :now AND b.lease_until <= :now + {AHEAD}
            AND o.key = b.sending AND o.edits = m.edits)))
    ORDER BY m.priority, m.turn, m.id LIMIT 1
"""

# Hops from lane to lane along the index of waiting messages, so that a crowded lane costs one look.
LANES = text(
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
NEXT_OF = _MAY_GO.format(lane=":lane")
"""The row that a lane says next; `lane` and `now` (microseconds) are given."""
CLAIM = f"""
    SELECT o.key, o.ticket, o.lane, o.recipient, o.body, o.priority, o.thread, o.edits, o.effect, o.attempts,
           o.tried_at, o.trace, o.created_at,
           t.ref_place AS thread_place, t.ref_direct AS thread_direct, t.ref_id AS thread_id,
           e.ref_place AS edits_place, e.ref_direct AS edits_direct, e.ref_id AS edits_id
    FROM outbox o
    LEFT JOIN outbox t ON t.key = o.thread
    LEFT JOIN outbox e ON e.key = o.edits
    WHERE o.id = ({NEXT_OF})
"""
"""The same row with all that saying it takes."""
NEXT_READY = text(
    """
    SELECT min(at) FROM (
        SELECT min(not_before) AS at FROM outbox WHERE state = 'waiting' AND not_before > :after
        UNION ALL
        SELECT min(l.not_before) FROM lane l WHERE l.not_before > :after
          AND EXISTS (SELECT 1 FROM outbox o WHERE o.lane = l.lane AND o.state = 'waiting')
        UNION ALL
        SELECT min(lease_until) FROM lane WHERE lease_until > :after
    ) AS instants
    """
)


COUNTED = text(
    """
    SELECT (SELECT count(*) FROM ticket WHERE closed = 0),
           (SELECT count(*) FROM ticket WHERE wake_at IS NOT NULL),
           (SELECT count(*) FROM ticket WHERE wake_at <= :due)
    """
)
WAITING = text(
    """
    SELECT priority, count(*) AS number, min(nullif(created_at, 0)) AS oldest
    FROM outbox WHERE state = 'waiting' GROUP BY priority
    """
)


def history(ticket: str, rows: Sequence[tuple[str, str]]) -> tuple[Event, ...]:
    """Store.load, of what HISTORY finds. Raises NoSuchTicket."""
    if not rows:
        raise NoSuchTicket(ticket)
    return tuple(EVENTS.value(kind, body) for kind, body in rows)


def openings(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, Opened]]:
    """Store.openings, of what OPENINGS finds."""
    found = ((key, first(key, kind, body)) for key, kind, body in rows)
    return [(key, opened) for key, opened in found if opened is not None]


def first(ticket: str, kind: str, body: str) -> Opened | None:
    """A ticket's first event; one that cannot be read keeps nobody from opening another ticket."""
    try:
        return _opened(kind, body)
    except ValueError as fault:
        cannot_be_read(ticket, fault)
        return None


@lru_cache(maxsize=4096)
def _opened(kind: str, body: str) -> Opened:
    """First events are asked for again and again, at every form that is filled in; they never change."""
    opened = EVENTS.value(kind, body)
    if not isinstance(opened, Opened):
        raise Unreadable(f"it begins with {kind}: its tables are of different moments")
    return opened


def due(db: Connection, now: datetime, limit: int) -> list[str]:
    """Store.due."""
    return list(db.execute(DUE, {"now": micros(now), "most": limit}).scalars())


def next_wake(db: Connection) -> datetime | None:
    """Store.next_wake."""
    return maybe(db.execute(NEXT_WAKE).scalar())


def lanes(db: Connection, ready_at: datetime, limit: int) -> list[str]:
    """Outbox.lanes."""
    return list(db.execute(LANES, {"now": micros(ready_at), "most": limit}).scalars())


def next_ready(db: Connection, after: datetime) -> datetime | None:
    """Outbox.next_ready."""
    return maybe(db.execute(NEXT_READY, {"after": micros(after)}).scalar())


def tickets(db: Connection, account: str) -> list[str]:
    """Store.tickets."""
    return list(db.execute(TICKETS, {"account": account}).scalars())


def unfinished(db: Connection, account: str | None, limit: int) -> list[str]:
    """Store.unfinished."""
    if account is None:
        return list(db.execute(UNFINISHED, {"most": limit}).scalars())
    return list(db.execute(UNFINISHED_OF, {"account": account, "most": limit}).scalars())


def notes(db: Connection, topic: str) -> dict[str, str]:
    """Notebook.notes."""
    return {row.key: row.value for row in db.execute(NOTES, {"topic": topic})}


def census(db: Connection, due_before: datetime) -> Census:
    """Counted.census."""
    counted = db.execute(COUNTED, {"due": micros(due_before)}).one()
    return counts(counted, db.execute(WAITING).all())


def counts(counted: Sequence[Any], waiting: Sequence[Sequence[Any]]) -> Census:
    """The rows of COUNTED and WAITING as the desk's own value."""
    tickets, clocks, overdue = counted
    return Census(
        tickets,
        clocks,
        overdue,
        {Priority(priority): number for priority, number, _ in waiting},
        {Priority(priority): instant(oldest) for priority, _, oldest in waiting if oldest},
    )


def maybe(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)


def outgoing(row: Mapping[str, Any], fence: str) -> Outgoing:
    """A row of CLAIM as the desk's own value."""
    priority = Priority(row["priority"])
    message = Message(
        row["key"],
        row["ticket"],
        recipient_of(row["recipient"]),
        say_of(row["body"]),
        priority,
        row["thread"],
        row["edits"],
        row["effect"],
        row["lane"].removeprefix(COUNTDOWNS) if priority is Priority.COUNTDOWN else "",
    )
    return Outgoing(
        message,
        row["attempts"],
        _ref(row["thread_place"], row["thread_direct"], row["thread_id"]),
        _ref(row["edits_place"], row["edits_direct"], row["edits_id"]),
        fence,
        maybe(row["tried_at"]),
        row["trace"] or "",
        maybe(row["created_at"] or None),
    )


def _ref(place: str | None, direct: bool | None, id_: str | None) -> MessageRef | None:
    if place is None or id_ is None:
        return None
    platform, _, channel = place.partition(":")
    return MessageRef(Place(platform, channel, bool(direct)), id_)
