"""Reads whole histories: tickets for reports (bot.ports.Archive), and the hashes of events for `audit`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func
from sqlmodel import col, select, update

from adapters.sql.tables import AccountNumberRow, EventRow, StoredEvent, TicketRow, events_of, micros
from adapters.sql.tickets import HISTORIES, unreadable_reason
from adapters.sql.writes import HashedRow, chained, stored_events
from bot.ports import Selection, StoredTicket
from bot.reports.event_chain import CheckedTicket

_WITHIN = (col(TicketRow.opened_at) >= bindparam("since"), col(TicketRow.opened_at) < bindparam("until"))


@cache
def _statements(of_account: bool) -> tuple[Any, Any]:
    """How many tickets are selected, and a page of their keys and versions."""
    which = [*_WITHIN, *([col(TicketRow.account) == bindparam("account")] if of_account else [])]
    count = select(func.count()).select_from(TicketRow).where(*which)
    page = (
        select(TicketRow.key, TicketRow.version)
        .where(col(TicketRow.key) > bindparam("ticket"), *which)
        .order_by(col(TicketRow.key))
        .limit(bindparam("most"))
    )
    return count, page


def size(db: Connection, chosen: Selection) -> int:
    """Archive.archive_size."""
    return int(db.execute(_statements(chosen.account is not None)[0], _given(chosen)).scalar_one())


def after(db: Connection, ticket: str, chosen: Selection, limit: int) -> list[StoredTicket]:
    """Archive.archive_after."""
    page = _statements(chosen.account is not None)[1]
    versions = dict(db.execute(page, _given(chosen) | {"ticket": ticket, "most": limit}).all())
    if not versions:
        return []
    events: dict[str, list[StoredEvent]] = {key: [] for key in versions}
    for key, seq, kind, body in db.execute(HISTORIES, {"tickets": [*versions]}):
        events[key].append((seq, kind, body))
    return [_ticket(key, version, events[key]) for key, version in versions.items()]


def _ticket(key: str, version: int, rows: list[StoredEvent]) -> StoredTicket:
    # A process may have added events between the two queries; the report is as of an earlier instant.
    try:
        return StoredTicket(key, events_of(max(version, len(rows)), rows))
    except ValueError as fault:
        return StoredTicket(key, (), unreadable_reason(fault))


def _given(chosen: Selection) -> dict[str, Any]:
    given = {"since": micros(chosen.opened.start), "until": micros(chosen.opened.end)}
    return given | ({"account": chosen.account} if chosen.account is not None else {})


_PAGE = (
    select(TicketRow.key, TicketRow.version)
    .where(col(TicketRow.key) > bindparam("ticket"))
    .order_by(col(TicketRow.key))
    .limit(bindparam("most"))
)
_SET = update(EventRow).where(
    col(EventRow.ticket) == bindparam("of"),
    col(EventRow.seq) == bindparam("number"),
    col(EventRow.hash).is_(None),
)
_NUMBERS = select(TicketRow.account, TicketRow.number).order_by(col(TicketRow.account), col(TicketRow.number))
_LAST_NUMBERS = select(AccountNumberRow.account, AccountNumberRow.last).order_by(
    col(AccountNumberRow.account)
)

DOES_NOT_FIT = "does not fit its hash: it was changed, moved or added, or one before it was"


def check(db: Connection, after: str, limit: int) -> list[CheckedTicket]:
    """EventChain.check_chains."""
    versions: Mapping[str, int] = dict(db.execute(_PAGE, {"ticket": after, "most": limit}).all())
    if not versions:
        return []
    return [_checked(ticket, versions[ticket], rows) for ticket, rows in stored_events(db, versions)]


def _checked(ticket: str, version: int, rows: Sequence[HashedRow]) -> CheckedTicket:
    faults: list[tuple[int, str]] = []
    last, unhashed = 0, 0
    for seq, stored, expected, _ in chained(ticket, rows):
        lost = range(last + 1, seq)
        faults += [(number, "is missing") for number in lost]
        if stored is None:
            unhashed += 1
        elif stored != expected and not lost:
            faults.append((seq, DOES_NOT_FIT))
        last = seq
    # More events than the row counts were added since the row was read, if the desk added them.
    faults += [(number, "is missing") for number in range(last + 1, version + 1)]
    return CheckedTicket(ticket, tuple(faults), unhashed)


def missing_tickets(db: Connection) -> list[str]:
    """EventChain.missing_tickets."""
    expected = dict(db.execute(_LAST_NUMBERS).all())
    missing: list[str] = []
    seen = dict.fromkeys(expected, 0)
    for account, number in db.execute(_NUMBERS):
        missing += [_key(account, lost) for lost in range(seen.get(account, 0) + 1, number)]
        seen[account] = number
    for account, last in expected.items():
        missing += [_key(account, lost) for lost in range(seen[account] + 1, last + 1)]
    return missing


def _key(account: str, number: int) -> str:
    return f"{account.upper()}-{number}"


def add_hashes(db: Connection, tickets: Collection[str]) -> int:
    """EventChain.add_hashes."""
    new = [
        {"of": ticket, "number": seq, "hash": expected}
        for ticket, rows in stored_events(db, tickets)
        for seq, stored, expected, _ in chained(ticket, rows)
        if stored is None
    ]
    if new:
        db.execute(_SET, new)
    return len(new)
