"""The direct messages to TAMs and those who stand in, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.config.directory import DeskDuty
from bot.model.views import Button, Notice, Part, Quote, RichText, Style
from bot.notify import calls, emergency_texts, silence_texts, texts
from bot.notify.message_factory import MessageFactory
from bot.notify.tam import alert_texts
from bot.ports import Message, Priority
from sla_core.alerts import BACKUP, Outcome, alert_at, first_contacts, is_alone
from sla_core.events import (
    Alerted,
    Breached,
    CallRequested,
    Closed,
    Escalated,
    Event,
    LastWarned,
    Notified,
    Opened,
    Reminded,
    Reopened,
    Resolved,
    ServicesDisabled,
    ServicesEnabled,
    Warned,
)
from sla_core.promise import Tone
from sla_core.ticket import fold


def alert_buttons(ticket: str) -> tuple[Button, ...]:
    return (
        Button("alert_acknowledge", "Acknowledge", ticket, Style.PRIMARY),
        Button("alert_call", "I'll call", ticket),
        Button("alert_delegate", "Delegate", ticket),
        Button("alert_snooze", "Snooze", ticket),
    )


def messages(factory: MessageFactory, event: Event) -> Iterator[Message]:
    """The direct messages that an event sends."""
    yield from (_drawn(factory, event, person) for person in _readers(factory, factory.seq, event))


def retired(factory: MessageFactory, event: Event) -> Iterator[Message]:
    """Edits of earlier messages, which say what became of them.

    Of a person's last message, when they get a newer one; of everybody's, after an answer or at the end of
    the ticket.
    """
    answered = isinstance(event, Resolved | Closed) or (isinstance(event, Alerted) and not event.page)
    newer = _readers(factory, factory.seq, event)
    if not answered and not newer:
        return
    sent: dict[str, list[int]] = {}
    for seq, earlier in enumerate(factory.ticket.history[: factory.seq - 1], start=1):
        if isinstance(earlier, Resolved | Closed):
            sent = {}
        for person in _readers(factory, seq, earlier):
            sent.setdefault(person, []).append(seq)
    for person, seqs in sent.items():
        if answered or person in newer:
            yield from (_edited(factory, seq, person) for seq in _with_buttons(factory, person, seqs))


def _with_buttons(factory: MessageFactory, person: str, seqs: Sequence[int]) -> Iterator[int]:
    """A person's last message, unless somebody else has answered it; and those of earlier releases."""
    history = factory.ticket.history
    for seq in seqs:
        is_last = seq == seqs[-1]
        if not is_last and isinstance(history[seq - 1], Notified | Reminded | Alerted):
            continue
        others = (
            isinstance(each, Alerted) and not each.page and each.person != person
            for each in history[seq : factory.seq - 1]
        )
        if not is_last or not any(others):
            yield seq


def _readers(factory: MessageFactory, seq: int, event: Event) -> list[str]:
    """Who gets a message with buttons for event `seq`; nobody whom the desk's file no longer has."""
    people, platform = factory.directory.settings.people, factory.channel.platform
    return [
        person
        for person in _named(factory, seq, event)
        if person in people and factory.directory.direct_address(people[person], platform)
    ]


def _named(factory: MessageFactory, seq: int, event: Event) -> list[str]:
    history = factory.ticket.history
    match event:
        case Notified(until=None) if not isinstance(history[event.of - 1], Outcome):
            return [event.person]
        case Reminded():
            return [event.to]
        case Alerted(act="delegate", page=False, to=str() as to):
            return [to]
        case _:
            alert = alert_at(history, seq)
            if alert is None or event.at >= factory.at or not is_alone(history, seq):
                return []
            duty, account = DeskDuty(factory.directory), factory.ticket.opened.account
            actor = duty.person_behind(event.by)
            first = first_contacts(alert, account, duty)
            return [contact.person for contact in first if contact.person != actor]


def outcome(factory: MessageFactory, event: Event) -> Iterator[Message]:
    """An outcome, for somebody who got a message before: without buttons."""
    if not isinstance(event, Notified) or event.until is not None:
        return
    about = factory.ticket.history[event.of - 1]
    person = factory.directory.settings.people.get(event.person)
    ref = factory.directory.direct_address(person, factory.channel.platform) if person else None
    if ref is not None and isinstance(about, Outcome):
        said = Notice(_outcome_text(factory, about))
        key = factory.key(f"dm/{event.person}")
        yield Message(key, factory.ticket.key, ref, said, Priority.STATE)


def _outcome_text(factory: MessageFactory, about: Outcome) -> RichText:
    match about:
        case Resolved():
            return texts.resolved(factory.ticket.key, about)
        case Closed():
            return texts.closed(factory.ticket.key, about.by)
        case Reopened():
            return texts.reopened(factory.ticket, factory.policy, about)
        case ServicesEnabled():
            return texts.with_key(factory.ticket.key, *emergency_texts.services_enabled_for_us(about))


