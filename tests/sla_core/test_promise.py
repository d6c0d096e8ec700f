"""Targets that run: holds are gaps in the calendar, and warnings fall due in business time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sla_core.calendar import BusinessCalendar, always
from sla_core.policy import BusinessDays, amount_text, parse_amount
from sla_core.promise import due
from sla_core.ticket import Gap
from tests.sla_core.builders import HOUR, MINUTE, hold, local, promise, utc
from tests.sla_core.test_clock_changes import calendars, instants, opens_at_all


def test_a_hold_is_made_up_for_in_business_time() -> None:
    """A25. Complaint 4: hold time was added by the wall clock."""
    held = hold("2026-03-10 11:00", "2026-03-10 13:00")
    assert promise(gaps=[held]).due_at == local("2026-03-10 16:00")
    overnight = hold("2026-03-10 13:00", "2026-03-11 11:00")
    assert promise(gaps=[overnight]).due_at == local("2026-03-11 12:00")


def test_a_weekend_on_hold_costs_nothing() -> None:
    """Complaint 5: pending over the weekend credited calendar time."""
    over_the_weekend = hold("2026-03-13 18:00", "2026-03-16 10:00")
    friday = local("2026-03-13 16:00")
    assert promise(start=friday, gaps=[over_the_weekend]).due_at == promise(start=friday).due_at
    assert promise(within="2 business days", start=friday, gaps=[over_the_weekend]).due_at == local(
        "2026-03-17 16:00"
    )


def test_a_promise_in_days_is_held_in_hours() -> None:
    """Complaint 5: three hours on hold are three support hours later, not a day."""
    held = hold("2026-03-10 11:00", "2026-03-10 14:00")
    assert promise(within="1 business day", start=local("2026-03-10 10:30"), gaps=[held]).due_at == local(
        "2026-03-11 13:30"
    )


def test_holds_add_up() -> None:
    """Two holds one after the other; the second begins in time that the first has won."""
    first, second = hold("2026-03-10 11:00", "2026-03-10 13:00"), hold("2026-03-10 15:30", "2026-03-10 17:30")
    assert promise(gaps=[first, second]).due_at == local("2026-03-10 18:00")
    assert promise(gaps=[second, first]).due_at == local("2026-03-10 18:00")


def test_a_hold_after_the_deadline_does_not_move_it() -> None:
    assert promise(gaps=[hold("2026-03-10 14:00", "2026-03-10 17:00")]).due_at == local("2026-03-10 14:00")
    assert promise(gaps=[hold("2026-03-10 15:00", None)]).due_at == local("2026-03-10 14:00")


def test_a_hold_before_the_start_does_not_count() -> None:
    """A silence clock that restarts while an old hold lies behind it."""
    assert promise(gaps=[hold("2026-03-09 11:00", "2026-03-09 13:00")]).due_at == local("2026-03-10 14:00")
    across = hold("2026-03-09 11:00", "2026-03-10 11:00")
    assert promise(gaps=[across]).due_at == local("2026-03-10 15:00")


def test_while_it_is_held_there_is_no_deadline_and_nothing_is_lost() -> None:
    """Complaint 12: paused tickets kept ticking."""
    held = promise(gaps=[hold("2026-03-10 11:00", None)])
    assert held.due_at is None
    for later in ("2026-03-10 11:00", "2026-03-10 17:00", "2026-03-20 12:00"):
        assert held.left(local(later)) == 3 * HOUR


def test_a_second_hold_keeps_what_the_first_has_left() -> None:
    gaps = [hold("2026-03-10 11:00", "2026-03-10 13:00"), hold("2026-03-10 14:00", None)]
    assert promise(gaps=gaps).left(local("2026-03-12 12:00")) == 2 * HOUR


@pytest.mark.parametrize(
    ("within", "start", "warns"),
    [
        ("4h", "2026-03-10 10:00", "2026-03-10 13:00"),
        ("4h", "2026-03-10 16:00", "2026-03-11 11:00"),
        ("4h", "2026-03-13 16:00", "2026-03-16 11:00"),
        ("4h", "2026-03-14 12:00", "2026-03-16 13:00"),
        ("1 business day", "2026-03-14 12:00", "2026-03-16 16:00"),
        ("1 business day", "2026-03-13 16:00", "2026-03-16 14:00"),
    ],
)
def test_a_warning_falls_due_in_business_time(within: str, start: str, warns: str) -> None:
    """contract.md: three quarters of the counted time. Complaint 6: warned at midnight instead of at ten."""
    assert promise(within=within, start=local(start)).warn_at == local(warns)


def test_a_warning_waits_for_the_end_of_a_hold() -> None:
    held = promise(gaps=[hold("2026-03-10 11:00", "2026-03-10 13:00")])
    assert held.warn_at == local("2026-03-10 15:00")
    assert promise(gaps=[hold("2026-03-10 11:00", None)]).warn_at is None


def test_a_range_warns_by_its_limit() -> None:
    """A20: the goal is aimed at, the limit breaches, and three quarters are those of the limit."""
    ranged = promise(within="6h", goal="2h")
    assert ranged.goal_at == local("2026-03-10 12:00")
    assert ranged.due_at == local("2026-03-10 16:00")
    assert ranged.warn_at == local("2026-03-10 14:30")
    assert promise().goal_at is None


def test_a_fresh_silence_clock_is_due_its_span_after_submission() -> None:
    """contract.md; MON-25: a rolling hour, day and night."""
    night = utc("2026-03-14 03:12:07")
    assert promise(always(), "60m", night).due_at == night + HOUR


def test_amounts_in_words() -> None:
    assert parse_amount("45m") == 45 * MINUTE
    assert parse_amount("2h") == 2 * HOUR
    assert parse_amount("3 business days") == BusinessDays(3)
    written = ("1h", "4 hours", "90m", "1 business day", "14 days")
    assert [amount_text(parse_amount(text)) for text in written] == [
        "1 hour",
        "4 hours",
        "90 minutes",
        "1 business day",
        "14 days",
    ]
    for wrong in ("", "4", "0h", "-1h", "2 weeks", "4h 30m", "1.5h", "business day"):
        with pytest.raises(ValueError, match="is not a length of time"):
            parse_amount(wrong)


def gaps_from(start: datetime, cuts: list[int]) -> list[Gap]:
    minutes = sorted(set(cuts))
    return [
        Gap(start + begin * MINUTE, start + end * MINUTE, "Bob, waits")
        for begin, end in zip(minutes[::2], minutes[1::2], strict=False)
    ]


any_gaps = st.lists(st.integers(0, 6000), max_size=8)
limits = st.integers(1, 30 * 60).map(lambda minutes: minutes * MINUTE) | st.integers(1, 9).map(BusinessDays)


@given(calendars().filter(opens_at_all), instants, limits, any_gaps, st.integers(1, 5000))
def test_pausing_never_changes_what_remains(
    calendar: BusinessCalendar,
    start: datetime,
    limit: timedelta | BusinessDays,
    cuts: list[int],
    pause: int,
) -> None:
    """A25, engine.md: press hold and resume, however long after, and as much is left as before."""
    gaps = gaps_from(start, cuts)
    running = promise(calendar, limit, start, gaps)
    assert running.due_at is not None
    held_at = max([start, *(gap.end for gap in gaps if gap.end)])
    assume(held_at < running.due_at)
    left = running.left(held_at)
    held = promise(calendar, limit, start, [*gaps, Gap(held_at, None, "Bob, waits")])
    assert held.due_at is None
    resumed_at = held_at + pause * MINUTE
    assert held.left(held_at) == held.left(resumed_at) == left
    resumed = promise(calendar, limit, start, [*gaps, Gap(held_at, resumed_at, "Bob, waits")])
    assert resumed.left(resumed_at) == left


@given(calendars().filter(opens_at_all), instants, limits, any_gaps)
def test_a_warning_comes_before_its_deadline(
    calendar: BusinessCalendar, start: datetime, limit: timedelta | BusinessDays, cuts: list[int]
) -> None:
    found = promise(calendar, limit, start, gaps_from(start, cuts))
    assert found.due_at is not None
    assert found.warn_at is not None
    assert start <= found.warn_at < found.due_at


@given(calendars().filter(opens_at_all), instants, limits, any_gaps)
def test_a_hold_moves_a_deadline_by_the_open_time_it_takes(
    calendar: BusinessCalendar, start: datetime, limit: timedelta | BusinessDays, cuts: list[int]
) -> None:
    gaps = gaps_from(start, cuts)
    plain, held = due(calendar, start, limit), due(calendar, start, limit, gaps)
    assert plain is not None
    assert held is not None
    taken = sum(
        (calendar.elapsed(gap.start, min(gap.end, held)) for gap in gaps if gap.end and gap.start < held),
        timedelta(0),
    )
    assert calendar.elapsed(start, held) == calendar.elapsed(start, plain) + taken
