"""A ticket is the fold of its history: one test for each thing that can happen to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sla_core.engine import promises
from sla_core.events import (
    THE_CLOCK,
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    Called,
    Closed,
    Corrected,
    CustomerWrote,
    Escalated,
    Event,
    Held,
    Kind,
    Opened,
    Paged,
    Reminded,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Taken,
    Warned,
    Who,
)
from sla_core.policy import Metric
from sla_core.promise import Promise
from sla_core.ticket import Gap, State, Ticket, fold
from tests.sla_core.builders import ANN, BOB, HOUR, MINUTE, TicketHistory, full_policy, local, opened, refused

TEN = local("2026-03-10 10:00")
EVE = Who("slack:T0:U0EVE", "Eve")


def story(severity: str = "S2") -> TicketHistory:
    return TicketHistory(opened(TEN, severity))


def clock(ticket: Ticket, metric: Metric) -> Promise:
    return next(promise for promise in promises(ticket, full_policy()) if promise.metric is metric)


def test_a_history_begins_with_its_opening() -> None:
    for history in ([], [Acknowledged(TEN, BOB)]):
        with pytest.raises(ValueError, match="does not begin with its opening"):
            fold("ACME-1", history)


def test_opening_starts_the_clocks() -> None:
    """M3-12: the answers' proposal counts at once and is not confirmed yet."""
    ticket = story().ticket
    assert (ticket.key, ticket.severity, ticket.state) == ("ACME-1", "S2", State.OPEN)
    assert not ticket.confirmed
    assert not ticket.customers_turn
    assert ticket.version == 1
    assert [promise.metric for promise in promises(ticket, full_policy())] == [
        Metric.FIRST_RESPONSE,
        Metric.NEXT_UPDATE,
        Metric.RESOLUTION,
    ]


def test_acknowledged_confirms_and_stops_no_clock() -> None:
    """contract.md, Which act does what; A24."""
    ticket = story().add(Acknowledged(TEN + HOUR, BOB))
    assert ticket.confirmed
    assert ticket.acknowledged_by == BOB
    assert ticket.owner is None
    assert ticket.paging_answered_by == BOB
    assert not any(promise.settled for promise in promises(ticket, full_policy()))


def test_taken_names_an_owner_and_stops_no_clock() -> None:
    ticket = story().add(Acknowledged(TEN + HOUR, EVE), Taken(TEN + HOUR, BOB))
    assert (ticket.owner, ticket.acknowledged_by) == (BOB, EVE)
    assert story().add(Taken(TEN + HOUR, BOB)).acknowledged_by == BOB
    assert not clock(ticket, Metric.FIRST_RESPONSE).settled


@pytest.mark.parametrize("kind", list(Kind))
def test_every_way_to_speak_is_a_response_and_restarts_the_silence_clock(kind: Kind) -> None:
    """contract.md; complaint 15: an answer that did not stop the clock."""
    ticket = story().add(Answered(TEN + HOUR, BOB, kind, "Investigating"))
    assert clock(ticket, Metric.FIRST_RESPONSE).met_at == TEN + HOUR
    assert clock(ticket, Metric.NEXT_UPDATE).started_at == TEN + HOUR
    assert not clock(ticket, Metric.RESOLUTION).settled
    assert ticket.owner == BOB
    assert ticket.customers_turn == (kind in (Kind.REPLY, Kind.MESSAGE))


def test_a_second_answer_leaves_the_first_response_as_it_was() -> None:
    """Complaint 15: the update time overruled the first response."""
    ticket = story().add(
        Answered(TEN + HOUR, BOB, Kind.REPLY, "On it"),
        Answered(TEN + 3 * HOUR, EVE, Kind.UPDATE, "Still on it"),
    )
    assert clock(ticket, Metric.FIRST_RESPONSE).met_at == TEN + HOUR
    assert clock(ticket, Metric.NEXT_UPDATE).started_at == TEN + 3 * HOUR
    assert ticket.owner == BOB


def test_milestones_are_remembered() -> None:
    """MON-20 … MON-24."""
    ticket = story().add(
        Answered(TEN, BOB, Kind.MILESTONE, "Reproduced"), Answered(TEN + HOUR, BOB, Kind.REPLY, "Hello")
    )
    assert list(ticket.milestones) == ["Reproduced"]


