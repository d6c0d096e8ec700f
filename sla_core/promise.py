"""A target applied to a ticket: when it starts, what time does not count, when it is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from sla_core.calendar import BusinessCalendar
from sla_core.policy import Amount, BusinessDays, Metric, Target
from sla_core.ticket import Gap

JUST_AFTER = timedelta(microseconds=1)
"""An act at the due instant itself is in time, so a breach is recorded after it (contract.md)."""


def due(
    calendar: BusinessCalendar, start: datetime, amount: Amount, gaps: Sequence[Gap] = ()
) -> datetime | None:
    """When `amount` runs out. Open time inside a gap is added after it. None while a gap has no end."""
    if isinstance(amount, BusinessDays):
        at = calendar.add_days(start, amount.count)
    else:
        at = calendar.add(start, amount)
    for gap in sorted(gaps, key=lambda gap: gap.start):
        if gap.start >= at or (gap.end is not None and gap.end <= start):
            continue
        if gap.end is None:
            return None
        at = calendar.add(at, calendar.elapsed(max(gap.start, start), gap.end))
    return at


@dataclass(frozen=True)
class Promise:
    """One target on one ticket. Times are UTC; `due_at` and `warn_at` are None while it is on hold."""

    target: Target
    calendar: BusinessCalendar
    severity: str
    started_at: datetime
    gaps: tuple[Gap, ...] = ()
    met_at: datetime | None = None
    ended_at: datetime | None = None
    """When it stopped to apply, neither met nor breached."""
    rebased: bool = False
    """Whether it starts at a change of severity that would have put its deadline in the past."""
    extra: BusinessDays | None = None
    """Extra time granted on top of a limit in business days."""
    fixed_at: datetime | None = None
    """A due date set by an agent. No calendar counts towards it, and no hold moves it."""

    @property
    def metric(self) -> Metric:
        return self.target.metric

    @cached_property
    def promise_id(self) -> str:
        """Identifies this promise among earlier and later ones of the same metric."""
        return f"{self.metric}/{self.severity}/{self.started_at:%Y%m%dT%H%M%S.%fZ}"

    @property
    def settled(self) -> bool:
        return self.met_at is not None or self.ended_at is not None

    @property
    def limit(self) -> Amount:
        limit = self.target.limit
        if self.extra is not None and isinstance(limit, BusinessDays):
            return BusinessDays(limit.count + self.extra.count)
        return limit

    @cached_property
    def due_at(self) -> datetime | None:
        return self.fixed_at or due(self.calendar, self.started_at, self.limit, self.gaps)

    @cached_property
    def strict_at(self) -> datetime | None:
        if self.target.strict is None:
            return None
        return due(self.calendar, self.started_at, self.target.strict, self.gaps)

    @cached_property
    def goal_at(self) -> datetime | None:
        if self.target.goal is None:
            return None
        return due(self.calendar, self.started_at, self.target.goal, self.gaps)

    @cached_property
    def warn_at(self) -> datetime | None:
        if self.target.strict is not None:
            return self.strict_at
        share = timedelta(seconds=int(self.whole.total_seconds() * self.target.warn_at))
        return due(self.calendar, self.started_at, share, () if self.fixed_at else self.gaps)

    def left(self, now: datetime) -> timedelta:
        """The open time that remains at `now`. During a hold, what remained when the hold began."""
        if self.due_at is not None:
            return self.calendar.elapsed(now, self.due_at)
        running = next(gap for gap in self.gaps if gap.end is None)
        unbroken = self._due_without(tuple(gap for gap in self.gaps if gap.end is not None))
        return self.calendar.elapsed(max(running.start, self.started_at), unbroken)

    @cached_property
    def whole(self) -> timedelta:
        """The open time that the promise allows."""
        return self.calendar.elapsed(self.started_at, self._due_without(()))

    def _due_without(self, gaps: tuple[Gap, ...]) -> datetime:
        """When it would be due with only these gaps, all of which have an end."""
        at = self.fixed_at or due(self.calendar, self.started_at, self.limit, gaps)
        assert at is not None
        return at
