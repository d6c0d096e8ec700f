"""Calendars that vendors' texts ask for: openings of several days, the customer's zone, single dates."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cli.policy.check import warnings_of
from bot.config.settings import load_desk
from sla_core.calendar import BusinessCalendar
from sla_core.catalog.load import Faults, load
from sla_core.hours.openings import NEVER_CLOSED, BoundaryTime, Closures, through
from tests.packs.operator_pack import VERSION, OperatorPack, event
from tests.sla_core.builders import HOUR, local, utc

LOS_ANGELES = "America/Los_Angeles"
MORE = '[more]\nclause = "M3-9"\nsays = "Hours of our own."\nwhere = "our own terms"\n'


@pytest.fixture
def ours(tmp_path: Path) -> OperatorPack:
    return OperatorPack(tmp_path / "ours")


def more(ours: OperatorPack, *opens: str, rest: str = "") -> BusinessCalendar:
    hours = "\n".join(f"[[more.open]]\n{text}" for text in opens)
    return ours.add(f"{MORE}\n{hours}\n{rest}").calendar("more")


def there(text: str) -> datetime:
    return local(text, LOS_ANGELES)


# Openings of several days -----------------------------------------------------------------------------


def week(by_end: bool, closures: Closures = NEVER_CLOSED) -> BusinessCalendar:
    """Sunday 14:00 to Friday 17:00."""
    zone = ZoneInfo(LOS_ANGELES)
    opens, closes = (BoundaryTime(hour * HOUR, zone) for hour in (14, 17))
    return BusinessCalendar(tuple(through(6, 4, opens, closes, by_end)), closures)


@pytest.mark.parametrize("by_end", [False, True])
def test_sunday_afternoon_to_friday_is_five_business_days(by_end: bool) -> None:
    """Issue 19. Each begins at 14:00; the last one is three hours longer."""
    calendar = week(by_end)
    assert calendar.closing(there("2026-06-07 14:00")) == there("2026-06-12 17:00")
    assert calendar.elapsed(there("2026-06-07 00:00"), there("2026-06-14 00:00")) == 123 * HOUR
    for at, days, due in (
        ("2026-06-07 15:00", 1, "2026-06-08 15:00"),
        ("2026-06-08 10:00", 1, "2026-06-09 10:00"),
        ("2026-06-12 10:00", 1, "2026-06-15 10:00"),
        ("2026-06-12 16:00", 1, "2026-06-15 14:00"),
        ("2026-06-13 12:00", 1, "2026-06-15 14:00"),
        ("2026-06-08 10:00", 5, "2026-06-15 10:00"),
    ):
        assert calendar.add_days(there(at), days) == there(due), at


def test_the_day_it_counts_as_decides_which_holiday_closes_it() -> None:
    monday = Closures(dates={date(2026, 6, 8): "Company day"})
    by_end, by_start = week(True, monday), week(False, monday)
    assert by_end.next_opening(there("2026-06-07 14:00")) == there("2026-06-08 14:00")
    assert by_end.why_closed(there("2026-06-08 09:00")) == "holiday: Company day"
    assert by_start.is_open(there("2026-06-07 14:00"))
    assert by_start.next_opening(there("2026-06-08 14:00")) == there("2026-06-09 14:00")


def test_it_is_written_with_the_weekday_of_its_end(ours: OperatorPack) -> None:
    text = f'days = ["sun"]\nfrom = "14:00 {LOS_ANGELES}"\nuntil = "fri"\nto = "17:00 {LOS_ANGELES}"'
    calendar = more(ours, text)
    assert calendar.add_days(there("2026-06-08 10:00"), 5) == there("2026-06-15 10:00")
    assert calendar.why_closed(there("2026-06-12 18:00")) == "night"
    assert calendar.why_closed(there("2026-06-13 12:00")) == "weekend"


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 6), lasts=st.integers(1, 6), opens=st.integers(0, 23), closes=st.integers(0, 23))
def test_an_opening_of_several_days_is_open_without_a_break(
    first: int, lasts: int, opens: int, closes: int
) -> None:
    """Walked hour by hour: open from the first instant to the last, as many business days as nights."""
    zone = ZoneInfo("UTC")
    parts = through(
        first, (first + lasts) % 7, BoundaryTime(opens * HOUR, zone), BoundaryTime(closes * HOUR, zone), True
    )
    calendar = BusinessCalendar(tuple(parts))
    start = utc("2026-06-01 00:00") + timedelta(first) + opens * HOUR
    end = utc("2026-06-01 00:00") + timedelta(first + lasts) + closes * HOUR
    for hour in range(-6, 24 * 7):
        at = start + hour * HOUR
        assert calendar.is_open(at) == (start <= at < end or at >= start + timedelta(7)), at
    assert sum(len(hours.weekdays) for hours in calendar.hours) == lasts


def test_a_night_shift_may_count_as_the_day_on_which_it_ends(ours: OperatorPack) -> None:
    """Sunday 22:00 to Monday 06:00 is Monday's; a holiday on Monday closes it."""
    night = 'days = ["sun", "mon"]\nfrom = "22:00 UTC"\nto = "06:00 UTC"\ncounts_as = "end"'
    closed = '[more.closed]\ndates = { 2026-06-08 = "Company day" }'
    calendar = more(ours, night, rest=closed)
    assert calendar.next_opening(utc("2026-06-07 22:00")) == utc("2026-06-08 22:00")
    assert calendar.is_open(utc("2026-06-15 05:00"))


