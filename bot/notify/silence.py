"""The messages about silence: drafts of an update and what becomes of them, and which misses are told.

Also the courtesy updates outside business hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.config.directory import DeskDuty
from bot.model.address import UserRef
from bot.model.views import Button, Notice, RichText, Style
from bot.notify import silence_texts
from bot.notify.message_factory import MessageFactory
from bot.ports import Message, Priority
from sla_core.events import (
    Alerted,
    Answered,
    Closed,
    Event,
    Held,
    PageAccepted,
    Resolved,
    SeverityChanged,
    Undelivered,
    Warned,
)
from sla_core.paging import DELEGATED, SNOOZED, Chain, chains, next_page_at
from sla_core.policy import Metric
from sla_core.promise import Tone
from sla_core.ticket import Ticket, fold

_MAY_END_DRAFTS = (Answered, Resolved, Closed, Held, SeverityChanged, Warned)


def is_draft(event: Event) -> bool:
    """Whether an event offers the draft of an update: the warning of a silence clock."""
    return isinstance(event, Warned) and event.metric is Metric.NEXT_UPDATE


def drafted(factory: MessageFactory, event: Warned) -> Iterator[Message]:
    """The draft for the owner, else for the first line; in triage if nobody can get a direct message."""
    to = _agent(factory)
    if to is None:
        yield _in_triage(factory, factory.seq)
        return
    content = Notice(_offer(factory, event), Tone.WARN, draft_buttons(factory.ticket.key, factory.seq))
    yield Message(factory.key(f"draft/{to.id}"), factory.ticket.key, to, content, Priority.BREACH)


def not_delivered(factory: MessageFactory, event: Undelivered) -> Iterator[Message]:
    """A draft that could not be sent to its agent, in triage."""
    key, _, what = event.message.removeprefix(f"{factory.ticket.key}/").partition("/draft/")
    history = factory.ticket.history
    if what and "/" not in what and key.isdecimal() and ended_by(history[: factory.seq], int(key)) is None:
        yield _in_triage(factory, int(key))


def _in_triage(factory: MessageFactory, seq: int) -> Message:
    """The draft of event `seq`, with a mention of the agent who is to write next."""
    history = factory.ticket.history
    event, then = history[seq - 1], factory.at_event(fold(factory.ticket.key, history[:seq]), seq)
    assert isinstance(event, Warned)
    text = (*_offer(then, event), *factory.responsible())
    message = factory.to_triage(text, Tone.WARN, Priority.BREACH, "draft")
    return replace(message, content=Notice(text, Tone.WARN, draft_buttons(factory.ticket.key, seq)))


def _offer(factory: MessageFactory, event: Warned) -> RichText:
    account = factory.account.name if factory.account else factory.ticket.opened.account
    text = silence_texts.draft(factory.ticket, factory.policy)
    return silence_texts.offer(factory.ticket, event, account, text, factory.policy)


def _agent(factory: MessageFactory) -> UserRef | None:
    """Who is to write next: the owner, else the first on call for the first step. None: no address."""
    directory, steps = factory.directory, factory.policy.steps
    platform, owner = factory.channel.platform, factory.ticket.owner
    if owner is not None:
        person = directory.person_behind(owner)
        return (directory.direct_address(person, platform) if person else None) or UserRef.parse(owner.id)
    first = directory.on_duty(steps[0].role, factory.at)[:1] if steps else []
    return next((directory.direct_address(person, platform) for person in first), None)


def draft_buttons(ticket: str, seq: int) -> tuple[Button, ...]:
    """`seq` is the number of the event that offers the draft."""
    return (
        Button("draft_send", "Send", f"{ticket}|{seq}", Style.PRIMARY),
        Button("draft_edit", "Update", f"{ticket}|{seq}"),
    )


def draft_of(ticket: Ticket, seq: int) -> Ticket | None:
    """The ticket as it stood when event `seq` offered a draft; None if that event offers none."""
    if not 0 < seq <= len(ticket.history) or not is_draft(ticket.history[seq - 1]):
        return None
    return fold(ticket.key, ticket.history[:seq])


def ended_by(history: Sequence[Event], seq: int) -> Event | None:
    """The event after which the draft of event `seq` needs no answer any more. None while it does."""
    undone = {event.seq for event in history if isinstance(event, Undelivered)}
    later = (event for number, event in enumerate(history[seq:], start=seq + 1) if number not in undone)
    return next((event for event in later if _ends_drafts(event)), None)


def _ends_drafts(event: Event) -> bool:
    return is_draft(event) if isinstance(event, Warned) else isinstance(event, _MAY_END_DRAFTS)


def retired(factory: MessageFactory, event: Event) -> Iterator[Message]:
    """Edits that take the buttons of the last draft, and say why, once it needs no answer any more."""
    if not _ends_drafts(event):
        return
    history = factory.ticket.history[: factory.seq - 1]
    last = next((seq for seq in range(len(history), 0, -1) if is_draft(history[seq - 1])), None)
    if last is None or any(map(_ends_drafts, history[last:])):
        return
    said = f" {silence_texts.draft_ends(event, factory.policy)}"
    for message in _sent(factory, last):
        assert isinstance(message.content, Notice)
        yield replace(
            message,
            key=f"{message.key}/ended/{factory.seq}",
            content=Notice((*message.content.text, said), Tone.CALM),
            priority=Priority.STATE,
            edits=message.key,
        )


def _sent(factory: MessageFactory, seq: int) -> Iterator[Message]:
    """The messages that offered the draft of event `seq`, also where it could not be sent at first."""
    history = factory.ticket.history[: factory.seq - 1]
    for number in range(seq, len(history) + 1):
        event = history[number - 1]
        then = factory.at_event(fold(factory.ticket.key, history[:number]), number)
        if number == seq and isinstance(event, Warned):
            yield from drafted(then, event)
        elif isinstance(event, Undelivered):
            yield from not_delivered(then, event)


def courtesy(factory: MessageFactory) -> Message:
    """What the customer reads while nobody's time counts. It mentions nobody."""
    said = silence_texts.courtesy(factory.ticket, _who_has_it(factory), factory.policy, factory.at)
    return factory.to_customer(said, priority=Priority.STATE, what="courtesy")


def _who_has_it(factory: MessageFactory) -> str:
    """Who has the ticket; else who was paged for it, as far as platforms accepted the pages."""
    ticket, has = factory.ticket, factory.ticket.in_hand_of
    live = chains(ticket, factory.policy)
    begun = [chain for chain in live if chain.since <= factory.at]
    if has is not None and (ticket.owner is not None or not begun):
        return f"{has.name} has this ticket."
    page_at = next_page_at(ticket, factory.policy, DeskDuty(factory.directory))
    waits = [chain.since for chain in live if chain not in begun]
    goes_on = bool(begun) and page_at is not None and page_at not in waits
    return silence_texts.who_was_paged(_unanswered(factory, begun), goes_on)


def _unanswered(factory: MessageFactory, begun: Sequence[Chain]) -> list[str]:
    """The names of those who got a page of these chains, without those who passed it on or snoozed it."""
    since = min((chain.since for chain in begun), default=factory.at)
    ids = {DELEGATED, SNOOZED, *(chain.id for chain in begun)}
    paged: dict[str, None] = {}
    for event in factory.ticket.history[: factory.seq]:
        if isinstance(event, PageAccepted) and event.chain in ids and event.at >= since:
            paged[event.person] = None
        elif isinstance(event, Alerted) and event.page:
            paged.pop(event.person, None)
    known = factory.directory.settings.people
    return [known[person].name for person in paged if person in known]
