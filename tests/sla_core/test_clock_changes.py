"""Nights on which clocks change, to the second, in zones that do it in every odd way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla_core.calendar import BusinessCalendar
from tests.sla_core.builders import EVERY_DAY, HOUR, MINUTE, NEW_YORK, business_hours, gold, hours, local, utc

SECOND = timedelta(seconds=1)

ZONES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "America/Chicago",
    "America/Halifax",
    "America/Havana",
    "America/Los_Angeles",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Atlantic/Azores",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)


def whole_days(zone: str) -> BusinessCalendar:
    return business_hours("00:00", "24:00", EVERY_DAY, zone)


def length_of(calendar: BusinessCalendar, day: str) -> timedelta:
    """How long the calendar is open on one date of its zone."""
    spans = calendar.day_openings(datetime.fromisoformat(day).date())
    return sum((span.length for span in spans), timedelta(0))


def test_the_spring_night_is_23_hours_long() -> None:
    """engine.md, hard list: 24x7 over the gap."""
    assert length_of(whole_days("Europe/Berlin"), "2026-03-29") == 23 * HOUR
    elapsed = whole_days("Europe/Berlin").elapsed(local("2026-03-29 00:00"), local("2026-03-30 00:00"))
    assert elapsed == 23 * HOUR


def test_the_autumn_night_is_25_hours_long() -> None:
    assert length_of(whole_days("Europe/Berlin"), "2026-10-25") == 25 * HOUR


def test_a_night_shift_over_the_gap_is_seven_hours() -> None:
    """engine.md, hard list: 22 to 06, wanted 7.0 h; and 9 in autumn."""
    nights = business_hours("22:00", "06:00", EVERY_DAY)
    assert nights.elapsed(local("2026-03-28 12:00"), local("2026-03-29 12:00")) == 7 * HOUR
    assert nights.elapsed(local("2026-10-24 12:00"), local("2026-10-25 12:00")) == 9 * HOUR
    assert nights.elapsed(local("2026-03-27 12:00"), local("2026-03-28 12:00")) == 8 * HOUR


def test_a_night_shift_belongs_to_the_date_it_opens_on() -> None:
    friday_night = business_hours("22:00", "06:00", "fri")
    assert friday_night.is_open(local("2026-03-14 05:59"))
    assert not friday_night.is_open(local("2026-03-13 05:59"))
    assert friday_night.add(local("2026-03-13 23:00"), 8 * HOUR) == local("2026-03-20 23:00")


def test_twelve_hours_over_the_autumn_overlap() -> None:
    """engine.md, hard list: 24x7 + 12 h."""
    start = local("2026-10-24 20:00")
    assert whole_days("Europe/Berlin").add(start, 12 * HOUR) == start + 12 * HOUR
    assert start + 12 * HOUR == local("2026-10-25 07:00")


def test_exact_to_the_second_around_the_gap() -> None:
    """Complaint 9: 60-minute promises that are wrong around a change of clocks."""
    calendar = business_hours("01:00", "05:00", EVERY_DAY)
    gap = utc("2026-03-29 01:00")
    for offset in range(-3, 4):
        start = gap + offset * SECOND
        assert calendar.add(start, HOUR) == start + HOUR
    assert length_of(calendar, "2026-03-29") == 3 * HOUR
    assert length_of(calendar, "2026-10-25") == 5 * HOUR


@pytest.mark.parametrize(
    ("opens", "closes", "length"),
    [
        ("02:00", "03:00", timedelta(0)),
        ("02:15", "02:45", timedelta(0)),
        ("01:30", "02:30", 30 * MINUTE),
        ("02:30", "03:30", 30 * MINUTE),
        ("02:30", "06:00", 3 * HOUR),
        ("22:00", "02:30", 4 * HOUR),
    ],
)
def test_hours_that_begin_or_end_in_the_gap_shrink(opens: str, closes: str, length: timedelta) -> None:
    """A skipped time is the instant of the skip (spring 2026 in Berlin: 02:00 is 03:00)."""
    day = "2026-03-28" if opens > closes else "2026-03-29"
    assert length_of(business_hours(opens, closes, EVERY_DAY), day) == length


def test_a_time_shown_twice_is_the_first_of_the_two() -> None:
    calendar = business_hours("02:30", "04:00", EVERY_DAY)
    (opening,) = calendar.day_openings(datetime(2026, 10, 25, tzinfo=UTC).date())
    assert opening.start == local("2026-10-25 02:30", fold=0)
    assert opening.length == 2.5 * HOUR


@pytest.mark.parametrize(
    ("day", "length"),
    [
        ("2026-03-06", 13),
        ("2026-03-09", 12),
        ("2026-03-27", 12),
        ("2026-03-30", 13),
        ("2026-10-23", 13),
        ("2026-10-26", 12),
        ("2026-10-30", 12),
        ("2026-11-02", 13),
        ("2027-03-12", 13),
        ("2027-03-15", 12),
        ("2027-03-26", 12),
        ("2027-03-29", 13),
        ("2027-11-01", 12),
        ("2027-11-05", 12),
        ("2027-11-08", 13),
    ],
)
def test_the_window_across_two_zones(day: str, length: int) -> None:
    """A14, M3-11: each end in its own zone per date."""
    assert length_of(gold(), day) == length * HOUR


def test_a_window_whose_closing_end_is_ahead_of_the_opening_end() -> None:
    """Opens by New York's clocks and closes by Berlin's: three hours and a half, and a half more in March."""
    eastward = business_hours("08:30", "18:00 Europe/Berlin", zone=NEW_YORK)
    assert length_of(eastward, "2026-03-06") == 3.5 * HOUR
    assert length_of(eastward, "2026-03-10") == 4.5 * HOUR


def test_business_hours_stay_when_clocks_change() -> None:
    """Complaint 8: after the change everything moved one hour."""
    silver = business_hours()
    assert silver.next_opening(local("2026-03-27 19:00")) == utc("2026-03-30 08:00")
    assert silver.next_opening(local("2026-03-20 19:00")) == utc("2026-03-23 09:00")


def test_half_an_hour_on_lord_howe() -> None:
    """engine.md: clocks there change by 30 minutes, at two in the morning."""
    lord_howe = whole_days("Australia/Lord_Howe")
    assert length_of(lord_howe, "2026-10-04") == 23.5 * HOUR
    assert length_of(lord_howe, "2026-04-05") == 24.5 * HOUR


def test_the_day_that_apia_skipped() -> None:
    """30 December 2011, a Friday, was never shown by any clock in Samoa."""
    samoa = business_hours("09:00", "17:00", zone="Pacific/Apia")
    assert length_of(samoa, "2011-12-30") == timedelta(0)
    assert samoa.add(local("2011-12-29 16:00", "Pacific/Apia"), 2 * HOUR) == local(
        "2012-01-02 10:00", "Pacific/Apia"
    )
    assert samoa.add_days(local("2011-12-29 12:00", "Pacific/Apia"), 1) == local(
        "2012-01-02 12:00", "Pacific/Apia"
    )


def test_casablanca_turns_back_for_ramadan() -> None:
    """Standard time is daylight time there, and 2026's Ramadan takes an hour back in February."""
    casablanca = whole_days("Africa/Casablanca")
    assert length_of(casablanca, "2026-02-15") == 25 * HOUR
    assert length_of(casablanca, "2026-03-22") == 23 * HOUR


