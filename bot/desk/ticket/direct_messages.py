"""The buttons of a direct message: Acknowledge, I'll call, Delegate, Snooze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.config.settings import Person
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.ticket.short_forms import context_of, titled
from bot.model.forms import ChoiceField, Form
from bot.model.inbound import Answer, Ask, Done, Press, Submission
from sla_core.events import Alerted, Event
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Option

SNOOZE = timedelta(minutes=30)
PERSON = "person"


async def acknowledge(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    return await _record(
        desk, press, ticket, "acknowledge", "Acknowledged. We will not remind you of this alert."
    )


async def call(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    return await _record(desk, press, ticket, "call", "We told the agents that you will call the customer.")


async def snooze(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    return await _record(desk, press, ticket, "snooze", "You will be reminded in 30 minutes.", SNOOZE)


async def _record(
    desk: Desk, press: Press, ticket: Ticket, act: str, said: str, after: timedelta | None = None
) -> Answer:
    person = desk.directory.person(press.actor)
    if person is None:
        return refusal("This button is for the person who got the message.")

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if after and ticket.state is not State.OPEN:
            return refusal(f"{ticket.key} is {ticket.state}, so there is nothing to snooze.")
        last = ticket.history[-1]
        if not after and isinstance(last, Alerted) and (last.act, last.person) == (act, person.id):
            return Done()
        return [Alerted(now, desk.who(press.actor), act, person.id, until=now + after if after else None)]

    answer = await desk.change(press.key, ticket, decide)
    return private_notice(said) if isinstance(answer, Done) else answer


def delegate_form(name: str, people: Sequence[Person], context: Mapping[str, str]) -> Form:
    """Asks who of these `people` takes over."""
    options = tuple(Option(person.id, person.name) for person in people)
    choice = ChoiceField(PERSON, "Who takes over", options)
    return Form(name, titled(context, "Delegate"), "Delegate", (choice,), context)


def colleagues(desk: Desk, me: Person | None) -> list[Person]:
    """Everybody else who can get a direct message."""
    everyone = desk.directory.settings.people.values()
    return [person for person in everyone if person != me and desk.directory.direct_address(person, "")]


async def delegate(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    others = colleagues(desk, desk.directory.person(press.actor))
    return Ask(delegate_form("alert_delegate", others, context_of(press)))


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    me = desk.directory.person(sent.actor)
    chosen = next(iter(sent.values.get(PERSON, ())), "")
    others = colleagues(desk, me)
    if me is None or chosen not in [person.id for person in others]:
        asked = delegate_form(sent.form, others, sent.context)
        return Ask(asked.rejected(sent.values, {PERSON: "Please choose a person."}))

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        return [Alerted(now, desk.who(sent.actor), "delegate", me.id, to=chosen)]

    return await desk.change(sent.key, ticket, decide)
