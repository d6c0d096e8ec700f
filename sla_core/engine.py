"""What fell due on a ticket by an instant, and when to look at it again. The engine is told the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sla_core.calendar import always
from sla_core.countdown import Countdown, countdown, next_change
from sla_core.events import THE_CLOCK, Breached, Called, Event, Reminded, Warned
from sla_core.policy import Metric, Policy, Target
from sla_core.promise import Promise, due
from sla_core.ticket import Gap, Ticket, evolve

_ALWAYS = always()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`events` fell due, to be recorded; `wake_at` is when to evaluate again (None: only when acted on)."""

    events: tuple[Event, ...]
    wake_at: datetime | None


def evaluate(ticket: Ticket, policy: Policy, now: datetime) -> Evaluation:
    """All that `now` makes true of the ticket. Evaluating again after recording finds nothing more."""
    events = (
        *_due_calls(ticket, now),
        *_due_reminders(ticket, now),
        *_due_promises(ticket, policy, now),
    )
    after = ticket
    for event in events:
        after = evolve(after, event)
    return Evaluation(events, _wake_at(after, policy, now))


def promises(ticket: Ticket, policy: Policy) -> list[Promise]:
    """The promises of the ticket's severity as they run, in the order in which they are shown."""
    targets = policy.targets(ticket.severity, ticket.opened.terms)
    running = [_promise(ticket, policy, target) for target in targets]
    return [*running, *_due_date(ticket, policy)]


def countdowns(ticket: Ticket, policy: Policy, now: datetime) -> list[Countdown]:
    """What a card shows at `now`, one per promise."""
    return [countdown(promise, now, promise.run in ticket.breached) for promise in promises(ticket, policy)]


def _promise(ticket: Ticket, policy: Policy, target: Target) -> Promise:
    calendar = policy.calendar(ticket.opened.plan, target.calendar)
    met_at, ended_at = _settled(ticket, target)
    over_at = met_at or ended_at
    gaps = [*ticket.holds, *(ticket.rests if target.metric is Metric.RESOLUTION else ())]
    counted = tuple(gap for gap in gaps if over_at is None or gap.start < over_at)
    extra = next((e.extra for e in target.extensions if e.id in ticket.extensions), None)
    start, rebased = _run_start(ticket, policy, target.metric, counted, len(ticket.severities) - 1)
    if met_at is not None and rebased and met_at <= start:
        start, rebased = _start(ticket, policy, target), False
    return Promise(target, calendar, ticket.severity, start, counted, met_at, ended_at, rebased, extra)


def _run_start(
    ticket: Ticket, policy: Policy, metric: Metric, gaps: tuple[Gap, ...], change: int
) -> tuple[datetime, bool]:
    """Where a metric's run began after the ticket's `change`-th severity, and whether that re-based it.

    A change counts from where the run before counted from. Only where that would make overdue what was not
    overdue before does the run begin at the change itself (A10): no breach by a change of mind, and no fresh
    start by one either.
    """
    changed_at, severity = ticket.severities[change]
    target = _target(ticket, policy, severity, metric)
    if target is None:
        return ticket.opened.at, False
    start = _start(ticket, policy, target)
    if change == 0 or start >= changed_at:
        return start, False
    start, rebased = _run_start(ticket, policy, metric, gaps, change - 1)
    start = max(start, _start(ticket, policy, target))
    known = _known_at(gaps, changed_at)
    if not _overdue(ticket, policy, target, start, known, changed_at):
        return start, False
    before = _target(ticket, policy, ticket.severities[change - 1][1], metric)
    if before is not None and _overdue(ticket, policy, before, start, known, changed_at):
        return start, rebased
    return changed_at, True


def _target(ticket: Ticket, policy: Policy, severity: str, metric: Metric) -> Target | None:
    targets = policy.targets(severity, ticket.opened.terms)
    return next((target for target in targets if target.metric is metric), None)


def _overdue(
    ticket: Ticket, policy: Policy, target: Target, start: datetime, gaps: list[Gap], at: datetime
) -> bool:
    calendar = policy.calendar(ticket.opened.plan, target.calendar)
    due_at = due(calendar, start, target.limit, gaps)
    return due_at is not None and due_at <= at


