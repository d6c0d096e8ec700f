"""What a card may say: true until it is next worded."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla_core.calendar import BusinessCalendar, always
from sla_core.policy import BusinessDays, Metric
from sla_core.promise import BOUNDS, Countdown, Phase, Promise, Tone, bound, countdown, next_change
from tests.sla_core.builders import EVERY_DAY, HOUR, MINUTE, business_hours, hold, local, promise, utc
from tests.sla_core.test_clock_changes import calendars, instants, opens_at_all
from tests.sla_core.test_promise import any_gaps, gaps_from, limits

INSTANT = timedelta(microseconds=1)


def worded(found: Countdown) -> tuple[object, ...]:
    """All of a countdown that a card puts into words."""
    ends = (found.resumes_at, found.met_at)
    return (
        found.metric,
        found.phase,
        found.tone,
        found.due_at,
        found.goal_at,
        found.bound,
        found.pauses,
        *ends,
    )


def test_a_countdown_over_one_day() -> None:
    """M3-14, Tuesday 10:00, due at 14:00: running, warned at three quarters, breached."""
    running = promise()
    story = [
        ("2026-03-10 10:00", Phase.RUNNING, Tone.CALM, 4 * HOUR),
        ("2026-03-10 10:01", Phase.RUNNING, Tone.CALM, 4 * HOUR),
        ("2026-03-10 11:00", Phase.RUNNING, Tone.CALM, 3 * HOUR),
        ("2026-03-10 12:59", Phase.RUNNING, Tone.CALM, 2 * HOUR),
        ("2026-03-10 13:00", Phase.RUNNING, Tone.WARN, HOUR),
        ("2026-03-10 13:30", Phase.RUNNING, Tone.WARN, 30 * MINUTE),
        ("2026-03-10 13:59", Phase.RUNNING, Tone.WARN, 5 * MINUTE),
        ("2026-03-10 14:01", Phase.BREACHED, Tone.ALARM, None),
    ]
    for at, phase, tone, shown in story:
        found = countdown(running, local(at))
        assert (found.phase, found.tone, found.bound) == (phase, tone, shown), at


def test_the_due_instant_itself_is_in_time() -> None:
    """contract.md: an act at `due_at` is in time; the promise is missed right after it."""
    running = promise()
    due_at = local("2026-03-10 14:00")
    assert countdown(running, due_at).phase is Phase.RUNNING
    assert next_change(running, due_at) == due_at + INSTANT
    assert countdown(running, due_at + INSTANT).phase is Phase.BREACHED


def test_due_at_the_close_is_running_until_then() -> None:
    """No card says that a promise is paused at the instant at which it is due."""
    until_close = promise(start=local("2026-03-10 14:00"))
    due_at = local("2026-03-10 18:00")
    assert until_close.due_at == due_at
    assert next_change(until_close, due_at - MINUTE) == due_at + INSTANT
    assert countdown(until_close, due_at).phase is Phase.RUNNING


def test_off_hours() -> None:
    """Complaint 19: nobody counts at night, and the card says so."""
    friday = promise(start=local("2026-03-13 16:00"))
    assert countdown(friday, local("2026-03-13 18:00")).phase is Phase.PAUSED
    assert countdown(friday, local("2026-03-14 12:00")).bound == 2 * HOUR
    assert next_change(friday, local("2026-03-14 12:00")) == local("2026-03-16 10:00")


def test_a_pause_says_when_it_ends_and_what_is_left_then() -> None:
    """Two of the four hours are left on Monday morning, without another night between."""
    friday = promise(start=local("2026-03-13 16:00"))
    paused = countdown(friday, local("2026-03-14 12:00"))
    assert (paused.resumes_at, paused.bound, paused.pauses) == (
        local("2026-03-16 10:00"),
        2 * HOUR,
        False,
    )
    resumed = countdown(friday, local("2026-03-16 10:00"))
    assert (resumed.resumes_at, resumed.bound, resumed.pauses) == (None, 2 * HOUR, False)


def test_hours_are_support_hours_only_if_the_clock_rests_before_the_deadline() -> None:
    friday = promise(start=local("2026-03-13 16:00"))
    assert countdown(friday, local("2026-03-13 16:00")).pauses, "the weekend lies between"
    assert not countdown(promise(), local("2026-03-10 10:00")).pauses, "due on the same day"
    nights = promise(within="20h", start=local("2026-03-10 10:00"))
    assert nights.due_at == local("2026-03-12 14:00")
    for at, pauses in (
        ("2026-03-10 20:00", True),
        ("2026-03-11 12:00", True),
        ("2026-03-11 20:00", False),
        ("2026-03-12 12:00", False),
    ):
        assert countdown(nights, local(at)).pauses is pauses, at
    assert not countdown(promise(calendar=always()), local("2026-03-10 10:00")).pauses
    held = promise(start=local("2026-03-13 16:00"), gaps=[hold("2026-03-13 17:00", None)])
    assert not countdown(held, local("2026-03-13 17:30")).pauses, "nobody knows when it is due"


def test_on_hold() -> None:
    held = promise(gaps=[hold("2026-03-10 11:00", None)])
    found = countdown(held, local("2026-03-11 12:00"))
    assert (found.phase, found.due_at, found.bound) == (Phase.ON_HOLD, None, 3 * HOUR)
    assert next_change(held, local("2026-03-11 12:00")) is None


def test_met_breached_and_ended() -> None:
    met = promise(met_at=local("2026-03-10 11:00"))
    assert countdown(met, local("2026-03-12 12:00")).phase is Phase.MET
    assert countdown(met, local("2026-03-12 12:00")).tone is Tone.DONE
    late = promise(met_at=local("2026-03-10 15:00"))
    assert countdown(late, local("2026-03-12 12:00"), breached=True).phase is Phase.BREACHED
    closed = promise(ended_at=local("2026-03-10 11:00"))
    assert countdown(closed, local("2026-03-12 12:00")).phase is Phase.ENDED
    assert next_change(met, local("2026-03-10 12:00")) is None
    assert countdown(met, local("2026-03-12 12:00")).bound is None
    assert countdown(met, local("2026-03-12 12:00")).met_at == local("2026-03-10 11:00")
    answered = countdown(late, local("2026-03-12 12:00"), breached=True)
    assert (answered.met_at, answered.pauses) == (local("2026-03-10 15:00"), False)
    assert countdown(closed, local("2026-03-12 12:00")).met_at is None


def test_spent_time_counts_open_hours_only() -> None:
    friday = promise(start=local("2026-03-13 16:00"))
    assert countdown(friday, local("2026-03-13 16:00")).spent == 0
    assert countdown(friday, local("2026-03-15 12:00")).spent == pytest.approx(0.5)
    assert countdown(friday, local("2026-03-20 12:00")).spent == 1
    days = promise(within="1 business day", start=local("2026-03-14 12:00"))
    assert countdown(days, local("2026-03-16 14:00")).spent == pytest.approx(0.5)


def test_the_tone_changes_on_time_between_two_bounds() -> None:
    """Three quarters of ten hours are no bound's instant; the change is foretold all the same."""
    running = promise(within="10h", start=local("2026-03-10 10:00"))
    warned = local("2026-03-10 17:30")
    assert running.warn_at == warned
    assert next_change(running, warned - MINUTE) == warned


