"""A ticket is the fold of its history: its state after all events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, assert_never

from sla_core.calendar import Gap as Gap
from sla_core.events import (
    VIA_APP,
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
    Turn,
    Undelivered,
    Warned,
    Who,
)
from sla_core.policy import Metric


class State(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CLOSED = "closed"


_FEW_HOLDS = 16
MOST_TRIES = 20
"""How often a policy or a desk may have a person paged before the next one is."""
_FEW_PAGES = 4 * MOST_TRIES


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
    due_as: tuple[datetime, str] | None = None
    """As which severity the first answer was due before a workaround, and when that was set (A19)."""
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
    assigned_at: datetime | None = None
    workaround_at: datetime | None = None
    """When its severity was first lowered because of a workaround."""
    first_due_date_at: datetime | None = None
    reached: Mapping[str, datetime] = field(default_factory=dict)
    """Labels of all milestones, also those before it was reopened, and when each was first told."""
    closed_unanswered_at: datetime | None = None
    """When its customer closed it before anyone had answered; None once it is reopened."""
    last_update_at: datetime | None = None
    milestones: Mapping[str, datetime] = field(default_factory=dict)
    """Labels of the milestones told so far, and when each was first told."""
    mitigations: frozenset[str] = frozenset()
    """Labels of the mitigations done so far."""
    deploys_on: date | None = None
    """When its fix is deployed, if that waits for the end of a code freeze."""
    services_disabled: ServicesDisabled | None = None
    """Since when and why the customer's services are disabled; None: they are not."""
    ended_at: datetime | None = None
    """When it was resolved or closed; None while it is open."""
    holds: tuple[Gap, ...] = ()
    closed_periods: tuple[Gap, ...] = ()
    """Periods during which it was resolved or closed."""
    resolved: bool = False
    """Whether it is resolved. It stays True if the customer then closes it."""
    warned: frozenset[str] = frozenset()
    last_warned: frozenset[str] = frozenset()
    breached: Mapping[str, datetime] = field(default_factory=dict)
    """The ids of breached promises, and when each breach was recorded."""
    overdue: Mapping[str, datetime] = field(default_factory=dict)
    """The same ids, and when each was due."""
    silent_since: datetime | None = None
    """When the last missed update was due; None once an agent has written to the customer."""
    missed_updates: int = 0
    """How many updates in a row were missed."""
    courtesy_at: datetime | None = None
    """When the customer last got a courtesy update."""
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
    """How many of the escalations call nobody any more: somebody answered, or the ticket was closed."""
    paging_answered_by: Who | None = None
    """Who last answered."""
    reopened_unanswered: Reopened | None = None
    """When it was reopened without ever having had an answer, until somebody answers."""
    in_hand_since: datetime | None = None
    """When somebody last took it or answered."""
    handover: Handover | None = None
    """The handover that was asked for, until somebody else has the ticket."""
    handover_answered: bool = False
    """Whether somebody answered its pages without taking the ticket."""
    call_requested: CallRequested | None = None
    """The last request for a call, until the ticket ends."""
    caller: Who | None = None
    """Who said that they will make that call."""
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

    @property
    def opener(self) -> Who | None:
        """The customer whose words began it; None if these are an agent's."""
        return self.opened.words_of or (None if self.opened.by_agent else self.opened.by)

    @property
    def in_hand_of(self) -> Who | None:
        """Its owner, else whoever last answered a page of it."""
        return self.owner or self.paging_answered_by


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
        case Opened() | Corrected() | Undelivered() | PageAccepted() | Notified():
            return ticket
        case Alerted(page=False):
            ticket = _call_taken(ticket, event)
            snoozed = _without(ticket.snoozed, event.person)
            return _with(ticket, snoozed=snoozed | ({event.person: event.until} if event.until else {}))
        case Alerted(act="acknowledge" | "call"):
            return _in_hand(_call_taken(ticket, event), event)
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
            return _in_hand(_with(ticket, acknowledged_by=event.by, confirmed=True), event)
        case Taken():
            return _in_hand(
                _with(
                    ticket,
                    owner=event.owner,
                    assigned_at=ticket.assigned_at or event.at,
                    handover=None,
                    acknowledged_by=ticket.acknowledged_by or event.by,
                    confirmed=True,
                ),
                event,
            )
        case Answered():
            takes_over = ticket.handover is not None and ticket.handover.owner.id != event.by.id
            return _in_hand(
                _with(
                    ticket,
                    owner=event.by if takes_over else ticket.owner or event.by,
                    handover=None if takes_over else ticket.handover,
                    assigned_at=ticket.assigned_at or event.at,
                    first_answer_at=ticket.first_answer_at or event.at,
                    last_update_at=event.at,
                    silent_since=None,
                    missed_updates=0,
                    customers_turn=ticket.held or _asks(event),
                    milestones=_told(ticket.milestones, event),
                    reached=_told(ticket.reached, event),
                    mitigations=ticket.mitigations | ({event.mitigation} if event.mitigation else set()),
                    deploys_on=event.deploys_on or ticket.deploys_on,
                    **_waits(event.at if event.next is Turn.CUSTOMER else None),
                ),
                event,
            )
        case CustomerWrote() if event.by_agent or event.via == VIA_APP:
            return ticket
        case CustomerWrote():
            return _resumed(_with(ticket, customers_turn=False, **_waits(None)), event.at)
        case SeverityChanged():
            if event.severity == ticket.severity:
                return _with(ticket, confirmed=True)
            downgraded_from = ticket.severity if event.workaround else None
            stays = event.workaround and ticket.first_answer_at is None
            return _with(
                ticket,
                severity=event.severity,
                severities=(*ticket.severities, (event.at, event.severity)),
                downgraded_from=downgraded_from,
                due_as=ticket.due_as or (ticket.severities[-1] if stays else None),
                workaround_at=ticket.workaround_at or (event.at if event.workaround else None),
                severity_changed_by=event.by,
                confirmed=True,
            )
        case DueDateSet():
            first = ticket.first_due_date_at or event.at
            return _with(ticket, due_date=event.due_at, due_date_set_at=event.at, first_due_date_at=first)
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
        case Handover(step=None):
            return _with(ticket, handover=None, in_hand_since=event.at)
        case Handover():
            return _with(ticket, handover=event, handover_answered=False)
        case CallRequested():
            return _with(ticket, call_requested=event, caller=None, **_waits(None))
        case Called():
            return _with(ticket, calls_at=None)
        case Resolved():
            ended = _ended(ticket, State.RESOLVED, event.at)
            return _in_hand(
                _with(
                    ended,
                    owner=ticket.owner or event.by,
                    assigned_at=ticket.assigned_at or event.at,
                    first_answer_at=ticket.first_answer_at or event.at,
                    resolved=True,
                    **_waits(event.at if event.follow_up else None, event.close_after),
                ),
                event,
            )
        case Closed():
            ended = _ended(ticket, State.CLOSED, event.at)
            unanswered = event.at if ticket.first_answer_at is None else None
            unanswered_at = ticket.closed_unanswered_at or unanswered
            answered = len(ticket.escalations)  # no escalation pages again after a reopening
            return _with(
                ended,
                closed_unanswered_at=unanswered_at,
                answered_escalations=answered,
                **_waits(None),
            )
        case Reopened():
            return _with(
                ticket,
                state=State.OPEN,
                resolved=False,
                ended_at=None,
                customers_turn=False,
                last_update_at=event.at,
                silent_since=None,
                missed_updates=0,
                milestones={},
                mitigations=frozenset(),
                deploys_on=None,
                rating=None,
                **_waits(None),
                closed_unanswered_at=None,
                closed_periods=_gap_ended(ticket.closed_periods, event.at),
                reopened_unanswered=event if ticket.first_answer_at is None else None,
            )
        case ServicesDisabled():
            return _with(ticket, services_disabled=event)
        case ServicesEnabled():
            return _with(ticket, services_disabled=None)
        case Warned():
            return _with(ticket, warned=ticket.warned | {event.run})
        case LastWarned():
            return _with(ticket, last_warned=ticket.last_warned | {event.run})
        case CourtesyTold():
            return _with(ticket, courtesy_at=event.at)
        case Breached():
            if event.metric is Metric.NEXT_UPDATE and _began_with_last_words(ticket, event):
                missed = ticket.missed_updates + 1
                ticket = _with(ticket, silent_since=event.due_at, missed_updates=missed)
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


