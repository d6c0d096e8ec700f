"""Openings, elapsed time, hours and business days to add: the ordinary week and its edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sla_core.calendar import BusinessCalendar, NeverOpens, Span, always
from sla_core.hours.openings import AnnualDay, Closures
from tests.sla_core.builders import EVERY_DAY, HOUR, MINUTE, NEW_YORK, business_hours, gold, hours, local, utc


def lunch() -> BusinessCalendar:
    return BusinessCalendar((hours("09:00", "12:00"), hours("13:00", "17:00")))


def test_openings_are_half_open() -> None:
    """M3-10: at ten it is open, at six it is not."""
    silver = business_hours()
    assert silver.is_open(local("2026-03-10 10:00"))
    assert not silver.is_open(local("2026-03-10 18:00"))
    assert silver.is_open(local("2026-03-10 18:00") - timedelta(microseconds=1))
    assert not silver.is_open(local("2026-03-10 10:00") - timedelta(microseconds=1))


def test_time_that_runs_out_at_a_close_is_due_at_that_close() -> None:
    assert business_hours().add(local("2026-03-10 14:00"), 4 * HOUR) == local("2026-03-10 18:00")
    assert business_hours().add(local("2026-03-10 14:00"), 4 * HOUR + MINUTE) == local("2026-03-11 10:01")


def test_from_the_closing_second_time_runs_at_the_next_opening() -> None:
    assert business_hours().add(local("2026-03-10 18:00"), HOUR) == local("2026-03-11 11:00")


def test_from_the_opening_second_time_runs_at_once() -> None:
    assert business_hours().add(local("2026-03-10 10:00"), HOUR) == local("2026-03-10 11:00")


def test_adding_nothing_changes_nothing() -> None:
    saturday = local("2026-03-14 12:00")
    assert business_hours().add(saturday, timedelta(0)) == saturday


def test_a_weekend_does_not_count() -> None:
    """Complaint 11: breaches by the wall clock although hours were set."""
    assert business_hours().add(local("2026-03-13 17:30"), HOUR) == local("2026-03-16 10:30")
    assert business_hours().elapsed(local("2026-03-13 17:30"), local("2026-03-16 10:30")) == HOUR


def test_less_than_a_second_counts() -> None:
    """engine.md, hard list: 0.8 s."""
    start = local("2026-03-10 12:00") + timedelta(microseconds=100_000)
    assert business_hours().elapsed(start, start + timedelta(microseconds=800_000)) == timedelta(
        microseconds=800_000
    )
    assert business_hours().add(start, timedelta(microseconds=1)) == start + timedelta(microseconds=1)
    late = local("2026-03-10 18:00") - timedelta(microseconds=300_000)
    opens = local("2026-03-11 10:00")
    assert business_hours().add(late, timedelta(seconds=1)) == opens + timedelta(microseconds=700_000)


def test_elapsed_time_is_never_negative() -> None:
    assert business_hours().elapsed(local("2026-03-11 12:00"), local("2026-03-10 12:00")) == timedelta(0)


def test_lunch_does_not_count() -> None:
    """Complaint 11: split shifts."""
    assert lunch().add(local("2026-03-10 11:30"), HOUR) == local("2026-03-10 13:30")
    assert lunch().add(local("2026-03-10 11:00"), HOUR) == local("2026-03-10 12:00")
    assert not lunch().is_open(local("2026-03-10 12:30"))
    assert list(lunch().openings(Span(local("2026-03-10 11:00"), local("2026-03-10 14:00")))) == [
        Span(local("2026-03-10 11:00"), local("2026-03-10 12:00")),
        Span(local("2026-03-10 13:00"), local("2026-03-10 14:00")),
    ]


def test_a_business_day_counts_its_offset_without_lunch() -> None:
    """A3: the offset is open time since the day's opening."""
    assert lunch().add_days(local("2026-03-10 14:00"), 1) == local("2026-03-11 14:00")
    assert lunch().add_days(local("2026-03-10 12:30"), 1) == lunch().add_days(local("2026-03-10 13:00"), 1)
    assert lunch().add_days(local("2026-03-10 08:00"), 1) == local("2026-03-10 17:00")


def test_shifts_that_touch_are_one_opening() -> None:
    shifts = BusinessCalendar((hours("08:00", "14:00"), hours("14:00", "20:00")))
    assert shifts.closing(local("2026-03-10 09:00")) == local("2026-03-10 20:00")
    assert shifts.is_open(local("2026-03-10 14:00"))


