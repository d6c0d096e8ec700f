"""Courtesy updates outside business hours: every hour of the night, and no clock of them (MTA-21, A9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sla_core.catalog.load import load
from sla_core.engine import evaluate, promises
from sla_core.events import (
    Alerted,
    Answered,
    Breached,
    Closed,
    CourtesyTold,
    CustomerWrote,
    Event,
    Held,
    Kind,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Taken,
    Warned,
)
from sla_core.policy import Metric, Policy, Term
from sla_core.ticket import fold
from tests.sla_core.builders import ANN, BOB, HOUR, MINUTE, TicketHistory, local, opened, refused


def at(clock: str, day: str = "2026-03-24") -> datetime:
    """By the clocks of Copenhagen, on a Tuesday unless another day is given; open 09:00 to 17:00."""
    return local(f"{day} {clock}")


TWO, NINE, FIVE = at("02:00"), at("09:00"), at("17:00")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load("monta")[-1]


def ticket(
    policy: Policy, when: datetime, *more: Event, severity: str = "P1", terms: tuple[Term, ...] = ()
) -> TicketHistory:
    of_monta = opened(when, severity, "partner")
    first = replace(of_monta, vendor="monta", version=policy.version, terms=terms)
    return TicketHistory(first, *more, policy=policy)


def lines(story: TicketHistory) -> list[datetime]:
    return [event.at for event in story.heard(CourtesyTold)]


def hours(first: datetime, last: datetime) -> list[datetime]:
    return [first + number * HOUR for number in range((last - first) // HOUR + 1)]


def test_a_line_every_hour_until_business_hours_begin(policy: Policy) -> None:
    """MTA-21, A9, A11: none at 09:00 itself, and the written clocks are those without any line."""
    story = ticket(policy, TWO, severity="P1")
    before = [(p.metric, p.due_at) for p in promises(story.ticket, policy)]
    story.run_until(NINE + HOUR, TWO)
    assert lines(story) == hours(at("03:00"), at("08:00"))
    assert [(p.metric, p.due_at) for p in promises(story.ticket, policy)] == before
    assert story.heard(Warned, Breached) == []


@pytest.mark.parametrize("severity", ["P2", "P3", "P4"])
def test_other_severities_wait_in_silence(policy: Policy, severity: str) -> None:
    story = ticket(policy, TWO, severity=severity)
    story.run_until(NINE, TWO)
    assert lines(story) == []


def test_an_evening_begins_with_the_close_of_the_hours(policy: Policy) -> None:
    """A9: by day the clocks count and nothing is said, though nobody has written for hours."""
    story = ticket(policy, at("10:00"))
    story.run_until(at("20:30"), at("10:00"))
    assert lines(story) == hours(at("18:00"), at("20:00"))


def test_a_promise_that_was_missed_by_day_does_not_end_the_lines(policy: Policy) -> None:
    story = ticket(policy, at("10:00"))
    story.run_until(at("18:30"), at("10:00"))
    assert [e.metric for e in story.heard(Breached) if isinstance(e, Breached)] == [
        Metric.FIRST_RESPONSE,
        Metric.RESOLUTION,
    ]
    assert lines(story) == [at("18:00")]


@pytest.mark.parametrize("kind", list(Kind))
def test_an_agents_message_begins_the_hour_again(policy: Policy, kind: Kind) -> None:
    """MTA-21: reply, update, milestone or own message."""
    story = ticket(policy, TWO)
    story.run_until(at("03:20"), TWO)
    story.add(Answered(at("03:20"), BOB, kind, "We restart the servers."))
    story.run_until(at("05:30"), at("03:20"))
    assert lines(story) == [at("03:00"), at("04:20"), at("05:20")]


def test_what_the_customer_does_not_read_leaves_the_hour_as_it_is(policy: Policy) -> None:
    """MTA-21: who took it or answered a page, the customer's own words, and an update that never arrived."""
    update = Answered(at("02:40"), BOB, Kind.UPDATE, "We restart the servers.")
    story = ticket(
        policy,
        TWO,
        Alerted(at("02:10"), BOB, "acknowledge", "bob", page=True),
        Taken(at("02:20"), BOB),
        CustomerWrote(at("02:30"), ANN, "Any news?"),
        update,
        refused(at("02:41"), 5),
    )
    story.run_until(at("03:30"), at("02:41"))
    assert lines(story) == [at("03:00")]


