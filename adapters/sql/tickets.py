"""Tickets and their events: the methods of bot.ports.Store, each part of one transaction.

Statements are built once, at import, because building one takes longer than running it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, func, literal_column, or_
from sqlmodel import col, insert, select, update

from adapters.sql.engines.engine import insert_into, insert_new
from adapters.sql.tables import (
    EVENTS,
    FAR_FUTURE,
    AccountNumberRow,
    EventRow,
    InboxRow,
    StoredEvent,
    TicketRow,
    UnknownKind,
    Unreadable,
    events_of,
    instant_or_none,
    micros,
    summary_of,
    summary_text,
)
from adapters.sql.writes import event_rows, store_messages, store_timers, with_hashes
from bot.clock import real_now
from bot.desk.index import IndexRow
from bot.model.queue import QueueEntry, QueuePage, QueueSummary
from bot.ports import Appended, Change, Conflict, DecideWake, Duplicate, NoSuchTicket, trace_id_of_change
from sla_core.events import Event, Opened

_OPEN = col(TicketRow.closed) == literal_column("0")

KNOWN_ENVELOPES = select(InboxRow.envelope, InboxRow.ticket).where(
    col(InboxRow.envelope).in_(bindparam("envelopes", expanding=True))
)
VERSION = select(TicketRow.version).where(col(TicketRow.key) == bindparam("ticket"))
UPDATE_TICKET = update(TicketRow).where(
    col(TicketRow.key) == bindparam("ticket"), col(TicketRow.version) == bindparam("expected")
)
"""Sets the columns of `_index_columns`."""
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
"""SQLite, where one connection writes at a time, has no row locks and ignores `FOR UPDATE`."""
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
_QUEUE = select(TicketRow.key, TicketRow.account, TicketRow.version).add_columns(
    col(TicketRow.summarized), col(TicketRow.summary)
)
_QUEUE_ORDER = (
    col(TicketRow.state),  # "open" comes before "resolved"
    col(TicketRow.rank),
    col(TicketRow.turn_at),
    col(TicketRow.opened_at),
    col(TicketRow.key),
)
_OF_ACCOUNTS = col(TicketRow.account).in_(bindparam("accounts", expanding=True))
_IS_OPEN = col(TicketRow.state) == literal_column("'open'")
_INSERT_ENVELOPES, _INSERT_EVENTS = insert(InboxRow), insert(EventRow)


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """An act that opens a ticket. `draft` gets the account's next number and returns the first change."""

    envelope: str
    account: str
    draft: Callable[[int], Change]


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """An act on a ticket."""

    envelope: str | None
    change: Change


@dataclass(frozen=True, slots=True)
class _StoredChange:
    """A change to store, and the envelope of the act that caused it."""

    envelope: str | None
    change: Change

    @property
    def outcome(self) -> Appended:
        return Appended(self.change.ticket, self.change.version + len(self.change.events))


@cache
def _next_numbers(dialect: str) -> Any:
    """Increments accounts' last numbers. PostgreSQL locks their rows until the transaction ends."""
    counted = insert_into(dialect, AccountNumberRow)
    return counted.on_conflict_do_update(
        index_elements=["account"], set_={"last": col(AccountNumberRow.last) + counted.excluded.last}
    ).returning(col(AccountNumberRow.account), col(AccountNumberRow.last))


@cache
def _new_tickets(dialect: str) -> Any:
    """Returns the keys of the inserted tickets, without those that existed."""
    return insert_new(dialect, TicketRow).returning(col(TicketRow.key))


