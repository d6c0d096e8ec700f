"""Business calendars: when a promise's clock counts, with hours in one or several time zones.

All arithmetic uses compiled openings, which are built a few years at a time on demand. Arguments are aware
datetimes; results are in UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sla_core.hours.openings import (
    DAY,
    NEVER_CLOSED,
    NO_TIME,
    WEEKDAYS,
    BoundaryTime,
    Closures,
    CompiledOpenings,
    EndClosures,
    Hours,
    Span,
    in_utc,
    instant_of,
)
from sla_core.hours.public_holidays import HalfDay


@dataclass(frozen=True, slots=True)
class Gap:
    """A period that does not count on a ticket. `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    why: str


__all__ = [
    "FURTHEST_YEAR",
    "NO_TIME",
    "WEEKDAYS",
    "BoundaryTime",
    "BusinessCalendar",
    "Hours",
    "NeverOpens",
    "Span",
    "always",
    "around_the_clock",
    "in_utc",
    "instant_of",
]

FURTHEST_YEAR = 2200
"""A promise that runs past this year is a mistake in the policy, not a deadline."""

_EARLIEST_YEAR = 1972


class NeverOpens(ValueError):
    """The calendar has no opening that could answer the question."""


@dataclass(eq=False)
class BusinessCalendar:
    """Openings by weekday, closed days, and days that close early."""

    hours: tuple[Hours, ...]
    closures: Closures = NEVER_CLOSED
    early_closings: Mapping[date, timedelta] = field(default_factory=dict)
    """Dates that close at this time after midnight, in the zone of the closing end."""
    ends: EndClosures | None = None
    """The holidays of each end, for hours between two zones."""
    special: Mapping[date, tuple[Hours, ...]] = field(default_factory=dict)
    """Dates with openings of their own, whatever closes them and on whichever weekday."""

    def __post_init__(self) -> None:
        if not any(hours.weekdays for hours in self.hours):
            raise NeverOpens("a calendar needs at least one weekday on which it opens")
        self._openings = CompiledOpenings.empty()
        self._closed: dict[int, dict[date, str]] = {}
        self._shortened: dict[int, dict[date, str]] = {}
        self._half_days: dict[int, dict[date, HalfDay]] = {}
        self._working: dict[int, Mapping[date, str]] = {}
        self._in_zones: dict[str, BusinessCalendar] = {}

    @property
    def zone(self) -> ZoneInfo:
        """The zone that defines the calendar's dates: that of its opening end."""
        return self.hours[0].opens.zone

    @property
    def follows_customer(self) -> bool:
        """Whether hours are in the zone of each customer, so that `in_zone` has to name it."""
        every = (*self.hours, *(hours for day in self.special.values() for hours in day))
        return any(hours.opens.customers or hours.closes.customers for hours in every)

    def in_zone(self, key: str) -> BusinessCalendar:
        """This calendar for a customer in the time zone of this name; without one, in UTC."""
        if not key or not self.follows_customer:
            return self
        if key not in self._in_zones:
            zone = ZoneInfo(key)
            special = {day: tuple(each.in_zone(zone) for each in own) for day, own in self.special.items()}
            hours = tuple(each.in_zone(zone) for each in self.hours)
            self._in_zones[key] = replace(self, hours=hours, special=special)
        return self._in_zones[key]

    @property
    def always_open(self) -> bool:
        whole_days = [
            hours
            for hours in self.hours
            if hours.closes.after_midnight - hours.opens.after_midnight == DAY
            and hours.closes.zone.key == hours.opens.zone.key
        ]
        return not self._can_close and {d for h in whole_days for d in h.weekdays} == set(range(7))

    @property
    def _can_close(self) -> bool:
        return self.closures.any or bool(self.early_closings or self.special) or self.ends is not None

    def is_open(self, at: datetime) -> bool:
        instant = in_utc(at)
        compiled = self._covering(instant, instant)
        i = bisect_right(compiled.starts, instant) - 1
        return i >= 0 and instant < compiled.ends[i]

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Open time between two instants; zero if `end` is not after `start`."""
        first, last = in_utc(start), in_utc(end)
        if last <= first:
            return NO_TIME
        compiled = self._covering(first, last)
        return compiled.spent(last) - compiled.spent(first)

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """When `amount` of open time has passed. If it runs out exactly at a close, that close."""
        instant = in_utc(start)
        if amount < NO_TIME:
            raise ValueError("open time to add cannot be negative")
        if not amount:
            return instant
        compiled = self._covering(instant, instant)
        wanted = compiled.spent(instant) + amount
        while wanted > compiled.before[-1]:
            compiled = self._extended()
            wanted = compiled.spent(instant) + amount
        return compiled.reached(wanted)

    def add_days(self, start: datetime, days: int) -> datetime:
        """The same offset into the `days`-th following business day, clamped to that day's close.

        The offset is the open time since the day's opening. Outside the hours, the next opening counts;
        offset 0 is the close of the business day before.
        """
        if days < 1:
            raise ValueError("business days to add must be at least 1")
        instant = in_utc(start)
        compiled = self._covering(instant, instant)
        while True:
            i = bisect_right(compiled.starts, instant) - 1
            if i < 0 or instant >= compiled.ends[i]:
                i += 1
            if i < len(compiled.starts):
                day = compiled.day_of[i]
                if day + days + 1 < len(compiled.day_before):
                    break
            compiled = self._extended()
        offset = compiled.spent(instant) - compiled.day_before[day]
        begun, over = compiled.day_before[day + days], compiled.day_before[day + days + 1]
        return compiled.reached(min(begun + offset, over))

    def add_calendar_days(self, start: datetime, days: int) -> datetime:
        """The same time of day, so many dates later, by the clocks of the calendar's zone."""
        there = in_utc(start).astimezone(self.zone)
        return instant_of(there.replace(tzinfo=None, fold=0) + timedelta(days), self.zone)

    def next_opening(self, at: datetime) -> datetime:
        """`at` itself if open, else the start of the next opening."""
        instant = in_utc(at)
        compiled = self._covering(instant, instant)
        i = bisect_right(compiled.starts, instant) - 1
        if i >= 0 and instant < compiled.ends[i]:
            return instant
        while i + 1 >= len(compiled.starts):
            compiled = self._extended()
            i = bisect_right(compiled.starts, instant) - 1
        return compiled.starts[i + 1]

    def closing(self, at: datetime) -> datetime | None:
        """The end of the open stretch around `at`; None if closed then, or open for years."""
        if self.always_open:
            return None
        instant = in_utc(at)
        compiled = self._covering(instant, instant)
        i = bisect_right(compiled.starts, instant) - 1
        if i < 0 or instant >= compiled.ends[i]:
            return None
        while i + 1 < len(compiled.starts) and compiled.starts[i + 1] == compiled.ends[i]:
            i += 1
        return compiled.ends[i] if i + 1 < len(compiled.starts) else None

    def closed_since(self, at: datetime) -> datetime | None:
        """The end of the last opening before a closed instant; None if `at` is open, or if there was none."""
        instant = in_utc(at)
        compiled = self._covering(instant, instant)
        i = bisect_right(compiled.starts, instant) - 1
        return None if i < 0 or instant < compiled.ends[i] else compiled.ends[i]

    def openings(self, within: Span) -> Iterator[Span]:
        """The openings that overlap `within`, in order and cut to it."""
        first, last = in_utc(within.start), in_utc(within.end)
        compiled = self._covering(first, last)
        i = max(bisect_right(compiled.starts, first) - 1, 0)
        while i < len(compiled.starts) and compiled.starts[i] < last:
            stretch = Span(compiled.starts[i], compiled.ends[i]) & within
            if stretch:
                yield stretch
            i += 1

    def why_closed(self, at: datetime) -> str:
        """Why a closed instant does not count, by its local date: `holiday: NAME`, `weekend` or `night`."""
        day = at.astimezone(self.zone).date()
        closed = self._closed_in(day.year).get(day)
        if closed is not None:
            return f"holiday: {closed}"
        shortened = self._shortened_in(day.year).get(day)
        if shortened is not None:
            opened = self.day_openings(day)
            if not opened or at < opened[0].start:
                return f"holiday: {shortened}"
        half = self._half_days_in(day.year).get(day)
        if not self._has_hours(day):
            return "weekend"
        named = day in self.early_closings or day in self.special
        closes = None if half is None or named else half.closes
        if half is not None and closes is not None:
            ends = (hours.closes.at(closes).on(day) for hours in self.hours)
            if min(ends) <= at:
                return f"holiday: {half.name}"
        return "night"

    def _working_in(self, year: int) -> Mapping[date, str]:
        if year not in self._working:
            self._working[year] = self.closures.working_in(year)
        return self._working[year]

    def _is_working(self, day: date) -> bool:
        return day in self._working_in(day.year)

    def _has_hours(self, day: date) -> bool:
        named = self._is_working(day) or day in self.special
        return named or any(day.weekday() in hours.touched for hours in self.hours)

    def day_openings(self, day: date) -> list[Span]:
        """The openings on a date of the opening end's zone. They may overlap."""
        if day in self.special:
            return sorted(span for hours in self.special[day] if (span := hours.on(day)))
        closed = day in self._closed_in(day.year)
        spans = []
        for hours in self.hours:
            opens = day.weekday() in hours.weekdays or (
                self._is_working(day) and hours in self._usual_hours(day)
            )
            if opens and not closed:
                span = hours.on(day, self._closes_early(day), self._open_late(hours, day))
                if span:
                    spans.append(span)
        return sorted(spans)

    def _closes_early(self, day: date) -> timedelta | None:
        """When this date closes, after midnight; None: as usual."""
        if day in self.early_closings:
            return self.early_closings[day]
        half = self._half_days_in(day.year).get(day)
        return half.closes if half else None

    def _usual_hours(self, day: date) -> list[Hours]:
        """The hours of a working day on a weekday without hours: those of the week's first day."""
        if any(day.weekday() in hours.weekdays for hours in self.hours):
            return []
        first = min(weekday for hours in self.hours for weekday in hours.weekdays)
        return [hours for hours in self.hours if first in hours.weekdays]

    def shared_from(self, hours: Hours) -> BoundaryTime:
        """When these hours begin on a day that is a holiday at the opening end only."""
        own_start = self.ends.shared_from if self.ends else None
        return BoundaryTime(hours.opens.after_midnight if own_start is None else own_start, hours.closes.zone)

    def _open_late(self, hours: Hours, day: date) -> BoundaryTime | None:
        shortened = hours.two_zones and day in self._shortened_in(day.year)
        return self.shared_from(hours) if shortened else None

    def _closed_in(self, year: int) -> dict[date, str]:
        if year not in self._closed:
            both_ends = self.ends.closed_in(year) if self.ends else {}
            working = self._working_in(year)
            closed = {day: name for day, name in both_ends.items() if day not in working}
            closed |= self.closures.in_year(year)
            self._closed[year] = {day: name for day, name in closed.items() if day not in self.special}
        return self._closed[year]

    def _shortened_in(self, year: int) -> dict[date, str]:
        if self.ends is None:
            return {}
        if year not in self._shortened:
            spared = {*self._working_in(year), *self._closed_in(year)}
            days = self.ends.shortened_in(year)
            self._shortened[year] = {day: name for day, name in days.items() if day not in spared}
        return self._shortened[year]

    def _half_days_in(self, year: int) -> dict[date, HalfDay]:
        if year not in self._half_days:
            self._half_days[year] = self.closures.half_days_in(year)
        return self._half_days[year]

    def _covering(self, first: datetime, last: datetime) -> CompiledOpenings:
        compiled = self._openings
        if compiled.since <= first and last < compiled.until:
            return compiled
        since = min(compiled.first_year, first.year - 1)
        until = max(compiled.last_year, last.year + 2)
        self._openings = compiled = self._compiled(since, until)
        return compiled

    def _extended(self) -> CompiledOpenings:
        first, last = self._openings.first_year, self._openings.last_year
        if last >= FURTHEST_YEAR:
            raise NeverOpens(f"no opening before the year {FURTHEST_YEAR} lets this much time pass")
        self._openings = compiled = self._compiled(first, min(last + max(4, last - first), FURTHEST_YEAR))
        return compiled

    def _compiled(self, first_year: int, last_year: int) -> CompiledOpenings:
        if first_year < _EARLIEST_YEAR or last_year > FURTHEST_YEAR + 4:
            raise ValueError(f"calendars answer for the years {_EARLIEST_YEAR} to {FURTHEST_YEAR}")
        starts: list[datetime] = []
        ends: list[datetime] = []
        origins: list[datetime] = []
        before = [NO_TIME]
        day_of: list[int] = []
        day_before = [NO_TIME]
        for year in range(first_year, last_year + 1):
            for day in _days_of(year):
                spent = before[-1]
                for span in self._merged(day):
                    start = max(span.start, ends[-1]) if ends else span.start
                    if start < span.end:
                        starts.append(start)
                        ends.append(span.end)
                        origins.append(start - before[-1])
                        before.append(before[-1] + (span.end - start))
                        day_of.append(len(day_before) - 1)
                if before[-1] > spent:
                    day_before.append(before[-1])
        since = datetime(first_year, 1, 2, tzinfo=UTC)
        until = datetime(last_year, 12, 30, tzinfo=UTC)
        return CompiledOpenings(
            starts, ends, origins, before, day_of, day_before, first_year, last_year, since, until
        )

    def _merged(self, day: date) -> list[Span]:
        merged: list[Span] = []
        for span in self.day_openings(day):
            if merged and span.start <= merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
            else:
                merged.append(span)
        return merged


def always() -> BusinessCalendar:
    """A calendar that is always open, in UTC and therefore without daylight saving time."""
    return _every_hour("UTC")


@lru_cache(maxsize=64)
def around_the_clock(zone: str) -> BusinessCalendar:
    """A calendar that is always open, with the dates of a zone."""
    return _every_hour(zone)


def _every_hour(key: str) -> BusinessCalendar:
    zone = ZoneInfo(key)
    every_day = Hours(frozenset(range(7)), BoundaryTime(timedelta(0), zone), BoundaryTime(DAY, zone))
    return BusinessCalendar((every_day,))


def _days_of(year: int) -> Iterator[date]:
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += DAY