def test_shifts_that_overlap_count_once() -> None:
    shifts = BusinessCalendar((hours("08:00", "14:00"), hours("12:00", "20:00")))
    assert shifts.elapsed(local("2026-03-10 00:00"), local("2026-03-11 00:00")) == 12 * HOUR


@pytest.mark.parametrize(
    ("submitted", "days", "due"),
    [
        ("2026-03-13 16:00", 1, "2026-03-16 16:00"),
        ("2026-03-14 12:00", 1, "2026-03-16 18:00"),
        ("2026-03-16 09:00", 1, "2026-03-16 18:00"),
        ("2026-03-16 10:00", 1, "2026-03-16 18:00"),
        ("2026-03-16 18:00", 1, "2026-03-17 18:00"),
        ("2026-03-13 16:00", 3, "2026-03-18 16:00"),
        ("2026-03-13 16:00", 5, "2026-03-20 16:00"),
        ("2026-03-14 12:00", 20, "2026-04-10 18:00"),
    ],
)
def test_business_days_keep_the_offset(submitted: str, days: int, due: str) -> None:
    """A3."""
    assert business_hours().add_days(local(submitted), days) == local(due)


def test_the_offset_is_clamped_to_a_shorter_day() -> None:
    """A3, A14: Thursday before the clocks change is 13 hours long, the Friday ends 12 after its opening."""
    assert gold().add_days(local("2026-03-06 22:30"), 1) == local("2026-03-09 22:00")


def test_a_half_day_closes_at_three() -> None:
    """Complaint 11: half-day holidays."""
    christmas_eve = date(2026, 12, 24)
    halved = business_hours(early={christmas_eve: 15 * HOUR})
    assert halved.add(local("2026-12-24 14:00"), 2 * HOUR) == local("2026-12-25 11:00")
    assert halved.closing(local("2026-12-24 11:00")) == local("2026-12-24 15:00")
    assert halved.add_days(local("2026-12-23 17:00"), 1) == local("2026-12-24 15:00")
    assert halved.why_closed(local("2026-12-24 16:00")) == "night"


def test_a_half_day_of_a_window_across_zones_ends_by_the_closing_ends_clock() -> None:
    """Three in the afternoon in New York, the day after Thanksgiving."""
    halved = business_hours("10:00", f"17:00 {NEW_YORK}", early={date(2026, 11, 27): 15 * HOUR})
    assert halved.closing(local("2026-11-27 12:00")) == local("2026-11-27 15:00", NEW_YORK)


def test_a_half_day_that_closes_before_it_opens_stays_closed() -> None:
    halved = business_hours(early={date(2026, 12, 24): 9 * HOUR})
    assert halved.add(local("2026-12-24 11:00"), HOUR) == local("2026-12-25 11:00")


def test_the_next_opening_is_now_when_open() -> None:
    silver = business_hours()
    now = local("2026-03-10 12:00")
    assert silver.next_opening(now) == now
    assert silver.next_opening(local("2026-03-13 18:00")) == local("2026-03-16 10:00")


def test_closing_of_a_closed_instant_is_none() -> None:
    assert business_hours().closing(local("2026-03-14 12:00")) is None


def test_why_it_is_closed() -> None:
    """complaint 1: which days were skipped, and why; the last reason that applies wins."""
    closed = Closures(dates={date(2026, 3, 14): "Moving day", date(2026, 3, 11): "Moving day"})
    silver = business_hours(closures=closed)
    assert silver.why_closed(local("2026-03-10 19:00")) == "night"
    assert silver.why_closed(local("2026-03-15 12:00")) == "weekend"
    assert silver.why_closed(local("2026-03-11 12:00")) == "holiday: Moving day"
    assert silver.why_closed(local("2026-03-14 12:00")) == "holiday: Moving day"


def test_a_working_saturday_opens_for_the_whole_of_a_usual_day() -> None:
    """MON-26 in general: named working days win; lunch stays lunch."""
    saturday = date(2026, 3, 14)
    split = replace_closures(lunch(), Closures(working={saturday: "Stocktaking"}))
    assert split.elapsed(local("2026-03-14 00:00"), local("2026-03-15 00:00")) == 7 * HOUR
    assert split.why_closed(local("2026-03-14 08:00")) == "night"


def replace_closures(calendar: BusinessCalendar, closures: Closures) -> BusinessCalendar:
    return replace(calendar, closures=closures)


