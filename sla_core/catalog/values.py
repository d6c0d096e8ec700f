"""Values in a policy's files, read from text: times of day, zones, lengths of time, days."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

from sla_core.calendar import WEEKDAYS, BoundaryTime
from sla_core.hours.amounts import FORMS, Amount, BusinessDays, parse_amount
from sla_core.hours.openings import MonthDay
from sla_core.ticket import MOST_TRIES

_BOUNDARY = re.compile(r"^(\d{1,2}):(\d{2})\s+(\S+)$")
CUSTOMER = "customer"
"""In place of a zone: the customer's own."""
LONGEST_WAIT = timedelta(hours=24)
SHORTEST_COURTESY = timedelta(minutes=15)
_MONTH_DAY = re.compile(r"^(\d{2})-(\d{2})$")
_CLOCK_TIME = re.compile(r"^(\d{1,2}):(\d{2})$")


ABBREVIATIONS = {
    "GMT": ("Europe/London", "UTC"),
    "BST": ("Europe/London", "Etc/GMT-1"),
    "WET": ("Europe/Lisbon", "UTC"),
    "CET": ("Europe/Berlin", "Etc/GMT-1"),
    "CEST": ("Europe/Berlin", "Etc/GMT-2"),
    "MET": ("Europe/Berlin", "Etc/GMT-1"),
    "EET": ("Europe/Athens", "Etc/GMT-2"),
    "EEST": ("Europe/Athens", "Etc/GMT-3"),
    "EST": ("America/New_York", "Etc/GMT+5"),
    "EDT": ("America/New_York", "Etc/GMT+4"),
    "CST": ("America/Chicago", "Etc/GMT+6"),
    "CDT": ("America/Chicago", "Etc/GMT+5"),
    "MST": ("America/Denver", "Etc/GMT+7"),
    "MDT": ("America/Denver", "Etc/GMT+6"),
    "PST": ("America/Los_Angeles", "Etc/GMT+8"),
    "PDT": ("America/Los_Angeles", "Etc/GMT+7"),
    "EST5EDT": ("America/New_York", "Etc/GMT+5"),
    "CST6CDT": ("America/Chicago", "Etc/GMT+6"),
    "MST7MDT": ("America/Denver", "Etc/GMT+7"),
    "PST8PDT": ("America/Los_Angeles", "Etc/GMT+8"),
    "HST": ("Pacific/Honolulu", "Etc/GMT+10"),
    "AEST": ("Australia/Sydney", "Etc/GMT-10"),
    "AEDT": ("Australia/Sydney", "Etc/GMT-11"),
    "NZST": ("Pacific/Auckland", "Etc/GMT-12"),
    "NZDT": ("Pacific/Auckland", "Etc/GMT-13"),
    "JST": ("Asia/Tokyo", "Etc/GMT-9"),
    "SGT": ("Asia/Singapore", "Etc/GMT-8"),
    "MSK": ("Europe/Moscow", "Etc/GMT-3"),
}
"""Of common abbreviations, the city that is usually meant, and the fixed offset. In `Etc`, west is plus."""


def _after_midnight(hours: str, minutes: str) -> timedelta:
    at = timedelta(hours=int(hours), minutes=int(minutes))
    if int(minutes) > 59 or at > timedelta(hours=24):
        raise ValueError(f'"{hours}:{minutes}" is not a time of day; write 00:00 to 24:00')
    return at


def zone(name: str) -> ZoneInfo:
    """The time zone with this name. Raises ValueError that shows the form.

    Abbreviations such as EST are refused: they have no summer time, which hardly anybody means.
    """
    try:
        if "/" in name or name == "UTC":
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        pass
    if name in ABBREVIATIONS:
        city, offset = ABBREVIATIONS[name]
        raise ValueError(
            f'"{name}" can be read in two ways: write "{city}" for the time of the city, with its '
            f'summer time, or "{offset}" for the same offset all year; '
            "a [[reading]] in policy.toml says which was chosen"
        )
    raise ValueError(f'"{name}" is not a time zone; write an IANA name such as Europe/Berlin')


