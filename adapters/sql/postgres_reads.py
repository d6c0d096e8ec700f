"""What is asked of a PostgreSQL: the statements of reads.py in its own words, put together once."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql import ClauseElement

from adapters.sql import reads
from adapters.sql.postgres_pool import Database
from adapters.sql.reads import maybe
from adapters.sql.tables import micros
from bot.address import MessageRef
from bot.auditor import Census
from sla_core.events import Event, Opened

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def named(statement: str) -> str:
    """`:name` as `%(name)s`, for a statement without any other percent sign."""
    return re.sub(r"(?<!:):([a-z_]+)", r"%(\1)s", statement)


def _compiled(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=_DIALECT))


_HISTORY = _compiled(reads.HISTORY)
_OPENINGS = _compiled(reads.OPENINGS)
_DUE = _compiled(reads.DUE)
_NEXT_WAKE = _compiled(reads.NEXT_WAKE)
_TICKETS = _compiled(reads.TICKETS)
_TICKET_OF = _compiled(reads.TICKET_OF)
_SEEN = _compiled(reads.SEEN)
_NOTED = _compiled(reads.NOTED)
_NOTES = _compiled(reads.NOTES)
_UNFINISHED = _compiled(reads.UNFINISHED)
_UNFINISHED_OF = _compiled(reads.UNFINISHED_OF)
_LANES = _compiled(reads.LANES)
_NEXT_READY = _compiled(reads.NEXT_READY)
_COUNTED = _compiled(reads.COUNTED)
_WAITING = _compiled(reads.WAITING)


async def history(db: Database, ticket: str) -> tuple[Event, ...]:
    """Store.load. Raises NoSuchTicket."""
    return reads.history(ticket, await db.rows(_HISTORY, {"ticket": ticket}))


async def openings(db: Database, account: str, limit: int) -> list[tuple[str, Opened]]:
    """Store.openings."""
    return reads.openings(await db.rows(_OPENINGS, {"account": account, "most": limit}))


async def due(db: Database, now: datetime, limit: int) -> list[str]:
    """Store.due."""
    return await _keys(db, _DUE, now=micros(now), most=limit)


async def next_wake(db: Database) -> datetime | None:
    """Store.next_wake."""
    return maybe(await db.value(_NEXT_WAKE))


async def lanes(db: Database, ready_at: datetime, limit: int) -> list[str]:
    """Outbox.lanes."""
    return await _keys(db, _LANES, now=micros(ready_at), most=limit)


async def next_ready(db: Database, after: datetime) -> datetime | None:
    """Outbox.next_ready."""
    return maybe(await db.value(_NEXT_READY, {"after": micros(after)}))


async def ticket_of(db: Database, message: MessageRef) -> str | None:
    """Store.ticket_of."""
    found: str | None = await db.value(_TICKET_OF, {"place": str(message.place), "id": message.id})
    return found


async def tickets(db: Database, account: str) -> list[str]:
    """Store.tickets."""
    return await _keys(db, _TICKETS, account=account)


async def unfinished(db: Database, account: str | None, limit: int) -> list[str]:
    """Store.unfinished."""
    if account is None:
        return await _keys(db, _UNFINISHED, most=limit)
    return await _keys(db, _UNFINISHED_OF, account=account, most=limit)


async def census(db: Database, due_before: datetime) -> Census:
    """Counted.census."""
    (counted,) = await db.rows(_COUNTED, {"due": micros(due_before)})
    return reads.counts(counted, await db.rows(_WAITING))


async def seen(db: Database, envelope: str) -> str | None:
    """Store.seen."""
    found: str | None = await db.value(_SEEN, {"envelope": envelope})
    return found


async def noted(db: Database, topic: str, key: str) -> str | None:
    """Notebook.noted."""
    found: str | None = await db.value(_NOTED, {"topic": topic, "key": key})
    return found


async def notes(db: Database, topic: str) -> dict[str, str]:
    """Notebook.notes."""
    return dict(await db.rows(_NOTES, {"topic": topic}))


async def _keys(db: Database, statement: str, **params: Any) -> list[str]:
    return [key for (key,) in await db.rows(statement, params)]
