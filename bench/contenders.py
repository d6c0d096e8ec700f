"""The contenders: our calendar and its peers, with the same hours, holidays and zone.

A contender lacks the functions for cases that it cannot express.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import businesstimedelta
import pandas
import pytz
import timegrid
import workclock

from sla_core.calendar import BoundaryTime, BusinessCalendar, Hours
from sla_core.hours.openings import Closures, PublicHolidays

OURS = "Frontline"
WORKCLOCK = "workclock"
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
WORKDAY = timedelta(hours=8)
COUNTRY = "DE"
HOLIDAY_YEARS = range(2023, 2032)
"""Covers more than all instants: beyond their last holiday the peers go wrong or fail."""

Add = Callable[[datetime, timedelta], datetime]
AddDays = Callable[[datetime, int], datetime]
Between = Callable[[datetime, datetime], timedelta]


@dataclass(frozen=True, slots=True)
class Contender:
    """One implementation: 09:00 to 17:00 in Berlin; `add_two_zones` from 10:00 Berlin to 17:00 New York."""

    name: str
    add: Add
    add_days: AddDays
    between: Between | None = None
    add_two_zones: Add | None = None


def office(opens: int = 9, closes: int = 17, closing_zone: ZoneInfo = BERLIN) -> BusinessCalendar:
    """Our calendar: Monday to Friday, without Germany's holidays."""
    hours = Hours(
        weekdays=frozenset(range(5)),
        opens=BoundaryTime(timedelta(hours=opens), BERLIN),
        closes=BoundaryTime(timedelta(hours=closes), closing_zone),
    )
    return BusinessCalendar((hours,), Closures(public=(PublicHolidays(COUNTRY),)))


def two_zones() -> BusinessCalendar:
    return office(10, 17, NEW_YORK)


def closed_days() -> list[date]:
    public = PublicHolidays(COUNTRY)
    return [day for year in HOLIDAY_YEARS for day in public.in_year(year)]


def frontline() -> Contender:
    one, two = office(), two_zones()
    return Contender(OURS, one.add, one.add_days, one.elapsed, two.add)


def rust() -> Contender:
    """workclock has no business days. Eight hours each are equivalent if all days have that length.

    It cannot close in another zone either. From 10:00 to midnight, with a break from 17:00 New York, is the
    same window.
    """
    shut = workclock.Holidays(closed_days())
    one = workclock.Schedule([workclock.WorkDay(time(9), time(17)), shut], time_zone=BERLIN)
    evening = workclock.Break(time(17), time(0), time_zone=NEW_YORK)
    two = workclock.Schedule([workclock.WorkDay(time(10), time(0)), evening, shut], time_zone=BERLIN)

    def add_days(start: datetime, days: int) -> datetime:
        due: datetime = one.add(start, days * WORKDAY)
        return due

    return Contender(WORKCLOCK, one.add, add_days, one.between, two.add)


def rust_batch(starts: list[datetime], amounts: list[timedelta]) -> Callable[[], list[datetime]]:
    """workclock's own call for many instants at once."""
    shut = workclock.Holidays(closed_days())
    schedule = workclock.Schedule([workclock.WorkDay(time(9), time(17)), shut], time_zone=BERLIN)

    def add_many() -> list[datetime]:
        due: list[datetime] = schedule.add_many(starts, amounts)
        return due

    return add_many


def time_grid() -> Contender:
    """timegrid knows no zones: instants become Berlin's wall clock, and its answers instants again."""
    schedule = timegrid.TimeGridCalendar.weekdays(time(9), time(17))
    for day in closed_days():
        schedule = schedule.close(day)
    years = (date(year, 1, 1) for year in (HOLIDAY_YEARS.start, HOLIDAY_YEARS.stop))
    compiled = schedule.compile(*(datetime.combine(day, time()) for day in years))

    def local(at: datetime) -> datetime:
        return at.astimezone(BERLIN).replace(tzinfo=None)

    def add(start: datetime, amount: timedelta) -> datetime:
        due: datetime = schedule.add_work_duration(local(start), amount)
        return due.replace(tzinfo=BERLIN).astimezone(UTC)

    def add_days(start: datetime, days: int) -> datetime:
        return add(start, days * WORKDAY)

    def between(start: datetime, end: datetime) -> timedelta:
        spent: timedelta = compiled.get_working_duration(local(start), local(end))
        return spent

    return Contender("timegrid", add, add_days, between)


def business_time_delta() -> Contender:
    zone = pytz.timezone(BERLIN.key)
    workday = businesstimedelta.WorkDayRule(time(9), time(17), [0, 1, 2, 3, 4], tz=zone)
    shut = businesstimedelta.HolidayRule(set(closed_days()), tz=zone)
    rules = businesstimedelta.Rules([workday, shut])

    def add(start: datetime, amount: timedelta) -> datetime:
        due: datetime = start + businesstimedelta.BusinessTimeDelta(rules, timedelta=amount)
        return due

    def add_days(start: datetime, days: int) -> datetime:
        return add(start, days * WORKDAY)

    def between(start: datetime, end: datetime) -> timedelta:
        spent: timedelta = rules.difference(start, end).timedelta
        return spent

    return Contender("businesstimedelta", add, add_days, between)


def custom_business_hour() -> Contender:
    """pandas adds whole hours only, and cannot compute the time between two instants."""
    shut = closed_days()
    an_hour = timedelta(hours=1)
    steps = {
        hours: pandas.offsets.CustomBusinessHour(hours, start="09:00", end="17:00", holidays=shut)
        for hours in range(1, 81)
    }

    def add(start: datetime, amount: timedelta) -> datetime:
        local = pandas.Timestamp(start).tz_convert(BERLIN)
        due: datetime = (local + steps[amount // an_hour]).tz_convert(UTC).to_pydatetime()
        return due

    def add_days(start: datetime, days: int) -> datetime:
        return add(start, days * WORKDAY)

    return Contender("pandas", add, add_days)
