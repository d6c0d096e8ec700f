"""The stage clock that a database lives on, as it is stored and as it is asked for."""

from __future__ import annotations

from adapters.sql.fault import DatabaseFault
from adapters.sql.tables import instant, micros
from bot.clock import StageClock


def continued(found: tuple[int, int, float], wanted: StageClock | None) -> StageClock:
    """The stored one. Raises DatabaseFault when another is wanted."""
    stored = StageClock(instant(found[0]), instant(found[1]), found[2])
    if wanted and (wanted.stage, wanted.speed) != (stored.stage, stored.speed):
        raise DatabaseFault(
            f"FRONTLINE_CLOCK: this database lives on {stored.stage.isoformat()}*{stored.speed};"
            " set that, nothing, or another DATABASE_URL"
        )
    return stored


def begun(wanted: StageClock, *, used: bool) -> tuple[int, int, float]:
    """A new one, to be stored. Raises DatabaseFault for a database that is in use already."""
    if used:
        raise DatabaseFault(
            "FRONTLINE_CLOCK: this database has tickets in real time; unset it, or set another DATABASE_URL"
        )
    return micros(wanted.real), micros(wanted.stage), wanted.speed
