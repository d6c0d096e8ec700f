"""Each vendor's hours, days off and times, as its policy words them; shares no code with the product.

Hours are tests of what clocks on a wall show. Days off are dates by rules of this file's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

BERLIN, COPENHAGEN = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Copenhagen")
LONDON, NEW_YORK, KOLKATA = ZoneInfo("Europe/London"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")

YEARS = range(2023, 2030)
SATURDAY, SUNDAY = 5, 6
A_DAY, AN_HOUR = timedelta(1), timedelta(hours=1)


# Days off -------------------------------------------------------------------------------------


def easter(year: int) -> date:
    """The Sunday after the full moon of spring, which the golden number places (1900 to 2199)."""
    golden = year % 19
    age = (19 * golden + 24) % 30
    if age == 29 or (age == 28 and golden > 10):
        age -= 1
    full_moon = date(year, 3, 21) + timedelta(age)
    return full_moon + timedelta(7 - full_moon.isoweekday() % 7)


def danish_days() -> dict[date, str]:
    """The ten days of Monta's list (MTA-23), in every year (A12). Store Bededag is not one of them."""
    found: dict[date, str] = {}
    for year in YEARS:
        sunday = easter(year)
        found |= {
            sunday - timedelta(3): "Maundy Thursday",
            sunday - timedelta(2): "Good Friday",
            sunday + timedelta(1): "Easter Monday",
            sunday + timedelta(39): "Ascension Day",
            sunday + timedelta(50): "Pentecost Monday",
            date(year, 12, 24): "Christmas Eve",
            date(year, 12, 25): "Christmas Day",
            date(year, 12, 26): "Second Day of Christmas",
            date(year, 12, 31): "New Year's Eve",
            date(year, 1, 1): "New Year's Day",
        }
    return found


def thanksgiving(year: int) -> date:
    """The fourth Thursday of November."""
    return next(date(year, 11, day) for day in range(22, 29) if date(year, 11, day).isoweekday() == 4)


def monetate_days() -> dict[date, str]:
    """Three days (MON-27). One on a Saturday closes the Friday before, on a Sunday the Monday after (A6)."""
    found: dict[date, str] = {}
    for year in YEARS:
        found[thanksgiving(year)] = "Thanksgiving Day"
        for day, name in ((date(year, 12, 25), "Christmas Day"), (date(year, 1, 1), "New Year's Day")):
            found[day] = name
            if day.weekday() == SATURDAY:
                found[day - A_DAY] = f"{name} (observed)"
            if day.weekday() == SUNDAY:
                found[day + A_DAY] = f"{name} (observed)"
    return found


# Hours ----------------------------------------------------------------------------------------

Shows = Callable[[datetime, datetime], bool]
"""Whether it is open, by what the clocks of its own city show, and by what UTC is then."""


@dataclass(frozen=True)
class VendorHours:
    """When somebody works: `hours` holds on Monday to Friday, but for the days off."""

    zone: ZoneInfo
    hours: Shows
    days_off: Mapping[date, str]

    def day_off(self, day: date) -> str | None:
        """The reason why nobody works on a date of the office's city; a holiday is named on any weekday."""
        if day in self.days_off:
            return f"holiday: {self.days_off[day]}"
        return "weekend" if day.weekday() in (SATURDAY, SUNDAY) else None


def from_to(opens: int, closes: int) -> Shows:
    return lambda here, utc: opens <= here.hour < closes


def ten_in_berlin_to_five_in_new_york(here: datetime, utc: datetime) -> bool:
    """M3-11, A14: the end is on the same date, by New York's clocks."""
    there = utc.astimezone(NEW_YORK)
    return here.hour >= 10 and there.day == here.day and there.hour < 17


SILVER = VendorHours(BERLIN, from_to(10, 18), {})
"""M3-10, A15: no list, so no day is off."""
GOLD = VendorHours(BERLIN, ten_in_berlin_to_five_in_new_york, {})
"""M3-11, A14, A15."""
MONTA = VendorHours(COPENHAGEN, from_to(9, 17), danish_days())
"""MTA-22, MTA-23, A1, A12."""
MONETATE_US = VendorHours(NEW_YORK, from_to(9, 17), monetate_days())
MONETATE_EU = VendorHours(LONDON, from_to(9, 17), monetate_days())
"""MON-3, MON-26 to MON-28, A1, A2: three days off for the whole company, each by the region's own dates."""
COMMERCEUP = VendorHours(KOLKATA, from_to(10, 18), {})
"""CUP-7, A15."""
HOURS_BY_CALENDAR = {
    "silver": SILVER,
    "gold": GOLD,
    "monta": MONTA,
    "monetate-us": MONETATE_US,
    "monetate-eu": MONETATE_EU,
    "commerceup": COMMERCEUP,
}

