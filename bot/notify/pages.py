"""The messages of pages: to the person and to triage, and what becomes of them once somebody answers."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from datetime import timedelta

from bot.config.directory import DeskDuty, Directory
from bot.model.address import Person, Place, UserRef
from bot.model.views import Button, Mention, Notice, Style
from bot.notify import emergency_texts, silence_texts, texts
from bot.notify.cards import take_button
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
    Handover,
    Held,
    PageAccepted,
    Paged,
    Resolved,
    SeverityChanged,
    Taken,
)
from sla_core.paging import ESCALATED, HANDOVER, NO_STEP, chains, next_step, tries_so_far
from sla_core.policy import Policy
from sla_core.promise import Tone
from sla_core.ticket import Ticket, fold

APPRISE, PAGER = "apprise", "pager"
"""The platforms of `page` addresses and of pagers."""
LINK_DELAY = timedelta(seconds=2)
"""Such a page cannot be edited: it waits for the card to be posted, in real time, to have its link."""
_MAY_END_PAGES = (
    *(Acknowledged, Taken, Answered, Resolved, Closed, SeverityChanged, Alerted),
    *(Held, Handover),  # they end the pages of a handover only
)


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
        after=texts.was_paged(event, factory.policy, mention, _again(factory, event)),
    )
    yield factory.to_triage(said, Tone.ALARM, Priority.PAGE, _page_name(factory, event))
    yield from _direct(factory, event, person)
    yield from _to_addresses(factory, event, person)
    yield from _to_pagers(factory, event, person)


def _direct(factory: MessageFactory, event: Paged, person: Person) -> Iterator[Message]:
    ref = factory.directory.direct_address(person, factory.channel.platform)
    if ref is not None:
        content = replace(
            _notice(factory, event),
            buttons=page_buttons(factory.ticket.key, emergency_texts.is_handover(event)),
        )
        key = factory.key(f"{_page_name(factory, event)}/{person.id}")
        yield Message(key, factory.ticket.key, ref, content, Priority.PAGE)


def _to_addresses(factory: MessageFactory, event: Paged, person: Person) -> Iterator[Message]:
    """One message to each `page` address of the person."""
    for index in range(len(person.page)):
        way = f"{person.id}/{index}"
        key = factory.key(f"{_page_name(factory, event)}/{way}")
        to, content = UserRef(APPRISE, "", way), _notice(factory, event)
        yield Message(key, factory.ticket.key, to, content, Priority.PAGE, delay=LINK_DELAY)


def _to_pagers(factory: MessageFactory, event: Paged, person: Person) -> Iterator[Message]:
    """One message to each pager of a step, once a chain; then the pager itself calls again and again."""
    pagers = factory.directory.settings.pagers.values()
    if not pagers:
        return
    steps, history = factory.policy.steps, factory.ticket.history[: factory.seq]
    chain = [page for page in history if isinstance(page, Paged) and page.chain == event.chain]
    begins = next(page for page in chain if page.step == event.step and page.person is not None) is event
    role = steps[event.step].role if begins and 0 <= event.step < len(steps) else None
    first_of_person = next(page for page in chain if page.person == person.id) is event
    for pager in pagers:
        if pager.role == role or (pager.name == person.id and first_of_person):
            key, to = factory.key(f"{_pager_name(factory)}/{pager.name}"), Place(PAGER, pager.name)
            content = _notice(factory, event)
            yield Message(key, factory.ticket.key, to, content, Priority.PAGE, delay=LINK_DELAY)


def _pager_name(factory: MessageFactory) -> str:
    """How the keys of its messages call it: `pager` until pages of the ticket have been answered.

    After that a pager needs a new incident: it stays silent about one that was acknowledged.
    """
    live = {chain.id for chain in chains(factory.before, factory.policy)}
    pages = [page for page in factory.ticket.history[: factory.seq - 1] if isinstance(page, Paged)]
    return "pager" if all(page.step == NO_STEP or page.chain in live for page in pages) else "pager-again"


def incident_of(key: str) -> str:
    """The key of the incident that a message to a pager belongs to: the ticket's, or a new one."""
    ticket, number, what, *_ = (*key.split("/"), "", "")
    return f"{ticket}/{number}" if what == "pager-again" else ticket


def is_past(incident: str, ticket: Ticket, policy: Policy, directory: Directory) -> bool:
    """Whether all pages of an incident ended before: an answer to it is none to the present pages."""
    live = {chain.id for chain in chains(ticket, policy)}
    opened = set()
    for seq, page in enumerate(ticket.history, start=1):
        person = directory.settings.people.get(page.person or "") if isinstance(page, Paged) else None
        if isinstance(page, Paged) and person is not None:
            then = fold(ticket.key, ticket.history[:seq])
            sent = _to_pagers(MessageFactory(then, seq, policy, directory), page, person)
            opened |= {page.chain for message in sent if incident_of(message.key) == incident}
    return bool(opened) and not opened & live


def _notice(factory: MessageFactory, event: Paged) -> Notice:
    """What the person who is paged reads."""
    why = texts.why_paged(event, factory.policy, _again(factory, event))
    said = texts.page(factory.ticket, _account(factory), factory.policy, event, before=why)
    return Notice(said, Tone.ALARM)


