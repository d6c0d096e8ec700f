"""The buttons of a page: Acknowledge, I'll call, Delegate, Snooze."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.ticket.direct_messages import (
    PERSON,
    colleagues,
    delegate_form,
    snooze_form,
    snoozed_until,
    zone_of,
)
from bot.desk.ticket.short_forms import context_of, text_of
from bot.model.address import Person
from bot.model.inbound import Answer, Ask, Done, PagerAcknowledged, Press, Submission
from bot.notify.pages import is_past
from bot.ports import Conflict, RedeliverLater
from sla_core.events import Alerted, Event, Paged, Who
from sla_core.paging import DELEGATED, NO_STEP, chains
from sla_core.policy import Policy
from sla_core.ticket import Ticket


async def acknowledge(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    said = f"Acknowledged {ticket.key}: nobody else is paged."
    if ticket.handover is not None and ticket.owner is not None:
        said = (
            f"Acknowledged: nobody else is paged until this turn ends. {ticket.owner.name} still owns"
            f" {ticket.key}. Press Take it to take over."
        )
    return await _answer(desk, press, ticket, "acknowledge", said)


async def call(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    said = (
        f"Nobody else is paged for {ticket.key}. The agents have been told that you will call the customer."
    )
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


async def acknowledged_in_pager(desk: Desk, act: PagerAcknowledged) -> Answer:
    """The same as the button, by somebody whom the pager names.

    Changes nothing if nobody is paged any more, or only because of later events than the incident's.
    Raises NoSuchTicket, and RedeliverLater if the ticket changes too quickly.
    """
    person = _named(desk, act)
    address = desk.directory.direct_address(person, "") if person else None
    name = person.name if person else act.by
    me = Who(str(address) if address else f"pager:{act.pager}:{act.by}", name)
    recipient = person.id if person else act.pager

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if not chains(ticket, policy) or is_past(act.incident, ticket, policy, desk.directory):
            return Done()
        return [Alerted(now, me, "acknowledge", recipient, page=True)]

    try:
        return await desk.change(act.key, act.ticket, decide)
    except Conflict as busy:
        raise RedeliverLater(str(busy)) from None


def _named(desk: Desk, act: PagerAcknowledged) -> Person | None:
    """The only person with this address; else the only one with this name."""
    people = desk.directory.settings.people.values()
    for given, known in ((act.email, [p.email for p in people]), (act.by, [p.name for p in people])):
        named = [
            p for p, each in zip(people, known, strict=True) if each and each.casefold() == given.casefold()
        ]
        if given and len(named) == 1 and named[0].id not in desk.directory.settings.pagers:
            return named[0]
    return None


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
    zone = zone_of(_recipient(desk, press), desk.policy_of(ticket))
    return Ask(snooze_form("page_snooze", zone, context_of(press)))


async def snooze(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """Spares this person for a while. The pages go on with the next one."""
    me = _recipient(desk, sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if not chains(ticket, policy):
            return refusal(_why_over(ticket))
        until = snoozed_until(sent, zone_of(me, policy), now)
        if isinstance(until, Ask):
            return until
        who = desk.who(sent.actor)
        return [Alerted(now, who, "snooze", me.id, until=until, page=True, reason=text_of(sent))]

    return await desk.change(sent.key, ticket, decide)