@pytest.mark.parametrize(
    ("zone", "spring", "autumn"),
    [
        ("Africa/Cairo", "2026-04-24", "2026-10-29"),
        ("Asia/Beirut", "2026-03-29", "2026-10-24"),
        ("America/Havana", "2026-03-08", "2026-11-01"),
        ("America/Santiago", "2026-09-06", "2026-04-04"),
    ],
)
def test_zones_that_change_at_midnight(zone: str, spring: str, autumn: str) -> None:
    """The day begins at the first instant its date is shown; its hours follow."""
    calendar = whole_days(zone)
    assert length_of(calendar, spring) == 23 * HOUR
    assert length_of(calendar, autumn) == 25 * HOUR
    assert calendar.always_open
    morning = business_hours("00:00", "09:00", EVERY_DAY, zone)
    assert length_of(morning, spring) == 8 * HOUR


zones = st.sampled_from(ZONES)
clock_times = st.integers(0, 95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")


@st.composite
def calendars(draw: st.DrawFn) -> BusinessCalendar:
    """One to three shifts a week, each possibly with its two ends in different zones."""
    shifts = []
    zone = draw(zones)
    for _ in range(draw(st.integers(1, 3))):
        days = draw(st.lists(st.sampled_from(EVERY_DAY.split()), min_size=1, unique=True))
        closing = draw(st.just(zone) | zones)
        opens, closes = draw(clock_times), draw(clock_times)
        shifts.append(hours(opens, f"{closes} {closing}", " ".join(days), zone))
    return BusinessCalendar(tuple(shifts))


instants = st.integers(0, 4 * 366 * 86_400 * 4).map(lambda n: utc("2024-01-01") + timedelta(seconds=n / 4))
amounts = st.integers(0, 40 * 3600 * 4).map(lambda n: timedelta(seconds=n / 4))


def opens_at_all(calendar: BusinessCalendar) -> bool:
    return calendar.elapsed(utc("2024-06-01"), utc("2024-07-01")) > timedelta(0)


@given(calendars().filter(opens_at_all), instants, amounts)
def test_what_is_added_is_what_elapses(
    calendar: BusinessCalendar, start: datetime, amount: timedelta
) -> None:
    due = calendar.add(start, amount)
    assert due >= start
    assert calendar.elapsed(start, due) == amount
    if amount:
        assert calendar.elapsed(start, due - timedelta(microseconds=1)) == amount - timedelta(microseconds=1)


@given(calendars().filter(opens_at_all), instants, instants, instants)
def test_elapsed_time_adds_up(
    calendar: BusinessCalendar, one: datetime, two: datetime, three: datetime
) -> None:
    first, middle, last = sorted((one, two, three))
    parts = calendar.elapsed(first, middle) + calendar.elapsed(middle, last)
    assert parts == calendar.elapsed(first, last) <= last - first


@given(calendars().filter(opens_at_all), instants, amounts, amounts)
def test_amounts_add_up(calendar: BusinessCalendar, start: datetime, one: timedelta, two: timedelta) -> None:
    assert calendar.add(calendar.add(start, one), two) == calendar.add(start, one + two)


@given(calendars().filter(opens_at_all), instants, instants, amounts)
def test_a_later_ticket_is_never_due_earlier(
    calendar: BusinessCalendar, one: datetime, two: datetime, amount: timedelta
) -> None:
    first, last = sorted((one, two))
    assert calendar.add(first, amount) <= calendar.add(last, amount) or not amount
    assert calendar.add_days(first, 2) <= calendar.add_days(last, 2)


@given(calendars().filter(opens_at_all), instants, st.integers(1, 12))
def test_more_business_days_end_later(calendar: BusinessCalendar, start: datetime, days: int) -> None:
    due = calendar.add_days(start, days)
    assert start < due < calendar.add_days(start, days + 1)
    assert calendar.elapsed(due - timedelta(microseconds=1), due) == timedelta(microseconds=1)


@given(calendars().filter(opens_at_all), instants)
def test_openings_closings_and_is_open_agree(calendar: BusinessCalendar, at: datetime) -> None:
    closing = calendar.closing(at)
    if calendar.is_open(at):
        assert calendar.next_opening(at) == at
        if closing is not None:
            assert closing > at
            assert not calendar.is_open(closing)
            assert calendar.elapsed(at, closing) == closing - at
    else:
        assert closing is None
        opening = calendar.next_opening(at)
        assert calendar.elapsed(at, opening) == timedelta(0)
        assert calendar.is_open(opening)


@given(zones, st.integers(0, 365 * 3))
def test_the_days_of_a_zone_follow_each_other_without_gap(zone: str, number: int) -> None:
    """Midnight to midnight, even if the clocks change that night."""
    calendar = whole_days(zone)
    day = utc("2025-01-01").date() + timedelta(days=number)
    (today,), (tomorrow,) = calendar.day_openings(day), calendar.day_openings(day + timedelta(days=1))
    assert today.end == tomorrow.start
