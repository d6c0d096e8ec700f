"""m3ter's deadlines by walking a table of minutes; shares no code with the calendars it is held against.

Each UTC minute is shown to the clocks in Berlin and New York, and the hours are tested as they are written.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
FIRST = datetime(2025, 12, 15, tzinfo=UTC)
LAST = datetime(2028, 1, 20, tzinfo=UTC)
NOBODY_WORKS = ("sat", "sun")

Receipt = list[tuple[datetime, datetime, int, str]]
"""From, to, seconds counted, why."""


def silver_is_open(in_berlin: datetime, in_new_york: datetime) -> bool:
    """10 to 18 in Berlin, Monday to Friday (M3-10)."""
    return in_berlin.weekday() < 5 and 10 <= in_berlin.hour < 18


def gold_is_open(in_berlin: datetime, in_new_york: datetime) -> bool:
    """From 10 in Berlin on its date until 17 in New York on the same date, Monday to Friday (M3-11)."""
    same_date = (in_new_york.month, in_new_york.day) == (in_berlin.month, in_berlin.day)
    return in_berlin.weekday() < 5 and in_berlin.hour >= 10 and same_date and in_new_york.hour < 17


IS_OPEN = {"silver": silver_is_open, "gold": gold_is_open}


@dataclass
class Minutes:
    """Which minutes are open under each plan, and the date in Berlin of each."""

    open: dict[str, bytearray]
    berlin_dates: list[date]

    @cached_property
    def opened_before(self) -> dict[str, list[int]]:
        """How many minutes were open before each minute of the table."""
        sums = {}
        for plan, flags in self.open.items():
            running, total = [0], 0
            for flag in flags:
                total += flag
                running.append(total)
            sums[plan] = running
        return sums

    @cached_property
    def changes(self) -> dict[str, list[int]]:
        """The minutes at which a plan opens or closes, or a new day begins in Berlin."""
        dates = self.berlin_dates
        return {
            plan: [m for m in range(1, len(flags)) if flags[m] != flags[m - 1] or dates[m] != dates[m - 1]]
            for plan, flags in self.open.items()
        }

    @cached_property
    def business_days(self) -> dict[str, list[tuple[int, int]]]:
        """Opening and closing minute of each business day, in order."""
        found = {}
        for plan, flags in self.open.items():
            days: dict[date, list[int]] = {}
            edges = [0, *self.changes[plan], len(flags)]
            for begin, end in pairwise(edges):
                if flags[begin]:
                    days.setdefault(self.berlin_dates[begin], []).extend((begin, end))
            found[plan] = [(min(minutes), max(minutes)) for minutes in days.values()]
        return found

    def open_seconds_before(self, plan: str, second: int) -> int:
        minute, rest = divmod(second, 60)
        return self.opened_before[plan][minute] * 60 + (rest if self.open[plan][minute] else 0)

    def after_open_hours(self, plan: str, start: datetime, hours: int) -> datetime:
        """The instant by which that much open time has run."""
        wanted = self.open_seconds_before(plan, second_of(start)) + hours * 3600
        minute = bisect_left(self.opened_before[plan], -(-wanted // 60)) - 1
        return instant(minute * 60 + wanted - self.opened_before[plan][minute] * 60)

    def after_one_business_day(self, plan: str, start: datetime) -> datetime:
        """A3: the same offset into the next business day, clamped to its close.

        Outside the hours the next opening counts, and offset 0 is the close of the day before the next one.
        """
        days, at = self.business_days[plan], second_of(start)
        today = bisect_right(days, at, key=lambda day: day[0] * 60) - 1
        opens, closes = (minute * 60 for minute in days[today])
        if at == opens:
            return instant(closes)
        if at >= closes:
            return instant(days[today + 1][1] * 60)
        next_opens, next_closes = (minute * 60 for minute in days[today + 1])
        return instant(min(next_opens + at - opens, next_closes))

    def receipt(self, plan: str, start: datetime, due: datetime) -> Receipt:
        """Every stretch between two instants, cut where the hours or Berlin's date change, then joined."""
        first, last = second_of(start), second_of(due)
        changes = self.changes[plan]
        inner = changes[bisect_right(changes, first // 60) : bisect_left(changes, last / 60)]
        cuts = [first, *(minute * 60 for minute in inner), last]
        joined: list[tuple[int, int, str]] = []
        for begin, end in pairwise(cuts):
            why = self._why(plan, begin // 60)
            if joined and joined[-1][2] == why:
                joined[-1] = (joined[-1][0], end, why)
            else:
                joined.append((begin, end, why))
        return [
            (instant(begin), instant(end), end - begin if why == "open" else 0, why)
            for begin, end, why in joined
        ]

    def _why(self, plan: str, minute: int) -> str:
        if self.open[plan][minute]:
            return "open"
        return "weekend" if f"{self.berlin_dates[minute]:%a}".lower() in NOBODY_WORKS else "night"


def walk() -> Minutes:
    """Show every minute to the clocks of both cities."""
    flags = {plan: bytearray() for plan in IS_OPEN}
    dates: list[date] = []
    at = FIRST
    while at < LAST:
        in_berlin, in_new_york = at.astimezone(BERLIN), at.astimezone(NEW_YORK)
        for plan, is_open in IS_OPEN.items():
            flags[plan].append(is_open(in_berlin, in_new_york))
        dates.append(in_berlin.date())
        at += timedelta(minutes=1)
    return Minutes(flags, dates)


def second_of(at: datetime) -> int:
    return int((at - FIRST).total_seconds())


def instant(second: int) -> datetime:
    return FIRST + timedelta(seconds=second)


def every_hour(first_year: int, last_year: int) -> list[datetime]:
    begin = datetime.combine(date(first_year, 1, 1), time(), UTC)
    end = datetime.combine(date(last_year + 1, 1, 1), time(), UTC)
    return [begin + timedelta(hours=n) for n in range(int((end - begin) / timedelta(hours=1)))]