def test_a_customer_s_message_is_our_turn_and_resumes() -> None:
    """A25; complaint 15: a customer's note did not restart the clock."""
    ticket = story().add(Held(TEN + HOUR, BOB, "needs logs"))
    assert ticket.held
    assert ticket.customers_turn
    ticket = fold("ACME-1", [*ticket.history, CustomerWrote(TEN + 2 * HOUR, ANN, "Here they are")])
    assert not ticket.held
    assert not ticket.customers_turn
    assert ticket.holds == (Gap(TEN + HOUR, TEN + 2 * HOUR, "Bob, needs logs"),)
    assert clock(ticket, Metric.FIRST_RESPONSE).due_at == TEN + 5 * HOUR


def test_resumed_by_an_agent() -> None:
    ticket = story().add(Held(TEN + HOUR, BOB, "needs logs"), Resumed(TEN + 2 * HOUR, BOB))
    assert clock(ticket, Metric.RESOLUTION).due_at == TEN.replace(day=11) + HOUR


def test_resuming_a_running_ticket_changes_nothing() -> None:
    assert story().add(Resumed(TEN + HOUR, BOB)).holds == ()


def test_held_twice_is_one_hold() -> None:
    """Two agents press at once: the time does not count double."""
    ticket = story().add(
        Held(TEN + HOUR, BOB, "needs logs"),
        Held(TEN + HOUR + MINUTE, EVE, "waits"),
        Resumed(TEN + 2 * HOUR, BOB),
    )
    assert ticket.holds == (Gap(TEN + HOUR, TEN + 2 * HOUR, "Bob, needs logs"),)
    assert clock(ticket, Metric.FIRST_RESPONSE).due_at == TEN + 5 * HOUR


def test_a_changed_severity_counts_from_submission() -> None:
    """A10."""
    ticket = story("S3").add(SeverityChanged(TEN + HOUR, BOB, "S2", "production"))
    assert ticket.confirmed
    (response, *_) = promises(ticket, full_policy())
    assert (response.severity, response.started_at, response.rebased) == ("S2", TEN, False)


def test_an_upgrade_that_would_be_overdue_starts_now() -> None:
    """A10: never a breach the moment somebody raises the severity."""
    ticket = story("S2").add(SeverityChanged(TEN + 3 * HOUR, BOB, "S1", "all down"))
    response = clock(ticket, Metric.FIRST_RESPONSE)
    assert response.rebased
    assert response.due_at == TEN + 4 * HOUR


def test_an_upgrade_keeps_the_holds() -> None:
    """Complaint 13: the pause was lost when urgency rose."""
    ticket = story("S3").add(
        Held(TEN + HOUR, BOB, "needs logs"),
        Resumed(TEN + 3 * HOUR, BOB),
        SeverityChanged(TEN + 4 * HOUR, BOB, "S2", "production"),
    )
    assert clock(ticket, Metric.FIRST_RESPONSE).due_at == TEN + 6 * HOUR


def test_an_upgrade_after_the_response_leaves_it_met() -> None:
    """Answered in time under Severity 3; Severity 1's hour was over by then, and that is no breach."""
    tale = story("S3")
    tale.add(
        Answered(TEN + 3 * HOUR, BOB, Kind.REPLY, "On it"),
        SeverityChanged(TEN + 5 * HOUR, BOB, "S1", "all down"),
    )
    assert clock(tale.ticket, Metric.FIRST_RESPONSE).met_at == TEN + 3 * HOUR
    tale.wake(TEN + 5 * HOUR)
    assert tale.heard(Breached) == []


def test_confirming_the_same_severity_gives_no_new_time() -> None:
    """An overdue ticket stays overdue when its own severity is chosen again."""
    ticket = story("S2").add(SeverityChanged(TEN + 5 * HOUR, BOB, "S2", "as proposed"))
    response = clock(ticket, Metric.FIRST_RESPONSE)
    assert not response.rebased
    assert response.due_at == TEN + 4 * HOUR


def test_escalated_by_an_agent_waits_for_the_step_s_window() -> None:
    """M3-19, A17: raised on Saturday, called on Monday at ten."""
    monday = local("2026-03-16 10:00")
    ticket = story().add(Escalated(local("2026-03-14 12:00"), BOB, "stuck", True, 2, monday))
    assert (ticket.step, ticket.calls_at) == (2, monday)
    for begun in (Paged(monday, THE_CLOCK, "escalated2", 2, "kim"), Called(monday, THE_CLOCK, 2)):
        called = fold("ACME-1", [*ticket.history, begun])
        assert (called.step, called.calls_at) == (2, None)
    other = fold("ACME-1", [*ticket.history, Paged(monday, THE_CLOCK, "first", 0, "bob")])
    assert other.calls_at == monday


