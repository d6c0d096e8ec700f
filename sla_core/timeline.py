"""Instants as integer microseconds, and the compiled line of openings on which all arithmetic runs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000


def micros(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone; the clock takes aware instants only")
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def length(amount: timedelta) -> int:
    return (amount.days * 86_400 + amount.seconds) * SECOND + amount.microseconds


def instant_at(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def instant_of(naive: datetime, zone: tzinfo) -> datetime:
    """The UTC instant at which clocks in `zone` show `naive`.

    A time shown twice is the first of the two. A time that is skipped is the instant of the skip, so that
    hours that begin or end inside it shrink instead of moving.
    """
    aware = naive.replace(tzinfo=zone)
    instant = aware.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == naive:
        return instant
    late, early = micros(instant), micros(aware.replace(fold=1))
    after = instant_at(late).astimezone(zone).utcoffset()
    while late - early > SECOND:
        middle = (early + late) // 2 // SECOND * SECOND
        if middle <= early:
            break
        if instant_at(middle).astimezone(zone).utcoffset() == after:
            late = middle
        else:
            early = middle
    return instant_at(late)


@dataclass(frozen=True, slots=True)
class Line:
    """Openings. `before[i]` is the open time ahead of opening i, `day_before[d]` that ahead of day d."""

    starts: list[int]
    ends: list[int]
    before: list[int]
    day_of: list[int]
    day_before: list[int]
    first_year: int
    last_year: int
    since: int
    until: int

    @classmethod
    def empty(cls) -> Line:
        return cls([], [], [0], [], [0], 9999, 0, 0, 0)

    def spent(self, instant: int) -> int:
        """Open time from the start of the line to `instant`."""
        i = bisect_right(self.starts, instant) - 1
        if i < 0:
            return 0
        return self.before[i] + min(instant, self.ends[i]) - self.starts[i]

    def reached(self, wanted: int) -> int:
        """The first instant by which `wanted` open time is spent."""
        i = bisect_left(self.before, wanted) - 1
        return self.starts[i] + wanted - self.before[i]