def store_requests(db: Connection, acts: Sequence[OpenRequest | AppendRequest]) -> list[Appended | Duplicate]:
    """Store.open and Store.append for several acts at once. Returns the outcome of each, in order.

    Raises what a draft raises, ValueError if a draft cannot open a ticket, Conflict or NoSuchTicket. The
    caller must then roll back all of the acts.
    """
    at = real_now()
    envelopes = [act.envelope for act in acts if act.envelope is not None]
    done = _known_envelopes(db, envelopes)
    new = [act for act in acts if act.envelope not in done]
    opened = _drafted_changes(db, [act for act in new if isinstance(act, OpenRequest)])
    appended = [_StoredChange(act.envelope, act.change) for act in new if isinstance(act, AppendRequest)]
    if appended and db.execute(UPDATE_TICKET, [row_update(each.change) for each in appended]).rowcount != len(
        appended
    ):
        # Another process changed the ticket first. If it stored this very act, its envelope is known now.
        if len(acts) == 1 and (done := _known_envelopes(db, envelopes)):
            return [Duplicate(done[envelopes[0]])]
        raise _conflict_of(db, appended)
    _store_changes(db, [*opened, *appended], at)
    opening, appending = iter(opened), iter(appended)
    return [
        Duplicate(done[act.envelope])
        if act.envelope in done
        else next(opening if isinstance(act, OpenRequest) else appending).outcome
        for act in acts
    ]


def _known_envelopes(db: Connection, envelopes: Sequence[str]) -> dict[str | None, str]:
    """The tickets of known envelopes. None (an act without an envelope) is never known."""
    if not envelopes:
        return {}
    return dict(db.execute(KNOWN_ENVELOPES, {"envelopes": [*envelopes]}).all())


def _drafted_changes(db: Connection, openings: Sequence[OpenRequest]) -> list[_StoredChange]:
    """Drafts new tickets with the next numbers of their accounts, and inserts their rows."""
    if not openings:
        return []
    # In a fixed order, so that transactions do not deadlock.
    wanted = Counter(sorted(opening.account for opening in openings))
    counted = db.execute(
        _next_numbers(db.dialect.name), [{"account": account, "last": n} for account, n in wanted.items()]
    )
    numbers = {account: iter(range(last - wanted[account] + 1, last + 1)) for account, last in counted}
    drafted, rows = [], []
    for opening in openings:
        number = next(numbers[opening.account])
        change = opening.draft(number)
        if change.version != 0 or not change.events:
            raise ValueError(f"{change.ticket} cannot be opened: its draft is not a ticket's first change")
        drafted.append(_StoredChange(opening.envelope, change))
        rows.append(
            {
                "key": change.ticket,
                "account": opening.account,
                "number": number,
                "opened_at": micros(change.events[0].at),
                **_index_columns(change),
            }
        )
    made = {*db.execute(_new_tickets(db.dialect.name), rows).scalars()}
    if taken := [each.change.ticket for each in drafted if each.change.ticket not in made]:
        raise ValueError(f"{', '.join(taken)} cannot be opened: it exists already")
    return drafted


def _conflict_of(db: Connection, appended: Sequence[_StoredChange]) -> Conflict | NoSuchTicket:
    for each in appended:
        change = each.change
        version = db.execute(VERSION, {"ticket": change.ticket}).scalar()
        if version is None:
            return NoSuchTicket(change.ticket)
        if version != change.version + len(change.events):
            return Conflict(f"{change.ticket} has {version} events, not {change.version}")
    return Conflict("two changes of one ticket came at the same time")


def wake(
    db: Connection, now: datetime, limit: int, excluding: Collection[str], decide: DecideWake, at: datetime
) -> list[str]:
    """Store.wake. Skips tickets that another process has claimed."""
    due = db.execute(CLAIM_DUE, {"now": micros(now), "most": limit, "but": [*excluding]}).all()
    if not due:
        return []
    found: dict[str, list[StoredEvent]] = {key: [] for key, _ in due}
    for key, seq, kind, body in db.execute(HISTORIES, {"tickets": [*found]}):
        found[key].append((seq, kind, body))
    changes: list[Change] = []
    for key, version in due:
        history = history_of(key, version, found[key])
        if history is not None and (change := decide(key, history)) is not None:
            changes.append(change)
    if changes:
        count = db.execute(UPDATE_TICKET, [row_update(change) for change in changes]).rowcount
        if count != len(changes):
            raise Conflict("a decision did not match its ticket's version, and was not stored")
        _store_changes(db, [_StoredChange(None, change) for change in changes], at)
    return [*found]


def ticket_of_envelope(db: Connection, envelope: str) -> str | None:
    """Store.ticket_of_envelope."""
    return _known_envelopes(db, [envelope]).get(envelope)


