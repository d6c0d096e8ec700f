"""Who gets a direct message about a ticket, and when again. Never reads the time.

Each warning, breach and escalation is a message of its own to the account's TAM. A call that the customer
asks for goes to the person who is to make it; a new ticket to the customer's first contact, who need not
answer. Half an hour after the last message, if nobody has answered, the same person gets it again, then the
TAM's backup gets it, then the first of leadership. In a person's quiet hours, messages wait, except about the
severities that page. Every message is in the ticket's history, so restarts and replicas change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sla_core.events import (
    THE_CLOCK,
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    CallRequested,
    Closed,
    Escalated,
    Event,
    Held,
    LastWarned,
    Notified,
    Opened,
    Reminded,
    Reopened,
    Resolved,
    ServicesDisabled,
    ServicesEnabled,
    SeverityChanged,
    Taken,
    Undelivered,
    Warned,
    Who,
)
from sla_core.policy import Metric, Policy
from sla_core.promise import Promise
from sla_core.ticket import State, Ticket

EVERY = timedelta(minutes=30)
"""How long a message waits for an answer before the next one is sent."""
AGAIN, BACKUP, LEADERSHIP, QUIET = "again", "backup", "leadership", "quiet"
"""Why a person gets a message after the first one; QUIET: it was held back until their quiet hours ended."""
_LADDER = (AGAIN, BACKUP, LEADERSHIP)

Alert = Warned | LastWarned | Breached | Escalated | CallRequested | ServicesDisabled | Opened
"""What a TAM, or another person, is asked to answer. Of an opening, they need not."""
Outcome = Resolved | Closed | Reopened | ServicesEnabled
"""What those who got a message about the ticket read without being asked."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who gets a message, if need be instead of somebody who is away until `back_at`."""

    person: str
    instead_of: str | None = None
    back_at: datetime | None = None


class Contacts(Protocol):
    """The people of an account on the vendor's side, by ids of the desk's file."""

    def told_first(self, account: str, at: datetime, escalated: bool) -> Sequence[Contact]:
        """The TAM or whoever stands in; for an escalation, leadership if the account has no TAM."""
        ...

    def backup(self, account: str, at: datetime) -> Sequence[str]:
        """Who gets what the TAM does not answer."""
        ...

    def leader(self, at: datetime) -> Sequence[str]:
        """Who gets what neither of them answers."""
        ...

    def quiet_until(self, person: str, at: datetime) -> datetime | None:
        """When the quiet hours end that this person has at `at`; None if they have none then."""
        ...

    def person_behind(self, who: Who) -> str | None:
        """The person of the desk's file who acted."""
        ...


@dataclass
class _Ledger:
    """What the messages so far add up to."""

    open: dict[int, Alert | Reminded | Alerted] = field(default_factory=dict)
    """What nobody has answered, by the number of its event."""
    told: dict[str, None] = field(default_factory=dict)
    """Who got a message since the last answer."""
    stage: int = 0
    """How many of the ladder's messages were sent."""
    last_at: datetime | None = None
    held_back: dict[tuple[int, str], datetime] = field(default_factory=dict)
    """Messages that wait for the end of quiet hours: number of the event and person."""
    ever: dict[str, None] = field(default_factory=dict)
    """Who ever got a message about this ticket."""

    def answered(self) -> None:
        self.open, self.told, self.stage, self.last_at = {}, {}, 0, None

    def begun(self, seq: int, event: Alert | Reminded | Alerted) -> None:
        """A graver alert, or one after the ladder's end, begins at the TAM again."""
        gravest = max(map(_gravity, self.open.values()), default=-1)
        if _gravity(event) > gravest or self.stage == len(_LADDER):
            self.told, self.stage = {}, 0
        self.open[seq] = event

    def sent(self, person: str, at: datetime) -> None:
        self.told[person] = self.ever[person] = None
        self.last_at = at

    def met(self, metrics: Collection[Metric]) -> None:
        """Alerts about these promises need no answer any more."""
        self.open = {
            seq: event
            for seq, event in self.open.items()
            if not (isinstance(event, Warned | LastWarned | Breached) and event.metric in metrics)
        }
        if not self.open:
            self.answered()


def _gravity(event: Event) -> int:
    match event:
        case Escalated():
            return 2
        case Breached() | ServicesDisabled():
            return 1
        case _:
            return 0


def alert_at(history: Sequence[Event], seq: int) -> Alert | None:
    """Event `seq` if somebody gets a direct message about it that has buttons, otherwise None."""
    event = history[seq - 1]
    match event:
        case Warned(metric=Metric.NEXT_UPDATE):
            return None  # the agent gets the draft of an update, and the TAM the last warning
        case Breached() if is_told_later(history, seq):
            return None
        case Escalated() if adds_reason(history, seq):
            return None
        case CallRequested(person=None) | Opened(contact=""):
            return None
        case _:
            return event if isinstance(event, Alert) else None


