"""Rotas in time: who holds a role, until when, who is next; over clock changes, against a walk by minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla_core.calendar import BoundaryTime, BusinessCalendar, Hours, Span, instant_of
from sla_core.oncall import (
    ListRota,
    OnCall,
    Overrides,
    Rotation,
    Shift,
    TimedRota,
    gaps,
    next_handover,
)
from tests.sla_core.oracle_oncall import DAYS, MINUTE, Standin, WalkedRotation, stretches, utc, walk

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
WEEK = timedelta(weeks=1)


def local(text: str) -> datetime:
    """A time that clocks show, without a zone."""
    return datetime.fromisoformat(text)


NINE = local("2026-01-05T09:00")
"""A Monday."""
CHANGES = {
    "Berlin in spring": (BERLIN, utc("2026-03-29T01:00")),
    "Berlin in autumn": (BERLIN, utc("2026-10-25T01:00")),
    "New York in spring": (NEW_YORK, utc("2026-03-08T07:00")),
    "New York in autumn": (NEW_YORK, utc("2026-11-01T06:00")),
}


def hours(opens: int, closes: int, zone: ZoneInfo) -> BusinessCalendar:
    begin, end = (BoundaryTime(timedelta(hours=hour), zone) for hour in (opens, closes))
    return BusinessCalendar((Hours(frozenset(range(7)), begin, end),))


def weekly(*people: str, turn: timedelta | str = WEEK, starts: datetime = NINE) -> Rotation:
    return Rotation(people, BERLIN, starts, turn)


def rota(*layers: Rotation, overrides: tuple[Shift, ...] = ()) -> TimedRota:
    return TimedRota(layers, BERLIN, Overrides(overrides))


def shift(person: str, start: str, end: str) -> Shift:
    """From and to in local time of Berlin."""
    return Shift(person, Span(*(instant_of(local(at), BERLIN) for at in (start, end))))


CHRISTMAS = shift("kim", "2026-12-24T09:00", "2026-12-27T09:00")


def test_a_turn_ends_at_the_same_wall_time_in_summer_and_winter() -> None:
    """The hour of the change is in somebody's turn: that week has 167 or 169 hours."""
    by_week = rota(weekly("bob", "eve"))
    assert by_week.on_call(utc("2026-03-27T12:00")) == OnCall(
        "eve", utc("2026-03-30T07:00"), "bob", utc("2026-03-30T07:00")
    )
    assert by_week.on_call(utc("2026-10-24T12:00")) == OnCall(
        "eve", utc("2026-10-26T08:00"), "bob", utc("2026-10-26T08:00")
    )


def test_the_handover_itself_belongs_to_the_next_turn() -> None:
    by_week = rota(weekly("bob", "eve"))
    assert by_week.on_duty(utc("2026-01-12T07:59:59")) == ["bob"]
    assert by_week.on_duty(utc("2026-01-12T08:00:00")) == ["eve"]


def test_nobody_is_on_call_before_the_rotation_starts() -> None:
    by_week = rota(weekly("bob", "eve"))
    early = utc("2026-01-01T00:00")
    assert by_week.on_call(early) == OnCall(None, utc("2026-01-05T08:00"), "bob", utc("2026-01-05T08:00"))
    assert by_week.on_duty(early) == by_week.paging_order(early) == []


def test_an_override_cuts_the_turn_and_gives_it_back() -> None:
    """24 December is in a turn of Bob's, 28 December is the handover to Eve."""
    covered = rota(weekly("bob", "eve"), overrides=(CHRISTMAS,))
    christmas, after = utc("2026-12-24T08:00"), utc("2026-12-27T08:00")
    holder = covered.on_call(utc("2026-12-22T08:00")).person
    other = {"bob": "eve", "eve": "bob"}[holder or ""]
    assert covered.on_call(utc("2026-12-22T08:00")) == OnCall(holder, christmas, "kim", christmas)
    assert covered.on_call(christmas) == OnCall("kim", after, holder, after)
    assert covered.on_call(after) == OnCall(holder, utc("2026-12-28T08:00"), other, utc("2026-12-28T08:00"))


def test_the_paging_order_is_the_one_on_call_and_then_as_they_come() -> None:
    three = rota(weekly("bob", "eve", "mia"), overrides=(CHRISTMAS,))
    assert three.paging_order(utc("2026-01-13T08:00")) == ["eve", "mia", "bob"]
    order = three.paging_order(utc("2026-12-25T08:00"))
    assert order[0] == "kim"
    assert order[1:] == three.paging_order(utc("2026-12-27T12:00"))
    assert set(order) == {"kim", "bob", "eve", "mia"}


def test_somebody_whose_override_is_past_is_not_paged() -> None:
    assert rota(weekly("bob", "eve"), overrides=(CHRISTMAS,)).paging_order(utc("2027-02-01T00:00")) in (
        ["bob", "eve"],
        ["eve", "bob"],
    )


