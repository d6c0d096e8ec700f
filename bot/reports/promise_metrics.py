"""Counts for operators: promises that were settled, and how long answers and answers to pages took.

Counted once a change is stored, by the process that stored it; Prometheus adds replicas up. A counter only
grows, so what was met by a message that never arrived stays counted. `frontline report` has exact figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from bot.config.environment import variable
from bot.telemetry import REGISTRY
from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Breached,
    Event,
    Paged,
    Resolved,
    SeverityChanged,
    Taken,
)
from sla_core.outcome import Result
from sla_core.policy import Policy
from sla_core.report.record import PromiseRecord, record
from sla_core.ticket import Ticket
from sla_core.ticket import after as ticket_after

_ANSWERS = (Answered, Resolved, SeverityChanged)
"""The events that can meet a promise; a downgrade by a workaround does."""
_COUNTED = (*_ANSWERS, Breached, Paged, Acknowledged, Taken, Alerted)
_RESPONSE = (60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 259_200, 864_000)
_PAGE = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Bucket bounds in seconds."""
ACCOUNTS_VARIABLE = "FRONTLINE_METRICS_ACCOUNTS"


@dataclass
class PromiseMetrics:
    """The metrics of one process. `by_account` adds the label `account`, so there are many more series."""

    by_account: bool = False
    registry: CollectorRegistry = REGISTRY
    promises: Counter = field(init=False)
    response: Histogram = field(init=False)
    pages: Counter = field(init=False)
    page_answer: Histogram = field(init=False)

    def __post_init__(self) -> None:
        more = ["account"] if self.by_account else []
        self.promises = Counter(
            "frontline_promises",
            "Promises that were settled, by outcome: met, breached",
            ["severity", "metric", "outcome", *more],
            registry=self.registry,
        )
        self.response = Histogram(
            "frontline_response_seconds",
            "Until a promise was met, late or not, as the promise counts time",
            ["severity", "metric", *more],
            buckets=_RESPONSE,
            registry=self.registry,
        )
        self.pages = Counter(
            "frontline_pages", "Pages of people", ["severity", *more], registry=self.registry
        )
        self.page_answer = Histogram(
            "frontline_page_answer_seconds",
            "From the first page that nobody had answered to the answer, by the desk's clock",
            ["severity", *more],
            buckets=_PAGE,
            registry=self.registry,
        )

    def count(self, before: Ticket, events: Sequence[Event], policy: Policy) -> None:
        """Counts what further events settled on a ticket."""
        if not any(isinstance(event, _COUNTED) for event in events):
            return
        after = ticket_after(before, events)
        more = {"account": after.opened.account} if self.by_account else {}
        for event in events:
            if isinstance(event, Breached):
                metric, severity, _ = event.run.split("/", 2)
                labels = {"severity": severity, "metric": metric, "outcome": Result.BREACHED.value}
                self.promises.labels(**labels, **more).inc()
            elif isinstance(event, Paged) and event.person is not None:
                self.pages.labels(severity=after.severity, **more).inc()
        if any(isinstance(event, _ANSWERS) for event in events):
            self._count_answers(before, after, policy, more)
        if after.in_hand_since is not None and after.in_hand_since != before.in_hand_since:
            self._count_page_answer(before, after.in_hand_since, more)

    def _count_answers(self, before: Ticket, after: Ticket, policy: Policy, more: dict[str, str]) -> None:
        now = after.history[-1].at
        earlier = record(before.key, before.history, policy, now)
        known = {_id(found) for found in earlier.promises if found.answered_at is not None}
        for found in record(after.key, after.history, policy, now).promises:
            if found.answered_at is None or _id(found) in known or found.seconds is None:
                continue
            labels = {"severity": found.severity, "metric": found.metric.value}
            self.response.labels(**labels, **more).observe(found.seconds)
            if found.result is Result.MET:
                self.promises.labels(**labels, outcome=Result.MET.value, **more).inc()

    def _count_page_answer(self, before: Ticket, at: datetime, more: dict[str, str]) -> None:
        since = before.in_hand_since
        pages = (page.at for page in before.pages if page.person is not None)
        first = min((page for page in pages if since is None or page > since), default=None)
        if first is not None:
            seconds = (at - first).total_seconds()
            self.page_answer.labels(severity=before.severity, **more).observe(seconds)


@cache
def process_metrics() -> PromiseMetrics:
    """Those of this process, which `/metrics` shows."""
    return PromiseMetrics(by_account=variable(ACCOUNTS_VARIABLE) == "1")


def _id(found: PromiseRecord) -> str:
    return found.promise.promise_id