def test_what_cannot_be_one_opening_is_a_fault(ours: OperatorPack) -> None:
    day = 'days = ["mon"]\nfrom = "09:00 UTC"\nto = "17:00 UTC"\ncounts_as = "end"'
    two = 'days = ["sun", "mon"]\nfrom = "09:00 UTC"\nto = "17:00 UTC"\nuntil = "fri"'
    ours.add(f"{MORE}\n[[more.open]]\n{day}\n[[more.open]]\n{two}")
    assert ours.faults() == [
        "calendars.toml: more.open.1.counts_as: is for hours that end on another day than they begin",
        "calendars.toml: more.open.2.days: is for one opening of several days: "
        "name the day on which it begins, and no other",
    ]


# The customer's zone ----------------------------------------------------------------------------------

OWN = 'days = ["mon", "tue", "wed", "thu", "fri"]\nfrom = "09:00 customer"\nto = "17:00 customer"'


def test_hours_in_the_customer_s_own_zone(ours: OperatorPack) -> None:
    """The same nine o'clock in Tokyo and in New York, each with its own summer time."""
    calendar = more(ours, OWN)
    assert calendar.follows_customer
    tokyo, new_york = calendar.in_zone("Asia/Tokyo"), calendar.in_zone("America/New_York")
    start = utc("2026-03-06 22:30")
    assert tokyo.add(start, HOUR) == local("2026-03-09 10:00", "Asia/Tokyo")
    assert new_york.add(utc("2026-03-06 21:30"), HOUR) == local("2026-03-09 09:30", "America/New_York")
    assert calendar.in_zone("Asia/Tokyo") is tokyo
    assert str(tokyo.hours[0].opens) == "09:00 in the customer's zone"


DESK = """vendor = "ours"
[slack]
triage = "C0TRIAGE"
agents = ["U0BOB"]
[[accounts]]
id = "acme"
name = "Acme GmbH"
plan = "gold"
channels = ["slack:C0ACME"]
"""


def test_an_account_without_a_zone_is_a_fault_then(ours: OperatorPack) -> None:
    more(ours, OWN)
    severities = ours.folder / VERSION / "severities.toml"
    text = severities.read_text(encoding="utf-8")
    severities.write_text(text.replace('calendar = "support-hours"', 'calendar = "more"'), encoding="utf-8")
    desk = ours.folder.parent / "frontline.toml"
    desk.write_text(DESK, encoding="utf-8")
    with pytest.raises(Faults) as raised:
        load_desk(desk)
    assert [str(fault) for fault in raised.value.faults] == [
        "frontline.toml: accounts.acme.zone: is missing: promises count hours in the customer's zone; "
        'write zone = "Europe/Berlin"'
    ]
    desk.write_text(f'{DESK}zone = "Asia/Tokyo"\n', encoding="utf-8")
    assert load_desk(desk).accounts["acme"].zone == "Asia/Tokyo"


# Single dates, and the end of the day -------------------------------------------------------------------

OFFICE = 'days = ["mon", "tue", "wed", "thu", "fri"]\nfrom = "09:00 UTC"\nto = "17:00 UTC"'


def test_other_hours_on_single_dates(ours: OperatorPack) -> None:
    """Longer on a Monday, shorter on a holiday, and at work on a Saturday with a lunch break."""
    special = """
[more.closed]
dates = { 2026-11-26 = "Thanksgiving" }
[[more.special]]
dates = [2026-11-30]
from = "06:00 UTC"
to = "24:00 UTC"
[[more.special]]
dates = [2026-11-26, 2026-11-28]
from = "10:00 UTC"
to = "12:00 UTC"
[[more.special]]
dates = [2026-11-28]
from = "13:00 UTC"
to = "14:00 UTC"
"""
    calendar = more(ours, OFFICE, rest=special)
    assert calendar.add(utc("2026-11-25 16:00"), 2 * HOUR) == utc("2026-11-26 11:00")
    assert calendar.why_closed(utc("2026-11-26 15:00")) == "night"
    assert calendar.add(utc("2026-11-27 17:00"), 3 * HOUR) == utc("2026-11-28 14:00")
    assert calendar.closing(utc("2026-11-30 06:00")) == utc("2026-12-01 00:00")


