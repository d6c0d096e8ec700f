"""Rules beside the clock, each with its source: code freezes, peak seasons, features that the vendor ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sla_core.hours.amounts import Amount as Amount
from sla_core.hours.amounts import BusinessDays as BusinessDays
from sla_core.hours.amounts import amount_text as amount_text
from sla_core.hours.amounts import parse_amount as parse_amount
from sla_core.hours.openings import Season


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from: clause IDs, the rule in plain words, its place in the vendor's document."""

    clauses: tuple[str, ...]
    says: str
    where: str
    quote: str | None = None
    in_document: bool = True
    """False for a term of an order form, whose `where` says it all."""


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


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A feature that ends: the day of the notice, and the last day on which it is supported."""

    feature: str
    announced: date
    until: date


@dataclass(frozen=True, slots=True)
class Deprecations:
    """How long a feature is supported after the notice of its end, and those of which notice was given."""

    supported_months: int
    features: tuple[Deprecated, ...]
    source: Source

    def current(self, today: date) -> Iterator[Deprecated]:
        """Those that were announced and are still supported, the next to end first."""
        found = (each for each in self.features if each.announced <= today <= each.until)
        yield from sorted(found, key=lambda each: each.until)


def earliest_end(announced: date, supported_months: int) -> date:
    """The earliest last day of support after a notice on that day."""
    # Slow to load, so only policies with a registry of features import it.
    from dateutil.relativedelta import relativedelta

    return announced + relativedelta(months=supported_months)


@dataclass(frozen=True, slots=True)
class Reading:
    """A clause that can be read in two ways: the open question, and the chosen reading."""

    clause: str
    open_question: str
    chosen: str


@dataclass(frozen=True, slots=True)
class Uptime:
    """The part of a year in which the vendor's service is to be up: `share` is 0.998 for 99.8 percent."""

    share: float
    source: Source
