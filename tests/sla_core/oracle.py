"""m3ter's deadlines by walking a table of minutes; shares no code with the calendars it is held against."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from tests.sla_core.oracle_minutes import Minutes as Table
from tests.sla_core.oracle_minutes import instant, minutes_of, second_of

PLANS = ("silver", "gold")

Receipt = list[tuple[datetime, datetime, int, str]]
"""From, to, seconds counted, why."""


class Minutes:
    """The tables of both plans."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {plan: minutes_of(plan) for plan in PLANS}

    @cached_property
    def open(self) -> dict[str, bytearray]:
        return {plan: table.open for plan, table in self.tables.items()}

    @cached_property
    def business_days(self) -> dict[str, list[tuple[int, int]]]:
        """Opening and closing minute of each business day, in order."""
        return {
            plan: [(opens, opens + length) for opens, length in table.days]
            for plan, table in self.tables.items()
        }

    def after_open_hours(self, plan: str, start: datetime, hours: int) -> datetime:
        """The instant by which that much open time has run."""
        return self.tables[plan].after(start, timedelta(hours=hours))

    def after_one_business_day(self, plan: str, start: datetime) -> datetime:
        return self.tables[plan].after(start, 1)

    def receipt(self, plan: str, start: datetime, due: datetime) -> Receipt:
        return [
            (begin, end, int(counted.total_seconds()), why)
            for begin, end, counted, why in self.tables[plan].receipt(start, due)
        ]


def walk() -> Minutes:
    return Minutes()


def every_hour(first_year: int, last_year: int) -> list[datetime]:
    begin = datetime.combine(date(first_year, 1, 1), time(), UTC)
    end = datetime.combine(date(last_year + 1, 1, 1), time(), UTC)
    return [begin + timedelta(hours=n) for n in range(int((end - begin) / timedelta(hours=1)))]


__all__ = ["PLANS", "Minutes", "Receipt", "every_hour", "instant", "second_of", "walk"]