def first_contacts(alert: Alert, account: str, contacts: Contacts) -> Sequence[Contact]:
    """Who gets the first message about an alert."""
    match alert:
        case CallRequested(person=str() as person):
            return [Contact(person)]
        case Opened(contact=person):
            return contacts.told_first(account, alert.at, escalated=False) or [Contact(person)]
        case _:
            return contacts.told_first(account, alert.at, isinstance(alert, Escalated))


def adds_reason(history: Sequence[Event], seq: int) -> bool:
    """Whether event `seq` is a customer's escalation of a ticket that was escalated by them before."""
    event, earlier = history[seq - 1], False
    for before in history[: seq - 1]:
        if isinstance(before, Escalated | Reopened):
            earlier = isinstance(before, Escalated) and (earlier or not before.by_agent)
    return earlier and isinstance(event, Escalated) and not event.by_agent


def is_told_later(history: Sequence[Event], seq: int) -> bool:
    """Whether event `seq` is a missed update whose successor, missed too, was recorded at the same time.

    After an outage, one message tells all of them.
    """
    return (
        seq < len(history)
        and _is_missed_update(history[seq - 1])
        and _is_missed_update(history[seq])
        and history[seq - 1].at == history[seq].at
    )


def _is_missed_update(event: Event) -> bool:
    return isinstance(event, Breached) and event.metric is Metric.NEXT_UPDATE


def is_alone(history: Sequence[Event], seq: int) -> bool:
    """Whether no Notified says who got a message about event `seq`, as in a ticket of an earlier release."""
    return not any(isinstance(event, Notified) and event.of == seq for event in history[seq:])


def _ledger(ticket: Ticket, history: Sequence[Event], contacts: Contacts) -> _Ledger:
    undone = {event.seq for event in history if isinstance(event, Undelivered)}
    recorded = {event.of for event in history if isinstance(event, Notified)}
    ledger = _Ledger()
    for seq, event in enumerate(history, start=1):
        if seq in undone:
            continue
        if alert := alert_at(history, seq):
            if seq not in recorded:
                first = first_contacts(alert, ticket.opened.account, contacts)
                ledger.ever |= {contact.person: None for contact in first}
            elif not isinstance(alert, Opened):
                ledger.begun(seq, alert)
            continue
        match event:
            case Notified():
                _read(ledger, event, history)
            case Reminded():
                ledger.begun(seq, event)
                ledger.sent(event.to, event.at)
            case Alerted(page=False):
                ledger.answered()
                if event.to is not None:
                    ledger.begun(seq, event)
                    ledger.sent(event.to, event.at)
            case Resolved() | Closed():
                ledger.answered()
                ledger.held_back = {}
            case Acknowledged() | Taken() | Answered() | SeverityChanged() | Held():
                if ledger.told and contacts.person_behind(event.by) in ledger.told:
                    ledger.answered()
                elif isinstance(event, Answered):
                    ledger.met((Metric.FIRST_RESPONSE, Metric.NEXT_UPDATE))
            case _:
                pass
    return ledger


def _read(ledger: _Ledger, event: Notified, history: Sequence[Event]) -> None:
    if event.until is not None:
        ledger.held_back[event.of, event.person] = event.until
        return
    ledger.sent(event.person, event.at)
    if event.why in _LADDER:
        ledger.stage = max(ledger.stage, _LADDER.index(event.why) + 1)
    if event.why == QUIET:
        kind = _kind(history[event.of - 1])
        ledger.held_back = {
            (of, person): until
            for (of, person), until in ledger.held_back.items()
            if person != event.person or _kind(history[of - 1]) != kind
        }


def _kind(event: Event) -> str:
    """Of several messages of a kind that were held back, only the newest is sent."""
    return "outcome" if isinstance(event, Resolved | Closed | Reopened) else type(event).__name__


