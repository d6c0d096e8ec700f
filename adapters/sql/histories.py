"""A ticket's rows as its history, if they can be read and belong together; else that is told once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import structlog

from adapters.sql.codec import EVENTS, UnknownKind, Unreadable
from sla_core.events import Event

log = structlog.get_logger(__name__)

Row = tuple[int, str, str]
"""An event's number, kind and body."""
_UNDECODABLE = "Could not decode to UTF-8"
_told: set[tuple[str, str]] = set()
"""Tickets, and why they cannot be read. They are tried again every few seconds, and agents hear of them."""


def history(ticket: str, version: int, rows: Sequence[Row]) -> tuple[Event, ...] | None:
    """What `rows` hold, which are to be `version` events; None where it cannot be known what happened."""
    try:
        if [seq for seq, _, _ in rows] != [*range(1, version + 1)]:
            raise Unreadable(
                f"its row counts {version} events, and {len(rows)} are there: its tables are of different"
                " moments; restore all of the database from one backup"
            )
        return tuple(EVENTS.value(kind, body) for _, kind, body in rows)
    except ValueError as fault:
        cannot_be_read(ticket, fault)
        return None


def cannot_be_read(ticket: str, fault: Exception) -> None:
    """It waits until it can be; nobody's words are in what is told."""
    why = str(fault) if isinstance(fault, UnknownKind | Unreadable) else type(fault).__name__
    if (ticket, why) not in _told:
        _told.add((ticket, why))
        log.error("a ticket cannot be read and is not woken", ticket=ticket, why=why)


def is_undecodable(fault: sqlite3.Error) -> bool:
    """Whether SQLite found bytes where there should be text; what it says has them in it."""
    return str(fault).startswith(_UNDECODABLE)
