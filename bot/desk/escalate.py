"""Escalating: the reason goes to the TAM and to triage at once; an agent's also calls the next step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.address import Place
from bot.desk.core import Desk
from bot.desk.forms import rejected, text_of
from bot.exchange import Answer, Submission
from sla_core.events import Escalated, Event
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    reason = text_of(sent)
    by = desk.who(sent.actor)
    place = Place.parse(sent.context["place"])

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is not State.OPEN:
            return rejected(sent, f"{ticket.key} is {ticket.state}; reopen it first. Your text is kept here.")
        if not reason:
            return rejected(sent, "Please say why; whoever is called needs it.")
        by_agent = desk.relation(sent.actor, place, ticket) == "agent"
        step, calls_at = _next_step(ticket, policy, now) if by_agent else (None, None)
        return [Escalated(now, by, reason, by_agent, step, calls_at)]

    return await desk.change(sent.key, ticket, decide)


def _next_step(ticket: Ticket, policy: Policy, now: datetime) -> tuple[int | None, datetime | None]:
    """The next step with a duty, and when its hours begin if later; none while one is being called."""
    if ticket.step is not None and not ticket.step_answered:
        return None, None
    first = 1 if ticket.step is None else ticket.step + 1
    for number, step in enumerate(policy.steps[first:], start=first):
        opens = policy.opens_at(ticket.opened.plan, step, ticket.severity, now)
        if opens is not None:
            return number, opens if opens > now else None
    return None, None
