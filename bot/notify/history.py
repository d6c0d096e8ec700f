"""A ticket's history in lines: who did what, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import assert_never

from bot.config.alarms import is_monitoring
from bot.model.address import Person
from bot.model.views import HistoryLine
from bot.notify import emergency_texts
from bot.text import named_time
from sla_core.events import (
    BEST_RATING,
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
)
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket

MAX_LINES = 5
"""Lines on a card."""
_BY_AGENTS = (Acknowledged, Taken, Answered, Alerted, Held, SeverityChanged)
"""What an agent or a TAM does who knows of the ticket."""
NO_ONE: Mapping[str, Person] = MappingProxyType({})


def recent_lines(ticket: Ticket, policy: Policy, people: Mapping[str, Person]) -> tuple[HistoryLine, ...]:
    """The last MAX_LINES events that have a line, newest last."""
    shown = [event for event in ticket.history if is_shown(event)]
    return tuple(HistoryLine(event.at, line(event, policy, people)) for event in shown[-MAX_LINES:])


def count_earlier(ticket: Ticket) -> int:
    """How many lines there are before the recent ones."""
    return max(sum(map(is_shown, ticket.history)) - MAX_LINES, 0)


def is_shown(event: Event) -> bool:
    """Whether it says something about what people did, or what was missed.

    Not that a message was sent or arrived, nor what the customer gets every hour of a night.
    """
    unseen = isinstance(event, PageAccepted | Notified | CourtesyTold)
    return not (unseen or (isinstance(event, Paged) and event.person is None))


def rated(rating: int) -> str:
    """`4 of 5`."""
    return f"{rating} of {BEST_RATING}"


def line(event: Event, policy: Policy, people: Mapping[str, Person] = NO_ONE) -> str:
    """One event in a few words. `people` are those of the desk's file, by id."""
    name = event.by.name
    match event:
        case Opened():
            return f"{name} opened this, proposed as {policy.shown(event.severity)}"
        case Acknowledged():
            return f"{name} acknowledged this"
        case Taken(to=None):
            return f"{name} took this"
        case Taken():
            return f"{name} assigned this to {event.owner.name}"
        case Answered():
            return _answered(event)
        case CustomerWrote() if is_monitoring(event.by):
            return f"{name} reported"
        case CustomerWrote():
            return f"{name} wrote" if event.via != VIA_FORM else f"{name} added details"
        case Corrected():
            return f"{name} {'deleted' if event.text is None else 'changed'} a message"
        case SeverityChanged(misjudged=True):
            return f"{name} corrected the severity to {policy.shown(event.severity)}: it was misjudged"
        case SeverityChanged():
            why = " because of a workaround" if event.workaround else ""
            return f"{name} changed the severity to {policy.shown(event.severity)}{why}"
        case DueDateSet():
            return f"{name} set a due date"
        case Extended():
            return f"{name} granted more time"
        case Held():
            return f"{name} put the ticket on hold"
        case Resumed():
            return f"{name} ended the hold"
        case Escalated():
            return f"{name} escalated this{'' if event.tell_customer else ' internally'}"
        case CallRequested():
            return f"{name} asked for a call"
        case Paged(person=str() as paged):
            return f"{people[paged].name if paged in people else paged} was paged"
        case Paged():
            return "Nobody was left to page"
        case PageAccepted():
            return "A page was delivered"
        case Handover():
            return f"{event.owner.name} is {'off duty' if event.step is not None else 'on duty again'}"
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
        case LastWarned():
            return f"Last warning: {str(event.metric).replace('_', ' ')}"
        case CourtesyTold():
            return "The customer got a courtesy update"
        case Breached():
            return f"Missed: {str(event.metric).replace('_', ' ')}"
        case Undelivered():
            undone = ", so it does not count" if event.seq else ""
            return f"A message could not be delivered{undone}"
        case Alerted():
            return _alerted(event)
        case Notified():
            known = people.get(event.person)
            return f"{known.name if known else event.person} got a direct message"
        case Reminded():
            return "A reminder was sent"
        case ServicesDisabled():
            return f"{name} disabled the services"
        case ServicesEnabled():
            return f"{name} enabled the services"
        case Nudged():
            return "The customer was reminded"
        case ClosingAnnounced():
            return "The customer was told that this will be closed"
        case Rated():
            return f"{name} rated this {rated(event.rating)}"
        case _:
            assert_never(event)


def last_severity_change(ticket: Ticket) -> SeverityChanged | None:
    """The change to the present severity; None if it is the first one."""
    changes = (event for event in reversed(ticket.history) if isinstance(event, SeverityChanged))
    return next((event for event in changes if event.severity == ticket.severity), None)


def words(event: Event) -> str:
    """What somebody wrote with it, and the names of its files; empty if nothing."""
    match event:
        case Answered(kind=Kind.MILESTONE):
            return ""
        case Opened():
            said, files = event.details, event.files
        case Answered() | CustomerWrote():
            said, files = event.text, event.files
        case Resolved() | Corrected():
            said, files = event.text or "", ()
        case Escalated() | Held() | SeverityChanged() | Alerted() | Reopened() | Undelivered():
            said, files = event.reason, ()
        case ServicesDisabled() | ServicesEnabled():
            said, files = event.reason, ()
        case CallRequested():
            said, files = event.suits, ()
        case _:
            return ""
    names = f"(files: {', '.join(file.name for file in files)})" if files else ""
    return "\n".join(filter(None, (said.strip(), names)))


def _answered(event: Answered) -> str:
    more = emergency_texts.history(event)
    match event.kind:
        case Kind.REPLY:
            return f"{event.by.name} replied"
        case Kind.UPDATE:
            return f"{event.by.name} sent an update{more}"
        case Kind.MILESTONE:
            return f"{event.by.name} told the customer: {event.text}{more}"
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


def escalation(ticket: Ticket, policy: Policy) -> Iterator[tuple[str, str]]:
    """A fact for the customer: when an escalation that they know of began, and who has acted since."""
    if ticket.state is not State.OPEN:
        return
    told: Escalated | None = None
    known: dict[str, None] = {}
    undone = {event.seq for event in ticket.history if isinstance(event, Undelivered)}
    for seq, event in enumerate(ticket.history, start=1):
        if isinstance(event, Reopened):
            told, known = None, {}
        elif told is None and isinstance(event, Escalated) and event.tell_customer:
            told, known = event, {event.by.name: None} if event.by_agent else {}
        elif told is not None and isinstance(event, _BY_AGENTS) and seq not in undone:
            known[event.by.name] = None
    if told is not None:
        *before, last = known or [""]
        names = f"{', '.join(before)} and {last} know" if before else f"{last} knows"
        progress = names if last else "nobody has answered yet"
        when = named_time(told.at, policy.zone(ticket.opened.plan))
        yield "Escalated", f"{when} by {told.by.name}; {progress}"


def call(ticket: Ticket, policy: Policy, people: Mapping[str, Person]) -> Iterator[tuple[str, str]]:
    """A fact: the call that the customer asked for, and who will make it."""
    request = ticket.call_requested
    if request is None:
        return
    asked = people.get(request.person or "")
    if ticket.caller is not None:
        progress = f"{ticket.caller.name} will call"
    else:
        progress = f"{asked.name} has been asked" if asked else "our agents have the request"
    when = named_time(request.at, policy.zone(ticket.opened.plan))
    yield "Call", f"{request.by.name} asked for one, {when}; {progress}"
