"""Decides who receives a message about each event of a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from bot.config.alerts import is_monitoring
from bot.config.directory import Directory
from bot.model.address import Place
from bot.model.views import Audience, Notice, RichText
from bot.notify import alarms, calls, emergency_texts, pages, rarity, silence, silence_texts, texts
from bot.notify.message_factory import MessageFactory, card_key
from bot.ports import Card, Message, Priority
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
    Opened,
    PageAccepted,
    Paged,
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
)
from sla_core.policy import Metric, Policy
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
    ticket: Ticket, events: Sequence[Event], policy: Policy, directory: Directory
) -> list[Message]:
    """`events` are already the end of the ticket's history. Returns their messages and the card edits."""
    messages: list[Message] = []
    known = len(ticket.history) - len(events)
    for seq, event in enumerate(events, start=known + 1):
        if isinstance(event, Breached) and silence.is_told_later(ticket.history, seq):
            continue
        then = ticket if seq == len(ticket.history) else fold(ticket.key, ticket.history[:seq])
        of_event = _EventMessages(MessageFactory(then, seq, policy, directory))
        messages += [
            *of_event.messages(event),
            *of_event.call_cancelled(event),
            *of_event.retired_direct_messages(event),
            *(pages.retired(of_event.factory, event) if then.pages else ()),
            *(silence.retired(of_event.factory, event) if then.warned else ()),
        ]
    on_cards = any(not isinstance(event, PageAccepted | CourtesyTold) for event in events)
    if on_cards and not isinstance(events[0], Opened):
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
            case Acknowledged() | Taken():
                return
            case Answered():
                said = texts.answered(key, event, self.policy)
                if event.kind is not Kind.MESSAGE:
                    yield self.factory.to_customer((*said, *self.factory.opener()), effect=self.factory.seq)
                yield self.factory.to_triage((*said, *emergency_texts.mitigation_done(event)))
            case CustomerWrote():
                if event.via == VIA_FORM:
                    said = texts.details_added(key, event)
                    yield self.factory.to_customer(said)
                elif is_monitoring(event.by):
                    said = alarms.report(key, event)
                else:
                    said = texts.customer_wrote(key, event)
                is_quiet = event.by_agent or (event.via == VIA_APP and not alarms.fires_again(event))
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
                    yield from rarity.messages(self.factory, event)
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
                yield from self.direct_messages(event)
            case Paged():
                yield from pages.paged(self.factory, event)
            case PageAccepted():
                yield from pages.accepted(self.factory, event)
            case Handover() | Called():
                return  # the pages say it
            case ServicesDisabled():
                said = texts.with_key(key, *emergency_texts.services_disabled(event))
                to_customer = (*said, *self.factory.opener())
                yield self.factory.to_customer(to_customer, Tone.WARN, Priority.STATE)
                ours = texts.with_key(key, *emergency_texts.services_disabled_for_us(event))
                yield self.factory.to_triage(ours, Tone.WARN, Priority.STATE)
                yield from self.direct_messages(event)
            case ServicesEnabled():
                said = texts.with_key(key, *emergency_texts.services_enabled(event))
                yield self.factory.to_customer((*said, *self.factory.opener()), priority=Priority.STATE)
                ours = texts.with_key(key, *emergency_texts.services_enabled_for_us(event))
                yield self.factory.to_triage(ours, priority=Priority.STATE)
                yield from self.factory.follow_up(ours)
            case Resolved():
                said = texts.resolved(key, event)
                yield self.factory.to_customer(
                    (*said, texts.IS_IT_SOLVED, *self.factory.opener()), effect=self.factory.seq
                )
                yield self.factory.to_triage(said)
                yield from self.factory.to_asked(said, "resolved")
                yield from self.factory.follow_up(said)
            case Closed():
                said = texts.closed(key, event.by)
                yield from self.factory.to_both(said)
                yield from self.factory.follow_up(said)
            case Reopened():
                said = texts.reopened(self.ticket, self.policy, event)
                yield self.factory.to_customer(said, priority=Priority.STATE)
                is_paged = self.ticket.reopened_unanswered is not None and self._pages(self.ticket.severity)
                mentions = () if is_paged else self.factory.responsible()
                yield self.factory.to_triage((*said, *mentions), priority=Priority.STATE)
                yield from self.factory.follow_up(said)
            case Warned():
                said = texts.warned(self.ticket, event, self.policy)
                yield self.factory.to_triage((*said, *self.factory.responsible()), Tone.WARN, Priority.BREACH)
                yield from self.direct_messages(event)
                if silence.is_draft(event):
                    yield from silence.drafted(self.factory, event)
            case LastWarned():
                yield from self.direct_messages(event)
            case CourtesyTold():
                yield silence.courtesy(self.factory)
            case Breached():
                said = self._breached(event, "you", self.factory.alerted())
                to_customer = (*said, *self.factory.opener())
                yield self.factory.to_customer(to_customer, Tone.ALARM, Priority.BREACH)
                said = self._breached(event, "the customer", self.factory.alerted())
                yield self.factory.to_triage(
                    (*said, *self.factory.responsible()), Tone.ALARM, Priority.BREACH
                )
                yield from self.direct_messages(event)
            case Undelivered():
                taken_back = self.ticket.history[event.seq - 1] if event.seq else None
                said = texts.undelivered(key, taken_back, event)
                yield self.factory.to_triage(said, Tone.ALARM, Priority.BREACH)
                yield from silence.not_delivered(self.factory, event)
            case Alerted(act="delegate", page=True):
                return  # the page to the colleague says it
            case Alerted():
                yield self.factory.to_triage(texts.alerted(key, event, self._name(event.to)))
                yield from calls.taken(self.factory, event)
                yield from self.direct_messages(event)
            case Reminded():
                yield from self.direct_messages(event)
            case _:
                assert_never(event)

    def direct_messages(self, event: Event) -> Iterator[Message]:
        """The direct messages of an event, with their buttons."""
        match event:
            case Warned() if silence.is_draft(event):
                return  # the last warning tells the TAM
            case LastWarned():
                yield from self.factory.direct_message(
                    silence_texts.last_warning(self.ticket, event), Tone.WARN
                )
            case Warned():
                yield from self.factory.direct_message(
                    texts.warned(self.ticket, event, self.policy), Tone.WARN
                )
            case Breached():
                yield from self.factory.direct_message(
                    self._breached(event, "the customer", self.factory.alerted(tam=False)), Tone.ALARM
                )
            case Escalated() if calls.adds_reason(self.ticket, self.factory.seq):
                return
            case CallRequested():
                yield from calls.direct_message(self.factory, event)
            case Escalated():
                yield from self.factory.direct_message(texts.escalated(self.ticket.key, event), Tone.WARN)
            case ServicesDisabled():
                said = texts.with_key(self.ticket.key, *emergency_texts.services_disabled_for_us(event))
                yield from self.factory.direct_message(said, Tone.WARN)
            case Opened() if event.contact and not self.factory.is_by(event.contact):
                named = self.policy.plans[event.plan].first_contact
                said = texts.with_key(self.ticket.key, emergency_texts.opened_for_contact(named))
                yield from self.factory.direct_message(said, Tone.CALM, only=event.contact)
            case Alerted(act="delegate", page=False, to=str() as to):
                yield from self.factory.direct_message(
                    texts.delegated(self.ticket, event), Tone.WARN, only=to
                )
            case Reminded():
                yield from self.factory.direct_message(texts.reminder(self.ticket), Tone.WARN, only=event.to)
            case _:
                return

    def retired_direct_messages(self, event: Event) -> Iterator[Message]:
        """Edits that remove the buttons of earlier direct messages.

        After an answer other than Snooze: of that person's messages. At the end of the ticket: of all.
        """
        match event:
            case Alerted(act="acknowledge" | "call" | "delegate", page=False):
                whose = f"/dm/{event.person}"
            case Resolved() | Closed():
                whose = ""
            case _:
                return
        then = fold(self.ticket.key, self.ticket.history[:1])
        for seq, earlier in enumerate(self.ticket.history[: self.factory.seq - 1], start=1):
            then = after(then, [earlier]) if seq > 1 else then
            if silence.is_told_later(self.ticket.history, seq):
                continue
            sent = _EventMessages(replace(self.factory, ticket=then, seq=seq)).direct_messages(earlier)
            for message in sent:
                if message.key.endswith(whose) and isinstance(message.content, Notice):
                    yield replace(
                        message,
                        key=f"{message.key}/answered/{self.factory.seq}",
                        content=replace(message.content, buttons=()),
                        priority=Priority.STATE,
                        edits=message.key,
                    )

    def call_cancelled(self, event: Event) -> Iterator[Message]:
        """Tells agents that a step that waited for its hours will not be called, and why."""
        if isinstance(event, Opened | Called | Paged) or self.ticket.calls_at is not None:
            return
        if self.ticket.step is None and not isinstance(event, Undelivered):
            return
        before = self.factory.before
        if before.calls_at is not None and before.step is not None:
            said = texts.call_cancelled(self.ticket.key, self.policy.steps[before.step], event)
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
            said = texts.new_ticket(self.ticket, account.name if account else event.account)
            yield self.factory.to_triage((*said, *mentions), what="opened")
        yield from self._first_contact(triage)
        if event.earlier:
            yield from rarity.messages(self.factory, event)
        yield from self.direct_messages(event)

    def _pages(self, severity: str) -> bool:
        return self.policy.severities[severity].pages and bool(self.policy.steps)

    def _first_contact(self, triage: Place) -> Iterator[Message]:
        """Names the account's TAM to agents, if the plan makes them the first contact."""
        plan = self.ticket.opened.plan
        contact = self.policy.plans[plan].first_contact
        person = self.factory.directory.first_contact(self.factory.account, plan, self.policy)
        if contact and person:
            said = texts.first_contact(self.ticket.key, contact.name, self.factory.mention([person], triage))
            yield self.factory.to_triage(said, what="contact")

    def _escalated(self, event: Escalated) -> Iterator[Message]:
        if calls.adds_reason(self.ticket, self.factory.seq):
            said = calls.reason_added(self.ticket.key, event)
            yield self.factory.to_customer(said, Tone.WARN, Priority.BREACH)
            yield self.factory.to_triage((*said, *self.factory.responsible()), Tone.WARN, Priority.BREACH)
            return
        said = texts.escalated(self.ticket.key, event)
        if event.tell_customer:
            told = (*said, *texts.who_is_alerted(self.factory.alerted()))
            if not event.by_agent:
                told = (*told, *calls.after_escalation(self.factory))
            yield self.factory.to_customer(told, Tone.WARN, Priority.BREACH)
        yield self.factory.to_triage((*said, *self.factory.responsible()), Tone.WARN, Priority.BREACH)
        yield from self.direct_messages(event)
        if event.by_agent:
            yield from pages.escalated(self.factory, event)

    def _breached(self, event: Breached, reader: str, alerted: Sequence[str]) -> RichText:
        """What was missed; of an update, also since when nobody has written to `reader`."""
        said = texts.breached(self.ticket, event, self.policy, alerted)
        missed_update = event.metric is Metric.NEXT_UPDATE
        return (*said, *silence_texts.missed_in_a_row(self.ticket, reader)) if missed_update else said

    def _name(self, person: str | None) -> str:
        known = self.factory.directory.settings.people.get(person or "")
        return known.name if known else ""