def load(db: Connection, ticket: str) -> tuple[Event, ...]:
    """Store.load. Raises NoSuchTicket."""
    rows = db.execute(HISTORY, {"ticket": ticket}).all()
    if not rows:
        raise NoSuchTicket(ticket)
    return tuple(EVENTS.value(kind, body) for _, kind, body in rows)


def open_tickets(db: Connection, account: str, limit: int) -> list[tuple[str, Opened]]:
    """Store.open_tickets, without those whose first event cannot be read."""
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


@cache
def queue_statements(of_accounts: bool, ended: bool) -> tuple[Any, Any]:
    """Two statements: the entries of a page, and how many entries there are in total."""
    which = [_OPEN, *([_OF_ACCOUNTS] if of_accounts else []), *([] if ended else [_IS_OPEN])]
    count = select(func.count()).select_from(TicketRow).where(*which)
    return _QUEUE.where(*which).order_by(*_QUEUE_ORDER).limit(bindparam("most")), count


def queue(db: Connection, accounts: Collection[str] | None, limit: int, ended: bool) -> QueuePage:
    """Store.queue."""
    page, count = queue_statements(accounts is not None, ended)
    given = {} if accounts is None else {"accounts": [*accounts]}
    entries = tuple(
        QueueEntry(key, account, summary_of(summary) if summary and summarized == version else None)
        for key, account, version, summarized, summary in db.execute(page, given | {"most": limit})
    )
    total = len(entries) if len(entries) < limit else db.execute(count, given).scalar_one()
    return QueuePage(entries, total)


_SINCE = _QUEUE.where(_OF_ACCOUNTS, or_(_OPEN, col(TicketRow.opened_at) >= bindparam("opened")))


def since(db: Connection, accounts: Collection[str], opened: datetime) -> list[QueueEntry]:
    """Store.since."""
    rows = db.execute(_SINCE, {"accounts": [*accounts], "opened": micros(opened)})
    return [
        QueueEntry(key, account, summary_of(summary) if summary and summarized == version else None)
        for key, account, version, summarized, summary in rows
    ]


def row_update(change: Change) -> dict[str, Any]:
    """The parameters of UPDATE_TICKET."""
    return {"ticket": change.ticket, "expected": change.version, **_index_columns(change)}


def _index_columns(change: Change) -> dict[str, Any]:
    """The columns of a ticket's row that every change sets."""
    version, summary = change.version + len(change.events), change.summary
    return {
        "version": version,
        "wake_at": micros(change.wake_at) if change.wake_at else None,
        "closed": int(change.closed),
        **queue_columns(summary),
        "summary": summary_text(summary) if summary else None,
        "summarized": version if summary else 0,
    }


def queue_columns(summary: QueueSummary | None) -> dict[str, Any]:
    """The columns that a queue is sorted by."""
    due_at = summary.due.due_at if summary and summary.due else None
    return {
        "state": summary.state if summary else "open",
        "rank": summary.rank if summary else 0,
        "turn_at": micros(due_at) if due_at else FAR_FUTURE,
    }


def _store_changes(db: Connection, kept: Sequence[_StoredChange], at: datetime) -> None:
    """Stores envelopes, events and messages of changes whose ticket rows are already updated."""
    acts = [
        {"envelope": each.envelope, "ticket": each.change.ticket, "at": micros(at)}
        for each in kept
        if each.envelope is not None
    ]
    if acts:
        db.execute(_INSERT_ENVELOPES, acts)
    if events := [row for each in kept for row in event_rows(each.change)]:
        db.execute(_INSERT_EVENTS, with_hashes(db, events))
    store_timers(db, [timer for each in kept for timer in each.change.timers])
    store_messages(
        db,
        [(m, trace_id_of_change(each.envelope, each.change)) for each in kept for m in each.change.messages],
        at,
    )