def test_escalated_by_a_customer_calls_nobody_new() -> None:
    ticket = story().add(Escalated(TEN, ANN, "please hurry", False))
    assert ticket.step is None


def test_taking_a_ticket_stops_the_paging() -> None:
    waiting = Escalated(TEN, BOB, "stuck", True, 1, TEN + HOUR)
    for answer in (Acknowledged(TEN, EVE), Taken(TEN, EVE), Answered(TEN, EVE, Kind.REPLY, "Here")):
        ticket = story().add(waiting, answer)
        assert ticket.calls_at is None
        assert ticket.paging_answered_by == EVE


def test_resolved_meets_what_runs_and_ends_the_updates() -> None:
    """contract.md, Which act does what."""
    ticket = story().add(Resolved(TEN + HOUR, BOB, "Fixed"))
    assert ticket.state is State.RESOLVED
    assert clock(ticket, Metric.FIRST_RESPONSE).met_at == TEN + HOUR
    assert clock(ticket, Metric.RESOLUTION).met_at == TEN + HOUR
    assert clock(ticket, Metric.NEXT_UPDATE).ended_at == TEN + HOUR
    assert ticket.customers_turn


def test_a_message_after_the_resolution_starts_no_clock() -> None:
    """Complaint 14: the response clock ran on because the customer said thanks."""
    tale = story()
    tale.add(Resolved(TEN + HOUR, BOB, "Fixed"), CustomerWrote(TEN + 2 * HOUR, ANN, "Thanks!"))
    found = tale.wake(TEN + 100 * HOUR)
    assert found.events == ()
    assert found.wake_at is None
    assert tale.ticket.state is State.RESOLVED


def test_closed_by_its_customer_ends_everything_unjudged() -> None:
    """contract.md: neither met nor breached."""
    tale = story()
    tale.add(Closed(TEN + HOUR, ANN))
    assert tale.ticket.state is State.CLOSED
    for promise in promises(tale.ticket, full_policy()):
        assert (promise.met_at, promise.ended_at) == (None, TEN + HOUR)
    assert tale.wake(TEN + 100 * HOUR).events == ()


def test_closed_after_the_resolution_leaves_it_met() -> None:
    """A18: resolve is not close."""
    ticket = story().add(Resolved(TEN + HOUR, BOB, "Fixed"), Closed(TEN + 2 * HOUR, ANN))
    assert ticket.state is State.CLOSED
    assert clock(ticket, Metric.RESOLUTION).met_at == TEN + HOUR


def test_reopened_goes_on_with_the_resolved_stretch_as_a_gap() -> None:
    """contract.md: the first response stays, the resolution clock goes on, the silence clock restarts."""
    ticket = story().add(
        Answered(TEN + HOUR, BOB, Kind.REPLY, "On it"),
        Resolved(TEN + 2 * HOUR, BOB, "Fixed"),
        Reopened(TEN + 5 * HOUR, ANN, "not fixed"),
    )
    assert ticket.state is State.OPEN
    assert not ticket.customers_turn
    assert clock(ticket, Metric.FIRST_RESPONSE).met_at == TEN + HOUR
    assert clock(ticket, Metric.RESOLUTION).due_at == local("2026-03-11 13:00")
    assert clock(ticket, Metric.NEXT_UPDATE).started_at == TEN + 5 * HOUR
    assert not clock(ticket, Metric.NEXT_UPDATE).settled


def test_reopened_after_an_unanswered_close_still_owes_a_first_response() -> None:
    """contract.md: what was unsettled before the close goes on, with the closed stretch as a gap."""
    ticket = story().add(Closed(TEN + HOUR, ANN))
    assert clock(ticket, Metric.FIRST_RESPONSE).ended_at == TEN + HOUR
    was_due = clock(story().ticket, Metric.FIRST_RESPONSE).due_at
    assert was_due is not None
    reopened = story().add(Closed(TEN + HOUR, ANN), Reopened(TEN + 2 * HOUR, ANN))
    first_response = clock(reopened, Metric.FIRST_RESPONSE)
    assert not first_response.settled
    assert first_response.due_at == was_due + HOUR
    assert not clock(reopened, Metric.RESOLUTION).settled