def _start(ticket: Ticket, policy: Policy, target: Target) -> datetime:
    """Submission; the last word to the customer for a silence clock; the change that a workaround allowed."""
    if target.metric is Metric.NEXT_UPDATE and ticket.last_update_at is not None:
        return ticket.last_update_at
    if target.metric is Metric.RESOLUTION and _eased(ticket, policy):
        return ticket.severities[-1][0]
    return ticket.opened.at


def _eased(ticket: Ticket, policy: Policy) -> bool:
    """Whether the promise of the class it came from was kept by becoming this one."""
    if ticket.eased_from is None:
        return False
    before = policy.targets(ticket.eased_from, ticket.opened.terms)
    return any(target.met_by_downgrade_to == ticket.severity for target in before)


def _due_date(ticket: Ticket, policy: Policy) -> list[Promise]:
    """The agent's own date as a promise, where the policy has agents set one."""
    source = policy.severities[ticket.severity].due_date
    if source is None or ticket.due_date is None or ticket.due_date_set_at is None:
        return []
    target = Target(Metric.DUE_DATE, ticket.due_date - ticket.due_date_set_at, "", source)
    met_at, ended_at = _settled(ticket, target)
    start = ticket.due_date_set_at
    fixed = ticket.due_date
    return [Promise(target, _ALWAYS, ticket.severity, start, (), met_at, ended_at, fixed_at=fixed)]


def _known_at(gaps: tuple[Gap, ...], at: datetime) -> list[Gap]:
    """The gaps as they stood at an instant: later ones unknown, a running one still without end."""
    return [
        gap if gap.end is not None and gap.end <= at else Gap(gap.start, None, gap.why)
        for gap in gaps
        if gap.start < at
    ]


def _settled(ticket: Ticket, target: Target) -> tuple[datetime | None, datetime | None]:
    """When the promise was met, and when it stopped to matter unmet."""
    match target.metric:
        case Metric.FIRST_RESPONSE:
            if ticket.closed_unanswered_at is not None:
                return None, ticket.closed_unanswered_at
            return ticket.first_answer_at, None
        case Metric.NEXT_UPDATE:
            return None, ticket.ended_at or ticket.milestones.get(target.ends_with or "")
        case Metric.RESOLUTION | Metric.DUE_DATE:
            return (ticket.ended_at, None) if ticket.resolved else (None, ticket.ended_at)


def _due_calls(ticket: Ticket, now: datetime) -> list[Event]:
    if ticket.calls_at is None or ticket.step is None or ticket.calls_at > now:
        return []
    return [Called(now, THE_CLOCK, ticket.step)]


def _due_reminders(ticket: Ticket, now: datetime) -> list[Event]:
    return [Reminded(now, THE_CLOCK, person) for person, at in ticket.snoozed.items() if at <= now]


def _due_promises(ticket: Ticket, policy: Policy, now: datetime) -> list[Event]:
    events: list[Event] = []
    for promise in _running(ticket, policy):
        if promise.due_at is None:
            continue
        if now >= promise.due_at:
            if promise.run not in ticket.breached and not _inherited(ticket, promise):
                events.append(Breached(now, THE_CLOCK, promise.metric, promise.run, promise.due_at))
        elif promise.warn_at is not None and now >= promise.warn_at and promise.run not in ticket.warned:
            events.append(Warned(now, THE_CLOCK, promise.metric, promise.run, promise.due_at))
    return events


def _inherited(ticket: Ticket, promise: Promise) -> bool:
    """Whether it was overdue before its severity became the present one, and that breach is on record."""
    assert promise.due_at is not None
    overdue_then = promise.due_at <= ticket.severities[-1][0]
    return overdue_then and any(run.startswith(f"{promise.metric}/") for run in ticket.breached)


def _running(ticket: Ticket, policy: Policy) -> list[Promise]:
    return [promise for promise in promises(ticket, policy) if not promise.settled]


def _wake_at(ticket: Ticket, policy: Policy, now: datetime) -> datetime | None:
    instants = [ticket.calls_at, *ticket.snoozed.values()]
    for promise in _running(ticket, policy):
        if promise.due_at is None or promise.due_at <= now:
            continue
        instants += [promise.due_at, next_change(promise, now)]
        if promise.run not in ticket.warned:
            instants.append(promise.warn_at)
    return min((at for at in instants if at is not None), default=None)