def test_a_single_person_has_turn_after_turn() -> None:
    alone = rota(weekly("bob"))
    assert alone.on_call(utc("2026-01-06T00:00")) == OnCall(
        "bob", utc("2026-01-12T08:00"), "bob", utc("2026-01-12T08:00")
    )
    assert alone.paging_order(utc("2026-01-06T00:00")) == ["bob"]


def test_a_turn_of_two_years_has_its_end() -> None:
    slow = rota(weekly("bob", "eve", turn=timedelta(weeks=104)))
    assert slow.on_call(utc("2026-02-01T00:00")).until == instant_of(NINE + timedelta(weeks=104), BERLIN)


def test_a_list_is_always_the_same() -> None:
    always = ListRota(("eve", "bob"))
    for at in (utc("2026-01-01T00:00"), utc("2031-07-01T00:00")):
        assert always.on_call(at) == OnCall("eve", None, "bob")
        assert always.paging_order(at) == always.on_duty(at) == ["eve", "bob"]
    assert ListRota(()).on_call(utc("2026-01-01T00:00")) == OnCall(None)
    assert gaps(ListRota(()), Span(utc("2026-01-01T00:00"), utc("2026-01-02T00:00"))) != []


def test_a_handover_in_the_skipped_hour_is_at_the_skip() -> None:
    """Half past two does not exist on 29 March; the clocks go from two to three."""
    night = rota(weekly("bob", "eve", turn=timedelta(days=1), starts=local("2026-03-27T02:30")))
    assert night.on_call(utc("2026-03-28T12:00")).until == utc("2026-03-29T01:00")
    assert night.on_call(utc("2026-03-29T01:00")).until == utc("2026-03-30T00:30")


def test_a_handover_in_the_repeated_hour_is_at_its_first_time() -> None:
    night = rota(weekly("bob", "eve", turn=timedelta(days=1), starts=local("2026-10-23T02:30")))
    first = utc("2026-10-25T00:30")
    assert night.on_call(utc("2026-10-24T12:00")).until == first
    assert night.on_call(first).until == utc("2026-10-26T01:30")
    assert night.on_duty(first + timedelta(hours=1)) == night.on_duty(first)


def test_turns_by_a_recurrence_rule() -> None:
    """Two people share the week: Bob from Monday to Friday, Eve over the weekend."""
    shared = rota(weekly("bob", "eve", turn="FREQ=WEEKLY;BYDAY=MO,FR"))
    assert shared.on_call(utc("2026-04-01T00:00")) == OnCall(
        "bob", utc("2026-04-03T07:00"), "eve", utc("2026-04-03T07:00")
    )
    assert shared.on_duty(utc("2026-04-05T00:00")) == ["eve"]


def test_a_start_that_the_rule_leaves_out_begins_the_first_turn() -> None:
    """The rotation begins on Wednesday; the first handover is on Friday."""
    shared = rota(weekly("bob", "eve", turn="FREQ=WEEKLY;BYDAY=MO,FR", starts=local("2026-01-07T09:00")))
    assert shared.on_call(utc("2026-01-07T08:00")).until == utc("2026-01-09T08:00")
    assert shared.on_duty(utc("2026-01-07T07:59")) == []
    assert shared.on_duty(utc("2026-01-09T08:00")) == ["eve"]


def test_a_rule_without_a_handover_is_told_from_one_that_cannot_be_read() -> None:
    assert next_handover("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", NINE) is None
    with pytest.raises(ValueError, match="FREQ"):
        next_handover("FREQ=SOMETIMES", NINE)


def follow_the_sun() -> TimedRota:
    """Eight to four in Berlin, ten to six in New York, which begins as the other ends except in March."""
    europe = Rotation(("bob", "eve"), BERLIN, NINE, WEEK, hours(8, 16, BERLIN))
    america = Rotation(("kim",), NEW_YORK, NINE, WEEK, hours(10, 18, NEW_YORK))
    return rota(europe, america)


def test_two_layers_follow_the_sun() -> None:
    """16:00 in Berlin is 10:00 in New York, except for the weeks when only one of them has changed."""
    sun = follow_the_sun()
    winter, between = utc("2026-01-07T12:00"), utc("2026-03-10T12:00")
    assert sun.on_call(winter) == OnCall("bob", utc("2026-01-07T15:00"), "kim", utc("2026-01-07T15:00"))
    assert sun.on_call(between).next_at == utc("2026-03-10T15:00")
    assert sun.on_call(utc("2026-03-10T15:00")).until == utc("2026-03-10T22:00")
    assert sun.on_call(utc("2026-01-07T23:30")) == OnCall(
        None, utc("2026-01-08T07:00"), "bob", utc("2026-01-08T07:00")
    )
    assert sun.paging_order(winter) == ["bob", "kim", "eve"]


