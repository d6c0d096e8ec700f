"""A ticket's history in lines: who did what, and when."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from bot.config.alerts import is_monitoring
from bot.config.settings import Person
from bot.model.views import HistoryLine
from bot.notify.closing_texts import rated
from sla_core.events import (
    VIA_FORM,
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    Called,
    Closed,
    ClosingAnnounced,
    Corrected,
    CustomerWrote,
    DueDateSet,
    Escalated,
    Event,
    Extended,
    Held,
    Kind,
    Nudged,
    Opened,
    PageAccepted,
    Paged,
    Rated,
    Reminded,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Taken,
    Undelivered,
    Warned,
)
from sla_core.policy import Policy
from sla_core.ticket import Ticket

MAX_LINES = 5
"""Lines on a card."""
NO_ONE: Mapping[str, Person] = MappingProxyType({})


def recent_lines(ticket: Ticket, policy: Policy, people: Mapping[str, Person]) -> tuple[HistoryLine, ...]:
    """The last MAX_LINES events that have a line, newest last."""
    shown = [event for event in ticket.history if _is_shown(event)]
    return tuple(HistoryLine(event.at, line(event, policy, people)) for event in shown[-MAX_LINES:])


def count_earlier(ticket: Ticket) -> int:
    """How many lines there are before the recent ones."""
    return max(sum(map(_is_shown, ticket.history)) - MAX_LINES, 0)


def _is_shown(event: Event) -> bool:
    """Whether it says something about what people did: not that a message of a page arrived."""
    return not (isinstance(event, PageAccepted) or (isinstance(event, Paged) and event.person is None))


def line(event: Event, policy: Policy, people: Mapping[str, Person] = NO_ONE) -> str:
    """One event in a few words. `people` are those of the desk's file, by id."""
    name = event.by.name
    match event:
        case Opened():
            return f"{name} opened this, proposed as {event.severity}"
        case Acknowledged():
            return f"{name} acknowledged this"
        case Taken():
            return f"{name} took this"
        case Answered():
            return _answered(event)
        case CustomerWrote() if is_monitoring(event.by):
            return f"{name} reported"
        case CustomerWrote():
            return f"{name} wrote" if event.via != VIA_FORM else f"{name} added details"
        case Corrected():
            return f"{name} {'deleted' if event.text is None else 'changed'} a message"
        case SeverityChanged():
            why = " because of a workaround" if event.workaround else ""
            return f"{name} changed the severity to {event.severity}{why}"
        case DueDateSet():
            return f"{name} set a due date"
        case Extended():
            return f"{name} granted more time"
        case Held():
            return f"{name} put the clocks on hold"
        case Resumed():
            return f"{name} ended the hold"
        case Escalated():
            return f"{name} escalated this{'' if event.tell_customer else ' internally'}"
        case Paged(person=str() as paged):
            return f"{people[paged].name if paged in people else paged} was paged"
        case Paged():
            return "Nobody was left to page"
        case PageAccepted():
            return "A page was delivered"
        case Called():
            return f"{policy.steps[event.step].name} was paged"
        case Resolved():
            return f"{name} resolved this"
        case Closed():
            return f"{name} closed this"
        case Reopened():
            return f"{name} reopened this"
        case Warned():
            return f"Warning: {str(event.metric).replace('_', ' ')}"
        case Breached():
            return f"Missed: {str(event.metric).replace('_', ' ')}"
        case Undelivered():
            undone = ", so it does not count" if event.seq else ""
            return f"A message could not be delivered{undone}"
        case Alerted():
            return _alerted(event)
        case Reminded():
            return "A reminder was sent"
        case Nudged():
            return "The customer was reminded"
        case ClosingAnnounced():
            return "The customer was told that this will be closed"
        case Rated():
            return f"{name} rated this {rated(event.rating)}"
        case _:
            assert_never(event)


def _answered(event: Answered) -> str:
    match event.kind:
        case Kind.REPLY:
            return f"{event.by.name} replied"
        case Kind.UPDATE:
            return f"{event.by.name} sent an update"
        case Kind.MILESTONE:
            return f"{event.by.name} told the customer: {event.text}"
        case Kind.MESSAGE:
            return f"{event.by.name} wrote to the customer"


def _alerted(event: Alerted) -> str:
    what = "page" if event.page else "alert"
    acts = {
        "call": "will call the customer",
        "delegate": "asked a colleague to take this over",
        "snooze": f"snoozed the {what}",
    }
    return f"{event.by.name} {acts.get(event.act, f'acknowledged the {what}')}"
