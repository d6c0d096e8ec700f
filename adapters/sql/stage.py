"""The stage clock of a database: stored by the first process that opens it, continued by all later ones."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlmodel import select

from adapters.sql.engines.dialect import insert_new
from adapters.sql.fault import DatabaseFault
from adapters.sql.tables import SimulatedClockRow, TicketRow, instant, micros
from bot.clock import SimulatedClock

_STORED = select(SimulatedClockRow.real, SimulatedClockRow.stage, SimulatedClockRow.speed)
_ANY_TICKET = select(TicketRow.key).limit(1)


def stored_clock(db: Connection, wanted: SimulatedClock | None) -> SimulatedClock | None:
    """The clock that this database runs on: the stored one, else `wanted`, which is stored. None: real time.

    Raises DatabaseFault if `wanted` is another than the stored one, or if there are tickets in real time.
    """
    found = db.execute(_STORED).one_or_none()
    if found is None and wanted is not None:
        if db.execute(_ANY_TICKET).first() is not None:
            raise DatabaseFault(
                "FRONTLINE_CLOCK: this database has tickets in real time;"
                " unset it, or set another DATABASE_URL"
            )
        row = SimulatedClockRow(
            id=1, real=micros(wanted.real), stage=micros(wanted.stage), speed=wanted.speed
        )
        db.execute(insert_new(db.dialect.name, SimulatedClockRow), row.model_dump())
        found = db.execute(_STORED).one()  # another process may have been a moment quicker
    if found is None:
        return None
    stored = SimulatedClock(instant(found.real), instant(found.stage), found.speed)
    if wanted and (wanted.stage, wanted.speed) != (stored.stage, stored.speed):
        raise DatabaseFault(
            f"FRONTLINE_CLOCK: this database lives on {stored.stage.isoformat()}*{stored.speed};"
            " set that, nothing, or another DATABASE_URL"
        )
    return stored