def test_the_first_layer_counts_where_two_are_on_call() -> None:
    """In the weeks between the clock changes, New York begins an hour before Berlin ends."""
    sun = follow_the_sun()
    assert sun.on_duty(utc("2026-03-10T14:30")) == ["eve"]
    assert [span.start for span in gaps(sun, Span(utc("2026-01-07T12:00"), utc("2026-01-08T12:00")))] == [
        utc("2026-01-07T23:00")
    ]


def test_the_end_of_all_shifts_is_the_end_of_the_last() -> None:
    only = TimedRota((Overrides((CHRISTMAS,)),), BERLIN)
    assert only.on_call(utc("2026-12-25T00:00")) == OnCall("kim", utc("2026-12-27T08:00"))
    assert only.on_call(utc("2027-01-01T00:00")) == OnCall(None)
    assert only.on_call(utc("2026-12-01T00:00")).next_at == utc("2026-12-24T08:00")


# Against the walk by minutes ------------------------------------------------------------------

PEOPLE = ("bob", "eve", "kim", "mia")
LENGTHS = st.one_of(
    st.integers(1, 30).map(lambda count: timedelta(hours=count)),
    st.integers(1, 4).map(lambda count: timedelta(days=count)),
    st.integers(1, 2).map(lambda count: timedelta(weeks=count)),
)
DAILY_HOURS = st.sampled_from([None, (8, 16), (10, 18), (18, 8), (22, 6)])
AROUND = 16 * 60
"""Minutes before a clock change and after it."""


@st.composite
def rotations(draw: st.DrawFn, change: datetime, zone: ZoneInfo) -> tuple[Rotation, WalkedRotation]:
    """The same rotation twice, which starts some days before the change or on its day."""
    people = tuple(draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4)))
    local = change.astimezone(zone).replace(tzinfo=None)
    starts = local - draw(st.integers(-24 * 60, 20 * 24 * 60)) * MINUTE
    every: timedelta | frozenset[int] = draw(
        LENGTHS | st.frozensets(st.integers(0, 6), min_size=1, max_size=4)
    )
    of_day = draw(DAILY_HOURS)
    turn = every if isinstance(every, timedelta) else f"FREQ=WEEKLY;BYDAY={','.join(DAYS[d] for d in every)}"
    calendar = hours(*of_day, zone) if of_day else None
    return Rotation(people, zone, starts, turn, calendar), WalkedRotation(people, zone, starts, every, of_day)


@st.composite
def standins(draw: st.DrawFn, change: datetime) -> list[Standin]:
    """Overrides around the change, which may overlap."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        start = change + draw(st.integers(-AROUND - 600, AROUND)) * MINUTE
        end = start + draw(st.integers(1, 1200)) * MINUTE
        found.append(Standin(draw(st.sampled_from(PEOPLE)), start, end))
    return found


@pytest.mark.parametrize("change", CHANGES)
@given(data=st.data())
def test_every_minute_around_a_clock_change(change: str, data: st.DataObject) -> None:
    """Shifts, gaps, ends and the next person are those of the walk: layers, overrides and hours included."""
    zone, at = CHANGES[change]
    pairs = [data.draw(rotations(at, zone))]
    if data.draw(st.booleans()):
        pairs.append(data.draw(rotations(at, data.draw(st.sampled_from([BERLIN, NEW_YORK])))))
    covered = data.draw(standins(at))
    made = TimedRota(
        tuple(rotation for rotation, _ in pairs),
        zone,
        Overrides(tuple(Shift(each.person, Span(each.start, each.end)) for each in covered)),
    )
    start = at - AROUND * MINUTE
    walked = walk([oracle for _, oracle in pairs], covered, start, 2 * AROUND)
    expected = stretches(walked)

    within = Span(start, start + 2 * AROUND * MINUTE)
    found = [(shift.person, shift.span.start, shift.span.end) for shift in made.timeline(within)]
    assert found == expected
    assert [(span.start, span.end) for span in gaps(made, within)] == [
        (begin, end) for person, begin, end in expected if person is None
    ]
    minute = data.draw(st.sampled_from(walked))
    now = made.on_call(minute.at)
    after = [stretch for stretch in expected if stretch[1] > minute.at]
    assert now.person == minute.person
    assert made.on_duty(minute.at) == made.paging_order(minute.at)[:1] == [p for p in [minute.person] if p]
    if after:
        assert now.until == after[0][1]
    following = next((stretch for stretch in after if stretch[0] is not None), None)
    if following is not None:
        assert (now.next, now.next_at) == following[:2]


def test_the_walk_finds_a_rotation_that_counts_real_hours() -> None:
    """A rotation whose weeks have 168 hours would hand over an hour late in summer."""
    zone, at = CHANGES["Berlin in spring"]
    starts = local("2026-03-23T09:00")
    right = walk([WalkedRotation(("bob", "eve"), zone, starts, WEEK)], [], at, 36 * 60)
    wrong = instant_of(starts, zone) + WEEK
    assert stretches(right)[1][1] == wrong - timedelta(hours=1)
