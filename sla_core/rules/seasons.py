"""Seasons of a policy that change no promise: code freezes and peak traffic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sla_core.closures import Season
from sla_core.rules.source import Source


@dataclass(frozen=True, slots=True)
class Freeze:
    """A season in which a fix is deployed only if it is urgent, so its `milestone` asks."""

    season: Season
    milestone: str
    urgent: frozenset[str]
    """The severities that are urgent by themselves."""
    source: Source


@dataclass(frozen=True, slots=True)
class Peak:
    """A season of much traffic, of which customers are told. It changes no promise."""

    season: Season
    says: str
    source: Source


@dataclass(frozen=True, slots=True)
class ComingPeak:
    """A peak season that has not begun: its first day, the first day after it, and when it begins.

    `freezes` are the first days of the code freezes that overlap it, and the first days after them.
    """

    peak: Peak
    first: date
    end: date
    begins_at: datetime
    freezes: tuple[tuple[date, date], ...] = ()
