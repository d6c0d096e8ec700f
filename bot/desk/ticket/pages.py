"""The buttons of a page: Acknowledge, I'll call, Delegate, Snooze."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.config.directory import zone_of
from bot.config.settings import Person
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.ticket.direct_messages import PERSON, colleagues, delegate_form
from bot.desk.ticket.short_forms import context_of, text_of
from bot.desk.ticket.snooze import snooze_form, snoozed_until
from bot.model.inbound import Answer, Ask, Done, Press, Submission
from sla_core.events import Alerted, Event, Paged
from sla_core.paging import DELEGATED, NO_STEP, chains
from sla_core.policy import Policy
from sla_core.ticket import Ticket


async def acknowledge(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    return await _answer(desk, press, ticket, "acknowledge", "Acknowledged: nobody else is paged.")


async def call(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    said = "Nobody else is paged. The agents have been told that you will call the customer."
    return await _answer(desk, press, ticket, "call", said)


async def _answer(desk: Desk, press: Press, ticket: Ticket, act: str, said: str) -> Answer:
    person = _recipient(desk, press)
    me = desk.who(press.actor)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if chains(ticket, policy):
            return [Alerted(now, me, act, person.id, page=True)]
        # A second press on a page that this person has just answered is no news to them.
        return Done() if ticket.paging_answered_by == me else refusal(_why_over(ticket))

    answer = await desk.change(press.key, ticket, decide)
    return private_notice(said) if isinstance(answer, Done) else answer


def _recipient(desk: Desk, act: Press | Submission) -> Person:
    person = desk.directory.person(act.actor)
    assert person is not None, "routes let only people of the desk's file press this"
    return person


def _why_over(ticket: Ticket) -> str:
    by = ticket.paging_answered_by
    why = f"{by.name} has answered already" if by else f"{ticket.key} is {ticket.state}"
    return f"{why}, so nobody is paged for {ticket.key} any more."


async def ask_to_delegate(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    if not chains(ticket, desk.policy_of(ticket)):
        return refusal(_why_over(ticket))
    return Ask(delegate_form("page_delegate", _others(desk, press), context_of(press)))


def _others(desk: Desk, act: Press | Submission) -> list[Person]:
    return colleagues(desk, _recipient(desk, act))


async def delegate(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Pages a colleague at once. Nobody else is paged for the time that a page waits for its answer."""
    me, others = _recipient(desk, sent), _others(desk, sent)
    chosen = next(iter(sent.values.get(PERSON, ())), "")
    if chosen not in [person.id for person in others]:
        form = delegate_form(sent.form, others, sent.context)
        return Ask(form.rejected(sent.values, {PERSON: "Please choose a person."}))

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if not chains(ticket, policy):
            return refusal(_why_over(ticket))
        who = desk.who(sent.actor)
        return [
            Alerted(now, who, "delegate", me.id, to=chosen, page=True),
            Paged(now, who, DELEGATED, NO_STEP, chosen),
        ]

    return await desk.change(sent.key, ticket, decide)


async def ask_to_snooze(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    if not chains(ticket, desk.policy_of(ticket)):
        return refusal(_why_over(ticket))
    zone = zone_of(_recipient(desk, press))
    return Ask(snooze_form("page_snooze", zone, context_of(press)))


async def snooze(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Spares this person for a while. The pages go on with the next one."""
    me = _recipient(desk, sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if not chains(ticket, policy):
            return refusal(_why_over(ticket))
        until = snoozed_until(sent, zone_of(me), now)
        if isinstance(until, Ask):
            return until
        who = desk.who(sent.actor)
        return [Alerted(now, who, "snooze", me.id, until=until, page=True, reason=text_of(sent))]

    return await desk.change(sent.key, ticket, decide)
