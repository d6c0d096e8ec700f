"""A ticket is the fold of its history: the state that its events add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    Called,
    Closed,
    Corrected,
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
    Who,
)


class State(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Gap:
    """Time that does not count on this ticket; `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    why: str


@dataclass(frozen=True)
class Ticket:
    """What a history adds up to."""

    key: str
    opened: Opened
    severity: str
    severities: tuple[tuple[datetime, str], ...]
    """Each severity it has had, and since when."""
    eased_from: str | None = None
    """The severity before it became milder by a workaround; None when it was changed for another reason."""
    due_date: datetime | None = None
    due_date_set_at: datetime | None = None
    extensions: frozenset[str] = frozenset()
    version: int = 0
    state: State = State.OPEN
    confirmed: bool = False
    owner: Who | None = None
    acknowledged_by: Who | None = None
    customers_turn: bool = False
    first_answer_at: datetime | None = None
    closed_unanswered_at: datetime | None = None
    """When its customer closed it before anyone had answered; that stays so even if it is reopened."""
    last_update_at: datetime | None = None
    milestones: Mapping[str, datetime] = field(default_factory=dict)
    """Labels of the milestones told so far, and when each was first."""
    ended_at: datetime | None = None
    """When it was resolved or closed, while it is."""
    holds: tuple[Gap, ...] = ()
    rests: tuple[Gap, ...] = ()
    """Stretches for which it was resolved or closed."""
    resolved: bool = False
    """Whether it stands resolved; a customer's close after that leaves it so."""
    warned: frozenset[str] = frozenset()
    breached: Mapping[str, datetime] = field(default_factory=dict)
    """The runs that were breached, and when each was recorded."""
    step: int | None = None
    """The step of the escalation policy that was last called or waits for its window."""
    step_answered: bool = False
    calls_at: datetime | None = None
    """When the waiting step's window opens."""
    snoozed: Mapping[str, datetime] = field(default_factory=dict)
    """Who is to be reminded of the ticket when."""
    history: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def held(self) -> bool:
        return bool(self.holds) and self.holds[-1].end is None


def fold(key: str, history: Sequence[Event]) -> Ticket:
    """The ticket that `history` adds up to. Raises ValueError unless it begins with `Opened`."""
    if not history or not isinstance(history[0], Opened):
        raise ValueError(f"the history of {key} does not begin with its opening")
    taken_back = {event.seq for event in history if isinstance(event, Undelivered)}
    opened = history[0]
    ticket = Ticket(key, opened, opened.severity, ((opened.at, opened.severity),))
    for seq, event in enumerate(history[1:], start=2):
        if seq not in taken_back:
            ticket = evolve(ticket, event)
    return replace(ticket, version=len(history), history=tuple(history))


def evolve(ticket: Ticket, event: Event) -> Ticket:
    """The ticket after one more event."""
    match event:
        case Opened() | Corrected() | Undelivered():
            return ticket
        case Alerted():
            rest = {person: at for person, at in ticket.snoozed.items() if person != event.person}
            return replace(ticket, snoozed=rest | ({event.person: event.until} if event.until else {}))
        case Reminded():
            rest = {person: at for person, at in ticket.snoozed.items() if person != event.to}
            return replace(ticket, snoozed=rest)
        case Acknowledged():
            return _in_hand(replace(ticket, acknowledged_by=event.by, confirmed=True))
        case Taken():
            return _in_hand(
                replace(
                    ticket,
                    owner=event.by,
                    acknowledged_by=ticket.acknowledged_by or event.by,
                    confirmed=True,
                )
            )
        case Answered():
            return _in_hand(
                replace(
                    ticket,
                    owner=ticket.owner or event.by,
                    first_answer_at=ticket.first_answer_at or event.at,
                    last_update_at=event.at,
                    customers_turn=ticket.held or event.kind in (Kind.REPLY, Kind.MESSAGE),
                    milestones=_told(ticket, event),
                )
            )
        case CustomerWrote() if event.by_agent:
            return ticket
        case CustomerWrote():
            return _resumed(replace(ticket, customers_turn=False), event.at)
        case SeverityChanged():
            if event.severity == ticket.severity:
                return replace(ticket, confirmed=True)
            eased_from = ticket.severity if event.workaround else None
            return replace(
                ticket,
                severity=event.severity,
                severities=(*ticket.severities, (event.at, event.severity)),
                eased_from=eased_from,
                confirmed=True,
            )
        case DueDateSet():
            return replace(ticket, due_date=event.due_at, due_date_set_at=event.at)
        case Extended():
            return replace(ticket, extensions=ticket.extensions | {event.extension})
        case Held():
            if ticket.held:
                return ticket
            gap = Gap(event.at, None, f"{event.by.name}, {event.reason}")
            return replace(ticket, holds=(*ticket.holds, gap), customers_turn=True)
        case Resumed():
            return _resumed(ticket, event.at)
        case Escalated():
            if event.step is None:
                return ticket
            return replace(ticket, step=event.step, step_answered=False, calls_at=event.calls_at)
        case Called():
            return replace(ticket, calls_at=None)
        case Resolved():
            ended = _ended(ticket, State.RESOLVED, event.at)
            return _in_hand(
                replace(
                    ended,
                    owner=ticket.owner or event.by,
                    first_answer_at=ticket.first_answer_at or event.at,
                    resolved=True,
                )
            )
        case Closed():
            ended = _ended(ticket, State.CLOSED, event.at)
            unanswered = event.at if ticket.first_answer_at is None else None
            return replace(ended, closed_unanswered_at=ticket.closed_unanswered_at or unanswered)
        case Reopened():
            return replace(
                ticket,
                state=State.OPEN,
                resolved=False,
                ended_at=None,
                customers_turn=False,
                last_update_at=event.at,
                milestones={},
                rests=_shut(ticket.rests, event.at),
            )
        case Warned():
            return replace(ticket, warned=ticket.warned | {event.run})
        case Breached():
            return replace(ticket, breached={event.run: event.at, **ticket.breached})
        case _:
            assert_never(event)


def _told(ticket: Ticket, event: Answered) -> Mapping[str, datetime]:
    return {event.text: event.at, **ticket.milestones} if event.kind is Kind.MILESTONE else ticket.milestones


def _in_hand(ticket: Ticket) -> Ticket:
    """Somebody has answered the call: what was waiting to be called is called no more."""
    return replace(ticket, step_answered=True, calls_at=None)


def _ended(ticket: Ticket, state: State, at: datetime) -> Ticket:
    rests = ticket.rests if ticket.state is not State.OPEN else (*ticket.rests, Gap(at, None, "resolved"))
    ended = replace(ticket, state=state, ended_at=ticket.ended_at or at, rests=rests, customers_turn=True)
    return replace(_resumed(ended, at), calls_at=None, customers_turn=True, snoozed={})


def _resumed(ticket: Ticket, at: datetime) -> Ticket:
    return replace(ticket, holds=_shut(ticket.holds, at)) if ticket.held else ticket


def _shut(gaps: Iterable[Gap], at: datetime) -> tuple[Gap, ...]:
    return tuple(gap if gap.end else replace(gap, end=at) for gap in gaps)
