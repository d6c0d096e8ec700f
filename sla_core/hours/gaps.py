"""Periods that do not count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A period that does not count on a ticket. `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    why: str