def test_nothing_is_said_during_a_hold(policy: Policy) -> None:
    """MTA-21: the hour begins when the hold ends."""
    story = ticket(policy, TWO, Held(at("02:30"), BOB, "Waiting for your logs."))
    story.run_until(at("05:10"), at("02:30"))
    assert lines(story) == []
    story.add(Resumed(at("05:10"), BOB))
    story.run_until(at("07:00"), at("05:10"))
    assert lines(story) == [at("06:10")]


@pytest.mark.parametrize("end", [Resolved(at("02:30"), BOB, "It runs."), Closed(at("02:30"), ANN)])
def test_nothing_is_said_of_a_ticket_that_ended(policy: Policy, end: Event) -> None:
    story = ticket(policy, TWO, end)
    story.run_until(NINE, at("02:30"))
    assert lines(story) == []
    story.add(Reopened(at("18:30"), ANN))
    story.run_until(at("20:00"), at("18:30"))
    assert lines(story) == [at("19:30")]


def test_a_raised_severity_begins_its_own_hour(policy: Policy) -> None:
    """MTA-10, MTA-21: and a lowered one ends the lines."""
    story = ticket(policy, at("23:00", "2026-03-23"), severity="P3")
    story.add(SeverityChanged(at("01:30"), BOB, "P1", "It is every site."))
    story.run_until(at("03:00"), at("01:30"))
    assert lines(story) == [at("02:30")]
    story.add(SeverityChanged(at("03:00"), BOB, "P3", "It is one site."))
    story.run_until(at("06:00"), at("03:00"))
    assert lines(story) == [at("02:30")]


def test_after_an_outage_there_is_one_line(policy: Policy) -> None:
    """MTA-21: never a burst. The next one follows an hour after it, and a second look says nothing."""
    story = ticket(policy, TWO)
    story.wake(TWO)
    now = at("06:17")
    found = story.wake(now)
    assert (lines(story), found.wake_at) == ([now], now + HOUR)
    assert story.wake(now).events == ()


def test_an_outage_that_ends_by_day_says_nothing(policy: Policy) -> None:
    story = ticket(policy, TWO)
    story.wake(TWO)
    story.wake(NINE)
    assert lines(story) == []


def test_a_restart_changes_nothing(policy: Policy) -> None:
    """A9: another replica reads the same history and decides the same."""
    story = ticket(policy, TWO)
    story.run_until(at("04:30"), TWO)
    again = fold("ACME-1", tuple(story.history))
    assert again == story.ticket
    found = evaluate(again, policy, at("04:30"))
    assert (found.events, found.wake_at) == ((), at("05:00"))


def test_a_weekend_and_the_summer_time_are_one_long_night(policy: Policy) -> None:
    """MTA-22: from Friday 17:00 to Monday 09:00, an hour less at the change of the clocks."""
    friday = at("16:50", "2026-03-27")
    story = ticket(policy, friday, Answered(friday + MINUTE, BOB, Kind.REPLY, "We look."))
    story.run_until(at("12:00", "2026-03-30"), friday)
    begins, ends = at("17:00", "2026-03-27"), at("09:00", "2026-03-30")
    assert ends - begins == timedelta(hours=63)
    assert lines(story) == hours(begins + HOUR, ends - HOUR)


def test_an_order_form_around_the_clock_leaves_no_time_without_a_clock(policy: Policy) -> None:
    """MTA-5: one of its promises counts at night, so there is no night to bridge until it is met."""
    term = Term("P1", Metric.FIRST_RESPONSE, 2 * HOUR, "order form 7", "around-the-clock")
    story = ticket(policy, TWO, terms=(term,))
    story.run_until(at("03:30"), TWO)
    assert lines(story) == []
    story.add(Answered(at("03:30"), BOB, Kind.REPLY, "We look."))
    story.run_until(at("05:00"), at("03:30"))
    assert lines(story) == [at("04:30")]
