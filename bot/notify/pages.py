"""The messages of pages: to the person and to triage, and what becomes of them once somebody answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.config.directory import DeskDuty
from bot.config.settings import Person
from bot.model.views import Button, Mention, Notice, Style
from bot.notify import texts
from bot.notify.message_factory import MessageFactory
from bot.ports import Message, Priority
from sla_core.engine import promises
from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Closed,
    Escalated,
    Event,
    PageAccepted,
    Paged,
    Resolved,
    SeverityChanged,
    Taken,
)
from sla_core.paging import ESCALATED, chains, next_step
from sla_core.promise import Tone
from sla_core.ticket import Ticket, after, fold

_MAY_END_PAGES = (Acknowledged, Taken, Answered, Resolved, Closed, SeverityChanged, Alerted)


def paged(factory: MessageFactory, event: Paged) -> Iterator[Message]:
    """A mention in triage and a direct message, which are one page. Without a person: that nobody is left."""
    person = factory.directory.settings.people.get(event.person or "")
    if person is None:
        resolvers_only = event.step < len(factory.policy.steps)
        if event.person is None and not event.skipped and not resolvers_only:
            known = any(page.person for page in factory.ticket.pages if page.chain == event.chain)
            said = texts.nobody_to_page(factory.ticket.key, known)
            yield factory.to_triage(said, Tone.ALARM, Priority.PAGE, "page")
        return
    triage = factory.directory.triage_for(factory.channel)
    (mention,) = factory.mention([person], triage)
    said = texts.page(
        factory.ticket,
        _account(factory),
        factory.policy,
        event,
        after=texts.was_paged(event, factory.policy, mention),
    )
    yield factory.to_triage(said, Tone.ALARM, Priority.PAGE, _page_name(factory, event))
    yield from _direct(factory, event, person)


def _direct(factory: MessageFactory, event: Paged, person: Person) -> Iterator[Message]:
    ref = factory.directory.direct_address(person, factory.channel.platform)
    if ref is not None:
        why = texts.why_paged(event, factory.policy)
        said = texts.page(factory.ticket, _account(factory), factory.policy, event, before=why)
        content = Notice(said, Tone.ALARM, page_buttons(factory.ticket.key))
        key = factory.key(f"{_page_name(factory, event)}/{person.id}")
        yield Message(key, factory.ticket.key, ref, content, Priority.PAGE)


def _page_name(factory: MessageFactory, event: Paged) -> str:
    """How the keys of its messages call it: `page` until one of this chain has reached the person."""
    accepted = (each for each in factory.ticket.history if isinstance(each, PageAccepted))
    known = any((each.chain, each.person) == (event.chain, event.person) for each in accepted)
    return "page-again" if known else "page"


def _account(factory: MessageFactory) -> str:
    return factory.account.name if factory.account else factory.ticket.opened.account


def page_buttons(ticket: str) -> tuple[Button, ...]:
    return (
        Button("page_acknowledge", "Acknowledge", ticket, Style.PRIMARY),
        Button("page_call", "I'll call", ticket),
        Button("page_delegate", "Delegate", ticket),
        Button("page_snooze", "Snooze", ticket),
    )


def page_of(message: Message) -> int | None:
    """The number of the event whose page this message is. None if it does not reach the person.

    Also None if an earlier page of the chain has reached them: that one is on record.
    """
    if message.ticket is None or message.edits is not None or not isinstance(message.content, Notice):
        return None
    number, _, what = message.key.removeprefix(f"{message.ticket}/").partition("/")
    reaches = what.startswith("page/") or (
        what == "triage/page" and any(isinstance(part, Mention) for part in message.content.text)
    )
    return int(number) if reaches else None


def accepted(factory: MessageFactory, event: PageAccepted) -> Iterator[Message]:
    """Tells the customer, once for each emergency, who was paged although no promised time counts yet."""
    chain, _, asked_at = event.chain.partition("@")
    before = (each for each in factory.ticket.history[: factory.seq - 1] if isinstance(each, PageAccepted))
    told = any(
        each.chain.partition("@")[2] == asked_at and not each.chain.startswith(ESCALATED) for each in before
    )
    person = factory.directory.settings.people.get(event.person)
    if not asked_at or chain.startswith(ESCALATED) or told or person is None:
        return
    running = [promise for promise in promises(factory.ticket, factory.policy) if not promise.settled]
    if any(not promise.calendar.is_open(event.at) for promise in running):
        said = texts.paged_off_hours(factory.ticket, person.name, factory.policy, event.at)
        yield factory.to_customer(said, priority=Priority.PAGE, what="called")


def escalated(factory: MessageFactory, event: Escalated) -> Iterator[Message]:
    """Tells triage when an agent's escalation pages its step if that is not now, and the empty steps."""
    key, steps = factory.ticket.key, factory.policy.steps
    if event.step is None:
        yield factory.to_triage(texts.nobody_further(key), what="nobody-further")
        return
    found = next_step(factory.before, factory.policy, DeskDuty(factory.directory), event.at)
    if found is not None and found.passed_over:
        follows = None if event.step in found.passed_over else steps[event.step]
        said = texts.passed_over(key, [steps[number] for number in found.passed_over], follows)
        yield factory.to_triage(said, Tone.WARN, Priority.BREACH, "passed-over")
    if event.calls_at is not None:
        said = texts.step_waits(key, steps[event.step], event.calls_at)
        yield factory.to_triage(said, Tone.WARN, Priority.BREACH, "call")


