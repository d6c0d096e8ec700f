"""Who hears what: each event of a ticket becomes the messages that tell of it, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from bot import words
from bot.address import Place, UserRef
from bot.directory import Directory
from bot.ports import Card, Message, Priority
from bot.settings import Account, Person
from bot.views import Audience, Button, Mention, Notice, Part, Rich
from sla_core.countdown import Tone
from sla_core.engine import promises
from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    Called,
    Closed,
    CustomerWrote,
    DueDateSet,
    Escalated,
    Event,
    Extended,
    Held,
    Kind,
    Opened,
    Reminded,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Taken,
    Undelivered,
    Warned,
)
from sla_core.policy import Mode, Policy
from sla_core.ticket import Ticket, fold

VIA_FORM = "form"


def card_key(ticket: str, audience: Audience) -> str:
    """The message that a ticket's threads hang from."""
    return f"{ticket}/{audience}"


def redraw(ticket: Ticket, directory: Directory, stamp: str, priority: Priority) -> list[Message]:
    """Both cards drawn anew. `stamp` tells this occasion from others."""
    channel = Place.parse(ticket.opened.channel)
    places = {Audience.CUSTOMER: channel, Audience.AGENTS: directory.triage_for(channel)}
    return [
        Message(
            key=f"{card_key(ticket.key, audience)}/{stamp}",
            ticket=ticket.key,
            to=place,
            say=Card(audience),
            priority=priority,
            edits=card_key(ticket.key, audience),
        )
        for audience, place in places.items()
    ]


def tell(after: Ticket, events: Sequence[Event], policy: Policy, directory: Directory) -> list[Message]:
    """What the last `events` of the ticket's history have people hear, and its cards drawn anew."""
    messages: list[Message] = []
    known = len(after.history) - len(events)
    for seq, event in enumerate(events, start=known + 1):
        then = fold(after.key, after.history[:seq])
        messages += _Occasion(then, seq, policy, directory).tell(event)
    if events and not isinstance(events[0], Opened):
        messages += redraw(after, directory, str(after.version), Priority.STATE)
    return messages