def _boundary(text: object) -> BoundaryTime:
    found = _BOUNDARY.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is not an opening or closing time; write "10:00 Europe/Berlin"')
    if found[3] == CUSTOMER:
        return BoundaryTime(_after_midnight(found[1], found[2]), ZoneInfo("UTC"), customers=True)
    return BoundaryTime(_after_midnight(found[1], found[2]), zone(found[3]))


def _time_of_day(text: object) -> timedelta:
    found = _CLOCK_TIME.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is not a time of day; write "15:00"')
    return _after_midnight(found[1], found[2])


def _amount(text: object) -> Amount:
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a length of time; write {FORMS}")
    return parse_amount(text)


def _days(text: object) -> BusinessDays:
    amount = _amount(text)
    if not isinstance(amount, BusinessDays):
        raise ValueError(f'{text!r} is not a number of business days; write "3 business days"')
    return amount


def _wait(text: object) -> timedelta:
    amount = _amount(text)
    if not isinstance(amount, timedelta) or amount > LONGEST_WAIT:
        raise ValueError(f'{text!r} is not a time to wait for an answer; write "5m" or at most "24h"')
    return amount


def _between_updates(text: object) -> timedelta:
    amount = _amount(text)
    if not isinstance(amount, timedelta) or not SHORTEST_COURTESY <= amount <= LONGEST_WAIT:
        raise ValueError(f'{text!r} is not a time between courtesy updates; write "1h", from "15m" to "24h"')
    return amount


def _zone_named(name: object) -> ZoneInfo:
    return zone(name if isinstance(name, str) else str(name))


def _day(day: object) -> date | MonthDay:
    """A date, or month and day as text for every year."""
    if isinstance(day, date) and not isinstance(day, datetime):
        return day
    found = _MONTH_DAY.match(day) if isinstance(day, str) else None
    try:
        if found:
            date(2023, int(found[1]), int(found[2]))  # a day that every year has
            return int(found[1]), int(found[2])
    except ValueError:
        pass
    shown = f'"{day}"' if isinstance(day, str) else day
    raise ValueError(f'{shown} is not a day; write 2026-11-09, or "11-09" for every year')


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def lists(value: object) -> object:
    """One file or several, by name or as a table."""
    several = value if isinstance(value, list | tuple) else [value]
    return [{"file": each} if isinstance(each, str) else each for each in several]


def _weekdays(days: list[str]) -> list[str]:
    unknown = [day for day in days if day not in WEEKDAYS]
    if unknown or not days:
        raise ValueError(f"{unknown[:1] or days} is not a weekday; write some of {', '.join(WEEKDAYS)}")
    return days


NONE = "none"
"""In place of a time: no such promise."""


def _amount_or_none(text: object) -> Amount | None:
    return None if text == NONE else _amount(text)


BoundaryText = Annotated[BoundaryTime, BeforeValidator(_boundary)]
TimeText = Annotated[timedelta, BeforeValidator(_time_of_day)]
AmountText = Annotated[Amount, BeforeValidator(_amount)]
AmountOrNone = Annotated[Amount | None, BeforeValidator(_amount_or_none)]
DaysText = Annotated[BusinessDays, BeforeValidator(_days)]
WaitText = Annotated[timedelta, BeforeValidator(_wait)]
"""How long a page waits for an answer."""
BetweenUpdates = Annotated[timedelta, BeforeValidator(_between_updates)]
"""How long after one courtesy update the next one follows."""
Tries = Annotated[int, Field(ge=1, le=MOST_TRIES)]
"""How often a person is paged before the next one is."""
ZoneText = Annotated[ZoneInfo, BeforeValidator(_zone_named)]
DayText = Annotated[date | MonthDay, BeforeValidator(_day, json_schema_input_type=date | str)]
OneOrMore = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
    Field(min_length=1),
]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Wording = Literal["target", "aim", "goal", "contract"]
OptionId = Annotated[str, Field(max_length=60)]
OptionLabel = Annotated[str, Field(min_length=1, max_length=150)]
Weekdays = Annotated[list[str], AfterValidator(_weekdays)]
