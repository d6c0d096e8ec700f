"""`Request a call`: whom we ask to call the customer, and the form that asks when it suits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.desk.desk import Desk, refusal
from bot.desk.ticket.short_forms import TEXT, context_of, text_of, titled
from bot.model.address import Person
from bot.model.forms import Form, TextField
from bot.model.inbound import Answer, Ask, Press, Submission
from bot.notify.cards import can_request_call
from sla_core.events import CallRequested, Event
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket

PHONE = "phone"


def form(phone: str | None, context: Mapping[str, str]) -> Form:
    """`phone`: what the customer reads about calling herself."""
    fields = (
        TextField(
            TEXT,
            "When does it suit you?",
            limit=300,
            hint="For example: today until 17:00, London time. Everyone in this channel can see this.",
        ),
        TextField(
            PHONE,
            "Phone number",
            required=False,
            limit=40,
            hint="Our agents and the person who calls see this, this channel does not.",
        ),
    )
    intro = (f"{phone}.",) if phone else ()
    return Form("call_request", titled(context, "Request a call"), "Request a call", fields, context, intro)


async def ask(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    policy = desk.policy_of(ticket)
    if why_not := _why_not(ticket, policy):
        return refusal(why_not)
    return Ask(form(_phone_text(ticket, policy), context_of(press)))


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Records the request, and whom it is put to. It moves no clock (A25)."""
    suits, phone = text_of(sent), next(iter(sent.values.get(PHONE, ())), "").strip()

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        why_not = _why_not(ticket, policy) or (None if suits else "Please say when it suits you.")
        if why_not:
            shown = form(_phone_text(ticket, policy), sent.context)
            return Ask(shown.rejected(sent.values, {TEXT: why_not}))
        person = _to_be_asked(desk, ticket, policy, now)
        return [CallRequested(now, desk.who(sent.actor), suits, phone, person.id if person else None)]

    return await desk.change(sent.key, ticket, decide)


def _phone_text(ticket: Ticket, policy: Policy) -> str | None:
    return policy.plans[ticket.opened.plan].phone_text(ticket.severity)


def _why_not(ticket: Ticket, policy: Policy) -> str | None:
    if can_request_call(ticket, policy):
        return None
    if ticket.state is not State.OPEN:
        return f"{ticket.key} is {ticket.state}; reopen it first."
    if ticket.call_requested is None or ticket.caller is not None:
        return f"You cannot request a call for {ticket.key}."
    return f"{ticket.call_requested.by.name} has already asked for a call about {ticket.key}."


def _to_be_asked(desk: Desk, ticket: Ticket, policy: Policy, now: datetime) -> Person | None:
    """The first of `_callers` who can get a direct message; None if nobody can, or no calls are offered."""
    directory = desk.directory
    platform = directory.channel_of(ticket).platform
    callers = _callers(desk, ticket, policy, now)
    return next((person for person in callers if directory.direct_address(person, platform)), None)


def _callers(desk: Desk, ticket: Ticket, policy: Policy, now: datetime) -> list[Person]:
    """Who may make a call: the TAM or who stands in, then those of the policy's roles, then the first line.

    Where the policy spares those who investigate, they come last: the one on call, then the owner (MON-19).
    """
    calls, account = policy.plans[ticket.opened.plan].calls_for(ticket.severity), desk.account_of(ticket)
    if calls is None or account is None:
        return []
    directory, people = desk.directory, desk.directory.settings.people
    first_line = [step.role for step in policy.steps[:1]]
    callers = [people[each.person] for each in directory.told_first(account, now, escalated=False)]
    for role in (*calls.roles, *first_line):
        callers += [person for person in directory.rota(role, now) if not directory.is_away(person, now)]
    if calls.spares_on_call:
        on_call = [person for role in first_line for person in directory.on_duty(role, now)[:1]]
        owner = directory.person_behind(ticket.owner) if ticket.owner else None
        busy = [*on_call, *([owner] if owner else [])]
        callers = [person for person in callers if person not in busy] + [
            person for person in busy if person in callers
        ]
    return callers
