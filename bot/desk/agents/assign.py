"""`Assign`: the same as `Take it`, for an agent whom another one chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bot.desk.desk import Desk, refusal
from bot.desk.ticket.short_forms import context_of, titled
from bot.model.address import Place, UserRef
from bot.model.forms import ChoiceField, Form
from bot.model.inbound import Answer, Ask, Press, Submission
from bot.ports import PermanentFailure, TemporaryFailure
from sla_core.events import Event, Taken, Who
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Option

log = structlog.get_logger(__name__)

FORM, AGENT = "assign", "agent"
HINT = "This person will be mentioned in triage, and the customer will see them as the owner on the card."
NAMES_TIMEOUT = 1.0
"""Seconds to wait for the names of agents who are not in `[[people]]`: a form has to open within three."""


async def ask(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    if ticket.state is not State.OPEN:
        return refusal(_ended(ticket))
    return Ask(form(await _choices(desk, ticket), context_of(press)))


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Makes the chosen agent the owner, and confirms the severity."""
    choices = await _choices(desk, ticket)
    chosen = choices.get(next(iter(sent.values.get(AGENT, ())), ""))

    def rejected(why: str) -> Answer:
        return Ask(form(choices, sent.context).rejected(sent.values, {AGENT: why}))

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is not State.OPEN:
            return refusal(_ended(ticket))
        if chosen is None:
            return rejected("Please choose an agent.")
        me, owner = desk.who(sent.actor), _at_home(chosen, sent.actor.team)
        owns = ticket.owner is not None and desk.directory.same_person(ticket.owner, owner)
        if owns and ticket.confirmed and ticket.handover is None:
            return rejected(f"{owner.name} already owns {ticket.key}.")
        return [Taken(now, me) if desk.directory.same_person(me, owner) else Taken(now, me, owner)]

    return await desk.change(sent.key, ticket, decide)


def _ended(ticket: Ticket) -> str:
    return f"{ticket.key} is {ticket.state}; reopen it first."


def form(choices: Mapping[str, Who], context: Mapping[str, str]) -> Form:
    """Asks which of these agents takes the ticket, by name."""
    options = tuple(Option(name, who.name) for name, who in choices.items())
    field = ChoiceField(AGENT, "Who takes this ticket", options, hint=HINT)
    return Form(FORM, titled(context, "Assign"), "Assign", (field,), context)


async def _choices(desk: Desk, ticket: Ticket) -> dict[str, Who]:
    """Everybody who may own the ticket and can be mentioned in its triage, by name."""
    triage = desk.directory.triage_for(desk.directory.channel_of(ticket))
    people, others = desk.directory.agents(desk.account_of(ticket), triage.platform)
    found = {person.id: Who(str(person.on(triage.platform)), person.name) for person in people}
    names = await asyncio.gather(*(_name(desk, user, triage) for user in others))
    found |= {str(user): Who(str(user), name) for user, name in zip(others, names, strict=True)}
    return dict(sorted(found.items(), key=lambda choice: choice[1].name.casefold()))


async def _name(desk: Desk, user: UserRef, triage: Place) -> str:
    """What an agent is called who is listed by their id alone; that id if the platform does not say."""
    known = desk.directory.names.get(user)
    if known is None and (platform := desk.platforms.get(user.platform)):
        try:
            async with asyncio.timeout(NAMES_TIMEOUT):
                known = desk.directory.names[user] = await platform.name_of(user, triage)
        except (TemporaryFailure, PermanentFailure, TimeoutError) as why:
            log.warning("the name of an agent is not known", user=str(user), why=str(why) or "no answer")
    return known or user.id


def _at_home(who: Who, team: str) -> Who:
    """The person as they act: the desk's file does not name the vendor's own team or tenant."""
    user = UserRef.parse(who.id)
    return replace(who, id=str(replace(user, home=user.home or team)))
