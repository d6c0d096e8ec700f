"""Openings: spans of time, hours by weekday in one or two time zones, and openings compiled to UTC."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo


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
    if late.astimezone(zone).replace(tzinfo=None) == naive:
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