def test_a_first_response_that_only_resolve_met_counts_as_answered() -> None:
    """contract.md, Reopen."""
    ticket = story().add(Resolved(TEN + HOUR, BOB, "Fixed"), Reopened(TEN + 2 * HOUR, ANN))
    assert clock(ticket, Metric.FIRST_RESPONSE).met_at == TEN + HOUR


def test_a_hold_ends_with_the_resolution() -> None:
    ticket = story().add(Held(TEN + HOUR, BOB, "waits"), Resolved(TEN + 2 * HOUR, BOB, "Fixed"))
    assert ticket.holds == (Gap(TEN + HOUR, TEN + 2 * HOUR, "Bob, waits"),)
    reopened = fold("ACME-1", [*ticket.history, Reopened(TEN + 3 * HOUR, ANN)])
    assert clock(reopened, Metric.RESOLUTION).due_at == local("2026-03-11 12:00")


def test_warnings_and_breaches_are_remembered_by_run() -> None:
    ticket = story().add(
        Warned(TEN, THE_CLOCK, Metric.FIRST_RESPONSE, "a", TEN),
        Breached(TEN, THE_CLOCK, Metric.RESOLUTION, "b", TEN),
    )
    assert (set(ticket.warned), set(ticket.breached)) == ({"a"}, {"b"})


def test_an_undelivered_message_loses_its_effect() -> None:
    """contract.md: if the platform refuses the message for good, an event takes the effect back."""
    ticket = story().add(Answered(TEN + HOUR, BOB, Kind.REPLY, "On it"), refused(TEN + HOUR, 2))
    assert ticket.first_answer_at is None
    assert ticket.owner is None
    assert ticket.version == 3
    assert not clock(ticket, Metric.FIRST_RESPONSE).settled


def test_an_undelivered_notice_changes_nothing() -> None:
    ticket = story().add(Answered(TEN, BOB, Kind.REPLY, "On it"), refused(TEN))
    assert ticket.first_answer_at == TEN


def test_a_resolution_taken_back_was_none() -> None:
    ticket = story().add(Resolved(TEN + HOUR, BOB, "Fixed"), refused(TEN + HOUR, 2))
    assert ticket.state is State.OPEN
    assert not any(promise.settled for promise in promises(ticket, full_policy()))


@pytest.mark.parametrize("text", ["other words", "", None])
@pytest.mark.parametrize(
    "happened",
    [
        Acknowledged(TEN + MINUTE, BOB),
        Answered(TEN + MINUTE, BOB, Kind.MESSAGE, "Which bill?", message="1.1"),
        Held(TEN + MINUTE, BOB, "your answer"),
        CustomerWrote(TEN + MINUTE, ANN, "4711", message="1.1"),
        Resolved(TEN + MINUTE, BOB, "Paid"),
        Closed(TEN + MINUTE, ANN),
    ],
)
def test_editing_a_message_later_changes_no_clock(happened: Event, text: str | None) -> None:
    """Neither state nor any clock: a response is none the less one because its words were corrected."""
    before = fold("ACME-1", [opened(TEN), happened])
    for who in (ANN, BOB):
        after = fold("ACME-1", [*before.history, Corrected(TEN + HOUR, who, "1.1", text)])
        assert replace(after, history=before.history, version=before.version) == before
        assert promises(after, full_policy()) == promises(before, full_policy())


def test_snoozed_until_and_reminded() -> None:
    """contract.md: a snooze belongs to the person who pressed the button."""
    snoozed = Alerted(TEN, EVE, "snooze", "dana", until=TEN + HOUR)
    assert story().add(snoozed).snoozed == {"dana": TEN + HOUR}
    assert story().add(snoozed, Alerted(TEN, EVE, "acknowledge", "dana")).snoozed == {}
    tale = story()
    tale.add(snoozed)
    found = tale.wake(TEN + HOUR)
    assert [type(event) for event in found.events] == [Reminded]
    assert tale.ticket.snoozed == {}


def test_the_opening_keeps_what_it_was_opened_under() -> None:
    """M3-2: an edit of the policy never rewrites the past."""
    first = opened(TEN)
    later = replace(first, version="2027-01-01")
    assert isinstance(later, Opened)
    assert fold("ACME-1", [first]).opened.version == "2025-02-10"
