"""What is due on a ticket by an instant, and when to evaluate it again. Never reads the time itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sla_core import paging
from sla_core.alerts import Contacts, Notices
from sla_core.calendar import BusinessCalendar, always
from sla_core.events import (
    FRONTLINE,
    THE_CLOCK,
    Breached,
    Closed,
    ClosingAnnounced,
    CourtesyTold,
    Event,
    LastWarned,
    Nudged,
    Reminded,
    Warned,
)
from sla_core.paging import due_handover, due_pages, next_handover_at, next_page_at
from sla_core.policy import Metric, Policy, Target
from sla_core.promise import JUST_AFTER, Countdown, Phase, Promise, Tone, countdown, due, next_change
from sla_core.ticket import Gap, State, Ticket, evolve

_ALWAYS = always()
NUDGE_AFTER = 3
"""Business days without a word, after a resolution or a question to the customer."""
NOTICE = 1
"""Business days between the announcement and the closing."""
FEWEST_DAYS = 2
"""After a resolution: the shortest wait that leaves a business day for the announcement."""


class Duty(paging.Duty, Contacts, Protocol):
    """Who is paged and who gets direct messages, from the desk's file."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The `events` that are due, and when to evaluate again without a new event (None: never)."""

    events: tuple[Event, ...]
    wake_at: datetime | None


def evaluate(ticket: Ticket, policy: Policy, now: datetime, duty: Duty | None = None) -> Evaluation:
    """The events that are due at `now`. After recording them, evaluating again returns no events.

    Without a `duty`, nobody is paged or gets a direct message: it says who the people are.
    """
    running = _running(ticket, policy)
    calling = duty if _may_page(ticket, policy) else None
    events: list[Event] = [
        *(_due_calls(ticket, policy, calling, now) if calling else ()),
        *_due_reminders(ticket, now),
    ]
    after = ticket
    for event in events:
        after = evolve(after, event)
    while fell_due := _due_promises(after, running, now):
        # A missed silence clock begins again at once, and may have been missed more than once.
        events += fell_due
        for event in fell_due:
            after = evolve(after, event)
        running = _running(after, policy)
    for event in _due_follow_ups(after, policy, now) if after.waiting_since else ():
        events.append(event)
        after = evolve(after, event)
    if events:
        running = _running(after, policy)
    if courtesy := _due_courtesy(after, policy, running, now):
        events.append(courtesy)
        after = evolve(after, courtesy)
    wakes = [_wake_at(after, policy, running, now, calling)]
    history = (*ticket.history, *events)
    if duty and (len(history) > 1 or ticket.opened.contact):
        notified = Notices(after, history, policy, running, duty).due(now)
        events, history = [*events, *notified], (*history, *notified)
        wakes.append(Notices(after, history, policy, running, duty).next_at(now))
    return Evaluation(tuple(events), min((at for at in wakes if at is not None), default=None))


def _may_page(ticket: Ticket, policy: Policy) -> bool:
    """Whether its severity pages or needs an owner on duty, or somebody escalated it; most page nobody."""
    severity = policy.severities[ticket.severity]
    return severity.pages or severity.staffed or bool(ticket.escalations)


def _due_calls(ticket: Ticket, policy: Policy, duty: Duty, now: datetime) -> list[Event]:
    """A handover that is due, and the pages that are due then."""
    handover = due_handover(ticket, policy, duty, now)
    if handover is None:
        return [*due_pages(ticket, policy, duty, now)]
    return [handover, *due_pages(evolve(ticket, handover), policy, duty, now)]


def targets_of(ticket: Ticket, policy: Policy, severity: str) -> tuple[Target, ...]:
    """What the ticket is promised at a severity, by its plan, its origin and its order form."""
    opened = ticket.opened
    return policy.targets(severity, opened.terms, opened.plan, opened.origin)


def promises(ticket: Ticket, policy: Policy) -> list[Promise]:
    """The promises of the ticket's severity, in the order in which they are shown."""
    running = [_promise(ticket, policy, target) for target in targets_of(ticket, policy, ticket.severity)]
    if ticket.due_as is not None and _is_milder(ticket.severity, ticket.due_as[1], policy):
        running = [*_first_response(ticket, policy), *(p for p in running if not _is_first_response(p))]
    return [*running, *_due_date(ticket, policy)]


def _is_milder(severity: str, than: str, policy: Policy) -> bool:
    worst_first = [*policy.severities]
    return worst_first.index(severity) > worst_first.index(than)


def _is_first_response(each: Promise | Target) -> bool:
    return each.metric is Metric.FIRST_RESPONSE


