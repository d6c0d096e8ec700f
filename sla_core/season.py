"""Seasons of a policy: the days of a code freeze or of peak traffic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

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

    def _occurrences(self, day: date) -> Iterator[tuple[date, date]]:
        """The only one, or those of this year and of the last, which may end in this one."""
        if isinstance(self.first, date) and isinstance(self.end, date):
            yield self.first, self.end
        elif isinstance(self.first, tuple) and isinstance(self.end, tuple):
            for year in (day.year - 1, day.year):
                yield date(year, *self.first), date(year + (self.end <= self.first), *self.end)


@dataclass(frozen=True, slots=True)
class Season:
    """Some days by the clocks of a zone."""

    days: tuple[Days, ...]
    zone: ZoneInfo

    def ends_on(self, at: datetime) -> date | None:
        """The first day after the season, if it is on at this instant; otherwise None."""
        day = at.astimezone(self.zone).date()
        return max((end for days in self.days if (end := days.ends_on(day))), default=None)

    def over_since(self, day: date) -> date | None:
        """The first day after all of the days, if they are over by `day`; otherwise None."""
        ends = [days.end for days in self.days if isinstance(days.end, date)]
        return max(ends) if len(ends) == len(self.days) and max(ends) <= day else None
