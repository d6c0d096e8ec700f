"""The small questions that every act asks, put to SQLite by the event loop itself.

A thread to hand them to would cost ten times what they take; each looks up a few rows by an index.
"""

from __future__ import annotations

from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.sql import ClauseElement

from adapters.sql import reads
from adapters.sql.firsts import Firsts
from adapters.sql.sqlite import Database
from bot.address import MessageRef
from sla_core.events import Event, Opened


def _compiled(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=dialect(paramstyle="named")))


_HISTORY = _compiled(reads.HISTORY)
_OPEN = _compiled(reads.OPEN)
_FIRST = _compiled(reads.FIRST)
_TICKET_OF = _compiled(reads.TICKET_OF)
_SEEN = _compiled(reads.SEEN)
_NOTED = _compiled(reads.NOTED)


def history(db: Database, ticket: str) -> tuple[Event, ...]:
    """Store.load. Raises NoSuchTicket."""
    return reads.history(ticket, db.glance(_HISTORY, {"ticket": ticket}))


def openings(db: Database, account: str, limit: int, firsts: Firsts) -> list[tuple[str, Opened]]:
    """Store.openings."""
    found = []
    for (key,) in db.glance(_OPEN, {"account": account, "most": limit}):
        opened = firsts.get(key) or _looked_up(db, key, firsts)
        if opened is not None:
            found.append((key, opened))
    return found


def _looked_up(db: Database, ticket: str, firsts: Firsts) -> Opened | None:
    for kind, body in db.glance(_FIRST, {"ticket": ticket}):
        opened = reads.first(ticket, kind, body)
        if opened is not None:
            firsts.keep(ticket, opened)
        return opened
    return None


def ticket_of(db: Database, message: MessageRef) -> str | None:
    """Store.ticket_of."""
    found = db.glance(_TICKET_OF, {"place": str(message.place), "id": message.id})
    return found[0][0] if found else None


def seen(db: Database, envelope: str) -> str | None:
    """Store.seen."""
    found = db.glance(_SEEN, {"envelope": envelope})
    return found[0][0] if found else None


def noted(db: Database, topic: str, key: str) -> str | None:
    """Notebook.noted."""
    found = db.glance(_NOTED, {"topic": topic, "key": key})
    return found[0][0] if found else None
