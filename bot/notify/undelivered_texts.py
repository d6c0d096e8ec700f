"""What agents read of a message that no platform took."""

from __future__ import annotations

from datetime import datetime

from bot.config.directory import Directory
from bot.model.address import UserRef
from bot.model.views import Part, RichText, Strong, When
from bot.notify.cards import METRIC_NAMES
from bot.notify.texts import with_key
from sla_core.engine import promises
from sla_core.events import (
    Answered,
    DueDateSet,
    Event,
    Extended,
    Held,
    Resolved,
    SeverityChanged,
    Undelivered,
)
from sla_core.policy import Policy
from sla_core.ticket import Ticket


def undelivered(
    ticket: Ticket, taken_back: Event | None, event: Undelivered, policy: Policy, directory: Directory
) -> RichText:
    """Says what could not be delivered, which event no longer counts because of it, and what is due now."""
    match taken_back:
        case Answered():
            what = f"{taken_back.by.name}'s {taken_back.kind}"
        case Resolved():
            what = f"{taken_back.by.name}'s resolution"
        case SeverityChanged():
            what = f"{taken_back.by.name}'s change of severity"
        case Held():
            what = f"{taken_back.by.name}'s hold"
        case DueDateSet():
            what = f"the due date that {taken_back.by.name} set"
        case Extended():
            what = f"the extra time that {taken_back.by.name} granted"
        case _:
            name = _message_name(ticket, event.message, directory)
            return with_key(ticket.key, Strong("Not delivered: "), f"{name} ({event.reason}).")
    return with_key(
        ticket.key,
        Strong("Not delivered: "),
        f"{what} did not reach the customer ({event.reason}), so it does not count. ",
        *_still_due(ticket, policy, event.at),
        "Please contact the customer another way.",
    )


def _still_due(ticket: Ticket, policy: Policy, now: datetime) -> tuple[Part, ...]:
    """The promise that is due first, if it can still be kept."""
    ahead = [(p.due_at, p.metric) for p in promises(ticket, policy) if not p.settled and p.due_at]
    due_at, metric = min((each for each in ahead if each[0] >= now), default=(None, None))
    if due_at is None or metric is None:
        return ()
    return (f"{METRIC_NAMES[metric]} is still due ", When(due_at), ". ")


def _message_name(ticket: Ticket, message: str, directory: Directory) -> str:
    """A message in words, by the last part of its key."""
    what = message.removeprefix(f"{ticket.key}/")
    if what.startswith("asked/"):
        return "a message in the thread that it was asked from"
    if what == "customer":
        return "the ticket's card in the customer's channel"
    if "/dm/" in what:
        return f"a direct message to {_name(what.rpartition('/dm/')[2], directory)}"
    if "/pager" in what:
        return f"a page to the pager {what.rpartition('/')[2]}"
    if "/customer/file/" in what:
        return "a file for the customer"
    if "/draft/" in what:
        return f"the draft of an update for {_agent(ticket, what.rpartition('/draft/')[2], directory)}"
    if "/page" in what:
        person, _, number = what.partition("/page")[2].partition("/")[2].partition("/")
        by = f", by address {int(number) + 1} of page" if number else ""
        return f"a page to {_name(person, directory)}{by}"
    return "a message in the customer's thread"


def _name(person: str, directory: Directory) -> str:
    known = directory.settings.people.get(person)
    return known.name if known else person


def _agent(ticket: Ticket, user: str, directory: Directory) -> str:
    """The name behind a user id of a platform: of the owner, or of a person in the desk's file."""
    if ticket.owner is not None and UserRef.parse(ticket.owner.id).id == user:
        return ticket.owner.name
    for person in directory.settings.people.values():
        address = directory.direct_address(person, directory.channel_of(ticket).platform)
        if address is not None and address.id == user:
            return person.name
    return "an agent"
