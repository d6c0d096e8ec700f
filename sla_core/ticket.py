"""A ticket is the fold of its history: its state after all events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from sla_core.events import (
    VIA_APP,
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
    Turn,
    Undelivered,
    Warned,
    Who,
)


class State(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"


_FEW_HOLDS = 16
MOST_TRIES = 20
"""How often a policy or a desk may have a person paged before the next one is."""
_FEW_PAGES = 4 * MOST_TRIES


@dataclass(frozen=True, slots=True)
class Gap:
    """A period that does not count on this ticket. `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    why: str


@dataclass(frozen=True)
class Ticket:
    """A ticket's state after its history."""

    key: str
    opened: Opened
    severity: str
    severities: tuple[tuple[datetime, str], ...]
    """Every severity so far, and when it was set."""
    downgraded_from: str | None = None
    """The severity before a workaround's downgrade; None if the last change had another reason."""
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
    """When its customer closed it before anyone had answered; None once it is reopened."""
    last_update_at: datetime | None = None
    milestones: Mapping[str, datetime] = field(default_factory=dict)
    """Labels of the milestones told so far, and when each was first told."""
    ended_at: datetime | None = None
    """When it was resolved or closed; None while it is open."""
    holds: tuple[Gap, ...] = ()
    closed_periods: tuple[Gap, ...] = ()
    """Periods during which it was resolved or closed."""
    resolved: bool = False
    """Whether it is resolved. It stays True if the customer then closes it."""
    warned: frozenset[str] = frozenset()
    breached: Mapping[str, datetime] = field(default_factory=dict)
    """The ids of breached promises, and when each breach was recorded."""
    overdue: Mapping[str, datetime] = field(default_factory=dict)
    """The same ids, and when each was due."""
    step: int | None = None
    """The step of the escalation policy to which it was last escalated."""
    calls_at: datetime | None = None
    """When the hours of that step begin, if it waits for them."""
    severity_changed_by: Who | None = None
    pages: tuple[Paged, ...] = ()
    """The pages so far; of very many to one person on one step, the last ones."""
    escalations: tuple[Escalated, ...] = ()
    """The escalations that page a step."""
    answered_severities: int = 0
    """How many of the severities somebody has answered: their pages have ended."""
    answered_escalations: int = 0
    paging_answered_by: Who | None = None
    """Who last answered."""
    snoozed: Mapping[str, datetime] = field(default_factory=dict)
    """Whom to remind of the ticket, and when."""
    snoozed_pages: Mapping[str, datetime] = field(default_factory=dict)
    """Who does not want to be paged, and until when."""
    waiting_since: datetime | None = None
    """Since when the customer has said nothing after a resolution or a question; None: nobody is reminded."""
    nudged: bool = False
    """Whether they were reminded since then."""
    close_after: int | None = None
    """After how many business days of that the ticket is closed; None: never."""
    closes_at: datetime | None = None
    """When it will be closed, once that is announced."""
    rating: int | None = None
    history: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def held(self) -> bool:
        return bool(self.holds) and self.holds[-1].end is None


def fold(key: str, history: Sequence[Event]) -> Ticket:
    """The ticket after `history`. Raises ValueError unless it begins with `Opened`."""
    if not history or not isinstance(history[0], Opened):
        raise ValueError(f"the history of {key} does not begin with its opening")
    undone = {event.seq for event in history if isinstance(event, Undelivered)}
    opened = history[0]
    ticket = Ticket(key, opened, opened.severity, ((opened.at, opened.severity),))
    earlier: list[Gap] = []
    for seq, event in enumerate(history[1:], start=2):
        if seq in undone:
            continue
        ticket = evolve(ticket, event)
        if len(ticket.holds) > _FEW_HOLDS:
            # An event reads only the last hold; copying all of them at each event would be quadratic.
            earlier += ticket.holds[:-1]
            ticket = _with(ticket, holds=ticket.holds[-1:])
    holds = (*earlier, *ticket.holds)
    return _with(ticket, holds=holds, version=len(history), history=tuple(history))


def after(ticket: Ticket, events: Sequence[Event]) -> Ticket:
    """The ticket after more events, as if `fold` were called with the longer history."""
    history = (*ticket.history, *events)
    if any(isinstance(event, Undelivered) for event in events):
        return fold(ticket.key, history)  # an earlier event is undone
    for event in events:
        ticket = evolve(ticket, event)
    return _with(ticket, version=len(history), history=history)


def evolve(ticket: Ticket, event: Event) -> Ticket:
    """The ticket after one more event."""
    match event:
        case Opened() | Corrected() | Undelivered() | PageAccepted():
            return ticket
        case Alerted(page=False):
            snoozed = _without(ticket.snoozed, event.person)
            return _with(ticket, snoozed=snoozed | ({event.person: event.until} if event.until else {}))
        case Alerted(act="acknowledge" | "call"):
            return _in_hand(ticket, event.by)
        case Alerted():
            snoozed = _without(ticket.snoozed_pages, event.person)
            return _with(ticket, snoozed_pages=snoozed | ({event.person: event.until} if event.until else {}))
        case Paged():
            waits = None if ticket.step is None or event.step >= ticket.step else ticket.calls_at
            woken = event.person if event.step < 0 else None
            snoozed = _without(ticket.snoozed_pages, woken)
            pages = _last_pages((*ticket.pages, event))
            return _with(ticket, pages=pages, calls_at=waits, snoozed_pages=snoozed)
        case Reminded():
            return _with(ticket, snoozed=_without(ticket.snoozed, event.to))
        case Acknowledged():
            return _in_hand(_with(ticket, acknowledged_by=event.by, confirmed=True), event.by)
        case Taken():
            return _in_hand(
                _with(
                    ticket,
                    owner=event.by,
                    acknowledged_by=ticket.acknowledged_by or event.by,
                    confirmed=True,
                ),
                event.by,
            )
        case Answered():
            return _in_hand(
                _with(
                    ticket,
                    owner=ticket.owner or event.by,
                    first_answer_at=ticket.first_answer_at or event.at,
                    last_update_at=event.at,
                    customers_turn=ticket.held or _asks(event),
                    milestones=_told(ticket, event),
                    **_waits(event.at if event.next is Turn.CUSTOMER else None),
                ),
                event.by,
            )
        case CustomerWrote() if event.by_agent or event.via == VIA_APP:
            return ticket
        case CustomerWrote():
            return _resumed(_with(ticket, customers_turn=False, **_waits(None)), event.at)
        case SeverityChanged():
            if event.severity == ticket.severity:
                return _with(ticket, confirmed=True)
            downgraded_from = ticket.severity if event.workaround else None
            return _with(
                ticket,
                severity=event.severity,
                severities=(*ticket.severities, (event.at, event.severity)),
                downgraded_from=downgraded_from,
                severity_changed_by=event.by,
                confirmed=True,
            )
        case DueDateSet():
            return _with(ticket, due_date=event.due_at, due_date_set_at=event.at)
        case Extended():
            return _with(ticket, extensions=ticket.extensions | {event.extension})
        case Held():
            if ticket.held:
                return ticket
            gap = Gap(event.at, None, f"{event.by.name}, {event.reason}")
            return _with(ticket, holds=(*ticket.holds, gap), customers_turn=True)
        case Resumed():
            return _resumed(ticket, event.at)
        case Escalated():
            if not event.by_agent:
                ticket = _with(ticket, **_waits(None))
            if event.step is None:
                return ticket
            ticket = _with(ticket, escalations=(*ticket.escalations, event))
            return _with(ticket, step=event.step, calls_at=event.calls_at)
        case Called():
            return _with(ticket, calls_at=None)
        case Resolved():
            ended = _ended(ticket, State.RESOLVED, event.at)
            return _in_hand(
                _with(
                    ended,
                    owner=ticket.owner or event.by,
                    first_answer_at=ticket.first_answer_at or event.at,
                    resolved=True,
                    **_waits(event.at if event.follow_up else None, event.close_after),
                ),
                event.by,
            )
        case Closed():
            ended = _ended(ticket, State.CLOSED, event.at)
            unanswered = event.at if ticket.first_answer_at is None else None
            unanswered_at = ticket.closed_unanswered_at or unanswered
            return _with(ended, closed_unanswered_at=unanswered_at, **_waits(None))
        case Reopened():
            return _with(
                ticket,
                state=State.OPEN,
                resolved=False,
                ended_at=None,
                customers_turn=False,
                last_update_at=event.at,
                milestones={},
                rating=None,
                **_waits(None),
                closed_unanswered_at=None,
                closed_periods=_gap_ended(ticket.closed_periods, event.at),
            )
        case Warned():
            return _with(ticket, warned=ticket.warned | {event.run})
        case Breached():
            return _with(
                ticket,
                breached={event.run: event.at, **ticket.breached},
                overdue={event.run: event.due_at, **ticket.overdue},
            )
        case Nudged():
            return _with(ticket, nudged=True)
        case ClosingAnnounced():
            return _with(ticket, closes_at=event.closes_at)
        case Rated():
            return _with(ticket, rating=event.rating)
        case _:
            assert_never(event)


def _asks(event: Answered) -> bool:
    """Whether it is the customer's turn after it."""
    if event.next is None:
        return event.kind in (Kind.REPLY, Kind.MESSAGE)
    return event.next is Turn.CUSTOMER


def _waits(since: datetime | None, close_after: int | None = None) -> dict[str, Any]:
    """From when on a silent customer is reminded; None: not at all."""
    return {"waiting_since": since, "nudged": False, "close_after": close_after, "closes_at": None}


_FIELDS = frozenset(each.name for each in fields(Ticket))


def _with(ticket: Ticket, **changes: Any) -> Ticket:
    """Like `dataclasses.replace`, but ten times as fast, because it does not call the constructor.

    It copies the whole instance dict, so a Ticket must not cache anything besides its fields.
    """
    assert _FIELDS.issuperset(changes), changes
    new = object.__new__(Ticket)
    object.__setattr__(new, "__dict__", {**vars(ticket), **changes})
    return new


def _told(ticket: Ticket, event: Answered) -> Mapping[str, datetime]:
    return {event.text: event.at, **ticket.milestones} if event.kind is Kind.MILESTONE else ticket.milestones


def _in_hand(ticket: Ticket, by: Who) -> Ticket:
    """Records that somebody answered, so that nobody else is paged."""
    return _with(
        ticket,
        answered_severities=len(ticket.severities),
        answered_escalations=len(ticket.escalations),
        paging_answered_by=by,
        calls_at=None,
        snoozed_pages={},
    )


def _last_pages(pages: tuple[Paged, ...]) -> tuple[Paged, ...]:
    """The pages without those that decide nothing any more, once there are many.

    Copying all of them at each page would be quadratic: the last resort is paged for ever.
    """
    if len(pages) <= _FEW_PAGES:
        return pages
    counts: Counter[tuple[str, int, str | None]] = Counter()
    kept: list[Paged] = []
    for page in reversed(pages):
        counts[page.chain, page.step, page.person] += 1
        if counts[page.chain, page.step, page.person] <= MOST_TRIES:
            kept.append(page)
    return tuple(reversed(kept))


def _without(snoozed: Mapping[str, datetime], whose: str | None) -> dict[str, datetime]:
    return {person: at for person, at in snoozed.items() if person != whose}


def _ended(ticket: Ticket, state: State, at: datetime) -> Ticket:
    closed_periods = (
        ticket.closed_periods
        if ticket.state is not State.OPEN
        else (*ticket.closed_periods, Gap(at, None, "resolved"))
    )
    ended = _with(
        ticket,
        state=state,
        ended_at=ticket.ended_at or at,
        closed_periods=closed_periods,
        customers_turn=True,
    )
    return _with(_resumed(ended, at), calls_at=None, customers_turn=True, snoozed={}, snoozed_pages={})


def _resumed(ticket: Ticket, at: datetime) -> Ticket:
    return _with(ticket, holds=_gap_ended(ticket.holds, at)) if ticket.held else ticket


def _gap_ended(gaps: tuple[Gap, ...], at: datetime) -> tuple[Gap, ...]:
    """The gaps with the running one, if any, ended. Only the last one can be running."""
    return (*gaps[:-1], replace(gaps[-1], end=at)) if gaps and gaps[-1].end is None else gaps
