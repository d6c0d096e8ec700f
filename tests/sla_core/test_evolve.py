"""What happens to a ticket makes another ticket; the one before stays as it was."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import date

import pytest

from sla_core.events import (
    THE_CLOCK,
    Acknowledged,
    Answered,
    Held,
    Kind,
    Reopened,
    Resolved,
    ServicesDisabled,
    ServicesEnabled,
    Undelivered,
)
from sla_core.ticket import _with, after, evolve, fold
from tests.sla_core.builders import BOB, HOUR, TicketHistory, full_policy, local, opened

TEN = local("2026-03-10 10:00")


def test_the_previous_ticket_is_unchanged() -> None:
    before = fold("ACME-1", [opened(TEN)])
    kept = replace(before)
    after = evolve(before, Held(TEN + HOUR, BOB, "Which account?"))
    assert (after.held, before.held) == (True, False)
    assert before == kept


def test_a_changed_ticket_equals_a_constructed_one() -> None:
    before = fold("ACME-1", [opened(TEN)])
    after = evolve(before, Acknowledged(TEN + HOUR, BOB))
    assert after == replace(
        before,
        acknowledged_by=BOB,
        confirmed=True,
        paging_answered_by=BOB,
        answered_severities=1,
        in_hand_since=TEN + HOUR,
    )
    assert repr(after) == repr(replace(after))
    with pytest.raises(FrozenInstanceError):
        after.confirmed = False  # type: ignore[misc]


def test_only_what_a_ticket_has_can_change() -> None:
    with pytest.raises(AssertionError, match="ownr"):
        _with(fold("ACME-1", [opened(TEN)]), ownr=BOB)


def test_the_promises_of_a_class_are_made_once() -> None:
    ticket, policy = TicketHistory(opened(TEN)).ticket, full_policy()
    asked = policy.targets(ticket.severity, ticket.opened.terms)
    assert policy.targets(ticket.severity, ticket.opened.terms) is asked
    assert replace(policy).targets(ticket.severity, ticket.opened.terms) == asked


def test_what_is_done_in_an_emergency_is_part_of_the_ticket() -> None:
    """MON-11, MON-32, MON-34: disabled services outlast the ticket's end; the rest begins again with it."""
    history = TicketHistory(opened(TEN))
    done = Answered(TEN, BOB, Kind.UPDATE, "We changed it.", mitigation="Internet routing")
    later = Answered(TEN, BOB, Kind.MILESTONE, "Fix developed", deploys_on=date(2026, 12, 7))
    disabled = ServicesDisabled(TEN, BOB, "The checkout breaks")
    ticket = after(history.ticket, [done, later, disabled])
    assert ticket.mitigations == {"Internet routing"}
    assert (ticket.deploys_on, ticket.services_disabled) == (date(2026, 12, 7), disabled)
    reopened = after(ticket, [Resolved(TEN, BOB, "Done"), Reopened(TEN, BOB)])
    assert (reopened.mitigations, reopened.deploys_on) == (frozenset(), None)
    assert reopened.services_disabled == disabled
    assert after(reopened, [ServicesEnabled(TEN, BOB, "Mended")]).services_disabled is None


def test_an_update_that_did_not_arrive_is_no_mitigation() -> None:
    """MON-34: the event is undone, and with it what it says was done."""
    done = Answered(TEN, BOB, Kind.UPDATE, "We changed it.", mitigation="Internet routing")
    refused = Undelivered(TEN, THE_CLOCK, "ACME-1/2/customer/said", "is_archived", 2)
    assert after(fold("ACME-1", [opened(TEN)]), [done, refused]).mitigations == frozenset()
