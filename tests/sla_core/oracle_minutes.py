"""Deadlines and receipts by a table of minutes, one table per office; shares no code with the product."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise

from tests.sla_core.oracle_vendors import HOURS_BY_CALENDAR, VendorHours, Within, Word

FIRST = datetime(2023, 12, 11, tzinfo=UTC)
LAST = datetime(2029, 3, 1, tzinfo=UTC)
A_MINUTE, NO_TIME = timedelta(minutes=1), timedelta(0)
QUARTER = 15
"""Minutes. Hours of work and clocks of a zone change only where one begins, so one look decides it whole."""

Line = tuple[datetime, datetime, timedelta, str]
"""From, to, what of it counts, why."""


class Minutes:
    """Every minute shown to an office's clock: whether it is open, and why not."""

    def __init__(self, business_hours: VendorHours) -> None:
        self.open = bytearray()
        self.stretches: list[tuple[int, str]] = []
        """The minutes from which something else is true than before, and what."""
        self.days: list[tuple[int, int]] = []
        """The first minute and the number of minutes of each business day."""
        self._walk(business_hours)
        self.open_before = array("i", accumulate(self.open, initial=0))
        self.opening_seconds = [opens * 60 for opens, _ in self.days]
        self.starts = [instant(minute * 60) for minute, _ in self.stretches]

    def _walk(self, business_hours: VendorHours) -> None:
        at, today, why = FIRST, date.min, ""
        off: str | None = None
        zone, hours = business_hours.zone, business_hours.hours
        for minute in range(0, (LAST - FIRST) // A_MINUTE, QUARTER):
            here = at.astimezone(zone)
            if here.day != today.day:
                today = here.date()
                off = business_hours.day_off(today)
            is_open = off is None and hours(here, at)
            self.open += bytes([is_open]) * QUARTER
            now = "open" if is_open else off or "night"
            if now != why:
                why = now
                self.stretches.append((minute, why))
            at += QUARTER * A_MINUTE
        self.days = [
            (minute, later - minute)
            for (minute, why), (later, _) in pairwise(self.stretches)
            if why == "open"
        ]

    def counted(self, at: datetime) -> int:
        """Seconds that were open from the start of the table to an instant."""
        minute, rest = divmod(second_of(at), 60)
        return self.open_before[minute] * 60 + rest * self.open[minute]

    def after(self, start: datetime, within: Within) -> datetime:
        """When it is due: so much open time later, or so many business days."""
        if isinstance(within, int):
            return self._after_days(second_of(start), within)
        wanted = self.counted(start) + int(within.total_seconds())
        minute = bisect_left(self.open_before, -(-wanted // 60)) - 1
        return instant(minute * 60 + wanted - self.open_before[minute] * 60)

    def _after_days(self, at: int, count: int) -> datetime:
        """A3, case by case."""
        today = bisect_right(self.opening_seconds, at) - 1
        opens, length = self.days[today][0] * 60, self.days[today][1] * 60
        if at >= opens + length:  # outside the hours: the next opening, with nothing spent of its day
            return self._close(today + count)
        if at == opens:
            return self._close(today + count - 1)
        later_opens, later_length = self.days[today + count]
        return instant(later_opens * 60 + min(at - opens, later_length * 60))

    def _close(self, day: int) -> datetime:
        opens, length = self.days[day]
        return instant((opens + length) * 60)

    def receipt(self, start: datetime, due: datetime) -> list[Line]:
        """The stretches that lie between two instants, the outer ones cut there."""
        first = bisect_right(self.starts, start) - 1
        last = bisect_left(self.starts, due)
        bounds = [start, *self.starts[first + 1 : last], due]
        whys = [why for _, why in self.stretches[first:last]]
        return [
            (begin, end, end - begin if why == "open" else NO_TIME, why)
            for begin, end, why in zip(bounds, bounds[1:], whys, strict=False)
        ]


@cache
def minutes_of(business_hours: str) -> Minutes:
    """An office's table, walked once in a run of the tests."""
    return Minutes(HOURS_BY_CALENDAR[business_hours])


def due_at(word: Word, start: datetime, within: Within | None) -> datetime | None:
    if within is None:
        return None
    if word.business_hours is None:
        assert isinstance(within, timedelta)
        return start + within
    return minutes_of(word.business_hours).after(start, within)


def receipt(word: Word, start: datetime, due: datetime) -> list[Line]:
    if word.business_hours is None:
        return [(start, due, due - start, "open")]
    return minutes_of(word.business_hours).receipt(start, due)


def second_of(at: datetime) -> int:
    return int((at - FIRST).total_seconds())


def instant(second: int) -> datetime:
    return FIRST + timedelta(seconds=second)
