"""The buttons of a direct message: Acknowledge, I'll call, Delegate, Snooze; the form of Snooze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo

from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.ticket.short_forms import TEXT, context_of, text_of, titled
from bot.desk.ticket.update import business_zone
from bot.model.address import Person
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Answer, Ask, Done, Press, Submission
from sla_core.calendar import instant_of
from sla_core.events import Alerted, Event
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Option

LENGTH = "length"
SHORT, HOUR, TOMORROW = "15m", "1h", "tomorrow"
_LENGTHS = {SHORT: timedelta(minutes=15), HOUR: timedelta(hours=1)}
_MORNING = time(9)


def snooze_form(name: str, zone: tzinfo, context: Mapping[str, str]) -> Form:
    """Asks for how long, and for a reason. `zone` is that of the person who snoozes."""
    options = (
        Option(SHORT, "15 min"),
        Option(HOUR, "1 h"),
        Option(TOMORROW, f"Until tomorrow 9:00 ({zone})"),
    )
    fields = (
        ChoiceField(LENGTH, "For how long", options, value=(SHORT,)),
        TextField(TEXT, "Reason", required=False, hint="The agents in triage will see this."),
    )
    return Form(name, titled(context, "Snooze"), "Snooze", fields, context)


def zone_of(person: Person, policy: Policy) -> tzinfo:
    """Where tomorrow is meant: the person's zone, or that of the vendor's hours if theirs is not given."""
    return person.zone or business_zone(policy)


def snoozed_until(sent: Submission, zone: tzinfo, now: datetime) -> datetime | Ask:
    """The end of the snooze, or the form again if nothing was chosen."""
    chosen = next(iter(sent.values.get(LENGTH, ())), "")
    if chosen == TOMORROW:
        day = now.astimezone(zone).date() + timedelta(days=1)
        return instant_of(datetime.combine(day, _MORNING), zone)
    if chosen in _LENGTHS:
        return now + _LENGTHS[chosen]
    form = snooze_form(sent.form, zone, sent.context)
    return Ask(form.rejected(sent.values, {LENGTH: "Please choose for how long."}))


PERSON = "person"
NOT_YOURS = "This button is for the person who got the message."


async def acknowledge(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    said = f"Acknowledged {ticket.key}. We will not remind you of this alert."
    return await _record(desk, press, ticket, "acknowledge", said)


async def call(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    said = f"We told the agents that you will call the customer about {ticket.key}."
    return await _record(desk, press, ticket, "call", said)


async def _record(desk: Desk, press: Press, ticket: Ticket, act: str, said: str) -> Answer:
    person = desk.directory.person(press.actor)
    if person is None:
        return refusal(NOT_YOURS)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        last = ticket.history[-1]
        if isinstance(last, Alerted) and (last.act, last.person) == (act, person.id):
            return Done()
        return [Alerted(now, desk.who(press.actor), act, person.id)]

    answer = await desk.change(press.key, ticket, decide)
    return private_notice(said) if isinstance(answer, Done) else answer


def _why_no_snooze(ticket: Ticket) -> Answer | None:
    if ticket.state is State.OPEN:
        return None
    return refusal(f"{ticket.key} is {ticket.state}, so there is nothing to snooze.")


async def ask_to_snooze(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    person = desk.directory.person(press.actor)
    assert person is not None, "routes let only people of the desk's file press this"
    zone = zone_of(person, desk.policy_of(ticket))
    return _why_no_snooze(ticket) or Ask(snooze_form("alert_snooze", zone, context_of(press)))


async def snooze(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Reminds this person later. Nobody else is told meanwhile."""
    person = desk.directory.person(sent.actor)
    assert person is not None, "routes let only people of the desk's file submit this"

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if refused := _why_no_snooze(ticket):
            return refused
        until = snoozed_until(sent, zone_of(person, policy), now)
        if isinstance(until, Ask):
            return until
        who = desk.who(sent.actor)
        return [Alerted(now, who, "snooze", person.id, until=until, reason=text_of(sent))]

    return await desk.change(sent.key, ticket, decide)


def delegate_form(name: str, people: Sequence[Person], context: Mapping[str, str]) -> Form:
    """Asks who of these `people` takes over."""
    options = tuple(Option(person.id, person.name) for person in people)
    hint = "They get a direct message. The agents in triage will see whom you asked."
    choice = ChoiceField(PERSON, "Who takes over", options, hint=hint)
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