@dataclass(frozen=True)
class _Occasion:
    """One event, with the ticket as it stood right after it."""

    ticket: Ticket
    seq: int
    policy: Policy
    directory: Directory

    @property
    def channel(self) -> Place:
        return Place.parse(self.ticket.opened.channel)

    @property
    def account(self) -> Account | None:
        return self.directory.settings.accounts.get(self.ticket.opened.account)

    def tell(self, event: Event) -> Iterator[Message]:
        key = self.ticket.key
        match event:
            case Opened():
                yield from self._opened(event)
            case Acknowledged() | Taken():
                return
            case Answered():
                said = words.answered(key, event, self.policy)
                if event.kind is not Kind.MESSAGE:
                    yield self._customer(said, effect=self.seq)
                yield self._triage(said)
            case CustomerWrote():
                if event.via == VIA_FORM:
                    said = words.details_added(key, event)
                    yield self._customer(said)
                    yield self._triage(said)
                else:
                    yield self._triage(words.customer_wrote(key, event))
                if fold(key, self.ticket.history[: self.seq - 1]).held:
                    yield from self._both(words.resumed(key, event.by), what="resumed")
            case SeverityChanged():
                before = fold(key, self.ticket.history[: self.seq - 1]).severity
                yield from self._both(words.severity_changed(self.ticket, before, event, self.policy))
                if not self.policy.severities[before].pages:
                    yield from self._page(event.severity, event.at)
            case DueDateSet():
                yield from self._both(words.due_date_set(key, event))
            case Extended():
                yield from self._both(words.extended(self.ticket, event, self.policy))
            case Held():
                yield from self._both(words.held(key, event))
            case Resumed():
                yield from self._both(words.resumed(key, event.by))
            case Escalated():
                yield from self._escalated(event)
            case Called():
                yield self._call(event.step, None)
            case Resolved():
                said = words.resolved(key, event)
                yield self._customer(said, effect=self.seq)
                yield self._triage(said)
                yield from self._news(said)
            case Closed():
                said = words.closed(key, event.by)
                yield from self._both(said)
                yield from self._news(said)
            case Reopened():
                said = words.reopened(key, event)
                yield from self._both(said)
                yield from self._news(said)
            case Warned():
                said = words.warned(self.ticket, event, self.policy)
                yield self._triage(said, Tone.WARN, Priority.BREACH)
                yield from self._alert(said, Tone.WARN)
            case Breached():
                said = words.breached(self.ticket, event, self.policy)
                yield from self._both(said, Tone.ALARM, Priority.BREACH)
                yield from self._alert(said, Tone.ALARM)
            case Undelivered():
                taken_back = self.ticket.history[event.seq - 1] if event.seq else None
                said = words.undelivered(key, taken_back, event)
                yield self._triage(said, Tone.ALARM, Priority.BREACH)
            case Alerted():
                yield from self._alerted(event)
            case Reminded():
                said = words.reminder(self.ticket)
                yield from self._alert(said, Tone.WARN, only=event.to)
            case _:
                assert_never(event)

    def _opened(self, event: Opened) -> Iterator[Message]:
        triage = self.directory.triage_for(self.channel)
        for audience, place in ((Audience.CUSTOMER, self.channel), (Audience.AGENTS, triage)):
            yield Message(
                card_key(self.ticket.key, audience), self.ticket.key, place, Card(audience), Priority.STATE
            )
        if event.notes:
            yield self._triage(words.noted(self.ticket.key, event.notes), Tone.WARN, what="notes")
        yield from self._page(event.severity, event.at)
        yield from self._first_contact(triage)

    def _page(self, severity: str, at: datetime) -> Iterator[Message]:
        """Calls the first step, and whoever works on this class from the start and is on duty."""
        if not (self.policy.severities[severity].pages and self.policy.steps):
            return
        plan = self.ticket.opened.plan
        resolvers = [
            step.role
            for step in self.policy.steps[1:]
            if (duty := step.duties.get(severity)) and duty.mode is Mode.RESOLVER
            if self.policy.opens_at(plan, step, severity, at) == at
        ]
        people = self._mentions([self.policy.steps[0].role, *resolvers])
        said = words.emergency(self.ticket.key, severity, people)
        yield self._triage(said, Tone.ALARM, Priority.PAGE, "page")
        yield from self._called_off_hours(at)

    def _called_off_hours(self, at: datetime) -> Iterator[Message]:
        """Tells the customer that people are called although the promised time has not begun to count."""
        step = self.policy.steps[0]
        waiting = [p for p in promises(self.ticket, self.policy) if not p.calendar.is_open(at)]
        if waiting and self.directory.rota(step.role):
            said = words.called_off_hours(self.ticket, step, self.policy)
            yield self._customer(said, priority=Priority.PAGE, what="called")

    def _first_contact(self, triage: Place) -> Iterator[Message]:
        """Names the account's own person to the agents, where the plan makes them the first contact."""
        contact = self.policy.plans[self.ticket.opened.plan].first_contact
        person = self.directory.tam(self.account) if self.account and contact else None
        if contact and person:
            said = words.first_contact(self.ticket.key, contact.name, self._named([person], triage))
            yield self._triage(said, what="contact")

    def _escalated(self, event: Escalated) -> Iterator[Message]:
        said = words.escalated(self.ticket.key, event)
        yield from self._both(said, Tone.WARN, Priority.BREACH)
        yield from self._alert(said, Tone.WARN)
        if event.step is not None:
            yield self._call(event.step, event.calls_at)

    def _call(self, step: int, at: datetime | None) -> Message:
        called = self.policy.steps[step]
        people = self._mentions([called.role]) if at is None else ()
        said = words.calling(self.ticket.key, called, people, at)
        return self._triage(said, Tone.WARN, Priority.PAGE if at is None else Priority.BREACH, "call")

    def _mentions(self, roles: Sequence[str]) -> list[Part]:
        """The people of these rotas, each once; the rota's name where the desk's file gives it nobody."""
        people = {person.id: person for role in roles for person in self.directory.rota(role)}
        empty = [f"Nobody is in the rota {role}." for role in roles if not self.directory.rota(role)]
        return [*self._named(list(people.values()), self.directory.triage_for(self.channel)), *empty]

    def _named(self, people: Sequence[Person], place: Place) -> list[Part]:
        return [
            Mention(UserRef(place.platform, "", id_), person.name)
            if (id_ := person.on(place.platform))
            else person.name
            for person in people
        ]

    def _both(
        self, said: Rich, tone: Tone = Tone.CALM, priority: Priority = Priority.STATE, what: str = "said"
    ) -> Iterator[Message]:
        yield self._customer(said, tone, priority, what=what)
        yield self._triage(said, tone, priority, what)

    def _customer(
        self,
        said: Rich,
        tone: Tone = Tone.CALM,
        priority: Priority = Priority.REPLY,
        effect: int | None = None,
        what: str = "said",
    ) -> Message:
        root = card_key(self.ticket.key, Audience.CUSTOMER)
        return self._reply(self.channel, root, said, tone, priority, f"customer/{what}", effect)

    def _triage(
        self,
        said: Rich,
        tone: Tone = Tone.CALM,
        priority: Priority = Priority.REPLY,
        what: str = "said",
    ) -> Message:
        root = card_key(self.ticket.key, Audience.AGENTS)
        triage = self.directory.triage_for(self.channel)
        return self._reply(triage, root, said, tone, priority, f"triage/{what}")

    def _reply(
        self,
        to: Place,
        root: str,
        said: Rich,
        tone: Tone,
        priority: Priority,
        what: str,
        effect: int | None = None,
    ) -> Message:
        """In the thread of one of the ticket's cards."""
        say = Notice(said, tone)
        return Message(self._key(what), self.ticket.key, to, say, priority, root, effect=effect)

    def _alert(self, said: Rich, tone: Tone, only: str | None = None) -> Iterator[Message]:
        """A direct message to the TAM, or to leadership where the account has none but somebody escalated."""
        about = words.about(self.ticket, self.account.name if self.account else "")
        for person_id, ref in self._reached(only):
            yield Message(
                key=self._key(f"dm/{person_id}"),
                ticket=self.ticket.key,
                to=ref,
                say=Notice((*said, *about), tone, alert_buttons(self.ticket.key)),
                priority=Priority.BREACH,
            )

    def _reached(self, only: str | None) -> list[tuple[str, UserRef]]:
        if self.account is None:
            return []
        platform = self.channel.platform
        if only is not None:
            person = self.directory.settings.people.get(only)
            ref = self.directory.reach(person, platform) if person else None
            return [(only, ref)] if ref else []
        event = self.ticket.history[self.seq - 1]
        if self.directory.tam(self.account) is None and not isinstance(event, Escalated):
            return []
        return [(person.id, ref) for person, ref in self.directory.alerted(self.account, platform)]

    def _news(self, said: Rich) -> Iterator[Message]:
        """Tells those who had a direct message about this ticket how it went on."""
        if self.account is None:
            return
        told = Warned | Breached | Escalated if self.directory.tam(self.account) else Escalated
        if not any(isinstance(event, told) for event in self.ticket.history):
            return
        for person, ref in self.directory.alerted(self.account, self.channel.platform):
            yield Message(self._key(f"dm/{person.id}"), self.ticket.key, ref, Notice(said), Priority.STATE)

    def _alerted(self, event: Alerted) -> Iterator[Message]:
        yield self._triage(words.alerted(self.ticket.key, event))
        if event.act == "delegate" and event.to is not None:
            yield from self._alert(words.delegated(self.ticket, event), Tone.WARN, only=event.to)

    def _key(self, what: str) -> str:
        return f"{self.ticket.key}/{self.seq}/{what}"


def alert_buttons(ticket: str) -> tuple[Button, ...]:
    return (
        Button("alert_acknowledge", "Acknowledge", ticket),
        Button("alert_call", "I'll call", ticket),
        Button("alert_delegate", "Delegate", ticket),
        Button("alert_snooze", "Snooze", ticket),
    )
