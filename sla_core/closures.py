"""Days on which a calendar is closed (public holidays, dates, observed days, exceptions), and seasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

# These libraries are slow to load, so only calendars that need them import them.
if TYPE_CHECKING:
    from dateutil.rrule import rrule, rruleset

SATURDAY, SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """A country's holidays from the `holidays` package. `only` and `excluding` use that package's names."""

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
        """The names of the day's holidays that close it; empty if none does."""
        parts = name.split("; ")
        if self.only:
            return "; ".join(part for part in parts if _names(part) & self.only)
        return "; ".join(part for part in parts if _names(part) - self.excluding)

    def unknown_names(self, years: range) -> list[str]:
        """Names in `only` or `excluding` that occur in none of these years."""
        seen = {
            part
            for year in years
            for name in _published(self.country, self.subdivision, self.categories, year).values()
            for part in _names(name)
        }
        return sorted((self.only | self.excluding) - seen)


def _names(text: str) -> set[str]:
    """The single names: the package joins the names of one day's holidays, and marks observed days."""
    return {name.removesuffix(" (observed)") for name in text.split("; ")}


@lru_cache(maxsize=512)
def _published(
    country: str, subdivision: str | None, categories: tuple[str, ...], year: int
) -> dict[date, str]:
    """English holiday names by date, with the days observed for holidays on a weekend.

    Raises NotImplementedError for an unknown country or subdivision.
    """
    import holidays

    found = holidays.country_holidays(
        country, subdiv=subdivision, years=year, categories=categories, language="en_US"
    )
    return dict(found.items())


@dataclass(frozen=True, slots=True)
class AnnualDay:
    """A date of every year. If `observed`, a Saturday also closes Friday, and a Sunday also closes Monday.

    `chosen` has another observed day by year, if the vendor has announced one.
    """

    name: str
    month: int
    day: int
    observed: bool = False
    chosen: Mapping[int, date] = field(default_factory=dict)

    def of_year(self, year: int) -> dict[date, str]:
        """The days closed by the holiday of `year`. An observed day may be in the year before or after."""
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
    """An entry of an operator's list: `days` days from `first`, repeated by `rule` if there is one.

    `rule` is the value of an iCalendar RRULE. `skipped` are first days on which it does not apply.
    """

    name: str
    first: date
    days: int = 1
    rule: str | None = None
    skipped: frozenset[date] = frozenset()

    def in_year(self, year: int) -> dict[date, str]:
        """The closed days of `year`, including those of an entry that began in the year before."""
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
    """The days of an iCalendar RRULE from `first` on. Raises ValueError if the rule is invalid."""
    from dateutil.rrule import rrulestr

    return rrulestr(rule, dtstart=_midnight(first), cache=True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


@dataclass(frozen=True)
class Closures:
    """All closed days of a calendar. Days in `working` are open in any case."""

    public: tuple[PublicHolidays, ...] = ()
    annual: tuple[AnnualDay, ...] = ()
    dates: Mapping[date, str] = field(default_factory=dict)
    working: Mapping[date, str] = field(default_factory=dict)
    certified_until: date | None = None
    """The last day covered by the vendor's own list. Later days follow the rules."""
    listed: tuple[ListedDays, ...] = ()

    @property
    def any(self) -> bool:
        """Whether any rule or date may close a day."""
        return bool(self.public or self.annual or self.dates or self.listed)

    def in_year(self, year: int) -> dict[date, str]:
        """The closed dates of `year`, in order, with their names."""
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
    """The holidays of both ends, for hours that open in one zone and close in another.

    A holiday at both ends is closed. A holiday at the opening end only opens at `shared_from` by the closing
    end's clocks. A holiday at the closing end only has all of its hours.
    """

    opening: Closures = NEVER_CLOSED
    closing: Closures = NEVER_CLOSED
    shared_from: timedelta | None = None
    """Time after midnight; None: the time of day at which the hours usually begin."""

    def closed_in(self, year: int) -> dict[date, str]:
        """Holidays at both ends, with both names if they differ."""
        opening, closing = self.opening.in_year(year), self.closing.in_year(year)
        return {
            day: name if name == closing[day] else f"{name}; {closing[day]}"
            for day, name in opening.items()
            if day in closing
        }

    def shortened_in(self, year: int) -> dict[date, str]:
        """Holidays at the opening end only."""
        closing = self.closing.in_year(year)
        return {day: name for day, name in self.opening.in_year(year).items() if day not in closing}


MonthDay = tuple[int, int]
"""Month and day of every year."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `first` up to, and without, `end`: two dates, or two days of every year."""

    first: date | MonthDay
    end: date | MonthDay

    def ends_on(self, day: date) -> date | None:
        """The first day after these days, if `day` is one of them; otherwise None."""
        return next((end for first, end in self._occurrences(day) if first <= day < end), None)

    def begins_after(self, day: date) -> tuple[date, date] | None:
        """The next of these days after `day`: the first one, and the first day after them; None if over."""
        found = [*self._occurrences(day), *self._occurrences(date(day.year + 1, 12, 31))]
        return min((each for each in found if each[0] > day), default=None)

    def _occurrences(self, day: date) -> Iterator[tuple[date, date]]:
        """The only one, or those of this year and of the last, which may end in this one."""
        if isinstance(self.first, date) and isinstance(self.end, date):
            yield self.first, self.end
        elif isinstance(self.first, tuple) and isinstance(self.end, tuple):
            for year in (day.year - 1, day.year):
                yield date(year, *self.first), date(year + (self.end <= self.first), *self.end)


@dataclass(frozen=True, slots=True)
class Season:
    """Days of a code freeze or of peak traffic, by the clocks of a zone."""

    days: tuple[Days, ...]
    zone: ZoneInfo

    def ends_on(self, at: datetime) -> date | None:
        """The first day after the season, if it is on at this instant; otherwise None."""
        day = at.astimezone(self.zone).date()
        return max((end for days in self.days if (end := days.ends_on(day))), default=None)

    def begins_after(self, at: datetime) -> tuple[date, date] | None:
        """The first day of the next season after this instant, and the first day after it."""
        day = at.astimezone(self.zone).date()
        return min((found for days in self.days if (found := days.begins_after(day))), default=None)

    def over_since(self, day: date) -> date | None:
        """The first day after all of the days, if they are over by `day`; otherwise None."""
        ends = [days.end for days in self.days if isinstance(days.end, date)]
        return max(ends) if len(ends) == len(self.days) and max(ends) <= day else None
