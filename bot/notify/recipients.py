"""Decides who receives a message about each event of a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from bot.config.alarms import is_monitoring
from bot.config.directory import Directory
from bot.model.views import Audience
from bot.notify import (
    agent_notes,
    calls,
    closing,
    emergency_texts,
    pages,
    silence,
    silence_texts,
    texts,
    undelivered_texts,
)
from bot.notify.message_factory import MessageFactory, card_key, reports
from bot.notify.tam import direct_messages
from bot.ports import Card, Message, Priority
from sla_core.alerts import adds_reason, is_told_later
from sla_core.events import (
    VIA_APP,
    VIA_FORM,
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    Called,
    CallRequested,
    Closed,
    ClosingAnnounced,
    Corrected,
    CourtesyTold,
    CustomerWrote,
    DueDateSet,
    Escalated,
    Event,
    Extended,
    Handover,
    Held,
    Kind,
    LastWarned,
    Notified,
    Nudged,
    Opened,
    PageAccepted,
    Paged,
    Rated,
    Reminded,
    Reopened,
    Resolved,
    Resumed,
    ServicesDisabled,
    ServicesEnabled,
    SeverityChanged,
    Taken,
    Undelivered,
    Warned,
    Who,
)
from sla_core.policy import Policy
from sla_core.promise import Tone
from sla_core.ticket import Ticket, after, fold

CONVERSATION_DELAY = timedelta(seconds=5)
"""How long card edits wait for further messages of a conversation, so that one edit covers them all."""


def card_updates(
    ticket: Ticket, directory: Directory, stamp: str, priority: Priority, delay: timedelta = timedelta(0)
) -> list[Message]:
    """Edits of both cards. `stamp` makes their keys unique."""
    channel = directory.channel_of(ticket)
    places = {Audience.CUSTOMER: channel, Audience.AGENTS: directory.triage_for(channel)}
    return [
        Message(
            key=f"{card_key(ticket.key, audience)}/{stamp}",
            ticket=ticket.key,
            to=place,
            content=Card(audience),
            priority=priority,
            edits=card_key(ticket.key, audience),
            rate_limit_key=directory.rate_limit_key_of(place) if priority is Priority.COUNTDOWN else "",
            delay=delay,
        )
        for audience, place in places.items()
    ]


def messages_of(
    ticket: Ticket,
    events: Sequence[Event],
    policy: Policy,
    directory: Directory,
    before: Ticket | None = None,
) -> list[Message]:
    """`events` are already the end of the ticket's history. Returns their messages and the card edits.

    `before` is the ticket without them; None if it is not at hand, or if they are all of its events.
    """
    messages: list[Message] = []
    known = len(ticket.history) - len(events)
    if before is None and known:
        before = fold(ticket.key, ticket.history[:known])
    then = before
    for seq, event in enumerate(events, start=known + 1):
        previous = then
        if seq == len(ticket.history):
            then = ticket
        else:
            then = after(previous, [event]) if previous else fold(ticket.key, ticket.history[:seq])
        if isinstance(event, Breached) and is_told_later(ticket.history, seq):
            continue
        of_event = _EventMessages(MessageFactory(then, seq, policy, directory, previous))
        messages += [
            *of_event.messages(event),
            *of_event.call_cancelled(event),
            *(pages.retired(of_event.factory, event) if then.pages else ()),
            *(silence.retired(of_event.factory, event) if then.warned else ()),
        ]
        if not isinstance(event, Opened):
            messages += direct_messages.messages(of_event.factory, event)
            messages += direct_messages.retired(of_event.factory, event)
    for seq, event in enumerate(events, start=known + 1):
        messages += reports(ticket, seq, event, directory)
    silent = all(isinstance(event, PageAccepted | Notified | CourtesyTold) for event in events)
    if not silent and not isinstance(events[0], Opened):
        delay = CONVERSATION_DELAY if all(map(_is_conversation, events)) else timedelta(0)
        messages += card_updates(ticket, directory, str(ticket.version), Priority.STATE, delay)
    channel = directory.channel_of(ticket)
    # Only the customer's channel belongs to one account. Everywhere else, accounts take turns.
    return [
        message if message.to == channel else replace(message, fairness_key=ticket.opened.account)
        for message in messages
    ]


def _is_conversation(event: Event) -> bool:
    """Whether it is a message in the thread, which nobody waits to see on the card."""
    match event:
        case Answered():
            return event.kind is Kind.MESSAGE
        case CustomerWrote():
            return event.via != VIA_FORM
        case _:
            return isinstance(event, Corrected)


@dataclass(frozen=True)
class _EventMessages:
    """The messages about one event."""

    factory: MessageFactory

    @property
    def ticket(self) -> Ticket:
        return self.factory.ticket

    @property
    def policy(self) -> Policy:
        return self.factory.policy

    def messages(self, event: Event) -> Iterator[Message]:
        key = self.ticket.key
        match event:
            case Opened():
                yield from self._opened(event)
            case Taken(to=Who() as owner):
                yield self.factory.to_triage(
                    emergency_texts.assigned(key, event, self.factory.owner_named(owner))
                )
            case Acknowledged() | Taken() | Reminded() | LastWarned():
                return  # of the last two, direct messages
            case Notified():
                yield from direct_messages.outcome(self.factory, event)
            case Answered():
                said = texts.answered(key, event, self.policy)
                if event.kind is not Kind.MESSAGE:
                    yield self.factory.answer((*said, *self.factory.opener()), event.by)
                    yield from self.factory.files(event.files, event.by)
                    said = (*said, *texts.files(event))
                yield self.factory.to_triage((*said, *emergency_texts.mitigation_done(event)))
            case CustomerWrote():
                if event.via == VIA_FORM:
                    said = texts.details_added(key, event)
                    yield self.factory.to_customer(said)
                elif is_monitoring(event.by):
                    said = agent_notes.report(key, event)
                else:
                    said = texts.customer_wrote(key, event)
                is_quiet = event.by_agent or (event.via == VIA_APP and not agent_notes.fires_again(event))
                mentions = () if is_quiet else self.factory.responsible()
                yield self.factory.to_triage((*said, *mentions))
                if self.ticket.holds and not self.ticket.held and self.factory.before.held:
                    yield from self.factory.to_both(
                        texts.resumed(self.ticket, self.policy, event.by), what="resumed"
                    )
            case Corrected():
                yield self.factory.to_triage(texts.corrected(key, event))
            case SeverityChanged():
                before = self.factory.before.severity
                said = texts.severity_changed(self.ticket, before, event, self.policy)
                yield from self.factory.to_both(said, effect=self.factory.seq)
                if event.earlier:
                    yield from agent_notes.messages(self.factory, event)
            case DueDateSet():
                yield from self.factory.to_both(texts.due_date_set(key, event), effect=self.factory.seq)
            case Extended():
                yield from self.factory.to_both(
                    texts.extended(self.ticket, event, self.policy), effect=self.factory.seq
                )
            case Held():
                held = texts.held(key, event)
                yield self.factory.to_customer(
                    (*held, texts.how_a_hold_ends(self.ticket, self.policy), *self.factory.opener()),
                    priority=Priority.STATE,
                    effect=self.factory.seq,
                )
                yield self.factory.to_triage(held, priority=Priority.STATE)
            case Resumed():
                yield from self.factory.to_both(texts.resumed(self.ticket, self.policy, event.by))
            case Escalated():
                yield from self._escalated(event)
            case CallRequested():
                yield from calls.requested(self.factory, event)
            case Paged():
                yield from pages.paged(self.factory, event)
            case PageAccepted():
                yield from pages.accepted(self.factory, event)
            case Handover() | Called():
                return  # the pages say it
            case ServicesDisabled():  # the customer hears of both, and so does the TAM (MON-11)
                said = texts.with_key(key, *emergency_texts.services_disabled(event))
                to_customer = (*said, *self.factory.opener())
                yield self.factory.to_customer(to_customer, Tone.WARN, Priority.STATE)
                ours = texts.with_key(key, *emergency_texts.services_disabled_for_us(event))
                yield self.factory.to_triage(ours, Tone.WARN, Priority.STATE)
            case ServicesEnabled():
                said = texts.with_key(key, *emergency_texts.services_enabled(event))
                yield self.factory.to_customer((*said, *self.factory.opener()), priority=Priority.STATE)
                ours = texts.with_key(key, *emergency_texts.services_enabled_for_us(event))
                yield self.factory.to_triage(ours, priority=Priority.STATE)
            case Resolved():
                said = texts.resolved(key, event)
                yield closing.message(self.factory, event)
                yield self.factory.to_triage(said)
                yield from self.factory.to_asked(said, "resolved")
            case Closed():
                said = texts.closed(key, event.by)
                yield self.factory.to_customer(
                    (*said, *closing.if_not_solved(event)), priority=Priority.STATE
                )
                yield self.factory.to_triage(said, priority=Priority.STATE)
                yield from closing.redrawn(self.factory)
            case Reopened():
                said = texts.reopened(self.ticket, self.policy, event)
                yield from self.factory.to_both(said)
                yield from closing.redrawn(self.factory)
            case Warned():
                said = texts.warned(self.ticket, event, self.policy, texts.what_to_do(event))
                yield self.factory.to_triage((*said, *self.factory.responsible()), Tone.WARN, Priority.BREACH)
                if silence.is_draft(event):
                    yield from silence.drafted(self.factory, event)
            case CourtesyTold():
                yield silence.courtesy(self.factory)
            case Breached():
                alerted = self.factory.alerted()
                named = self.factory.alerted(customer=True)
                said = silence_texts.breached(self.ticket, event, self.policy, silence_texts.CUSTOMER, named)
                to_customer = (*said, *self.factory.opener())
                yield self.factory.to_customer(to_customer, Tone.ALARM, Priority.BREACH)
                said = silence_texts.breached(self.ticket, event, self.policy, "the customer", alerted)
                yield self.factory.to_triage(
                    (*said, *self.factory.responsible()), Tone.ALARM, Priority.BREACH
                )
            case Undelivered():
                taken_back = self.ticket.history[event.seq - 1] if event.seq else None
                said = undelivered_texts.undelivered(
                    self.ticket, taken_back, event, self.policy, self.factory.directory
                )
                drafts = [*silence.not_delivered(self.factory, event)]
                instead = (" It is posted here instead.",) if drafts else ()
                yield self.factory.to_triage((*said, *instead), Tone.ALARM, Priority.BREACH)
                yield from drafts
            case Alerted(act="delegate", page=True):
                return  # the page to the colleague says it
            case Alerted():
                yield self.factory.to_triage(texts.alerted(key, event, self._name(event.to)))
                yield from calls.taken(self.factory, event)
            case Nudged():
                # A nudge without a mention would reach nobody (A18).
                yield self.factory.to_customer((*closing.nudge(self.ticket), *self.factory.opener()))
            case ClosingAnnounced():
                announced = closing.closing(key, event)
                yield self.factory.to_customer((*announced, *self.factory.opener()))
            case Rated():
                yield from closing.redrawn(self.factory)
            case _:
                assert_never(event)

    def call_cancelled(self, event: Event) -> Iterator[Message]:
        """Tells agents that a step that waited for its hours will not be called, and why."""
        if isinstance(event, Opened | Called | Paged) or self.ticket.calls_at is not None:
            return
        if self.ticket.step is None and not isinstance(event, Undelivered):
            return
        before = self.factory.before
        if before.calls_at is not None and before.step is not None:
            said = texts.call_cancelled(self.ticket.key, self.policy.steps[before.step], event, self.policy)
            yield self.factory.to_triage(said, what="called-off")

    def _opened(self, event: Opened) -> Iterator[Message]:
        triage = self.factory.directory.triage_for(self.factory.channel)
        # The page is a reply to the agents' card, so the card needs the priority of a page too.
        urgent = Priority.PAGE if self._pages(event.severity) else Priority.STATE
        cards = ((Audience.CUSTOMER, self.factory.channel, Priority.STATE), (Audience.AGENTS, triage, urgent))
        for audience, place, priority in cards:
            yield Message(
                card_key(self.ticket.key, audience), self.ticket.key, place, Card(audience), priority
            )
        yield from self.factory.asked_from()
        if event.notes:
            yield self.factory.to_triage(
                texts.intake_notes(self.ticket.key, event.notes), Tone.WARN, what="notes"
            )
        if event.files:
            yield self.factory.to_triage(texts.attached_files(self.ticket.key, event), what="files")
        if not event.by_agent and not self._pages(event.severity) and (mentions := self.factory.first_line()):
            account = self.factory.account
            said = texts.new_ticket(self.ticket, account.name if account else event.account, self.policy)
            yield self.factory.to_triage((*said, *mentions), what="opened")
        yield from self._first_contact()
        if event.earlier:
            yield from agent_notes.messages(self.factory, event)

    def _pages(self, severity: str) -> bool:
        return self.policy.severities[severity].pages and bool(self.policy.steps)

    def _first_contact(self) -> Iterator[Message]:
        """Names the account's TAM, or who stands in, to agents, if the plan makes them the first contact.

        Without a mention: of the opening they get a direct message, which says what is expected of them.
        """
        plan, directory, at = self.ticket.opened.plan, self.factory.directory, self.factory.at
        contact, account = self.policy.plans[plan].first_contact, self.factory.account
        person = directory.first_contact(account, plan, self.policy)
        if contact and account and person:
            named = directory.present_contact(account, at) or person
            names = (named.name, *emergency_texts.away_note(directory, account, at))
            yield self.factory.to_triage(
                texts.first_contact(self.ticket.key, contact.name, names), what="contact"
            )

    def _escalated(self, event: Escalated) -> Iterator[Message]:
        if adds_reason(self.ticket.history, self.factory.seq):
            said = calls.reason_added(self.ticket.key, event)
            yield self.factory.to_customer(said, Tone.WARN, Priority.BREACH)
            yield self.factory.to_triage((*said, *self.factory.responsible()), Tone.WARN, Priority.BREACH)
            return
        said = texts.escalated(self.ticket.key, event)
        if event.tell_customer:
            told = (*said, *texts.who_is_alerted(self.factory.alerted(customer=True)))
            if not event.by_agent:
                told = (*told, *calls.after_escalation(self.factory))
            yield self.factory.to_customer(told, Tone.WARN, Priority.BREACH)
        yield self.factory.to_triage((*said, *self.factory.responsible()), Tone.WARN, Priority.BREACH)
        if event.by_agent:
            yield from pages.escalated(self.factory, event)

    def _name(self, person: str | None) -> str:
        known = self.factory.directory.settings.people.get(person or "")
        return known.name if known else ""
