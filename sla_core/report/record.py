"""How one ticket went, by its own history: the outcome of each promise, and its time in each state.

Unlike `sla_core.outcome.replay`, nothing is decided again: a recorded breach stands, whatever the policy says
today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from sla_core.events import (
    Answered,
    Breached,
    Closed,
    CustomerWrote,
    DueDateSet,
    Event,
    Extended,
    Held,
    Opened,
    Reopened,
    Resolved,
    Resumed,
    SeverityChanged,
    Undelivered,
)
from sla_core.outcome import Result, SeenPromises
from sla_core.policy import Metric, Policy
from sla_core.promise import Promise, Stretch, receipt
from sla_core.ticket import State, Ticket, evolve, fold

MOVES = (
    *(Answered, CustomerWrote, SeverityChanged, DueDateSet, Extended, Held, Resumed),
    *(Resolved, Closed, Reopened, Undelivered),
)
"""The events after which promises may have changed; of breaches, those of a silence clock as well."""


class Stage(StrEnum):
    """The states whose time is added up. A closed ticket is in none."""

    UNANSWERED = "unanswered"
    WITH_US = "with us"
    WITH_CUSTOMER = "with the customer"
    ON_HOLD = "on hold"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class PromiseRecord:
    """One promise that a ticket had. Of a missed silence clock, each silent span is one."""

    promise: Promise
    """As of its last evaluation."""
    result: Result
    due_at: datetime | None
    """As recorded with its breach, else as computed; None while the ticket is on hold."""
    answered_at: datetime | None
    """When it was met, late or not; None: it was not."""
    over_at: datetime | None
    """When it was met or stopped to apply; None while it runs."""

    @property
    def metric(self) -> Metric:
        return self.promise.metric

    @property
    def severity(self) -> str:
        return self.promise.severity

    @cached_property
    def seconds(self) -> int | None:
        """The whole seconds that counted until it was met, by its own calendar and without holds."""
        if self.answered_at is None:
            return None
        calendar, start, end = self.promise.calendar, self.promise.started_at, self.answered_at
        counted = calendar.elapsed(start, end)
        for gap in self.promise.gaps:
            counted -= calendar.elapsed(max(gap.start, start), min(gap.end or end, end))
        return int(counted.total_seconds())

    def late(self, now: datetime) -> timedelta | None:
        """By how much it was missed, by the clock, or is so far; None unless it is breached."""
        if self.result is not Result.BREACHED or self.due_at is None:
            return None
        return max((self.answered_at or self.over_at or now) - self.due_at, timedelta(0))

    def receipt(self) -> list[Stretch]:
        """What counted until it was due, and what did not; empty while it is on hold."""
        if self.due_at is None or self.due_at <= self.promise.started_at:
            return []
        return receipt(self.promise.calendar, self.promise.started_at, self.due_at, self.promise.gaps)


@dataclass(frozen=True)
class TicketRecord:
    """How a ticket went until `until`."""

    ticket: Ticket
    """As of then, without its history."""
    policy: Policy
    until: datetime
    promises: tuple[PromiseRecord, ...]
    """In the order in which promises are shown; of one metric, earliest first."""
    stages: Mapping[Stage, timedelta]
    """For how long it was in each state, by the clock."""
    closed_at: datetime | None

    @property
    def opened(self) -> Opened:
        return self.ticket.opened

    @property
    def resolved_at(self) -> datetime | None:
        return self.ticket.ended_at if self.ticket.resolved else None

    @property
    def first_response_at(self) -> datetime | None:
        return self.ticket.first_answer_at


_ORDER = {metric: place for place, metric in enumerate(Metric)}


def record(key: str, history: Sequence[Event], policy: Policy, until: datetime) -> TicketRecord:
    """How a ticket went by its history, as of `until`. Raises ValueError unless it begins with `Opened`.

    `policy` is the version that the ticket was opened under.
    """
    walk = _Walk(key, history[:1], policy)
    for seq, event in enumerate(history[1:], start=2):
        if event.at > until:
            break
        walk.step(event, history[:seq])
    return walk.end(until)


class _Walk:
    def __init__(self, key: str, opening: Sequence[Event], policy: Policy) -> None:
        self._ticket = fold(key, opening)
        self._policy = policy
        self._seen = SeenPromises(policy)
        self._answers: dict[str, datetime] = {}
        """The ids of breached promises, and when they were answered after all."""
        self._unanswered: list[str] = []
        """The ids of breached promises without an answer so far."""
        self._stages: dict[Stage, timedelta] = {}
        self._since = self._ticket.opened.at
        self._closed_at: datetime | None = None
        self._seen.look(self._ticket, self._ticket.opened)

    def step(self, event: Event, history: Sequence[Event]) -> None:
        """Takes the next event; `history` ends with it."""
        self._spend(event.at)
        if isinstance(event, Reopened):
            self._take_back(self._ticket.ended_at)
        if isinstance(event, Undelivered) and event.seq is not None:
            self._ticket = replace(fold(self._ticket.key, history), history=())
        else:
            self._ticket = evolve(self._ticket, event)
        if isinstance(event, Breached):
            self._seen.breached.setdefault(event.run, event.due_at)
            self._unanswered.append(event.run)
            if event.metric is Metric.NEXT_UPDATE:
                self._seen.look(self._ticket, event)
        elif isinstance(event, MOVES):
            self._seen.look(self._ticket, event)
            self._answer(event)
        if isinstance(event, Closed):
            self._closed_at = event.at
        elif isinstance(event, Reopened):
            self._closed_at = None

    def _answer(self, event: Event) -> None:
        """Notes which breached promises the event answered. A silence ends with words, not with its clock."""
        ticket, left = self._ticket, []
        for run in self._unanswered:
            promise = self._seen.promises.get(run)
            metric = Metric(run.partition("/")[0])
            answered = (
                isinstance(event, Answered)
                if metric is Metric.NEXT_UPDATE
                else ticket.first_answer_at == event.at
                if metric is Metric.FIRST_RESPONSE
                else (ticket.resolved and ticket.ended_at == event.at)
                or (promise is not None and promise.met_at == event.at)
                or (
                    promise is not None
                    and ticket.downgraded_from == promise.severity
                    and promise.target.met_by_downgrade_to == ticket.severity
                )
            )
            if answered:
                self._answers[run] = event.at
            else:
                left.append(run)
        self._unanswered = left

    def _take_back(self, resolved_at: datetime | None) -> None:
        """A reopened resolution was none, so it answered nothing."""
        for run, at in [*self._answers.items()]:
            if at == resolved_at and not run.startswith((Metric.FIRST_RESPONSE, Metric.NEXT_UPDATE)):
                del self._answers[run]
                self._unanswered.append(run)

    def _spend(self, at: datetime) -> None:
        stage = _stage(self._ticket)
        if stage is not None:
            self._stages[stage] = self._stages.get(stage, timedelta(0)) + (at - self._since)
        self._since = at

    def end(self, until: datetime) -> TicketRecord:
        if until > self._since:
            self._spend(until)
        found = [self._record(run, until) for run in self._seen.promises if not self._continues(run)]
        found.sort(key=lambda each: (_ORDER[each.metric], each.promise.started_at))
        return TicketRecord(self._ticket, self._policy, until, tuple(found), self._stages, self._closed_at)

    def _continues(self, run: str) -> bool:
        """Whether it only goes on with a promise whose breach was recorded under another severity."""
        promise = self._seen.promises[run]
        if promise.fixed_at is None or promise.metric is Metric.DUE_DATE or run in self._seen.breached:
            return False
        return promise.fixed_at in self._seen.breached.values()

    def _record(self, run: str, until: datetime) -> PromiseRecord:
        promise = self._seen.promises[run]
        result, over_at = self._seen.stands(run)
        if run in self._seen.breached:
            answered_at = self._answers.get(run)
            over_at = answered_at or (None if promise.metric is Metric.NEXT_UPDATE else over_at)
            return PromiseRecord(promise, result, self._seen.breached[run], answered_at, over_at)
        answered_at = over_at if result is Result.MET else None
        due_at = promise.due_at
        if due_at is not None and (over_at or until) > due_at and result is not Result.ENDED:
            result = Result.BREACHED  # nobody was there to record it
        return PromiseRecord(promise, result, due_at, answered_at, over_at)


def _stage(ticket: Ticket) -> Stage | None:
    if ticket.state is not State.OPEN:
        return Stage.RESOLVED if ticket.state is State.RESOLVED else None
    if ticket.held:
        return Stage.ON_HOLD
    if ticket.customers_turn:
        return Stage.WITH_CUSTOMER
    return Stage.UNANSWERED if ticket.first_answer_at is None else Stage.WITH_US