_COUNT = select(func.count()).select_from(TicketRow)
_AFTER = (
    select(TicketRow.key)
    .where(col(TicketRow.key) > bindparam("ticket"))
    .order_by(col(TicketRow.key))
    .limit(bindparam("most"))
)
_SAMPLE = select(TicketRow.key).order_by(func.random()).limit(bindparam("most"))
_WITH_EVENTS = (
    select(TicketRow.__table__, EventRow.seq, EventRow.kind, EventRow.body)  # type: ignore[attr-defined]
    .outerjoin(EventRow, col(EventRow.ticket) == col(TicketRow.key))
    .where(col(TicketRow.key).in_(bindparam("tickets", expanding=True)))
    .order_by(col(TicketRow.key), col(EventRow.seq))
)
"""One statement, so that a row and its events are consistent."""
_REWRITE = UPDATE_TICKET.where(col(TicketRow.wake_at).is_not_distinct_from(bindparam("stood")))
"""Also compares `wake_at`: a wake-up without events changes it and not the version."""


def size(db: Connection) -> int:
    """Index.index_size."""
    return db.execute(_COUNT).scalar_one()


def after(db: Connection, ticket: str, limit: int) -> list[IndexRow]:
    """Index.index_after."""
    return _rows(db, db.execute(_AFTER, {"ticket": ticket, "most": limit}).scalars().all())


def sample(db: Connection, limit: int) -> list[IndexRow]:
    """Index.index_sample."""
    return _rows(db, db.execute(_SAMPLE, {"most": limit}).scalars().all())


def reindex(db: Connection, corrections: Sequence[tuple[IndexRow, Change]]) -> int:
    """Index.reindex."""
    stood = [
        row_update(change) | {"stood": micros(row.wake_at) if row.wake_at else None}
        for row, change in corrections
    ]
    return db.execute(_REWRITE, stood).rowcount if stood else 0


def _rows(db: Connection, keys: Sequence[str]) -> list[IndexRow]:
    if not keys:
        return []
    stored: dict[str, Any] = {}
    events: dict[str, list[StoredEvent]] = {}
    for row in db.execute(_WITH_EVENTS, {"tickets": [*keys]}):
        stored[row.key] = row
        events.setdefault(row.key, []).extend([(row.seq, row.kind, row.body)] if row.seq else [])
    return [_row(row, events[key]) for key, row in stored.items()]


def _row(row: Any, events: Sequence[StoredEvent]) -> IndexRow:
    summary = summary_of(row.summary) if row.summary and row.summarized == row.version else None
    if queue_columns(summary) != {"state": row.state, "rank": row.rank, "turn_at": row.turn_at}:
        summary = None
    try:
        history, fault = events_of(row.version, events), ""
    except ValueError as wrong:
        history, fault = (), unreadable_reason(wrong)
    wake_at = instant_or_none(row.wake_at)
    return IndexRow(row.key, row.version, wake_at, bool(row.closed), summary, history, fault)


log = structlog.get_logger(__name__)
_logged: set[tuple[str, str]] = set()
"""Unreadable tickets and the reasons, already logged: they are retried every few seconds."""


def unreadable_reason(fault: ValueError) -> str:
    """Why events cannot be read, without their text."""
    return str(fault) if isinstance(fault, UnknownKind | Unreadable) else type(fault).__name__


def history_of(ticket: str, version: int, rows: Sequence[StoredEvent]) -> tuple[Event, ...] | None:
    """The events in `rows`. Returns None, and logs why, if they cannot be read."""
    try:
        return events_of(version, rows)
    except ValueError as fault:
        _log_unreadable(ticket, fault)
        return None


def first_event(ticket: str, kind: str, body: str) -> Opened | None:
    """A ticket's first event. Returns None if it cannot be read, so that others can still be opened."""
    try:
        return _opened(kind, body)
    except ValueError as fault:
        _log_unreadable(ticket, fault)
        return None


@lru_cache(maxsize=4096)
def _opened(kind: str, body: str) -> Opened:
    """Cached, because first events never change and each form reads a hundred of them.

    Reading them takes 0.74 ms without the cache and 0.23 ms with it.
    """
    opened = EVENTS.value(kind, body)
    if not isinstance(opened, Opened):
        raise Unreadable(f"it begins with {kind}: its tables are of different moments")
    return opened


def _log_unreadable(ticket: str, fault: ValueError) -> None:
    why = unreadable_reason(fault)
    if (ticket, why) not in _logged:
        _logged.add((ticket, why))
        log.error("a ticket cannot be read and is not woken", ticket=ticket, why=why)
