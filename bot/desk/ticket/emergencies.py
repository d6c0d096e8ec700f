"""What agents do in an emergency: mitigations, and disabling the customer's services for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.desk.desk import Desk, refusal
from bot.desk.ticket.short_forms import rejected, text_of
from bot.model.inbound import Answer, Press, Submission
from sla_core.events import Answered, Event, Kind, ServicesDisabled, ServicesEnabled
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket


async def mitigate(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Tells the customer of a mitigation, and records which earlier ones have not been done (MON-34)."""
    label = press.value.partition("|")[2]

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        labels = [each.label for each in policy.mitigations]
        if label not in labels:
            return refusal(f'This policy has no mitigation "{label}".')
        known = policy.mitigations[labels.index(label)]
        if not known.repeatable and label in ticket.mitigations:
            return refusal(f"The customer has already been told of “{label}”.")
        if ticket.state is not State.OPEN:
            return refusal(f"{ticket.key} is {ticket.state}; reopen it first.")
        before = labels[: labels.index(label)]
        skipped = tuple(each for each in before if each not in ticket.mitigations)
        who = desk.who(press.actor)
        return [Answered(now, who, Kind.UPDATE, known.says, mitigation=label, skipped=skipped)]

    return await desk.change(press.key, ticket, decide)


async def disable_services(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    reason = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        why_not = None if reason else "Please say why. The customer will see it."
        if ticket.state is not State.OPEN:
            why_not = f"{ticket.key} is {ticket.state}; reopen it first. Your text is still in the form."
        elif ticket.services_disabled:
            why_not = f"{ticket.services_disabled.by.name} has disabled the services already."
        elif not policy.severities[ticket.severity].disables_services:
            why_not = f"Services cannot be disabled because of {ticket.severity}."
        if why_not:
            return rejected(sent, why_not)
        return [ServicesDisabled(now, desk.who(sent.actor), reason)]

    return await desk.change(sent.key, ticket, decide)


async def enable_services(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Allowed at any time while they are disabled, also after the ticket was resolved or closed."""
    reason = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        why_not = None if reason else "Please say why. The customer will see it."
        if not ticket.services_disabled:
            why_not = "The services are not disabled. Your text is still in the form."
        return rejected(sent, why_not) if why_not else [ServicesEnabled(now, desk.who(sent.actor), reason)]

    return await desk.change(sent.key, ticket, decide)
