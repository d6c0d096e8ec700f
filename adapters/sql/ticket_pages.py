"""What the API lists in pages: tickets by their opening, newest first, and events as they happened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, or_, tuple_
from sqlmodel import col, select

from adapters.sql.tables import EventRow, TicketRow, instant, micros, summary_of
from bot.api.reading import TicketQuery
from bot.api.webhooks import StoredEvent
from bot.model.queue import QueueEntry
from sla_core.ticket import State

_ENTRIES = select(
    TicketRow.__table__  # type: ignore[attr-defined]
).order_by(col(TicketRow.opened_at).desc(), col(TicketRow.key).desc())
_IS_CLOSED = col(TicketRow.closed) == 1


def page(db: Connection, query: TicketQuery, limit: int) -> list[tuple[datetime, QueueEntry]]:
    """TicketIndex.ticket_page."""
    rows = db.execute(_ENTRIES.where(*_conditions(query)).limit(limit))
    return [
        (
            instant(row.opened_at),
            QueueEntry(
                row.key,
                row.account,
                summary_of(row.summary) if row.summary and row.summarized == row.version else None,
            ),
        )
        for row in rows
    ]


_EVENTS = select(EventRow.at, EventRow.ticket, EventRow.seq, EventRow.kind).order_by(
    col(EventRow.at), col(EventRow.ticket), col(EventRow.seq)
)


def events_from(db: Connection, since: datetime, after: StoredEvent | None, limit: int) -> list[StoredEvent]:
    """EventIndex.events_from. It reads the whole table: only operators ask for this."""
    statement = _EVENTS.where(col(EventRow.at) >= micros(since)).limit(limit)
    if after is not None:
        place = tuple_(col(EventRow.at), col(EventRow.ticket), col(EventRow.seq))
        statement = statement.where(place > tuple_(micros(after[0]), after[1], after[2]))
    return [(instant(at), ticket, seq, kind) for at, ticket, seq, kind in db.execute(statement)]


def _conditions(query: TicketQuery) -> list[ColumnElement[bool]]:
    opened_at, key = col(TicketRow.opened_at), col(TicketRow.key)
    found: list[ColumnElement[bool]] = []
    if query.accounts is not None:
        found.append(col(TicketRow.account).in_(query.accounts))
    if query.states:
        found.append(or_(*map(_is, query.states)))
    if query.opened_from is not None:
        found.append(opened_at >= micros(query.opened_from))
    if query.opened_before is not None:
        found.append(opened_at < micros(query.opened_before))
    if query.before is not None:
        at, last = query.before
        found.append(tuple_(opened_at, key) < tuple_(micros(at), last))
    return found


def _is(state: State) -> ColumnElement[bool]:
    if state is State.CLOSED:
        return _IS_CLOSED
    return and_(~_IS_CLOSED, col(TicketRow.state) == str(state))
