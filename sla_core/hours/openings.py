"""Openings (spans, hours by weekday, compiled to UTC) and the closed days and seasons of a calendar."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sla_core.hours.public_holidays import HalfDay, PublicHolidays

# The library is slow to load, so only calendars that need it import it.
if TYPE_CHECKING:
    from recurring_ical_events import CalendarQuery


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` up to but not including `end`; both aware. A span that ends before it starts is empty."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        return self.start < self.end

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def __and__(self, other: Span) -> Span:
        return Span(max(self.start, other.start), min(self.end, other.end))

    @property
    def length(self) -> timedelta:
        return max(self.end - self.start, timedelta(0))

    def minus(self, gaps: Iterable[Span]) -> list[Span]:
        """The parts of this span that are in no gap, in order."""
        left: list[Span] = []
        at = self.start
        for gap in sorted(gaps):
            if not (gap & self):
                continue
            if at < gap.start:
                left.append(Span(at, gap.start))
            at = max(at, gap.end)
        if at < self.end:
            left.append(Span(at, self.end))
        return left


NO_TIME = timedelta(0)
_SECOND = timedelta(seconds=1)


def in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; the clock takes aware instants only")
    return at.astimezone(UTC)


def instant_of(naive: datetime, zone: tzinfo) -> datetime:
    """The UTC instant at which clocks in `zone` show `naive`.

    Of a time shown twice, the first. For a skipped time, the instant of the skip, so that
    hours that begin or end inside it shrink instead of moving.
    """
    aware = naive.replace(tzinfo=zone)
    late = aware.astimezone(UTC)
    # Within one zone, == compares what the clocks show: it is False only for a skipped time.
    if late.astimezone(zone) == aware:
        return late
    early = aware.replace(fold=1).astimezone(UTC)
    after = late.astimezone(zone).utcoffset()
    while late - early > _SECOND:
        middle = (early + (late - early) // 2).replace(microsecond=0)
        if middle <= early:
            break
        if middle.astimezone(zone).utcoffset() == after:
            late = middle
        else:
            early = middle
    return late


@dataclass(frozen=True, slots=True)
class CompiledOpenings:
    """Openings in UTC. `before[i]` is the open time before opening i, `day_before[d]` that before day d.

    `origins[i]` is the start of opening i minus `before[i]`. So inside that opening, an instant is its
    origin plus the open time spent by then.
    """

    starts: list[datetime]
    ends: list[datetime]
    origins: list[datetime]
    before: list[timedelta]
    day_of: list[int]
    day_before: list[timedelta]
    first_year: int
    last_year: int
    since: datetime
    until: datetime

    @classmethod
    def empty(cls) -> CompiledOpenings:
        never = datetime.min.replace(tzinfo=UTC)
        return cls([], [], [], [NO_TIME], [], [NO_TIME], 9999, 0, never, never)

    def spent(self, instant: datetime) -> timedelta:
        """The open time from the first opening to `instant`."""
        i = bisect_right(self.starts, instant) - 1
        if i < 0:
            return NO_TIME
        end = self.ends[i]
        return (instant if instant < end else end) - self.origins[i]

    def reached(self, wanted: timedelta) -> datetime:
        """The first instant at which this much open time is spent."""
        return self.origins[bisect_left(self.before, wanted) - 1] + wanted


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

DAY = timedelta(1)


@dataclass(frozen=True, slots=True)
class BoundaryTime:
    """A wall-clock time in a zone. `after_midnight` may be 24 hours, the end of the day."""

    after_midnight: timedelta
    zone: ZoneInfo
    customers: bool = False
    """Whether the zone is each customer's own. `zone` is UTC until it is known."""

    def on(self, day: date) -> datetime:
        """The UTC instant at which clocks in the zone show this time on that date."""
        naive = datetime.combine(day, time()) + self.after_midnight
        return instant_of(naive, self.zone)

    def at(self, after_midnight: timedelta) -> BoundaryTime:
        """Another time in the same zone."""
        return BoundaryTime(after_midnight, self.zone, self.customers)

    def in_zone(self, zone: ZoneInfo) -> BoundaryTime:
        """In the customer's zone, if it is the customer's."""
        return BoundaryTime(self.after_midnight, zone, True) if self.customers else self

    def __str__(self) -> str:
        minutes = int(self.after_midnight.total_seconds()) // 60
        zone = "in the customer's zone" if self.customers else self.zone.key
        return f"{minutes // 60:02}:{minutes % 60:02} {zone}"


@dataclass(frozen=True, slots=True)
class Hours:
    """One opening per listed weekday (0 is Monday), by the date at the opening end.

    It closes on the same date, or on the next date if it would otherwise close before it opens.
    """

    weekdays: frozenset[int]
    """The weekdays of the business days to which the openings belong."""
    opens: BoundaryTime
    closes: BoundaryTime
    begins: int = 0
    """On which day it opens, counted from its business day: -1 is the day before."""
    ends: int | None = None
    """On which day it closes, counted alike; None: on the first one after it opens."""

    @property
    def two_zones(self) -> bool:
        return self.opens.zone.key != self.closes.zone.key

    @property
    def loses_a_minute(self) -> bool:
        """Whether it closes at 23:59, which usually means the end of the day."""
        return self.closes.after_midnight == DAY - timedelta(minutes=1)

    @property
    def touched(self) -> frozenset[int]:
        """The weekdays on which it is open for some of the time, except for the end of a night."""
        if self.ends is None:
            return frozenset((day + self.begins) % 7 for day in self.weekdays)
        return frozenset((day + n) % 7 for day in self.weekdays for n in range(self.begins, self.ends + 1))

    def on(
        self, day: date, close_early: timedelta | None = None, open_late: BoundaryTime | None = None
    ) -> Span:
        """The opening of a business day. It ends at `close_early`, after midnight, if that comes first.

        Of hours that pass midnight, an early time before the usual one is on the day on which they end.
        """
        first = day + self.begins * DAY
        start = self.opens.on(first)
        last = first if self.ends is None else day + self.ends * DAY
        end = self.closes.on(last)
        if self.ends is None and end <= start and self.closes.after_midnight <= self.opens.after_midnight:
            last = first + DAY
            end = self.closes.on(last)
        if close_early is not None:
            passes_midnight = last > first and close_early > self.closes.after_midnight
            end = min(end, self.closes.at(close_early).on(last - DAY if passes_midnight else last))
        if open_late is not None:
            start = max(start, open_late.on(day))
        return Span(start, end)

    def in_zone(self, zone: ZoneInfo) -> Hours:
        """These hours, with the customer's zone where they follow it."""
        return replace(self, opens=self.opens.in_zone(zone), closes=self.closes.in_zone(zone))

    def __str__(self) -> str:
        days = ", ".join(WEEKDAYS[day] for day in sorted(self.weekdays))
        return f"{days} {self.opens} to {self.closes}"


def through(first: int, last: int, opens: BoundaryTime, closes: BoundaryTime, by_end: bool) -> list[Hours]:
    """The business days of one opening of several days, from one weekday to another (0 is Monday).

    Each begins at the time of day of the opening; the last one ends with it. A business day belongs to the
    date on which it ends if `by_end`, else to that on which it begins. From Sunday 14:00 to Friday 17:00
    there are five.
    """
    count = (last - first) % 7 or 7
    begins, ends = (-1, 0) if by_end else (0, 1)
    days = [(first + n - begins) % 7 for n in range(count)]
    parts = [Hours(frozenset(days[:-1]), opens, opens, begins, ends)] if count > 1 else []
    return [*parts, Hours(frozenset(days[-1:]), opens, closes, begins, ends)]


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