def _drawn(factory: MessageFactory, event: Event, person: str) -> Message:
    known = factory.directory.settings.people[person]
    ref = factory.directory.direct_address(known, factory.channel.platform)
    assert ref is not None, "only people with an address are told"
    about = texts.ticket_in_short(
        factory.ticket, factory.account.name if factory.account else "", factory.policy
    )
    tone, said = _alert(factory, event)
    return Message(
        key=factory.key(f"dm/{person}"),
        ticket=factory.ticket.key,
        to=ref,
        content=Notice((*said, *about), tone, alert_buttons(factory.ticket.key)),
        priority=Priority.BREACH,
    )


def _joined(said: RichText, end: Sequence[Part]) -> RichText:
    """A text and what follows it: after a quote, on a line of its own."""
    if end and isinstance(said[-1], Quote) and isinstance(end[0], str):
        return (*said, end[0].lstrip(), *end[1:])
    return (*said, *end)


def _alert(factory: MessageFactory, event: Event, stands_in: bool = False) -> tuple[Tone, RichText]:
    ticket, people = factory.ticket, factory.directory.settings.people
    match event:
        case Notified():
            tone, said = _alert(factory, ticket.history[event.of - 1], event.instead_of is not None)
            asked = [people[id_].name for id_ in _asked_before(factory, event) if id_ in people]
            return tone, _joined(said, alert_texts.why_sent(event, people, asked))
        case Warned():
            return Tone.WARN, texts.warned(ticket, event, factory.policy)
        case Breached():
            alerted = factory.alerted(tam=False)
            said = silence_texts.breached(ticket, event, factory.policy, "the customer", alerted)
            return Tone.ALARM, said
        case LastWarned():
            return Tone.WARN, silence_texts.last_warning(ticket, event)
        case Escalated():
            return Tone.WARN, texts.escalated(ticket.key, event)
        case CallRequested():
            return Tone.WARN, calls.asked(ticket.key, event)
        case ServicesDisabled():
            said = emergency_texts.services_disabled_for_us(event)
            return Tone.WARN, texts.with_key(ticket.key, *said)
        case Opened():
            named = factory.policy.plans[event.plan].first_contact
            return Tone.CALM, texts.with_key(ticket.key, emergency_texts.opened_for_contact(named, stands_in))
        case Alerted():
            return Tone.WARN, texts.delegated(ticket, event)
        case _:
            return Tone.WARN, alert_texts.reminder(ticket)


def _asked_before(factory: MessageFactory, sent: Notified) -> list[str]:
    """Who was to answer an alert before this person: the one asked to call, else the TAM; then the backup."""
    history = factory.ticket.history
    about = history[sent.of - 1]
    tam = factory.directory.tam(factory.account) if factory.account else None
    first = about.person if isinstance(about, CallRequested) else tam.id if tam else None
    backups = [
        each.person
        for each in history[: factory.seq]
        if isinstance(each, Notified) and each.of == sent.of and each.why == BACKUP
    ]
    asked = dict.fromkeys(each for each in (first, *backups) if each and each != sent.person)
    return [*asked]


def _edited(factory: MessageFactory, seq: int, person: str) -> Message:
    """A message as it reads after the factory's event."""
    history = factory.ticket.history
    then = factory.at_event(fold(factory.ticket.key, history[:seq]), seq)
    sent = _drawn(then, history[seq - 1], person)
    assert isinstance(sent.content, Notice)
    end: list[Part] = []
    left = alert_buttons(factory.ticket.key)
    for number, event in enumerate(history[seq : factory.seq], start=seq + 1):
        if isinstance(event, Alerted) and not event.page:
            to = factory.directory.settings.people.get(event.to or "")
            end += alert_texts.answered(event, person, to.name if to else "")
            left = _left_after(event, left) if event.person == person else ()
        elif isinstance(event, Resolved | Closed):
            end += [" ", texts.who_has_it(event, factory.policy)]
            left = ()
        elif person in _readers(factory, number, event):
            end += alert_texts.NEWER
            left = ()
    content = replace(sent.content, text=(*sent.content.text, *end), buttons=left)
    key = f"{sent.key}/answered/{factory.seq}"
    return replace(sent, key=key, content=content, priority=Priority.STATE, edits=sent.key)


def _left_after(event: Alerted, buttons: tuple[Button, ...]) -> tuple[Button, ...]:
    """The buttons that a person's answer leaves on their message."""
    done = {"acknowledge": ("Acknowledge",), "call": ("Acknowledge", "I'll call"), "snooze": ()}
    gone = done.get(event.act)
    return () if gone is None else tuple(button for button in buttons if button.label not in gone)
