"""Deadlines that show their working."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sla_core.calendar import BusinessCalendar, Span, always
from sla_core.hours.openings import Closures
from sla_core.promise import Stretch, receipt
from sla_core.ticket import Gap
from tests.sla_core.builders import HOUR, business_hours, gold, hold, local, promise, utc
from tests.sla_core.test_clock_changes import amounts, calendars, instants, opens_at_all


def said(stretches: list[Stretch]) -> list[tuple[str, str]]:
    """Until when (in Berlin) and why."""
    berlin = business_hours().zone
    return [(f"{s.span.end.astimezone(berlin):%a %H:%M}", s.why) for s in stretches]


def of(calendar: BusinessCalendar, start: datetime, within: str, *gaps: Gap) -> list[Stretch]:
    due_at = promise(calendar, within, start, gaps).due_at
    assert due_at is not None
    return receipt(calendar, start, due_at, gaps)


def test_a_weekend_is_separate_from_the_nights_around_it() -> None:
    """contract.md: uncounted time is cut at local midnight, neighbours with one reason are joined."""
    assert said(of(business_hours(), local("2026-03-13 17:00"), "4h")) == [
        ("Fri 18:00", "open"),
        ("Sat 00:00", "night"),
        ("Mon 00:00", "weekend"),
        ("Mon 10:00", "night"),
        ("Mon 13:00", "open"),
    ]


def test_a_night_across_midnight_is_one_row() -> None:
    assert said(of(business_hours(), local("2026-03-10 17:00"), "2h")) == [
        ("Tue 18:00", "open"),
        ("Wed 10:00", "night"),
        ("Wed 11:00", "open"),
    ]


def test_midnight_is_that_of_the_opening_end() -> None:
    """contract.md; M3-11: Berlin's midnight, though the window closes by New York's clocks."""
    assert said(of(gold(), local("2026-03-13 21:00"), "2h")) == [
        ("Fri 22:00", "open"),
        ("Sat 00:00", "night"),
        ("Mon 00:00", "weekend"),
        ("Mon 10:00", "night"),
        ("Mon 11:00", "open"),
    ]


def test_holidays_are_named_even_on_a_weekend() -> None:
    """Complaint 1: show which days were skipped, and why; the last reason that applies wins."""
    closures = Closures(
        dates={date(2026, 3, 14): "Fair", date(2026, 3, 16): "Fair", date(2026, 3, 17): "Rest"}
    )
    assert said(of(business_hours(closures=closures), local("2026-03-13 17:00"), "2h")) == [
        ("Fri 18:00", "open"),
        ("Sat 00:00", "night"),
        ("Sun 00:00", "holiday: Fair"),
        ("Mon 00:00", "weekend"),
        ("Tue 00:00", "holiday: Fair"),
        ("Wed 00:00", "holiday: Rest"),
        ("Wed 10:00", "night"),
        ("Wed 11:00", "open"),
    ]


def test_a_hold_names_person_and_reason_and_covers_the_night() -> None:
    """Complaint 16: the customer sees a pause and its reason."""
    held = hold("2026-03-10 17:00", "2026-03-11 12:00")
    assert said(of(business_hours(), local("2026-03-10 16:00"), "2h", held)) == [
        ("Tue 17:00", "open"),
        ("Wed 12:00", "hold: Bob, waits for logs"),
        ("Wed 13:00", "open"),
    ]


def test_around_the_clock_support_is_one_open_row() -> None:
    """contract.md; M3-13, over a weekend and a change of clocks."""
    assert said(of(always(), local("2026-03-28 12:00"), "72h")) == [("Tue 13:00", "open")]


def test_business_days_count_open_seconds() -> None:
    """M3-15: from Saturday, a whole Monday."""
    stretches = of(business_hours(), local("2026-03-14 12:00"), "1 business day")
    assert said(stretches) == [("Mon 00:00", "weekend"), ("Mon 10:00", "night"), ("Mon 18:00", "open")]
    assert sum((s.counted for s in stretches), timedelta(0)) == 8 * HOUR


def test_a_night_shift_s_morning_belongs_to_no_weekend() -> None:
    nights = business_hours("22:00", "06:00")
    assert said(of(nights, local("2026-03-13 23:00"), "8h")) == [
        ("Sat 06:00", "open"),
        ("Mon 00:00", "weekend"),
        ("Mon 22:00", "night"),
        ("Mon 23:00", "open"),
    ]


def test_a_zone_that_showed_midnight_twice() -> None:
    """In St. John's clocks once went back at one minute past midnight, into the day before."""
    zone = "America/St_Johns"
    calendar = business_hours(zone=zone)
    for start in (local("2006-10-27 17:00", zone), utc("2006-10-29 02:45")):
        due_at = calendar.add(start, 20 * HOUR)
        assert_whole(receipt(calendar, start, due_at), Span(start, due_at))


def assert_whole(stretches: list[Stretch], whole: Span) -> None:
    assert all(stretch.span for stretch in stretches)
    if not whole:
        assert stretches == []
        return
    assert (stretches[0].span.start, stretches[-1].span.end) == (whole.start, whole.end)
    assert all(one.span.end == two.span.start and one.why != two.why for one, two in pairwise(stretches))


@given(calendars().filter(opens_at_all), instants, amounts, st.lists(st.integers(0, 200), max_size=6))
def test_receipts_add_up_without_gap_or_overlap(
    calendar: BusinessCalendar, start: datetime, amount: timedelta, cuts: list[int]
) -> None:
    """contract.md: the counted seconds add up to the target, with any holds."""
    hours = sorted(set(cuts))
    gaps = [
        Gap(start + begin * HOUR, start + end * HOUR, "Bob, waits")
        for begin, end in zip(hours[::2], hours[1::2], strict=False)
    ]
    due_at = promise(calendar, amount, start, gaps).due_at
    assert due_at is not None
    stretches = receipt(calendar, start, due_at, gaps)
    assert_whole(stretches, Span(start, due_at))
    assert sum((stretch.counted for stretch in stretches), timedelta(0)) == amount
