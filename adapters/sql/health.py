"""Whether the database is whole, and whether it keeps what is written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from adapters.sql.engines.engine import upsert
from adapters.sql.tables import EventRow, InboxRow, KeyValueRow, OutboxRow, TicketRow

TOPIC, KEY = "write_proof", "last"
_WRITTEN = ", ".join(str(table.__tablename__) for table in (InboxRow, TicketRow, EventRow, OutboxRow))
_LOCK = text(f"LOCK TABLE {_WRITTEN} IN ROW EXCLUSIVE MODE")
"""The lock that every act takes. It waits only for those who keep others from writing."""


def integrity_faults(db: Connection) -> list[str]:
    """PostgreSQL checks its pages as it reads them, and has no such command."""
    if db.dialect.name != "sqlite":
        return []
    found = db.exec_driver_sql("PRAGMA integrity_check(5)").scalars().all()
    return [] if found == ["ok"] else [*map(str, found)]


def prove_write(db: Connection, now: datetime) -> None:
    """Writes a value. Raises what an act would raise if the tables that it writes are locked."""
    if db.dialect.name == "postgresql":
        db.execute(_LOCK)
    given = {"topic": TOPIC, "key": KEY, "value": now.isoformat(), "expires_at": None, "at": 0}
    db.execute(upsert(db.dialect.name, KeyValueRow, "value", "expires_at"), given)
