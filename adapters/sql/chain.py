"""The hashes of events: made as events are stored, and checked by `frontline audit`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, tuple_
from sqlmodel import col, select, update

from adapters.sql.tables import AccountNumberRow, EventRow, TicketRow
from bot.reports.event_chain import CheckedTicket

LAST_HASH = select(EventRow.ticket, EventRow.hash).where(
    col(EventRow.ticket) == bindparam("ticket"), col(EventRow.seq) == bindparam("seq")
)
"""For one event; a statement for several is put together each time, which takes as long as the rest."""
LAST_HASHES = select(EventRow.ticket, EventRow.hash).where(
    tuple_(col(EventRow.ticket), col(EventRow.seq)).in_(bindparam("events", expanding=True))
)
_ROWS = (
    select(EventRow.ticket, EventRow.seq, EventRow.at, EventRow.kind)
    .add_columns(col(EventRow.body), col(EventRow.hash))
    .where(col(EventRow.ticket).in_(bindparam("tickets", expanding=True)))
    .order_by(col(EventRow.ticket), col(EventRow.seq))
)
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

_Row = tuple[int, int, str, str, str | None]
"""An event's number, instant, kind, body and hash."""


def event_hash(before: str, ticket: str, seq: int, at: int, kind: str, body: str) -> str:
    """The hash of an event. `before` is that of the event before it, empty for the first one."""
    text = f"{before}\n{ticket}\n{seq}\n{at}\n{kind}\n{body}"
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def with_hashes(db: Connection, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """New event rows, each with its hash.

    The rows of a ticket are in order, and no other transaction adds to it meanwhile.
    """
    firsts = {row["ticket"]: row["seq"] for row in reversed(rows)}
    hashes = _hashes_before(db, [(ticket, seq - 1) for ticket, seq in firsts.items() if seq > 1])
    for row in rows:
        before = hashes.get(row["ticket"], "")
        row["hash"] = hashes[row["ticket"]] = event_hash(before, **row)
    return rows


def _hashes_before(db: Connection, events: Sequence[tuple[str, int]]) -> dict[str, str]:
    """By ticket, the hash of the event with this number; computed if an older version stored it."""
    if not events:
        return {}
    if len(events) == 1:
        found = db.execute(LAST_HASH, {"ticket": events[0][0], "seq": events[0][1]})
    else:
        found = db.execute(LAST_HASHES, {"events": [*events]})
    known = {ticket: hash_ for ticket, hash_ in found if hash_ is not None}
    if unhashed := [ticket for ticket, _ in events if ticket not in known]:
        for ticket, rows in _events(db, unhashed):
            for *_, hash_ in _chained(ticket, rows):
                known[ticket] = hash_
    return known


def _events(db: Connection, tickets: Collection[str]) -> Iterator[tuple[str, list[_Row]]]:
    found: dict[str, list[_Row]] = {ticket: [] for ticket in tickets}
    for ticket, *row in db.execute(_ROWS, {"tickets": [*found]}):
        found[ticket].append(tuple(row))
    yield from found.items()


def _chained(ticket: str, rows: Iterable[_Row]) -> Iterator[tuple[int, str | None, str, str]]:
    """Each event's number, its stored hash, what it should be, and what the next one builds on."""
    before = ""
    for seq, at, kind, body, stored in rows:
        expected = event_hash(before, ticket, seq, at, kind, body)
        before = stored or expected
        yield seq, stored, expected, before


def check(db: Connection, after: str, limit: int) -> list[CheckedTicket]:
    """EventChain.check_chains."""
    versions: Mapping[str, int] = dict(db.execute(_PAGE, {"ticket": after, "most": limit}).all())
    if not versions:
        return []
    return [_checked(ticket, versions[ticket], rows) for ticket, rows in _events(db, versions)]


def _checked(ticket: str, version: int, rows: Sequence[_Row]) -> CheckedTicket:
    faults: list[tuple[int, str]] = []
    last, unhashed = 0, 0
    for seq, stored, expected, _ in _chained(ticket, rows):
        lost = range(last + 1, seq)
        faults += [(number, "is missing") for number in lost]
        if stored is None:
            unhashed += 1
        elif stored != expected and not lost:
            faults.append(
                (seq, "does not fit its hash: it was changed, moved or added, or one before it was")
            )
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
        for ticket, rows in _events(db, tickets)
        for seq, stored, expected, _ in _chained(ticket, rows)
        if stored is None
    ]
    if new:
        db.execute(_SET, new)
    return len(new)