def test_bounds_are_finer_near_the_deadline() -> None:
    assert tuple(sorted(set(BOUNDS))) == BOUNDS
    assert bound(4 * HOUR) == 4 * HOUR
    assert bound(4 * HOUR + INSTANT) == 5 * HOUR
    assert bound(timedelta(0)) == 5 * MINUTE


@given(st.integers(0, 5000 * 3600))
def test_a_bound_is_never_less_than_the_time_left(seconds: int) -> None:
    left = timedelta(seconds=seconds)
    assert left <= bound(left)


def test_a_silence_clock_around_the_clock_changes_by_its_bounds_only() -> None:
    """MON-25."""
    start = utc("2026-03-14 03:00")
    hourly = promise(always(), "60m", start, metric=Metric.NEXT_UPDATE)
    *bounds, last = changes(hourly, start)
    assert bounds == [start + minutes * MINUTE for minutes in (30, 45, 55)]
    assert last == start + 60 * MINUTE + INSTANT


def changes(running: Promise, start: datetime) -> list[datetime]:
    found = []
    at = next_change(running, start)
    while at is not None:
        found.append(at)
        at = next_change(running, at)
    return found


def test_a_countdown_over_one_night() -> None:
    """Close and opening are changes too."""
    evening = promise(within="2h", start=local("2026-03-10 17:00"))
    assert changes(evening, local("2026-03-10 17:00")) == [
        local(at)
        for at in (
            "2026-03-10 18:00",
            "2026-03-11 10:00",
            "2026-03-11 10:30",
            "2026-03-11 10:45",
            "2026-03-11 10:55",
        )
    ] + [local("2026-03-11 11:00") + INSTANT]


def test_changes_run_on_when_the_hours_touch_all_year() -> None:
    round_the_clock = business_hours("08:00", "08:00", EVERY_DAY)
    running = promise(round_the_clock, "30h", local("2026-12-30 12:00"))
    assert changes(running, local("2026-12-30 12:00"))[-1] - INSTANT == running.due_at


@given(calendars().filter(opens_at_all), instants, limits, any_gaps, st.integers(0, 100))
def test_the_wording_holds_until_its_next_change_and_then_differs(
    calendar: BusinessCalendar,
    start: datetime,
    limit: timedelta | BusinessDays,
    cuts: list[int],
    share: int,
) -> None:
    """design.md, Honest countdowns: a card says only what stays true until its next edit."""
    gaps = gaps_from(start, cuts)
    running = promise(calendar, limit, start, gaps)
    assert running.due_at is not None
    begun = max([start, *(gap.end for gap in gaps if gap.end)])
    at = begun
    shown: timedelta | None = None
    for _ in range(12):
        now = countdown(running, at)
        change = next_change(running, at)
        if change is None:
            assert at > running.due_at
            break
        assert change > at
        between = at + (change - at) * (share / 100)
        for instant in {min(between, change - INSTANT), change - INSTANT}:
            assert worded(countdown(running, instant)) == worded(now)
        assert worded(countdown(running, change)) != worded(now)
        assert now.bound is not None
        assert running.left(at) <= now.bound
        assert shown is None or now.bound <= shown
        shown, at = now.bound, change