def _first_response(ticket: Ticket, policy: Policy) -> list[Promise]:
    """The first response that was due before a workaround lowered the severity, which stays due so (A19)."""
    assert ticket.due_as is not None
    _, severity = ticket.due_as
    earlier = replace(ticket, severity=severity, severities=(ticket.severities[0], ticket.due_as))
    return [
        _promise(earlier, policy, t) for t in targets_of(ticket, policy, severity) if _is_first_response(t)
    ]


def countdowns(ticket: Ticket, policy: Policy, now: datetime) -> list[Countdown]:
    """The countdowns that a card shows at `now`, one per promise."""
    return [
        _after_silence(ticket, countdown(promise, now, _on_record(ticket, promise)))
        for promise in promises(ticket, policy)
    ]


def _after_silence(ticket: Ticket, shown: Countdown) -> Countdown:
    """A silence clock that was missed and runs again stays in the tone of a breach."""
    missed = shown.metric is Metric.NEXT_UPDATE and ticket.missed_updates and shown.phase is not Phase.ENDED
    return replace(shown, tone=Tone.ALARM) if missed else shown


def _promise(ticket: Ticket, policy: Policy, target: Target) -> Promise:
    calendar = policy.clock(ticket.opened.plan, target, ticket.opened.zone)
    met_at, ended_at = _settled(ticket, target)
    over_at = met_at or ended_at
    gaps = [*ticket.holds, *ticket.closed_periods]
    counted = tuple(_until(gap, over_at) for gap in gaps if over_at is None or gap.start < over_at)
    extra = next((e.extra for e in target.extensions if e.id in ticket.extensions), None)
    start = _start(ticket, policy, target)
    promise = Promise(target, calendar, ticket.severity, start, counted, met_at, ended_at, extra=extra)
    return _after_change(ticket, promise)


def _until(gap: Gap, over_at: datetime | None) -> Gap:
    """The gap as far as it counts: what happens after a promise was settled does not move its due instant."""
    if over_at is None or (gap.end is not None and gap.end <= over_at):
        return gap
    return Gap(gap.start, over_at, gap.why)


def _after_change(ticket: Ticket, promise: Promise) -> Promise:
    """The promise after the last change of severity (A10).

    One that was settled before it is not touched. One whose breach was recorded before it keeps that due
    instant. One that the change itself would make overdue starts at the change, marked as rebased.
    """
    changed_at = ticket.severities[-1][0]
    settled_at = promise.met_at or promise.ended_at
    if changed_at <= promise.started_at or (settled_at is not None and settled_at <= changed_at):
        return promise
    missed = _missed_before_change(ticket, promise)
    if missed is not None:
        return replace(promise, fixed_at=missed)
    would_be = due(promise.calendar, promise.started_at, promise.limit, _known_at(promise.gaps, changed_at))
    if would_be is not None and would_be <= changed_at:
        return replace(promise, started_at=changed_at, rebased=True)
    return promise


def _missed_before_change(ticket: Ticket, promise: Promise) -> datetime | None:
    """When it was due under an earlier severity, if that breach was recorded before the change."""
    changed_at, since = ticket.severities[-1][0], promise.started_at
    if promise.metric is Metric.NEXT_UPDATE:
        return None  # a missed silence clock begins again, so nothing stays overdue
    due_instants = [
        ticket.overdue[run]
        for run, at in ticket.breached.items()
        if run.startswith(f"{promise.metric}/") and since < at <= changed_at
    ]
    return min(due_instants, default=None)


def _on_record(ticket: Ticket, promise: Promise) -> bool:
    """Whether its breach is recorded, under the present severity or an earlier one."""
    if not ticket.breached:
        return False
    return promise.promise_id in ticket.breached or (
        promise.fixed_at is not None and promise.fixed_at == _missed_before_change(ticket, promise)
    )


def _start(ticket: Ticket, policy: Policy, target: Target) -> datetime:
    """When a promise starts: at the opening, the last update, or the downgrade that a workaround allowed.

    A silence clock that was missed starts again when it was due.
    """
    if target.metric is Metric.NEXT_UPDATE:
        return ticket.silent_since or ticket.last_update_at or ticket.opened.at
    if target.metric is Metric.RESOLUTION and _downgraded(ticket, policy):
        return ticket.severities[-1][0]
    return ticket.opened.at


def _downgraded(ticket: Ticket, policy: Policy) -> bool:
    """Whether a downgrade to the present severity met the promise of the previous one."""
    if ticket.downgraded_from is None:
        return False
    before = targets_of(ticket, policy, ticket.downgraded_from)
    return any(target.met_by_downgrade_to == ticket.severity for target in before)


