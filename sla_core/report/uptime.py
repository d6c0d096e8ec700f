"""The uptime line: for how long a service was down in a period, against what its policy allows (CUP-19)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sla_core.calendar import Span
from sla_core.policy import Uptime

A_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class UptimeLine:
    """How long an account's service was down within a period."""

    promised: Uptime
    period: timedelta
    down: timedelta
    outages: int

    @property
    def share(self) -> float:
        """The part of the period in which it was up."""
        return 1 - self.down / self.period if self.period else 1.0

    @property
    def allowed_in_a_year(self) -> timedelta:
        return A_YEAR * (1 - self.promised.share)

    @property
    def kept(self) -> bool:
        """Whether no more of a year is spent than it allows, as far as this period shows."""
        return self.down <= self.allowed_in_a_year


def uptime_line(promised: Uptime, outages: Iterable[Span], period: Span) -> UptimeLine:
    """Outages that overlap count once. What lies outside the period does not count."""
    cut = sorted(outage & period for outage in outages if outage & period)
    up = period.minus(cut)
    down = period.length - sum((span.length for span in up), timedelta(0))
    return UptimeLine(promised, period.length, down, len(cut))
