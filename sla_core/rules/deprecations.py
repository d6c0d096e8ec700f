"""Features that the vendor ends, and until when it supports them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sla_core.rules.source import Source


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