def _due_date(ticket: Ticket, policy: Policy) -> list[Promise]:
    """The due date set by an agent as a promise, if the policy has agents set one."""
    source = policy.severities[ticket.severity].due_date
    if source is None or ticket.due_date is None or ticket.due_date_set_at is None:
        return []
    target = Target(Metric.DUE_DATE, ticket.due_date - ticket.due_date_set_at, "", source)
    met_at, ended_at = _settled(ticket, target)
    start = ticket.due_date_set_at
    fixed = ticket.due_date + _closed_between(ticket, start, ticket.due_date)
    return [Promise(target, _ALWAYS, ticket.severity, start, (), met_at, ended_at, fixed_at=fixed)]


def _closed_between(ticket: Ticket, start: datetime, due_at: datetime) -> timedelta:
    """For how long the ticket was closed or resolved before it was reopened: a due date moves by as much."""
    closed = timedelta(0)
    for gap in ticket.closed_periods:
        if gap.end is not None and gap.end > start and gap.start <= due_at + closed:
            closed += gap.end - max(gap.start, start)
    return closed


def _known_at(gaps: tuple[Gap, ...], at: datetime) -> list[Gap]:
    """The gaps as known at an instant: without later ones, and a running one has no end."""
    return [
        gap if gap.end is not None and gap.end <= at else Gap(gap.start, None, gap.why)
        for gap in gaps
        if gap.start < at
    ]


def _settled(ticket: Ticket, target: Target) -> tuple[datetime | None, datetime | None]:
    """When the promise was met, and when it stopped to apply unmet."""
    match target.metric:
        case Metric.FIRST_RESPONSE:
            if ticket.closed_unanswered_at is not None:
                return None, ticket.closed_unanswered_at
            return ticket.first_answer_at, None
        case Metric.NEXT_UPDATE:
            given_at = ticket.first_due_date_at if target.ends_with_due_date else None
            return None, ticket.ended_at or ticket.milestones.get(target.ends_with or "") or given_at
        case Metric.ASSIGNMENT:
            return ticket.assigned_at, None if ticket.assigned_at else ticket.ended_at
        case Metric.DIAGNOSIS | Metric.WORKAROUND if (met_at := _reached(ticket, target)) is not None:
            return met_at, None
        case _:
            return (ticket.ended_at, None) if ticket.resolved else (None, ticket.ended_at)


def _reached(ticket: Ticket, target: Target) -> datetime | None:
    """When its milestone was told, or a workaround lowered the severity; None if a resolution must do."""
    found = [ticket.reached.get(target.met_by or "")]
    if target.metric is Metric.WORKAROUND:
        found.append(ticket.workaround_at)
    return min((at for at in found if at is not None), default=None)


def _due_reminders(ticket: Ticket, now: datetime) -> list[Event]:
    return [Reminded(now, THE_CLOCK, person) for person, at in ticket.snoozed.items() if at <= now]


def _due_promises(ticket: Ticket, running: Sequence[Promise], now: datetime) -> list[Event]:
    events: list[Event] = []
    for promise in running:
        if promise.due_at is None:
            continue
        if now > promise.due_at:
            if not _on_record(ticket, promise):
                events.append(Breached(now, THE_CLOCK, promise.metric, promise.promise_id, promise.due_at))
        elif (
            promise.warn_at is not None and now >= promise.warn_at and promise.promise_id not in ticket.warned
        ):
            events.append(Warned(now, THE_CLOCK, promise.metric, promise.promise_id, promise.due_at))
        if _is_last_warning_due(ticket, promise, now):
            events.append(LastWarned(now, THE_CLOCK, promise.metric, promise.promise_id, promise.due_at))
    return events


def _is_last_warning_due(ticket: Ticket, promise: Promise, now: datetime) -> bool:
    at, due_at = promise.last_warn_at, promise.due_at
    if at is None or due_at is None or not at <= now <= due_at:
        return False
    return promise.promise_id not in ticket.last_warned


def _due_follow_ups(ticket: Ticket, policy: Policy, now: datetime) -> list[Event]:
    """The reminder, the announcement or the closing that a silent customer is due at `now`, if any."""
    if ticket.waiting_since is None:
        return []
    if ticket.closes_at is not None:
        return [Closed(now, FRONTLINE)] if now >= ticket.closes_at else []
    calendar = _waiting_calendar(ticket, policy)
    if ticket.close_after is not None:
        announced_at = calendar.add_days(ticket.waiting_since, ticket.close_after - NOTICE)
        if now >= announced_at:
            closes_at = calendar.add_days(ticket.waiting_since, ticket.close_after)
            return [ClosingAnnounced(now, THE_CLOCK, max(closes_at, calendar.add_days(now, NOTICE)))]
    if not ticket.nudged and now >= calendar.add_days(ticket.waiting_since, NUDGE_AFTER):
        return [Nudged(now, THE_CLOCK)]
    return []


def _next_follow_up(ticket: Ticket, policy: Policy) -> datetime | None:
    """When the next of them is due; None if none will be."""
    return min(_follow_ups_at(ticket, policy), default=None)