# Times ----------------------------------------------------------------------------------------

Within = timedelta | int
"""Hours, or a number of business days."""


@dataclass(frozen=True)
class Word:
    """One promise as the policy gives it. `business_hours` is None where every hour of every day counts."""

    clause: str
    metric: str
    business_hours: str | None
    within: Within
    goal: Within | None = None
    stricter: Within | None = None


def response(clause: str, business_hours: str | None, within: Within, stricter: Within | None = None) -> Word:
    return Word(clause, "first_response", business_hours, within, stricter=stricter)


def resolution(clause: str, business_hours: str | None, within: Within, goal: Within | None = None) -> Word:
    return Word(clause, "resolution", business_hours, within, goal)


Class = tuple[str, str, str]
"""Vendor, plan, severity."""

WORDS: dict[Class, list[Word]] = {
    ("m3ter", "silver", "S1"): [response("M3-13", None, AN_HOUR)],
    ("m3ter", "silver", "S2"): [response("M3-14", "silver", 4 * AN_HOUR)],
    ("m3ter", "silver", "S3"): [response("M3-15", "silver", 1)],
    ("m3ter", "silver", "none"): [],
    ("m3ter", "gold", "S1"): [response("M3-13", None, AN_HOUR)],
    ("m3ter", "gold", "S2"): [response("M3-14", "gold", 4 * AN_HOUR)],
    ("m3ter", "gold", "S3"): [response("M3-15", "gold", 1)],
    ("m3ter", "gold", "none"): [],
    ("monta", "partner", "P1"): [
        response("MTA-6", "monta", 2 * AN_HOUR),
        resolution("MTA-6", "monta", 4 * AN_HOUR),
    ],
    ("monta", "partner", "P2"): [
        response("MTA-7", "monta", 4 * AN_HOUR),
        resolution("MTA-7", "monta", 5),
    ],
    ("monta", "partner", "P3"): [response("MTA-8", "monta", 2), resolution("MTA-8", "monta", 10)],
    ("monta", "partner", "P4"): [
        response("MTA-9", "monta", 5, stricter=3),
        resolution("MTA-9", "monta", 20),
    ],
    ("monetate", "north-america", "S1"): [Word("MON-25", "next_update", None, AN_HOUR)],
    ("monetate", "north-america", "standard"): [response("MON-4", "monetate-us", 1)],
    ("monetate", "europe", "S1"): [Word("MON-25", "next_update", None, AN_HOUR)],
    ("monetate", "europe", "standard"): [response("MON-4", "monetate-eu", 1)],
    ("commerceup", "standard", "C1"): [
        response("CUP-8", None, 2 * AN_HOUR),
        resolution("CUP-8", None, 6 * AN_HOUR, goal=2 * AN_HOUR),
    ],
    ("commerceup", "standard", "C2"): [
        response("CUP-9", None, 4 * AN_HOUR),
        resolution("CUP-9", None, 24 * AN_HOUR),
    ],
    ("commerceup", "standard", "C3"): [
        response("CUP-10", "commerceup", 1),
        resolution("CUP-10", "commerceup", 5),
    ],
    ("commerceup", "standard", "C4"): [
        response("CUP-11", "commerceup", 2),
        resolution("CUP-11", "commerceup", 10, goal=5),
    ],
}


# Instants worth asking about ------------------------------------------------------------------


def changes_of_clocks(zone: ZoneInfo, years: range) -> list[datetime]:
    """The instants at which a city's distance from UTC changes; looked for hour by hour."""
    hours = (datetime(years[0], 1, 1, tzinfo=UTC) + n * AN_HOUR for n in range(len(years) * 366 * 24))
    found: list[datetime] = []
    before: timedelta | None = None
    for at in hours:
        distance = at.astimezone(zone).utcoffset()
        if before is not None and distance != before and at.year in years:
            found.append(at)
        before = distance
    return found


def days_by_hand(years: range) -> list[date]:
    """Days around Thanksgiving, leap days, year ends and Christmas, on any weekday."""
    found = [date(2024, 2, 29), date(2028, 2, 29), date(2024, 2, 28), date(2028, 3, 1)]
    for year in years:
        thursday = thanksgiving(year)
        found += [thursday + timedelta(days) for days in (-1, 0, 1, 4)]
        found += [date(year, 12, day) for day in (23, 24, 25, 26, 27, 30, 31)]
        found += [date(year, 1, day) for day in (1, 2, 3)]
    return found
