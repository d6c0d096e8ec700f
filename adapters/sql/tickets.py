"""Tickets and their events: the verbs of bot.ports.Store, each a part of one transaction.

Statements are built once, when this module is imported: building one takes longer than running it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column
from sqlmodel import SQLModel, col, insert, select, update

from adapters.sql.codec import EVENTS
from adapters.sql.edits import say
from adapters.sql.engines.dialect import Insert, insert_into, insert_new
from adapters.sql.history import Row, first_event, history_of
from adapters.sql.tables import (
    AccountNumberRow,
    EventRow,
    InboxRow,
    TicketRow,
    instant_or_none,
    micros,
)
from bot.ports import Appended, Change, Conflict, Decision, NoSuchTicket, Seen, trace_of
from sla_core.events import Event, Opened

_OPEN = col(TicketRow.closed) == literal_column("0")

SEEN = select(InboxRow.ticket).where(col(InboxRow.envelope) == bindparam("envelope"))
VERSION = select(TicketRow.version).where(col(TicketRow.key) == bindparam("ticket"))
MOVE = (
    update(TicketRow)
    .where(col(TicketRow.key) == bindparam("ticket"), col(TicketRow.version) == bindparam("expected"))
    .values(version=bindparam("next"), wake_at=bindparam("wake"), closed=bindparam("done"))
)
HISTORY = (
    select(EventRow.seq, EventRow.kind, EventRow.body)
    .where(col(EventRow.ticket) == bindparam("ticket"))
    .order_by(col(EventRow.seq))
)
HISTORIES = (
    select(EventRow.ticket, EventRow.seq, EventRow.kind, EventRow.body)
    .where(col(EventRow.ticket).in_(bindparam("tickets", expanding=True)))
    .order_by(col(EventRow.ticket), col(EventRow.seq))
)
DUE = (
    select(TicketRow.key)
    .where(col(TicketRow.wake_at) <= bindparam("now"))
    .order_by(col(TicketRow.wake_at), col(TicketRow.key))
    .limit(bindparam("most"))
)
CLAIM_DUE = (
    select(TicketRow.key, TicketRow.version)
    .where(
        col(TicketRow.wake_at) <= bindparam("now"),
        col(TicketRow.key).not_in(bindparam("but", expanding=True)),
    )
    .order_by(col(TicketRow.wake_at), col(TicketRow.key))
    .limit(bindparam("most"))
    .with_for_update(key_share=True, skip_locked=True)
)
"""SQLite, where one connection writes at a time, has no row locks and ignores the last line."""
NEXT_WAKE = select(func.min(TicketRow.wake_at)).where(col(TicketRow.wake_at).is_not(None))
TICKETS = (
    select(TicketRow.key)
    .where(col(TicketRow.account) == bindparam("account"))
    .order_by(col(TicketRow.number).desc())
)
OPENINGS = (
    select(TicketRow.key, EventRow.kind, EventRow.body)
    .join(EventRow, (col(EventRow.ticket) == col(TicketRow.key)) & (col(EventRow.seq) == literal_column("1")))
    .where(col(TicketRow.account) == bindparam("account"), _OPEN)
    .order_by(col(TicketRow.number).desc())
    .limit(bindparam("most"))
)
UNFINISHED = (
    select(TicketRow.key)
    .where(_OPEN)
    .order_by(col(TicketRow.wake_at).is_(None), col(TicketRow.wake_at), col(TicketRow.key))
    .limit(bindparam("most"))
)
UNFINISHED_OF = UNFINISHED.where(col(TicketRow.account) == bindparam("account"))


@cache
def _next_number(dialect: str) -> Any:
    """Counts the account's last number up; PostgreSQL locks that row until the transaction ends."""
    counted: Insert = insert_into(dialect, AccountNumberRow).values(account=bindparam("account"), last=1)
    return counted.on_conflict_do_update(
        index_elements=["account"], set_={"last": col(AccountNumberRow.last) + 1}
    ).returning(col(AccountNumberRow.last))


@cache
def _new_ticket(dialect: str) -> Any:
    """Returns no row if there is such a ticket."""
    return insert_new(dialect, TicketRow).returning(col(TicketRow.key))


def open_ticket(
    db: Connection, envelope: str, account: str, draft: Callable[[int], Change], at: datetime
) -> Appended | Seen:
    """Store.open. Raises what `draft` raises, and ValueError if the draft cannot open a ticket."""
    if (ticket := seen(db, envelope)) is not None:
        return Seen(ticket)
    number = db.execute(_next_number(db.dialect.name), {"account": account}).scalar_one()
    change = draft(number)
    if change.version != 0 or not change.events:
        raise ValueError(f"{change.ticket} cannot be opened: its draft is not a ticket's first change")
    row = TicketRow(
        key=change.ticket,
        account=account,
        number=number,
        version=len(change.events),
        wake_at=micros(change.wake_at) if change.wake_at else None,
        opened_at=micros(change.events[0].at),
        closed=int(change.closed),
    )
    if db.execute(_new_ticket(db.dialect.name), row.model_dump()).scalar() is None:
        raise ValueError(f"{change.ticket} cannot be opened: it exists already")
    return _keep(db, envelope, change, at)


