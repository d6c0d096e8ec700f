"""When a customer who says nothing is reminded, told that the ticket will be closed, and has it closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sla_core.calendar import BusinessCalendar, always
from sla_core.events import FRONTLINE, THE_CLOCK, Closed, ClosingAnnounced, Event, Nudged
from sla_core.policy import Metric, Policy
from sla_core.ticket import Ticket

NUDGE_AFTER = 3
"""Business days without a word, after a resolution or a question to the customer."""
NOTICE = 1
"""Business days between the announcement and the closing."""
FEWEST_DAYS = 2
"""After a resolution: the shortest wait that leaves a business day for the announcement."""


def due_follow_ups(ticket: Ticket, policy: Policy, now: datetime) -> list[Event]:
    """The one of these events that is due at `now`, if any."""
    if ticket.waiting_since is None:
        return []
    if ticket.closes_at is not None:
        return [Closed(now, FRONTLINE)] if now >= ticket.closes_at else []
    calendar = _calendar(ticket, policy)
    if ticket.close_after is not None:
        announced_at = calendar.add_days(ticket.waiting_since, ticket.close_after - NOTICE)
        if now >= announced_at:
            closes_at = calendar.add_days(ticket.waiting_since, ticket.close_after)
            return [ClosingAnnounced(now, THE_CLOCK, max(closes_at, calendar.add_days(now, NOTICE)))]
    if not ticket.nudged and now >= calendar.add_days(ticket.waiting_since, NUDGE_AFTER):
        return [Nudged(now, THE_CLOCK)]
    return []


def next_follow_up(ticket: Ticket, policy: Policy) -> datetime | None:
    """When the next of them is due; None if none will be."""
    return min(_instants(ticket, policy), default=None)


def _instants(ticket: Ticket, policy: Policy) -> Iterator[datetime]:
    if ticket.waiting_since is None:
        return
    if ticket.closes_at is not None:
        yield ticket.closes_at
        return
    calendar = _calendar(ticket, policy)
    if ticket.close_after is not None:
        yield calendar.add_days(ticket.waiting_since, ticket.close_after - NOTICE)
    if not ticket.nudged:
        yield calendar.add_days(ticket.waiting_since, NUDGE_AFTER)


def _calendar(ticket: Ticket, policy: Policy) -> BusinessCalendar:
    """That of the first response, of the ticket's severity if that has one."""
    for severity in (ticket.severity, *policy.severities):
        for target in policy.targets(severity, ticket.opened.terms):
            if target.metric is Metric.FIRST_RESPONSE:
                return policy.calendar(ticket.opened.plan, target.calendar)
    return always()