def test_a_year_s_end_is_a_night_like_any_other() -> None:
    assert business_hours().add(local("2026-12-31 17:00"), 2 * HOUR) == local("2027-01-01 11:00")
    assert business_hours().add_days(local("2026-12-31 12:00"), 1) == local("2027-01-01 12:00")


def test_leap_day() -> None:
    assert business_hours().add(local("2028-02-28 17:00"), 2 * HOUR) == local("2028-02-29 11:00")
    assert business_hours().add_days(local("2028-02-28 12:00"), 2) == local("2028-03-01 12:00")


def test_a_holiday_on_leap_day_closes_leap_years_only() -> None:
    """An annual day that most years do not have."""
    leap = business_hours(closures=Closures(annual=(AnnualDay("Leap day", 2, 29),)))
    assert leap.add(local("2027-02-26 17:00"), 2 * HOUR) == local("2027-03-01 11:00")
    assert leap.add(local("2028-02-28 17:00"), 2 * HOUR) == local("2028-03-01 11:00")


def test_questions_past_the_last_listed_date_are_answered_by_the_weekdays() -> None:
    """engine.md, hard list: past the last holiday."""
    silver = business_hours(closures=Closures(dates={date(2026, 1, 1): "New Year's Day"}))
    assert silver.add(local("2031-12-31 17:00"), 2 * HOUR) == local("2032-01-01 11:00")
    assert silver.add(local("2025-12-31 17:00"), 2 * HOUR) == local("2026-01-02 11:00")


def test_answers_do_not_depend_on_the_order_of_questions() -> None:
    """The compiled line grows in both directions."""
    asked = [local(f"{year}-06-10 15:00") for year in (2026, 2150, 1975, 2027, 1999)]
    silver = business_hours()
    grown = [silver.add(at, 20 * HOUR) for at in asked]
    assert grown == [business_hours().add(at, 20 * HOUR) for at in asked]


def test_long_promises_reach_years_ahead() -> None:
    assert business_hours().add(local("2026-01-05 10:00"), 8 * HOUR * 261 * 10) > local("2035-12-01 00:00")


def test_a_promise_that_never_ends_raises() -> None:
    with pytest.raises(NeverOpens, match="2200"):
        business_hours().add(utc("2026-01-05 10:00"), timedelta(days=100_000))
    with pytest.raises(NeverOpens, match="2200"):
        business_hours().add_days(utc("2026-01-05 10:00"), 100_000)


def test_a_calendar_without_a_weekday_raises() -> None:
    with pytest.raises(NeverOpens, match="at least one weekday"):
        BusinessCalendar(())


def test_instants_without_a_zone_are_refused() -> None:
    naive = datetime(2026, 3, 10, 12)  # noqa: DTZ001
    with pytest.raises(ValueError, match="no time zone"):
        business_hours().is_open(naive)


def test_negative_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        business_hours().add(utc("2026-01-05 10:00"), -HOUR)
    with pytest.raises(ValueError, match="at least 1"):
        business_hours().add_days(utc("2026-01-05 10:00"), 0)


def test_around_the_clock_is_always_open() -> None:
    """M3-9, M3-13."""
    assert always().always_open
    assert always().closing(utc("2026-03-14 12:00")) is None
    assert always().elapsed(utc("2026-01-01"), utc("2027-01-01")) == timedelta(days=365)
    assert business_hours("00:00", "24:00", EVERY_DAY).always_open
    assert not business_hours("00:00", "24:00").always_open


def test_a_day_that_ends_in_another_zone_is_not_around_the_clock() -> None:
    """00:00 in Berlin to 24:00 in Tokyo is two thirds of a day."""
    not_whole = business_hours("00:00", "24:00 Asia/Tokyo", EVERY_DAY)
    assert not not_whole.always_open
    assert not_whole.closing(local("2026-01-14 10:00")) == local("2026-01-15 00:00", "Asia/Tokyo")


def test_an_opening_without_end_has_no_closing() -> None:
    """Shifts that touch all year long: the closing is not where the calendar stopped to compute."""
    round_the_clock = business_hours("08:00", "08:00", EVERY_DAY)
    assert round_the_clock.closing(utc("2026-03-14 12:00")) is None


def test_instants_come_back_in_utc() -> None:
    berlin = datetime(2026, 3, 10, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    for found in (
        business_hours().add(berlin, HOUR),
        business_hours().add_days(berlin, 1),
        business_hours().next_opening(berlin),
    ):
        assert found.tzinfo is UTC
    assert business_hours().add(berlin, timedelta(0)).tzinfo is UTC
