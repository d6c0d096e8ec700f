"""Days on which a calendar does not open: public holidays, named dates, observed rules, exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

# The libraries of holidays and recurrences are loaded for the calendars that have such days.
if TYPE_CHECKING:
    from dateutil.rrule import rrule, rruleset

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
        closed = {day: self._closing(name) for day, name in days.items()}
        return {day: name for day, name in closed.items() if name}

    def _closing(self, name: str) -> str:
        """The name without the holidays that share the day and do not close it; empty where none does."""
        parts = name.split("; ")
        if self.only:
            return "; ".join(part for part in parts if _names(part) & self.only)
        return "; ".join(part for part in parts if _names(part) - self.excluding)

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
    import holidays

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


@dataclass(frozen=True, slots=True)
class ListedDays:
    """An entry of an operator's own list: `days` days from `first`, and again by `rule` if there is one.

    The rule is the value of an iCalendar RRULE; `skipped` are first days on which it does not apply.
    """

    name: str
    first: date
    days: int = 1
    rule: str | None = None
    skipped: frozenset[date] = frozenset()

    def in_year(self, year: int) -> dict[date, str]:
        """The days of `year` that it closes, also those of a stretch that began in the year before."""
        earliest = date(year, 1, 1) - timedelta(self.days - 1)
        closed = (
            start + timedelta(n)
            for start in self._starts(earliest, date(year, 12, 31))
            for n in range(self.days)
        )
        return {day: self.name for day in closed if day.year == year}

    def _starts(self, earliest: date, latest: date) -> list[date]:
        if self.rule is None:
            return [self.first] if earliest <= self.first <= latest else []
        found = _recurrence(self.rule, self.first).between(_midnight(earliest), _midnight(latest), inc=True)
        return [at.date() for at in found if at.date() not in self.skipped]


@lru_cache(maxsize=256)
def _recurrence(rule: str, first: date) -> rrule | rruleset:
    """The days of an iCalendar RRULE from `first` on. Raises ValueError for one that cannot be read."""
    from dateutil.rrule import rrulestr

    return rrulestr(rule, dtstart=_midnight(first), cache=True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


@dataclass(frozen=True)
class Closures:
    """All closed days of a calendar. A day in `working` is open whatever else closes it."""

    public: tuple[PublicHolidays, ...] = ()
    annual: tuple[AnnualDay, ...] = ()
    dates: Mapping[date, str] = field(default_factory=dict)
    working: Mapping[date, str] = field(default_factory=dict)
    certified_until: date | None = None
    """The last day for which the vendor's own list is known; later days follow the rules."""
    listed: tuple[ListedDays, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is a rule or a date that may close a day."""
        return bool(self.public or self.annual or self.dates or self.listed)

    def in_year(self, year: int) -> dict[date, str]:
        """Closed dates of `year` with their names, in order."""
        days: dict[date, str] = {}
        for rule in self.public:
            days |= rule.in_year(year)
        for annual in self.annual:
            for holiday_year in (year - 1, year, year + 1):
                days |= annual.of_year(holiday_year)
        for entry in self.listed:
            days |= entry.in_year(year)
        days |= self.dates
        return {
            day: name for day, name in sorted(days.items()) if day.year == year and day not in self.working
        }


NEVER_CLOSED = Closures()


@dataclass(frozen=True)
class EndClosures:
    """Whose holidays close hours that open in one zone and close in another.

    A day that both ends' lists close is closed. One that only the opening end's list closes keeps the part
    that the closing end works too: it opens at `shared_from` by the closing end's clocks. One that only the
    closing end's list closes keeps all of its hours.
    """

    opening: Closures = NEVER_CLOSED
    closing: Closures = NEVER_CLOSED
    shared_from: timedelta | None = None
    """Time after midnight; None: what the opening end's clocks show when the hours begin."""

    def closed_in(self, year: int) -> dict[date, str]:
        """Days that both lists close, with both names where they differ."""
        opening, closing = self.opening.in_year(year), self.closing.in_year(year)
        return {
            day: name if name == closing[day] else f"{name}; {closing[day]}"
            for day, name in opening.items()
            if day in closing
        }

    def shortened_in(self, year: int) -> dict[date, str]:
        """Days that only the opening end's list closes."""
        closing = self.closing.in_year(year)
        return {day: name for day, name in self.opening.in_year(year).items() if day not in closing}
