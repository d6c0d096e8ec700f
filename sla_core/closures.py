"""Days on which a calendar is closed (public holidays, dates, observed days, exceptions), and seasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sla_core.hours.published import HalfDay, PublicHolidays

__all__ = [
    "NEVER_CLOSED",
    "AnnualDay",
    "Closures",
    "Days",
    "EndClosures",
    "ListedDays",
    "MonthDay",
    "PublicHolidays",
    "Season",
]

# The library is slow to load, so only calendars that need it import it.
if TYPE_CHECKING:
    from recurring_ical_events import CalendarQuery

SATURDAY, SUNDAY = 5, 6


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
    """The days of an operator's list: an iCalendar file of whole-day events, once or recurring."""

    text: str
    certified_until: date | None = None
    """The end of its last year; None if anything in it recurs."""
    kept: frozenset[str] | None = None
    """The names of the events that count; None: all of them."""

    def in_year(self, year: int) -> dict[date, str]:
        """The days of `year`, with the names of all events of a day."""
        return dict(_listed_in(self.text, self.kept, year))

    def names(self) -> frozenset[str]:
        """The names of all of its events."""
        return _names_in(self.text)


@lru_cache(maxsize=1024)
def _listed_in(text: str, kept: frozenset[str] | None, year: int) -> tuple[tuple[date, str], ...]:
    names: dict[date, list[str]] = {}
    begin, end = date(year, 1, 1), date(year + 1, 1, 1)
    for event in _occurrences(text).between(begin, end):
        if kept is not None and str(event["SUMMARY"]) not in kept:
            continue
        first, after = max(event.start, begin), min(event.end, end)
        for day in (first + timedelta(n) for n in range((after - first).days)):
            named = names.setdefault(day, [])
            if (name := str(event["SUMMARY"])) not in named:
                named.append(name)
    return tuple((day, "; ".join(sorted(names[day]))) for day in sorted(names))


@lru_cache(maxsize=64)
def _names_in(text: str) -> frozenset[str]:
    from icalendar import Calendar

    return frozenset(str(event["SUMMARY"]) for event in Calendar.from_ical(text).walk("VEVENT"))


@lru_cache(maxsize=64)
def _occurrences(text: str) -> CalendarQuery:
    import recurring_ical_events
    from icalendar import Calendar

    return recurring_ical_events.of(Calendar.from_ical(text))


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
    half_days: timedelta | None = None
    """When half days close, as a time after midnight, if their name does not say it."""
    opened: tuple[ListedDays, ...] = ()
    """Working days from operators' lists, which are open in any case."""
    left_out: tuple[str, ...] = ()
    """What of its iCalendar files is not a day, so that it closes nothing: file, line, and why."""

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
        working = self.working_in(year)
        return {day: name for day, name in sorted(days.items()) if day.year == year and day not in working}

    def working_in(self, year: int) -> Mapping[date, str]:
        """The days that are open in any case: those of `working`, and those of lists in `year`."""
        if not self.opened:
            return self.working
        listed = {day: name for entry in self.opened for day, name in entry.in_year(year).items()}
        return {**listed, **self.working}

    def half_days_in(self, year: int) -> dict[date, HalfDay]:
        """The days of `year` that close in the afternoon, unless they are closed or working days anyway."""
        found = {day: half for rule in self.public for day, half in rule.half_days_in(year).items()}
        if not found:
            return {}
        spared = {*self.in_year(year), *self.working_in(year)}
        return {
            day: half if half.closes is not None else HalfDay(half.name, self.half_days)
            for day, half in sorted(found.items())
            if day not in spared
        }

    def half_days_without_hour(self, years: Iterable[int]) -> dict[date, str]:
        """The half days of these years for which neither the name nor `half_days` says when they close."""
        return {
            day: half.name
            for year in years
            for day, half in self.half_days_in(year).items()
            if half.closes is None
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