def start_in_id(started_at: datetime) -> str:
    """How the id of a promise ends, by which it is known among those of its metric."""
    return f"{started_at:%Y%m%dT%H%M%S.%fZ}"


def _began_with_last_words(ticket: Ticket, missed: Breached) -> bool:
    """Whether this silence did not begin with an answer that never reached the customer."""
    last_words = ticket.silent_since or ticket.last_update_at or ticket.opened.at
    return missed.run.endswith((start_in_id(last_words), start_in_id(ticket.severities[-1][0])))


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


def _told(milestones: Mapping[str, datetime], event: Answered) -> Mapping[str, datetime]:
    return {event.text: event.at, **milestones} if event.kind is Kind.MILESTONE else milestones


def _call_taken(ticket: Ticket, event: Alerted) -> Ticket:
    if event.act != "call" or ticket.call_requested is None:
        return ticket
    return _with(ticket, caller=ticket.caller or event.by)


def _in_hand(ticket: Ticket, event: Acknowledged | Taken | Answered | Resolved | Alerted) -> Ticket:
    """Records that somebody answered, so that nobody else is paged."""
    return _with(
        ticket,
        in_hand_since=event.at,
        handover=ticket.handover if ticket.owner is not None else None,
        handover_answered=ticket.handover is not None,
        answered_severities=len(ticket.severities),
        answered_escalations=len(ticket.escalations),
        paging_answered_by=event.by,
        reopened_unanswered=None,
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
        call_requested=None,
        caller=None,
        closed_periods=closed_periods,
        customers_turn=True,
    )
    return _with(_resumed(ended, at), calls_at=None, customers_turn=True, snoozed={}, snoozed_pages={})


def _resumed(ticket: Ticket, at: datetime) -> Ticket:
    return _with(ticket, holds=_gap_ended(ticket.holds, at)) if ticket.held else ticket


def _gap_ended(gaps: tuple[Gap, ...], at: datetime) -> tuple[Gap, ...]:
    """The gaps with the running one, if any, ended. Only the last one can be running."""
    return (*gaps[:-1], replace(gaps[-1], end=at)) if gaps and gaps[-1].end is None else gaps
