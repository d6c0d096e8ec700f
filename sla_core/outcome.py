"""Replays a ticket's history under a policy, up to an instant, and reports the outcome of each promise.

People's acts stay as they are, and the clock's events are computed again. So a history can be replayed under
another policy than its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sla_core.engine import evaluate, promises
from sla_core.events import (
    Breached,
    Called,
    ClosingAnnounced,
    CourtesyTold,
    Event,
    Handover,
    LastWarned,
    Notified,
    Nudged,
    PageAccepted,
    Paged,
    Reminded,
    Undelivered,
    Warned,
)
from sla_core.policy import Metric, Policy
from sla_core.promise import JUST_AFTER, Promise
from sla_core.ticket import Ticket, evolve, fold

_ORDER = tuple(Metric)
_OF_THE_CLOCK = (
    *(Warned, LastWarned, Breached, Paged, PageAccepted, Handover, Called, Reminded),
    *(Notified, Nudged, ClosingAnnounced, CourtesyTold),
)


class Result(StrEnum):
    MET = "met"
    BREACHED = "breached"
    OPEN = "open"
    ENDED = "ended"
    """Neither met nor breached: the customer closed the ticket, or another promise replaced it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one promise."""

    promise: Promise
    """The promise as of its last evaluation."""
    result: Result
    due_at: datetime | None
    """None while the ticket is on hold."""
    over_at: datetime | None
    """When it was met, late or not, or stopped to apply; None while it runs."""
    warned_at: datetime | None
    margin: timedelta | None
    """Open time to spare, or, if negative, how late; None if there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Page:
    """A call of the first step of the escalation policy, because of the severity."""

    at: datetime
    role: str
    severity: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of replaying a history under a policy."""

    ticket: Ticket
    """The ticket at the end, without its history."""
    outcomes: tuple[Outcome, ...]
    """In the order in which promises are shown; of one metric, earliest first."""
    pages: tuple[Page, ...]


def replay(key: str, history: Sequence[Event], policy: Policy, until: datetime) -> Replay:
    """Replays the history under `policy` up to `until`. Raises ValueError unless it begins with `Opened`.

    The policy must have its severities, its plan, and the calendars of its order-form terms.
    """
    state = _ReplayState(key, history[:1], policy)
    for seq, event in enumerate(history[1:], start=2):
        if event.at > until:
            break
        if not isinstance(event, _OF_THE_CLOCK):
            state.run_until(event.at)
            state.act(seq, event)
    state.run_until(until)
    found = sorted(state.outcomes(), key=lambda o: (_ORDER.index(o.promise.metric), o.promise.started_at))
    return Replay(state.ticket, tuple(found), tuple(state.pages))


class SeenPromises:
    """Every promise that a ticket has had so far, as of its last evaluation."""

    def __init__(self, policy: Policy) -> None:
        self.promises: dict[str, Promise] = {}
        self.breached: dict[str, datetime] = {}
        """The ids of breached promises, and when each was due."""
        self._policy = policy
        self._current: frozenset[str] = frozenset()
        self._replaced: dict[str, tuple[Result, datetime | None]] = {}

    def look(self, ticket: Ticket, event: Event) -> None:
        """Updates which promises run after the event, and the results of those that no longer do."""
        running = {promise.promise_id: promise for promise in promises(ticket, self._policy)}
        for run in self._current - running.keys():
            if isinstance(event, Undelivered) and run not in self.breached:
                del self.promises[run]  # it began with a message that never reached the customer
            else:
                self._replaced[run] = _left(ticket, self.promises[run], event.at)
        for run, promise in running.items():
            if run in self.promises or not self._answered_before(promise):
                self.promises[run] = promise
                self._replaced.pop(run, None)
        self._current = frozenset(running.keys() & self.promises.keys())

    def stands(self, run: str) -> tuple[Result, datetime | None]:
        """The result of a promise, and when it was met or stopped to apply; None while it runs."""
        result, over_at = self._replaced.get(run) or _stands(self.promises[run])
        return (Result.BREACHED if run in self.breached else result), over_at

    def _answered_before(self, promise: Promise) -> bool:
        """Whether it was settled before it began: a changed severity does not repeat a settled promise."""
        if promise.met_at is None:
            return promise.ended_at is not None
        return any(
            seen.metric is promise.metric and seen.met_at is not None for seen in self.promises.values()
        )


def _left(ticket: Ticket, promise: Promise, at: datetime) -> tuple[Result, datetime | None]:
    """The result of a promise that stopped running because of the event at `at`."""
    result, over_at = _stands(promise)
    if over_at is not None:
        return result, over_at
    updated = (
        promise.metric is Metric.NEXT_UPDATE
        and promise.severity == ticket.severity
        and ticket.last_update_at == at
    )
    downgraded = (
        promise.target.met_by_downgrade_to == ticket.severity and ticket.downgraded_from == promise.severity
    )
    return (Result.MET if updated or downgraded else Result.ENDED), at


class _ReplayState:
    """A replay in progress."""

    def __init__(self, key: str, opening: Sequence[Event], policy: Policy) -> None:
        self.ticket = fold(key, opening)
        self.pages: list[Page] = []
        self._policy = policy
        self._now = self.ticket.opened.at
        self._history: list[Event] = list(opening)
        self._moved = {1: 1}
        """The number of each act in this history, by its number in the original one."""
        self._seen = SeenPromises(policy)
        self._warned: dict[str, datetime] = {}
        self._page(before=None)
        self._seen.look(self.ticket, self.ticket.opened)

    def run_until(self, end: datetime) -> None:
        """Records the warnings and breaches that are due by `end`."""
        while (at := self._next()) is not None and at <= end:
            self._now = at
            fell_due = evaluate(self.ticket, self._policy, at).events
            for event in fell_due:
                if isinstance(event, Warned):
                    self._warned[event.run] = at
                elif isinstance(event, Breached):
                    self._seen.breached[event.run] = event.due_at
                self._record(event)
                if isinstance(event, Breached) and event.metric is Metric.NEXT_UPDATE:
                    self._seen.look(self.ticket, event)  # the clock begins again
        self._now = max(self._now, end)

    def act(self, seq: int, event: Event) -> None:
        """Records a person's act, number `seq` of the original history."""
        before = self.ticket.severity
        if isinstance(event, Undelivered) and event.seq is not None:
            event = replace(event, seq=self._moved.get(event.seq))
        self._record(event)
        self._moved[seq] = len(self._history)
        if isinstance(event, Undelivered) and event.seq is not None:
            self.ticket = replace(fold(self.ticket.key, self._history), history=())
        self._page(before)
        self._seen.look(self.ticket, event)

    def outcomes(self) -> Iterator[Outcome]:
        for run, promise in self._seen.promises.items():
            due_at = self._seen.breached.get(run, promise.due_at)
            result, over_at = self._seen.stands(run)
            margin = _margin(promise, due_at, over_at, self._now)
            yield Outcome(promise, result, due_at, over_at, self._warned.get(run), margin)

    def _record(self, event: Event) -> None:
        self._history.append(event)
        self.ticket = evolve(self.ticket, event)

    def _next(self) -> datetime | None:
        """When the next warning or breach is due, or None."""
        instants = []
        for promise in promises(self.ticket, self._policy):
            if promise.settled or promise.due_at is None or promise.promise_id in self._seen.breached:
                continue
            instants.append(promise.due_at + JUST_AFTER)
            if promise.warn_at is not None and promise.promise_id not in self._warned:
                instants.append(promise.warn_at)
        return max(min(instants), self._now) if instants else None

    def _page(self, before: str | None) -> None:
        """Calls the first step when the ticket gets a severity that pages."""
        severities = self._policy.severities
        now = self.ticket.severity
        paged_before = before is not None and severities[before].pages
        if severities[now].pages and not paged_before and self._policy.steps:
            self.pages.append(Page(self._now, self._policy.steps[0].role, now))


def _stands(promise: Promise) -> tuple[Result, datetime | None]:
    if promise.met_at is not None:
        return Result.MET, promise.met_at
    return (Result.OPEN if promise.ended_at is None else Result.ENDED), promise.ended_at


def _margin(
    promise: Promise, due_at: datetime | None, over_at: datetime | None, now: datetime
) -> timedelta | None:
    if due_at is None:
        return promise.left(now) if over_at is None else None
    at = over_at or now
    if at < due_at:
        return promise.calendar.elapsed(at, due_at)
    return -promise.calendar.elapsed(due_at, at)