@dataclass(frozen=True, slots=True)
class Notices:
    """The direct messages about one ticket; `running` are its promises that are not settled."""

    ticket: Ticket
    history: Sequence[Event]
    policy: Policy
    running: Sequence[Promise]
    contacts: Contacts

    def due(self, now: datetime) -> list[Notified]:
        """The messages that are due at `now`, each with the person it goes to."""
        new = list(self._of_this_instant(now))
        history = (*self.history, *new)
        ledger = _ledger(self.ticket, history, self.contacts)
        new += self._after_quiet_hours(ledger, history, now)
        return new or list(self._unanswered(ledger, now))

    def next_at(self, now: datetime) -> datetime | None:
        """When the next message is due without a new event."""
        ledger = _ledger(self.ticket, self.history, self.contacts)
        instants = [
            self._reach(person, max(until, now))
            for (of, person), until in ledger.held_back.items()
            if self._stands(self.history[of - 1])
        ]
        if stage := self._next_stage(ledger, now):
            _, people, due_at = stage
            instants.append(min((self._reach(person, max(due_at, now)) for person in people), default=due_at))
        return min(instants, default=None)

    def _reach(self, person: str, at: datetime) -> datetime:
        """The first instant from `at` on at which this person may get a message about the ticket."""
        return at if self._is_worst() else self.contacts.quiet_until(person, at) or at

    def _is_worst(self) -> bool:
        return self.policy.severities[self.ticket.severity].pages

    def _stands(self, event: Event) -> bool:
        """Whether a message about this event is still news: nobody answered the customer meanwhile."""
        match event:
            case Warned() | LastWarned():
                return any(
                    promise.promise_id == event.run and promise.due_at is not None
                    for promise in self.running
                    if event.run not in self.ticket.breached
                )
            case Breached(metric=Metric.NEXT_UPDATE):  # its clock has begun again
                return self.ticket.missed_updates > 0 and any(
                    promise.metric is event.metric for promise in self.running
                )
            case Breached():
                return any(
                    promise.promise_id == event.run or promise.fixed_at is not None
                    for promise in self.running
                    if promise.metric is event.metric
                )
            case CallRequested():
                return self.ticket.call_requested == event and self.ticket.caller is None
            case ServicesDisabled():
                return self.ticket.services_disabled == event
            case ServicesEnabled():
                return self.ticket.services_disabled is None
            case Resolved() | Closed():
                return self.ticket.state is not State.OPEN
            case _:
                return self.ticket.state is State.OPEN

    def _of_this_instant(self, now: datetime) -> Iterator[Notified]:
        """The first messages. Earlier releases sent theirs without a record, so older events have theirs."""
        for seq in range(len(self.history), 0, -1):
            event = self.history[seq - 1]
            if event.at < now:
                return
            if not isinstance(event, Outcome):
                alert = alert_at(self.history, seq)
                if alert is None:
                    continue
                event = alert
            if not is_alone(self.history, seq):
                continue
            actor = self.contacts.person_behind(event.by)
            for contact in self._readers(event, self.history[: seq - 1]):
                if contact.person != actor:
                    reach = self._reach(contact.person, now)
                    until = reach if reach > now else None
                    yield Notified(
                        now, THE_CLOCK, seq, contact.person, "", until, contact.instead_of, contact.back_at
                    )

    def _readers(self, event: Alert | Outcome, before: Sequence[Event]) -> Iterator[Contact]:
        account = self.ticket.opened.account
        if isinstance(event, Outcome):
            for person in _ledger(self.ticket, before, self.contacts).ever:
                yield Contact(person)
        else:
            yield from first_contacts(event, account, self.contacts)

    def _after_quiet_hours(
        self, ledger: _Ledger, history: Sequence[Event], now: datetime
    ) -> Iterator[Notified]:
        newest: dict[tuple[str, str], int] = {}
        for of, person in sorted(ledger.held_back):
            until = ledger.held_back[of, person]
            is_due = self._is_worst() or self._reach(person, max(now, until)) <= now
            if is_due and self._stands(history[of - 1]):
                newest[_kind(history[of - 1]), person] = of
        for (_, person), of in newest.items():
            yield Notified(now, THE_CLOCK, of, person, QUIET)

    def _unanswered(self, ledger: _Ledger, now: datetime) -> Iterator[Notified]:
        stage = self._next_stage(ledger, now)
        if stage is None:
            return
        why, people, due_at = stage
        about = max(seq for seq, event in ledger.open.items() if self._stands(event))
        for person, contact in people.items():
            if due_at <= now and self._reach(person, now) <= now:
                yield Notified(now, THE_CLOCK, about, person, why, None, contact.instead_of, contact.back_at)

    def _next_stage(self, ledger: _Ledger, now: datetime) -> tuple[str, dict[str, Contact], datetime] | None:
        """The next message of the ladder: why, to whom, and when it is due."""
        standing = [event for event in ledger.open.values() if self._stands(event)]
        if ledger.last_at is None or not standing or self.ticket.state is not State.OPEN:
            return None
        due_at = ledger.last_at + EVERY
        for why in _LADDER[ledger.stage :]:
            # Whoever is on call later does not make up for a stage at which there was nobody.
            if self._on_stage(why, ledger, standing[-1], due_at):
                people = self._on_stage(why, ledger, standing[-1], max(due_at, now))
                return why, {contact.person: contact for contact in people}, due_at
        return None

    def _on_stage(self, why: str, ledger: _Ledger, last: Event, at: datetime) -> list[Contact]:
        account = self.ticket.opened.account
        match why:
            case "again" if isinstance(last, CallRequested):
                return list(first_contacts(last, account, self.contacts))
            case "again" if isinstance(last, Reminded | Alerted):
                return [Contact(person) for person in ledger.told]
            case "again":
                return list(self.contacts.told_first(account, at, escalated=True))
            case "backup":
                others = self.contacts.backup(account, at)
            case _:
                others = self.contacts.leader(at)
        return [Contact(person) for person in others if person not in ledger.told]