def retired(factory: MessageFactory, event: Event) -> Iterator[Message]:
    """Edits that take the buttons of pages and say who has the ticket: of all pages once somebody answers.

    After `Delegate`, only of that person's.
    """
    if not factory.ticket.pages or not isinstance(event, _MAY_END_PAGES):
        return
    delegates = isinstance(event, Alerted) and event.page and event.act == "delegate"
    if not chains(factory.before, factory.policy) or (
        chains(factory.ticket, factory.policy) and not delegates
    ):
        return
    ended = _last_end(factory)
    for seq, then, page in _so_far(factory):
        if seq <= ended or not isinstance(page, Paged):
            continue
        person = factory.directory.settings.people.get(page.person or "")
        if person is None or (isinstance(event, Alerted) and delegates and event.person != person.id):
            continue
        for message in _direct(replace(factory, ticket=then, seq=seq), page, person):
            assert isinstance(message.content, Notice)
            text = (*message.content.text, " ", *_end(factory, event))
            yield replace(
                message,
                key=f"{message.key}/answered/{factory.seq}",
                content=Notice(text, Tone.CALM),
                priority=Priority.STATE,
                edits=message.key,
            )


def _so_far(factory: MessageFactory) -> Iterator[tuple[int, Ticket, Event]]:
    """The events before this one, with their numbers and the ticket after each."""
    history = factory.ticket.history
    then = fold(factory.ticket.key, history[:1])
    for seq, event in enumerate(history[: factory.seq - 1], start=1):
        then = after(then, [event]) if seq > 1 else then
        yield seq, then, event


def _last_end(factory: MessageFactory) -> int:
    """The number of the last event that ended all pages until then; 0 if there is none.

    A chain that a change of severity ended while another one went on has pages after it.
    """
    ends = (
        seq
        for seq, then, event in _so_far(factory)
        if isinstance(event, _MAY_END_PAGES) and not chains(then, factory.policy)
    )
    return max(ends, default=0)


def _end(factory: MessageFactory, event: Event) -> Iterator[str]:
    if isinstance(event, Alerted) and event.to is not None:
        to = factory.directory.settings.people.get(event.to)
        yield f"{event.by.name} asked {to.name if to else event.to} to take over."
    else:
        yield texts.who_has_it(event)
