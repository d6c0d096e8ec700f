"""What fell due, and when to look again: nothing twice, nothing missed, nothing in the past."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla_core.engine import countdowns, evaluate, promises
from sla_core.events import (
    THE_CLOCK,
    Alerted,
    Answered,
    Breached,
    Closed,
    CustomerWrote,
    Escalated,
    Event,
    Held,
    Kind,
    LastWarned,
    Paged,
    Reminded,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Warned,
)
from sla_core.policy import Metric, Term
from sla_core.promise import Phase
from tests.sla_core.builders import (
    ANN,
    BOB,
    HOUR,
    MINUTE,
    Rotas,
    TicketHistory,
    full_policy,
    local,
    m3ter,
    opened,
    refused,
)

TEN = local("2026-03-10 10:00")
INSTANT = timedelta(microseconds=1)
IN_ORDER = [Metric.FIRST_RESPONSE, Metric.NEXT_UPDATE, Metric.RESOLUTION]


def kinds(events: tuple[Event, ...]) -> list[tuple[str, Metric]]:
    return [(type(e).__name__, e.metric) for e in events if isinstance(e, Warned | Breached)]


def test_a_promise_warns_and_then_breaches() -> None:
    """M3-14: warned at three quarters, breached at the deadline, each once."""
    story = TicketHistory(opened(TEN), policy=m3ter())
    story.run_until(TEN + 100 * HOUR, TEN)
    warned, breached = story.heard(Warned, Breached)
    assert isinstance(warned, Warned)
    assert isinstance(breached, Breached)
    assert (warned.at, warned.due_at) == (TEN + 3 * HOUR, TEN + 4 * HOUR)
    assert (breached.at, breached.due_at) == (TEN + 4 * HOUR + INSTANT, TEN + 4 * HOUR)
    assert breached.by == THE_CLOCK


def test_a_breach_is_recorded_right_after_the_due_instant() -> None:
    """contract.md: an act at `due_at` itself is in time."""
    story = TicketHistory(opened(TEN), policy=m3ter())
    at_due = story.wake(TEN + 4 * HOUR)
    assert kinds(at_due.events) == [("Warned", Metric.FIRST_RESPONSE)]
    assert at_due.wake_at == TEN + 4 * HOUR + INSTANT
    assert kinds(story.wake(TEN + 4 * HOUR + INSTANT).events) == [("Breached", Metric.FIRST_RESPONSE)]


def test_an_answer_at_the_due_instant_is_in_time() -> None:
    story = TicketHistory(opened(TEN), Answered(TEN + 4 * HOUR, BOB, Kind.REPLY, "On it"), policy=m3ter())
    assert story.wake(TEN + 5 * HOUR).events == ()


def test_a_catch_up_past_both_posts_only_the_breach() -> None:
    """contract.md."""
    story = TicketHistory(opened(TEN), policy=m3ter())
    found = story.wake(TEN + 5 * HOUR)
    assert kinds(found.events) == [("Breached", Metric.FIRST_RESPONSE)]
    assert found.wake_at is None


def test_a_promise_already_met_warns_nobody() -> None:
    story = TicketHistory(opened(TEN), Answered(TEN + HOUR, BOB, Kind.REPLY, "On it"), policy=m3ter())
    found = story.wake(TEN + 3 * HOUR)
    assert found.events == ()
    assert found.wake_at is None


def test_no_alarm_at_night_or_on_a_weekend() -> None:
    """Complaint 3: reminders at midnight although service hours are set."""
    friday = local("2026-03-13 16:00")
    story = TicketHistory(opened(friday), policy=m3ter())
    woken = story.run_until(friday + 200 * HOUR, friday)
    assert [event.at for event in story.heard(Warned, Breached)] == [
        local("2026-03-16 11:00"),
        local("2026-03-16 12:00") + INSTANT,
    ]
    assert not [at for at in woken if local("2026-03-13 18:00") < at < local("2026-03-16 10:00")]


def test_a_class_without_a_clock_is_never_looked_at_again() -> None:
    """M3-18, A16; complaint 17."""
    found = TicketHistory(opened(TEN, "none"), policy=m3ter()).wake(TEN)
    assert found.events == ()
    assert found.wake_at is None


def test_severity_1_runs_through_the_night() -> None:
    """M3-9, M3-13."""
    night = local("2026-03-14 03:00")
    story = TicketHistory(opened(night, "S1"), policy=m3ter())
    story.run_until(night + 9 * HOUR, night)
    assert [event.at for event in story.heard(Warned, Breached)] == [
        night + 45 * MINUTE,
        night + HOUR + INSTANT,
    ]


def test_silence_is_counted_from_the_last_word() -> None:
    """MON-25: every update restarts the clock, and each run can breach on its own."""
    saturday = local("2026-03-14 03:00")
    story = TicketHistory(opened(saturday, "S1"))
    story.run_until(saturday + 50 * MINUTE, saturday)
    story.add(Answered(saturday + 50 * MINUTE, BOB, Kind.UPDATE, "Looking"))
    story.run_until(saturday + 170 * MINUTE, saturday + 50 * MINUTE)
    story.add(Answered(saturday + 170 * MINUTE, BOB, Kind.UPDATE, "Found it"))
    story.run_until(saturday + 240 * MINUTE, saturday + 170 * MINUTE)
    silences = [
        event.due_at
        for event in story.heard(Breached)
        if isinstance(event, Breached) and event.metric is Metric.NEXT_UPDATE
    ]
    assert silences == [saturday + 110 * MINUTE, saturday + 230 * MINUTE]


def silent(story: TicketHistory, kind: type) -> list[tuple[datetime, datetime]]:
    """When each event of this kind about the next update was recorded, and the due instant it names."""
    told = (event for event in story.heard(kind) if isinstance(event, Warned | LastWarned | Breached))
    return [(event.at, event.due_at) for event in told if event.metric is Metric.NEXT_UPDATE]


def test_each_silent_span_is_warned_of_twice_and_missed_once() -> None:
    """MON-25, contract.md: at three quarters, half-way from there, and at the end, which begins the next."""
    saturday = local("2026-03-14 03:00")
    story = TicketHistory(opened(saturday, "S1"))
    story.run_until(saturday + 3 * HOUR + MINUTE, saturday)
    ends = [saturday + hours * HOUR for hours in (1, 2, 3)]
    assert silent(story, Breached) == [(end + INSTANT, end) for end in ends]
    assert silent(story, Warned)[:3] == [(end - 15 * MINUTE, end) for end in ends]
    assert silent(story, LastWarned)[:3] == [(end - 7.5 * MINUTE, end) for end in ends]
    assert (story.ticket.silent_since, story.ticket.missed_updates) == (ends[-1], 3)


def test_a_catch_up_records_every_span_and_warns_of_the_last_one() -> None:
    """MON-25: after an outage; an evaluation more finds nothing."""
    saturday = local("2026-03-14 03:00")
    story = TicketHistory(opened(saturday, "S1"))
    now = saturday + 2 * HOUR + 55 * MINUTE
    story.wake(now)
    assert [at for at, _ in silent(story, Breached)] == [now, now]
    assert silent(story, Warned) == silent(story, LastWarned) == [(now, saturday + 3 * HOUR)]
    assert story.wake(now).events == ()


def test_a_hold_moves_both_warnings_of_a_silence() -> None:
    saturday = local("2026-03-14 03:00")
    story = TicketHistory(opened(saturday, "S1"), Held(saturday + 50 * MINUTE, BOB, "waits"))
    story.add(Resumed(saturday + 80 * MINUTE, BOB))
    story.run_until(saturday + 2 * HOUR, saturday + 80 * MINUTE)
    due_at = saturday + 90 * MINUTE
    assert silent(story, LastWarned) == [(due_at - 7.5 * MINUTE, due_at)]
    assert silent(story, Breached) == [(due_at + INSTANT, due_at)]


def test_an_update_that_never_arrived_leaves_the_silence_as_it_was() -> None:
    """MON-25: what was missed after it stays recorded, and does not begin a span of its own."""
    saturday = local("2026-03-14 03:00")
    story = TicketHistory(opened(saturday, "S1"))
    story.add(Answered(saturday + 30 * MINUTE, BOB, Kind.UPDATE, "Looking"))
    story.run_until(saturday + 95 * MINUTE, saturday + 30 * MINUTE)
    assert story.ticket.silent_since == saturday + 90 * MINUTE
    story.add(refused(saturday + 95 * MINUTE, 2))
    story.wake(saturday + 95 * MINUTE)
    ticket = story.ticket
    assert (ticket.silent_since, ticket.missed_updates) == (saturday + HOUR, 1)
    (hourly,) = (p for p in promises(ticket, story.policy) if p.metric is Metric.NEXT_UPDATE)
    assert hourly.due_at == saturday + 2 * HOUR


def test_a_ticket_on_hold_has_no_wake_up() -> None:
    """Complaint 12."""
    story = TicketHistory(opened(TEN), Held(TEN + HOUR, BOB, "needs logs"), policy=m3ter())
    found = story.wake(TEN + HOUR)
    assert found.events == ()
    assert found.wake_at is None
    story.add(Resumed(TEN + 3 * HOUR, BOB))
    assert story.wake(TEN + 3 * HOUR).wake_at == TEN + 4 * HOUR
    story.run_until(TEN + 100 * HOUR, TEN + 4 * HOUR)
    assert [event.at for event in story.heard(Warned, Breached)] == [
        TEN + 5 * HOUR,
        TEN + 6 * HOUR + INSTANT,
    ]


def test_held_just_after_an_unrecorded_warning() -> None:
    """The ticker was late and the hold came first: no wake in the past, the warning comes later."""
    story = TicketHistory(
        opened(TEN), Held(TEN + 3 * HOUR + timedelta(seconds=1), BOB, "needs logs"), policy=m3ter()
    )
    found = story.wake(TEN + 3 * HOUR + timedelta(seconds=2))
    assert found.events == ()
    assert found.wake_at is None
    story.add(Resumed(TEN + 4 * HOUR, BOB))
    assert kinds(story.wake(TEN + 4 * HOUR).events) == [("Warned", Metric.FIRST_RESPONSE)]


def test_a_breach_is_never_taken_back() -> None:
    """design.md: warning and breach are events and are never taken back."""
    story = TicketHistory(opened(TEN), policy=m3ter())
    story.wake(TEN + 4 * HOUR + INSTANT)
    story.add(Answered(TEN + 5 * HOUR, BOB, Kind.REPLY, "Sorry"))
    (shown,) = countdowns(story.ticket, story.policy, TEN + 6 * HOUR)
    assert shown.phase is Phase.BREACHED


def test_an_undelivered_answer_restarts_the_clock() -> None:
    """contract.md: the effect is taken back, and the promise falls due after all."""
    story = TicketHistory(
        opened(TEN),
        Answered(TEN + HOUR, BOB, Kind.REPLY, "On it"),
        refused(TEN + HOUR, 2),
        policy=m3ter(),
    )
    assert story.wake(TEN + HOUR).wake_at == TEN + 2 * HOUR
    assert kinds(story.wake(TEN + 5 * HOUR).events) == [("Breached", Metric.FIRST_RESPONSE)]


def test_an_order_form_overrides_the_plan() -> None:
    """M3-1."""
    term = Term("S2", Metric.FIRST_RESPONSE, 2 * HOUR, "Order form 2026-04, section 3")
    story = TicketHistory(replace(opened(TEN), terms=(term,)), policy=m3ter())
    (response,) = promises(story.ticket, story.policy)
    assert response.due_at == TEN + 2 * HOUR
    assert response.target.source.where == "Order form 2026-04, section 3"
    assert response.target.source.clauses == ("M3-14",)


def test_a_waiting_step_is_paged_at_its_opening() -> None:
    """M3-19: a Severity 2 escalation raised on Saturday waits for Monday at ten."""
    policy = m3ter()
    saturday, monday = local("2026-03-14 12:00"), local("2026-03-16 10:00")
    opening = policy.opens_at("silver", policy.steps[2], "S2", saturday)
    assert opening == monday
    assert policy.opens_at("gold", policy.steps[2], "S1", saturday) == saturday
    story = TicketHistory(
        opened(saturday),
        Escalated(saturday, BOB, "stuck", True, 2, opening),
        policy=policy,
        duty=Rotas({"engineering": ["kim"]}),
    )
    story.run_until(monday + MINUTE, saturday)
    (page,) = story.heard(Paged)
    assert isinstance(page, Paged)
    assert (page.at, page.step, page.person) == (monday, 2, "kim")


def test_a_snoozed_message_comes_back() -> None:
    story = TicketHistory(
        opened(TEN), Alerted(TEN, BOB, "snooze", "dana", until=TEN + 15 * MINUTE), policy=m3ter()
    )
    assert story.wake(TEN).wake_at == TEN + 15 * MINUTE
    assert story.wake(TEN + 15 * MINUTE).events == (Reminded(TEN + 15 * MINUTE, THE_CLOCK, "dana"),)


ACTS = "wake reply update wrote hold resume resolve close reopen refuse escalate S1 S2 S3 none"
acts = st.sampled_from(ACTS.split())


def act(story: TicketHistory, name: str, now: datetime) -> None:
    ticket = story.ticket
    match name:
        case "reply":
            story.add(Answered(now, BOB, Kind.REPLY, "Hello"))
        case "update":
            story.add(Answered(now, BOB, Kind.UPDATE, "Still at it"))
        case "wrote":
            story.add(CustomerWrote(now, ANN, "Well?"))
        case "hold" if ticket.ended_at is None:
            story.add(Held(now, BOB, "waits"))
        case "resume":
            story.add(Resumed(now, BOB))
        case "resolve":
            story.add(Resolved(now, BOB, "Fixed"))
        case "close":
            story.add(Closed(now, ANN))
        case "reopen" if ticket.ended_at is not None:
            story.add(Reopened(now, ANN))
        case "refuse" if isinstance(story.history[-1], Answered | Resolved):
            story.add(refused(now, len(story.history)))
        case "escalate":
            story.add(Escalated(now, BOB, "stuck", True, 1, now + 90 * MINUTE))
        case "S1" | "S2" | "S3" | "none":
            story.add(SeverityChanged(now, BOB, name, "because"))
        case _:
            pass


@given(
    st.sampled_from(["S1", "S2", "S3", "none"]),
    st.integers(0, 14 * 24 * 12),
    st.lists(st.tuples(acts, st.integers(0, 12 * 60)), max_size=12),
)
def test_whatever_happens_each_thing_is_decided_once(
    severity: str, begin: int, script: list[tuple[str, int]]
) -> None:
    """Idempotent after recording; wakes lie ahead; one warning and one breach a run, in that order."""
    now = local("2026-03-22 00:00") + begin * 5 * MINUTE
    story = TicketHistory(opened(now, severity))
    for name, minutes in [*script, ("wake", 60 * 36)]:
        act(story, name, now)
        found = story.wake(now)
        again = evaluate(story.ticket, story.policy, now)
        assert again.events == ()
        assert again.wake_at == found.wake_at
        assert found.wake_at is None or found.wake_at > now
        until = now + minutes * MINUTE
        if found.wake_at is not None and found.wake_at < until:
            story.run_until(until, found.wake_at)
        now = until
    for kind in (Warned, Breached):
        runs = [event.run for event in story.heard(kind) if isinstance(event, Warned | Breached)]
        assert len(runs) == len(set(runs))
    late = [event for event in story.heard(Breached) if isinstance(event, Breached)]
    assert all(event.at >= event.due_at for event in late)
    assert evaluate(story.ticket, story.policy, now).wake_at is None or story.ticket.ended_at is None


@given(st.lists(st.tuples(acts, st.integers(0, 20)), max_size=8))
def test_paging_is_decided_once_and_looked_at_again(script: list[tuple[str, int]]) -> None:
    """After recording what is due, nothing is due; nobody to page leaves no wake-up in the past."""
    now, duty = TEN, Rotas({"first_line": ["bob"], "leadership": ["mia"]})
    story = TicketHistory(opened(now, "S1", "gold"), policy=m3ter(), duty=duty)
    for name, minutes in script:
        act(story, name, now)
        found = story.wake(now)
        again = evaluate(story.ticket, story.policy, now, duty)
        assert (again.events, again.wake_at) == ((), found.wake_at)
        assert found.wake_at is None or found.wake_at > now
        now += minutes * MINUTE


def test_the_policy_is_asked_for_the_ticket_s_own_plan() -> None:
    """M3-10, M3-11: the same severity, two sets of hours."""
    evening = local("2026-03-10 17:00")
    due = {}
    for plan in ("silver", "gold"):
        (response,) = promises(TicketHistory(opened(evening, plan=plan)).ticket, m3ter())
        due[plan] = response.due_at
    assert due == {"silver": local("2026-03-11 13:00"), "gold": local("2026-03-10 21:00")}


@pytest.mark.parametrize("severity", ["S1", "S2"])
def test_full_policy_shows_its_clocks_in_order(severity: str) -> None:
    """contract.md: first response, next update, resolution."""
    shown = countdowns(TicketHistory(opened(TEN, severity)).ticket, full_policy(), TEN)
    assert [countdown.metric for countdown in shown] == IN_ORDER
