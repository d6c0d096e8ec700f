"""What happens to a ticket makes another ticket; the one before stays as it was."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from sla_core.events import Acknowledged, Held
from sla_core.ticket import _with, evolve, fold
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