def test_a_minute_before_midnight_is_warned_about(ours: OperatorPack) -> None:
    more(ours, 'days = ["mon"]\nfrom = "09:00 UTC"\nto = "23:59 UTC"')
    said = [text for text in warnings_of(ours.policy(), date(2026, 3, 10)) if "23:59" in text]
    assert said == [
        "m3ter/2025-02-10: calendar more: mon 09:00 UTC to 23:59 UTC: "
        "from 23:59 to midnight it is closed; write 24:00 for the end of the day"
    ]


# Lists --------------------------------------------------------------------------------------------------

LISTED = (
    event("DTSTART;VALUE=DATE:20261001", summary="National Day"),
    event("DTSTART;VALUE=DATE:20260504", summary="Youth Day"),
    event("DTSTART;VALUE=DATE:20261010", summary="Make-up day"),
)


def test_days_of_a_file_are_left_out_kept_or_worked_on_by_name(ours: OperatorPack) -> None:
    """A list with make-up Saturdays: they open with Monday's hours."""
    ours.with_ics(*LISTED, name="china.ics")
    lists = (
        '[more.closed]\nics = { file = "china.ics", excluding = ["Youth Day"], working = ["Make-up day"] }'
    )
    calendar = more(ours, OFFICE, rest=lists)
    assert not calendar.is_open(utc("2026-10-01 10:00"))
    assert calendar.is_open(utc("2026-05-04 10:00"))
    assert calendar.add(utc("2026-10-09 16:00"), 2 * HOUR) == utc("2026-10-10 10:00")


def test_a_file_of_working_days_only_and_a_name_that_is_not_in_it(ours: OperatorPack) -> None:
    ours.with_ics(LISTED[2], name="work.ics").with_ics(*LISTED[:2], name="off.ics")
    lists = '{ file = "work.ics", working = true }, { file = "off.ics", only = ["Youth Day"] }'
    calendar = more(ours, OFFICE, rest=f"[more.closed]\nics = [{lists}]")
    assert calendar.is_open(utc("2026-10-10 10:00"))
    assert calendar.is_open(utc("2026-10-01 10:00"))
    assert not calendar.is_open(utc("2026-05-04 10:00"))
    strange = ours.add('[silver-hours.closed]\nics = { file = "off.ics", only = ["May Day"] }').faults()
    assert strange == [
        'calendars.toml: silver-hours.closed.ics: there is no day in off.ics named "May Day"; '
        "known are National Day, Youth Day"
    ]


def test_monta_closes_only_what_its_list_has() -> None:
    """MTA-23: whatever a later version of the holidays package adds."""
    (rule,) = load("monta")[-1].calendars["business-hours"].closures.public
    assert len(rule.only) == 10
    assert not rule.excluding


# Zones --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "city", "offset"),
    [("EST", "America/New_York", "Etc/GMT+5"), ("CET", "Europe/Berlin", "Etc/GMT-1")],
)
def test_an_abbreviation_is_a_fault_with_its_two_readings(
    ours: OperatorPack, zone: str, city: str, offset: str
) -> None:
    """A1: 9 to 5 EST is an hour later in summer if it is read as a fixed offset."""
    ours.add(f'{MORE}[[more.open]]\ndays = ["mon"]\nfrom = "09:00 {zone}"\nto = "17:00 {city}"')
    (fault,) = ours.faults()
    assert fault == (
        f'calendars.toml: more.open.1.from: "{zone}" can be read in two ways: write "{city}" for the time of '
        f'the city, with its summer time, or "{offset}" for the same offset all year; a [[reading]] in '
        "policy.toml says which was chosen"
    )


def test_both_readings_can_be_written(tmp_path: Path) -> None:
    for number, zone in enumerate(("America/New_York", "Etc/GMT+5")):
        ours = OperatorPack(tmp_path / str(number) / "ours")
        calendar = more(ours, f'days = ["wed"]\nfrom = "09:00 {zone}"\nto = "17:00 {zone}"')
        assert calendar.next_opening(utc("2026-07-01 00:00")) == utc(f"2026-07-01 1{3 + number}:00")
