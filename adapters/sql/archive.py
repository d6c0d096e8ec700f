"""Reads tickets with their events, a few at a time: the methods of bot.ports.Archive."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, func
from sqlmodel import col, select

from adapters.sql.tables import StoredEvent, TicketRow, events_of, micros
from adapters.sql.tickets import HISTORIES, unreadable_reason
from bot.ports import Selection, StoredTicket

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
