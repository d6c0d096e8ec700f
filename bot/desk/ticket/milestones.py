"""Milestones that the customer is told of, mitigations, and disabling services in an emergency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from bot.desk.desk import Desk, refusal
from bot.desk.ticket.short_forms import TEXT, context_of, rejected, text_of, titled
from bot.model.forms import Form, TextField
from bot.model.inbound import Answer, Ask, Press, Submission
from bot.notify import emergency_texts
from sla_core.events import Answered, Event, Kind, ServicesDisabled, ServicesEnabled
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket

MILESTONE = "milestone"
"""The key in the form's context for the label of the milestone."""
DEPLOYS_ON = "deploys_on"
FORM = "frozen_milestone"
_TELLS = "This only tells the customer: Frontline deploys nothing."


async def milestone(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Tells the customer of a milestone, which the button names after the ticket's key.

    During a code freeze, that of a fix asks why it is urgent or when it is deployed instead, unless the
    severity is urgent by itself.
    """
    label = press.value.partition("|")[2]

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if why_not := _why_not(ticket, policy, label):
            return refusal(why_not)
        frozen = policy.freeze_at(now)
        if frozen is None or frozen[0].milestone != label:
            return [Answered(now, desk.who(press.actor), Kind.MILESTONE, label)]
        freeze, end = frozen
        if ticket.severity not in freeze.urgent:
            context = {**context_of(press), "ticket": ticket.key, MILESTONE: label}
            return Ask(frozen_form(label, end, context))
        return [Answered(now, desk.who(press.actor), Kind.MILESTONE, label, urgent=ticket.severity)]

    return await desk.change(press.key, ticket, decide)


def frozen_form(label: str, end: date | None, context: Mapping[str, str]) -> Form:
    """Asks why a fix is urgent, or when it is deployed. `end` is the first day after the freeze."""
    fields = (
        TextField(TEXT, "Why it is urgent", required=False, long=True, hint="The customer will see this."),
        TextField(
            DEPLOYS_ON,
            "Or: deployed on",
            required=False,
            hint=f"A day after the freeze, for example {end or '2026-12-07'}. The customer will see this.",
            limit=10,
        ),
    )
    intro = (_TELLS, *((f" {emergency_texts.freeze_form(end)}",) if end else ()))
    return Form(FORM, titled(context, label), label, fields, context, intro)


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    label = sent.context.get(MILESTONE, "")
    reason, day = text_of(sent), next(iter(sent.values.get(DEPLOYS_ON, ())), "").strip()

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        frozen = policy.freeze_at(now)
        end = frozen[1] if frozen else None
        on = _date(day)
        errors = {}
        if why_not := _why_not(ticket, policy, label):
            errors[TEXT] = f"{why_not} Your text is still in the form."
        elif bool(reason) == bool(day):
            errors[TEXT] = "Please say either why it is urgent or when it will be deployed."
        elif day and on is None:
            errors[DEPLOYS_ON] = f'"{day}" is not a date. Please write it like {end or "2026-12-07"}.'
        elif on and on < (end or now.date()):
            earliest = emergency_texts.day_text(end or now.date())
            errors[DEPLOYS_ON] = f"Please choose {earliest} or a later day."
        if errors:
            return Ask(frozen_form(label, end, sent.context).rejected(sent.values, errors))
        who = desk.who(sent.actor)
        return [Answered(now, who, Kind.MILESTONE, label, urgent=reason, deploys_on=on)]

    return await desk.change(sent.key, ticket, decide)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _why_not(ticket: Ticket, policy: Policy, label: str) -> str | None:
    known = next((m for m in policy.milestones if m.label == label), None)
    if known is None:
        return f'This policy has no milestone "{label}".'
    if not known.repeatable and label in ticket.milestones:
        return f"The customer has already been told “{label}”."
    if ticket.state is not State.OPEN:
        return f"{ticket.key} is {ticket.state}; reopen it first."
    return None


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
            why_not = f"{ticket.services_disabled.by.name} has already disabled the services."
        elif not policy.severities[ticket.severity].disables_services:
            only = ", ".join(
                policy.shown(each.id) for each in policy.severities.values() if each.disables_services
            )
            why_not = (
                f"Services can be disabled only for {only}; this ticket is {policy.shown(ticket.severity)}."
            )
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
