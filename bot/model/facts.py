"""Which facts people read about a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Fact, ShownAt


def facts_of(ticket: Ticket, policy: Policy, shown_at: ShownAt, now: datetime) -> Iterator[Fact]:
    """The facts to show there of this ticket; of one that is not open, only `Why?` shows any."""
    if ticket.state is not State.OPEN and shown_at is not ShownAt.WHY:
        return iter(())
    opened = ticket.opened
    return policy.facts_for(
        shown_at, opened.plan, now, ticket.severity, opened.answers, opened.zone, opened.terms
    )


def lines_of(ticket: Ticket, policy: Policy, shown_at: ShownAt, now: datetime) -> Iterator[tuple[str, str]]:
    """The same as pairs of label and text, for a card."""
    return ((fact.label, fact.tells) for fact in facts_of(ticket, policy, shown_at, now))