def append(db: Connection, envelope: str | None, change: Change, at: datetime) -> Appended | Seen:
    """Store.append. Raises Conflict, NoSuchTicket."""
    if envelope is not None and (ticket := seen(db, envelope)) is not None:
        return Seen(ticket)
    if not db.execute(MOVE, _moved(change)).rowcount:
        if envelope is not None and (ticket := seen(db, envelope)) is not None:
            return Seen(ticket)  # another process did this act while we waited for its lock
        version = db.execute(VERSION, {"ticket": change.ticket}).scalar()
        if version is None:
            raise NoSuchTicket(change.ticket)
        raise Conflict(f"{change.ticket} has {version} events, not {change.version}")
    return _keep(db, envelope, change, at)


def wake(
    db: Connection, now: datetime, limit: int, but: Collection[str], decide: Decision, at: datetime
) -> list[str]:
    """Store.wake. Passes over tickets that another process has claimed."""
    due = db.execute(CLAIM_DUE, {"now": micros(now), "most": limit, "but": [*but]}).all()
    if not due:
        return []
    found: dict[str, list[Row]] = {key: [] for key, _ in due}
    for key, seq, kind, body in db.execute(HISTORIES, {"tickets": [*found]}):
        found[key].append((seq, kind, body))
    changes: list[Change] = []
    for key, version in due:
        history = history_of(key, version, found[key])
        if history is not None and (change := decide(key, history)) is not None:
            changes.append(change)
    if changes:
        moved = db.execute(MOVE, [_moved(change) for change in changes]).rowcount
        if moved != len(changes):
            raise Conflict("what was decided for a ticket did not belong to its version, and was not kept")
        _insert(db, EventRow, (row for change in changes for row in _events(change)))
        say(db, [(m, trace_of(None, change)) for change in changes for m in change.messages], at)
    return [*found]


def seen(db: Connection, envelope: str) -> str | None:
    """Store.seen."""
    return db.execute(SEEN, {"envelope": envelope}).scalar()


def load(db: Connection, ticket: str) -> tuple[Event, ...]:
    """Store.load. Raises NoSuchTicket."""
    rows = db.execute(HISTORY, {"ticket": ticket}).all()
    if not rows:
        raise NoSuchTicket(ticket)
    return tuple(EVENTS.value(kind, body) for _, kind, body in rows)


def openings(db: Connection, account: str, limit: int) -> list[tuple[str, Opened]]:
    """Store.openings, without those whose first event cannot be read."""
    rows = db.execute(OPENINGS, {"account": account, "most": limit})
    found = ((key, first_event(key, kind, body)) for key, kind, body in rows)
    return [(key, opened) for key, opened in found if opened is not None]


def due(db: Connection, now: datetime, limit: int) -> list[str]:
    """Store.due."""
    return [*db.execute(DUE, {"now": micros(now), "most": limit}).scalars()]


def next_wake(db: Connection) -> datetime | None:
    """Store.next_wake."""
    return instant_or_none(db.execute(NEXT_WAKE).scalar())


def tickets(db: Connection, account: str) -> list[str]:
    """Store.tickets."""
    return [*db.execute(TICKETS, {"account": account}).scalars()]


def unfinished(db: Connection, account: str | None, limit: int) -> list[str]:
    """Store.unfinished."""
    if account is None:
        return [*db.execute(UNFINISHED, {"most": limit}).scalars()]
    return [*db.execute(UNFINISHED_OF, {"account": account, "most": limit}).scalars()]


def _moved(change: Change) -> dict[str, Any]:
    return {
        "ticket": change.ticket,
        "expected": change.version,
        "next": change.version + len(change.events),
        "wake": micros(change.wake_at) if change.wake_at else None,
        "done": int(change.closed),
    }


def _keep(db: Connection, envelope: str | None, change: Change, at: datetime) -> Appended:
    if envelope is not None:
        _insert(db, InboxRow, [{"envelope": envelope, "ticket": change.ticket, "at": micros(at)}])
    _insert(db, EventRow, _events(change))
    say(db, [(message, trace_of(envelope, change)) for message in change.messages], at)
    return Appended(change.ticket, change.version + len(change.events))


def _events(change: Change) -> Iterable[dict[str, Any]]:
    for seq, event in enumerate(change.events, change.version + 1):
        yield {
            "ticket": change.ticket,
            "seq": seq,
            "at": micros(event.at),
            "kind": EVENTS.kind(event),
            "body": EVENTS.text(event),
        }


def _insert(db: Connection, table: type[SQLModel], rows: Iterable[dict[str, Any]]) -> None:
    if values := [*rows]:
        db.execute(_inserted(table), values)


@cache
def _inserted(table: type[SQLModel]) -> Any:
    return insert(table)
