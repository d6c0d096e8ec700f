"""What is said about a customer's way up: a call that she asked for, and an escalation of hers."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.address import Person
from bot.model.views import Part, Quote, RichText, When
from bot.notify.cards import METRIC_NAMES
from bot.notify.message_factory import MessageFactory
from bot.notify.texts import with_key
from bot.ports import Message
from sla_core.engine import promises
from sla_core.events import Alerted, CallRequested, Escalated
from sla_core.policy import Metric, Policy
from sla_core.ticket import Ticket


def requested(factory: MessageFactory, event: CallRequested) -> Iterator[Message]:
    """Confirms it to the customer, and tells triage. The person who is asked gets a direct message."""
    key, person = factory.ticket.key, _person(factory, event)
    yield factory.to_customer(_confirmed(factory.ticket, event, person, factory.policy))
    by: tuple[Part, ...]
    if person is not None:
        by = (f" {person.name} has been asked.",)
    else:
        by = (f" We could not reach a caller. Please call {event.by.name}.", *factory.responsible())
    yield factory.to_triage((*asked(key, event), *by))


def _person(factory: MessageFactory, event: CallRequested) -> Person | None:
    return factory.directory.settings.people.get(event.person or "")


def asked(key: str, event: CallRequested) -> RichText:
    """Asks a person to call."""
    return with_key(key, f"{event.by.name} asks for a call.", *_wishes(event))


def _wishes(event: CallRequested) -> RichText:
    phone = f" Number: {event.phone}." if event.phone else ""
    return (" When it suits them:", Quote(event.suits), *((phone,) if phone else ()))


def _confirmed(ticket: Ticket, event: CallRequested, person: Person | None, policy: Policy) -> RichText:
    """The number that she gave is left out: everybody in the channel reads this."""
    asked = f"We have asked {person.name} to call." if person else "Our agents have your request."
    phone = policy.plans[ticket.opened.plan].phone_text(ticket.severity)
    return with_key(
        ticket.key,
        f"{event.by.name} asked for a call:",
        Quote(event.suits),
        f"{asked} We will tell you here who will call.",
        *((f" {phone}.",) if phone else ()),
    )


def taken(factory: MessageFactory, event: Alerted) -> Iterator[Message]:
    """Tells the customer who calls, if she asked for a call that nobody had taken."""
    before = factory.before
    if event.act == "call" and before.call_requested is not None and before.caller is None:
        said = with_key(factory.ticket.key, f"{event.by.name} will call you.")
        yield factory.to_customer(said, what="caller")


def reason_added(key: str, event: Escalated) -> RichText:
    return with_key(key, f"{event.by.name} added to the escalation:", Quote(event.reason))


def after_escalation(factory: MessageFactory) -> RichText:
    """For the customer, after the text of her escalation: what happens next, and what is due."""
    parts: list[Part] = [" Next: we decide who else is needed, and answer you here"]
    at = factory.at
    ahead = [p for p in promises(factory.ticket, factory.policy) if not p.settled and p.due_at]
    first = min((p for p in ahead if p.due_at and p.due_at > at), key=lambda p: p.due_at or at, default=None)
    if first is None or first.due_at is None:
        parts.append(".")
    elif first.metric in (Metric.FIRST_RESPONSE, Metric.NEXT_UPDATE):
        parts += [" by ", When(first.due_at), "."]
    else:
        parts += [f". The {METRIC_NAMES[first.metric].lower()} is due ", When(first.due_at), "."]
    return tuple(parts)