def _follow_ups_at(ticket: Ticket, policy: Policy) -> Iterator[datetime]:
    if ticket.waiting_since is None:
        return
    if ticket.closes_at is not None:
        yield ticket.closes_at
        return
    calendar = _waiting_calendar(ticket, policy)
    if ticket.close_after is not None:
        yield calendar.add_days(ticket.waiting_since, ticket.close_after - NOTICE)
    if not ticket.nudged:
        yield calendar.add_days(ticket.waiting_since, NUDGE_AFTER)


def _waiting_calendar(ticket: Ticket, policy: Policy) -> BusinessCalendar:
    """That of the first response, of the ticket's severity if that has one."""
    for severity in (ticket.severity, *policy.severities):
        for target in targets_of(ticket, policy, severity):
            if target.metric is Metric.FIRST_RESPONSE:
                return policy.clock(ticket.opened.plan, target, ticket.opened.zone)
    return _ALWAYS


def _running(ticket: Ticket, policy: Policy) -> list[Promise]:
    return [promise for promise in promises(ticket, policy) if not promise.settled]


def _wake_at(
    ticket: Ticket, policy: Policy, running: Sequence[Promise], now: datetime, duty: Duty | None
) -> datetime | None:
    instants: list[datetime | None] = [*ticket.snoozed.values()]
    if ticket.waiting_since:
        instants.append(_next_follow_up(ticket, policy))
    instants.append(_next_look_at(ticket, policy, running, now))
    if duty:
        instants += [next_page_at(ticket, policy, duty), next_handover_at(ticket, policy, duty, now)]
    for promise in running:
        if promise.due_at is None or promise.due_at < now:
            continue
        instants += [promise.due_at + JUST_AFTER, next_change(promise, now)]
        # Building a promise_id is slow, and most tickets have no warning yet.
        if not ticket.warned or promise.promise_id not in ticket.warned:
            instants.append(promise.warn_at)
        if promise.last_warn_at is not None and promise.promise_id not in ticket.last_warned:
            instants.append(promise.last_warn_at)
    return min((at for at in instants if at is not None), default=None)


def _due_courtesy(
    ticket: Ticket, policy: Policy, running: Sequence[Promise], now: datetime
) -> CourtesyTold | None:
    """The courtesy update that is due at `now`: one at most, however many were missed."""
    at = _courtesy_at(ticket, policy, running, now)
    return CourtesyTold(now, THE_CLOCK) if at is not None and at <= now else None


def next_courtesy_at(
    ticket: Ticket, policy: Policy, running: Sequence[Promise], now: datetime
) -> datetime | None:
    """When the next one is due if nothing happens before; None if the hours of a promise begin first.

    Also None at an instant inside the hours of a promise.
    """
    at = _courtesy_at(ticket, policy, running, now)
    return at if at is not None and at < _opening_at(running, now) else None


def _next_look_at(
    ticket: Ticket, policy: Policy, running: Sequence[Promise], now: datetime
) -> datetime | None:
    """When to look again whether one is due; None if there will be none. `now` itself is dealt with."""
    courtesy = policy.severities[ticket.severity].courtesy
    if courtesy is None or not _may_be_told(ticket, running):
        return None
    if _courtesy_at(ticket, policy, running, now) is not None:
        return next_courtesy_at(ticket, policy, running, now) or _opening_at(running, now)
    closings = [promise.calendar.closing(now) for promise in running if promise.calendar.is_open(now)]
    ends = [at for at in closings if at is not None]
    return max(ends) + courtesy.every if len(ends) == len(closings) else None


def _courtesy_at(
    ticket: Ticket, policy: Policy, running: Sequence[Promise], now: datetime
) -> datetime | None:
    """When one is due in the closed hours around `now`; None if `now` is inside the hours of a promise.

    The time begins with the close, the last words to the customer, or the end of a hold.
    """
    courtesy = policy.severities[ticket.severity].courtesy
    if courtesy is None or not _may_be_told(ticket, running):
        return None
    if any(promise.calendar.is_open(now) for promise in running):
        return None
    closed = (promise.calendar.closed_since(now) for promise in running)
    resumed = ticket.holds[-1].end if ticket.holds else None
    began = (
        ticket.opened.at,
        ticket.severities[-1][0],
        ticket.last_update_at,
        ticket.courtesy_at,
        resumed,
        *closed,
    )
    return max(at for at in began if at is not None) + courtesy.every


def _may_be_told(ticket: Ticket, running: Sequence[Promise]) -> bool:
    if ticket.state is not State.OPEN or ticket.held or not running:
        return False
    return not any(promise.calendar.always_open for promise in running)


def _opening_at(running: Sequence[Promise], now: datetime) -> datetime:
    return min(promise.calendar.next_opening(now) for promise in running)