def _again(factory: MessageFactory, event: Paged) -> str:
    duty = DeskDuty(factory.directory)
    return texts.paged_again(*tries_so_far(event, factory.ticket, factory.policy, duty))


def _page_name(factory: MessageFactory, event: Paged) -> str:
    """How the keys of its messages call it: `page` until one of this chain has reached the person."""
    accepted = (each for each in factory.ticket.history if isinstance(each, PageAccepted))
    known = any((each.chain, each.person) == (event.chain, event.person) for each in accepted)
    return "page-again" if known else "page"


def _account(factory: MessageFactory) -> str:
    return factory.account.name if factory.account else factory.ticket.opened.account


def page_buttons(ticket: str, handover: bool = False) -> tuple[Button, ...]:
    """A handover ends only when somebody takes the ticket, so its pages have the button for that."""
    return (
        *((replace(take_button(ticket), style=Style.PRIMARY),) if handover else ()),
        Button("page_acknowledge", "Acknowledge", ticket, Style.PLAIN if handover else Style.PRIMARY),
        Button("page_call", "I'll call", ticket),
        Button("page_delegate", "Delegate", ticket),
        Button("page_snooze", "Snooze", ticket),
    )


def page_of(message: Message, people: Container[str]) -> int | None:
    """The number of the event whose page this message is. None if it does not reach the person.

    Also None if an earlier page of the chain has reached them: that one is on record. A pager reaches nobody
    unless it stands for the people of its role: then it is one of `people`, the ids of all who are paged.
    """
    if message.ticket is None or message.edits is not None or not isinstance(message.content, Notice):
        return None
    number, _, what = message.key.removeprefix(f"{message.ticket}/").partition("/")
    way, _, to = what.partition("/")
    reaches = (
        way == "page"
        or (way in ("pager", "pager-again") and to in people)
        or (what == "triage/page" and any(isinstance(part, Mention) for part in message.content.text))
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
    if not asked_at or chain.startswith((ESCALATED, HANDOVER)) or told or person is None:
        return
    running = [promise for promise in promises(factory.ticket, factory.policy) if not promise.settled]
    if any(not promise.calendar.is_open(event.at) for promise in running):
        said = silence_texts.paged_off_hours(factory.ticket, person.name, factory.policy, event.at)
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
    if isinstance(event, Resolved | Closed):
        yield from _resolved(factory, event)
    delegates = isinstance(event, Alerted) and event.page and event.act == "delegate"
    if not chains(factory.before, factory.policy) or (
        chains(factory.ticket, factory.policy) and not delegates
    ):
        return
    ended = _last_end(factory)
    for seq, then, page in factory.earlier:
        if seq <= ended or not isinstance(page, Paged):
            continue
        person = factory.directory.settings.people.get(page.person or "")
        if person is None or (isinstance(event, Alerted) and delegates and event.person != person.id):
            continue
        past = factory.at_event(then, seq)
        yield from (_ended(factory, event, message, Tone.CALM) for message in _direct(past, page, person))
        if not (delegates or isinstance(event, Resolved | Closed)):
            incidents = _to_pagers(past, page, person)
            yield from (_ended(factory, event, message, Tone.CALM) for message in incidents)


def _resolved(factory: MessageFactory, event: Resolved | Closed) -> Iterator[Message]:
    """Edits that end the incidents of pagers, those since the ticket was last resolved or closed."""
    ended: list[Message] = []
    for seq, then, earlier in factory.earlier:
        if isinstance(earlier, Resolved | Closed):
            ended = []
        if isinstance(earlier, Paged) and (
            person := factory.directory.settings.people.get(earlier.person or "")
        ):
            ended += _to_pagers(factory.at_event(then, seq), earlier, person)
    yield from (_ended(factory, event, message, Tone.DONE) for message in ended)


def _ended(factory: MessageFactory, event: Event, page: Message, tone: Tone) -> Message:
    """The edit of a page that says what became of it."""
    assert isinstance(page.content, Notice)
    return replace(
        page,
        key=f"{page.key}/answered/{factory.seq}",
        content=Notice((*page.content.text, " ", *_end(factory, event)), tone),
        priority=Priority.STATE,
        edits=page.key,
        delay=timedelta(0),
    )


def _last_end(factory: MessageFactory) -> int:
    """The number of the last event that ended all pages until then; 0 if there is none.

    A chain that a change of severity ended while another one went on has pages after it.
    """
    ends = (
        seq
        for seq, then, event in factory.earlier
        if isinstance(event, _MAY_END_PAGES) and not chains(then, factory.policy)
    )
    return max(ends, default=0)


def _end(factory: MessageFactory, event: Event) -> Iterator[str]:
    if isinstance(event, Alerted) and event.to is not None:
        to = factory.directory.settings.people.get(event.to)
        yield f"{event.by.name} asked {to.name if to else event.to} to take over."
    else:
        yield emergency_texts.why_over(event, factory.ticket) or texts.who_has_it(event, factory.policy)
