"""Days on which a calendar does not open: public holidays, named dates, observed rules, exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

import holidays

SATURDAY, SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """A country's holidays, by the `holidays` package; `only` and `excluding` take that package's names."""

    country: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)
    only: frozenset[str] = frozenset()
    excluding: frozenset[str] = frozenset()

    def in_year(self, year: int) -> dict[date, str]:
        days = _published(self.country, self.subdivision, self.categories, year)
        return {day: name for day, name in days.items() if self._closes(name)}

    def _closes(self, name: str) -> bool:
        names = _names(name)
        if self.only:
            return bool(names & self.only)
        return bool(names - self.excluding)

    def unknown_names(self, years: range) -> list[str]:
        """Names in `only` or `excluding` that no year of `years` has."""
        seen = {
            part
            for year in years
            for name in _published(self.country, self.subdivision, self.categories, year).values()
            for part in _names(name)
        }
        return sorted((self.only | self.excluding) - seen)


def _names(text: str) -> set[str]:
    """The package joins the names of holidays that share a day, and marks days that stand for another one."""
    return {name.removesuffix(" (observed)") for name in text.split("; ")}


@lru_cache(maxsize=512)
def _published(
    country: str, subdivision: str | None, categories: tuple[str, ...], year: int
) -> dict[date, str]:
    """Dates to English names, with the days that the country's law observes for those on a weekend.

    Raises NotImplementedError for a country or subdivision that is not known.
    """
    found = holidays.country_holidays(
        country, subdiv=subdivision, years=year, categories=categories, language="en_US"
    )
    return dict(found.items())


@dataclass(frozen=True, slots=True)
class AnnualDay:
    """A date of every year. `observed`: a Saturday also closes the Friday before, a Sunday the Monday after.

    `chosen` names another observed day for a year of the holiday, where the vendor has announced one.
    """

    name: str
    month: int
    day: int
    observed: bool = False
    chosen: Mapping[int, date] = field(default_factory=dict)

    def of_year(self, year: int) -> dict[date, str]:
        """The days that the holiday of `year` closes; an observed one may lie in the year before or after."""
        try:
            itself = date(year, self.month, self.day)
        except ValueError:  # 29 February
            return {}
        days = {itself: self.name}
        if self.observed and itself.weekday() in (SATURDAY, SUNDAY):
            usual = itself - timedelta(1) if itself.weekday() == SATURDAY else itself + timedelta(1)
            days[self.chosen.get(year, usual)] = f"{self.name} (observed)"
        return days


@dataclass(frozen=True)
class Closures:
    """All closed days of a calendar. A day in `working` is open whatever else closes it."""

    public: tuple[PublicHolidays, ...] = ()
    annual: tuple[AnnualDay, ...] = ()
    dates: Mapping[date, str] = field(default_factory=dict)
    working: Mapping[date, str] = field(default_factory=dict)
    certified_until: date | None = None
    """The last day for which the vendor's own list is known; later days follow the rules."""

    def in_year(self, year: int) -> dict[date, str]:
        """Closed dates of `year` with their names, in order."""
        days: dict[date, str] = {}
        for rule in self.public:
            days |= rule.in_year(year)
        for annual in self.annual:
            for holiday_year in (year - 1, year, year + 1):
                days |= annual.of_year(holiday_year)
        days |= self.dates
        return {
            day: name for day, name in sorted(days.items()) if day.year == year and day not in self.working
        }


NEVER_CLOSED = Closures()
