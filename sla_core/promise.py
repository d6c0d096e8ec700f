"""A target applied to a ticket: when it is due, what does not count, its countdown and its receipt."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import cached_property

from sla_core.calendar import BusinessCalendar, Span, instant_of
from sla_core.hours.amounts import Amount, BusinessDays, CalendarDays
from sla_core.policy import Metric, Target
from sla_core.ticket import Gap, start_in_id

JUST_AFTER = timedelta(microseconds=1)
"""An act at the due instant itself is in time, so a breach is recorded after it (contract.md)."""


def due(
    calendar: BusinessCalendar, start: datetime, amount: Amount, gaps: Sequence[Gap] = ()
) -> datetime | None:
    """When `amount` runs out. Open time inside a gap is added after it. None while a gap has no end."""
    if isinstance(amount, BusinessDays):
        at = calendar.add_days(start, amount.count)
    elif isinstance(amount, CalendarDays):
        at = calendar.add_calendar_days(start, amount.days)
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
        return f"{self.metric}/{self.severity}/{start_in_id(self.started_at)}"

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

    @cached_property
    def last_warn_at(self) -> datetime | None:
        """Half-way from the warning of a silence clock to its due instant; None for any other promise."""
        if self.metric is not Metric.NEXT_UPDATE:
            return None
        if self.target.strict is None:
            warned_after = self.whole * self.target.warn_at
        else:
            strict_at = due(self.calendar, self.started_at, self.target.strict)
            assert strict_at is not None, "only a gap without an end has none"
            warned_after = self.calendar.elapsed(self.started_at, strict_at)
        share = timedelta(seconds=int((self.whole + warned_after).total_seconds() / 2))
        return due(self.calendar, self.started_at, share, self.gaps)

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


_MINUTES = (5, 15, 30)
_HOURS = (*range(1, 9), 12, 16, 20, 24, *range(32, 2001, 8), *range(2100, 100_001, 100))
BOUNDS = tuple(timedelta(minutes=m) for m in _MINUTES) + tuple(timedelta(hours=h) for h in _HOURS)
"""The bounds that a card may show, shortest first; finer near the deadline."""


class Phase(StrEnum):
    RUNNING = "running"
    PAUSED = "off hours"
    """Its calendar is closed. The value is older than the name and stands in databases."""
    ON_HOLD = "on hold"
    MET = "met"
    BREACHED = "breached"
    ENDED = "ended"


class Tone(StrEnum):
    CALM = "calm"
    WARN = "warn"
    ALARM = "alarm"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Countdown:
    """What a card shows for a promise. `bound` is never less than the time left; `spent` is 0 to 1.

    `pauses` says whether closed hours lie between now and `due_at`, `resumes_at` when a pause ends, and
    `met_at` when it was met, also after its breach.
    """

    metric: Metric
    phase: Phase
    tone: Tone
    due_at: datetime | None
    goal_at: datetime | None
    bound: timedelta | None
    spent: float
    rebased: bool = False
    pauses: bool = False
    resumes_at: datetime | None = None
    met_at: datetime | None = None


def countdown(promise: Promise, now: datetime, breached: bool = False) -> Countdown:
    """The countdown of a promise at `now`. `breached`: whether its breach is recorded."""
    left = promise.left(now)
    phase = _phase(promise, now, breached)
    over = phase in (Phase.MET, Phase.BREACHED, Phase.ENDED)
    resumes_at = promise.calendar.next_opening(now) if phase is Phase.PAUSED else None
    counts_from = resumes_at or now
    return Countdown(
        metric=promise.metric,
        phase=phase,
        tone=_tone(promise, now, phase),
        due_at=promise.due_at,
        goal_at=promise.goal_at,
        bound=None if over else min(bound(left), _in_whole_hours(promise.whole)),
        spent=_spent(promise, left),
        rebased=promise.rebased,
        pauses=not over and promise.due_at is not None and promise.due_at - counts_from > left,
        resumes_at=resumes_at,
        met_at=promise.met_at if phase in (Phase.MET, Phase.BREACHED) else None,
    )


def next_change(promise: Promise, now: datetime) -> datetime | None:
    """When the countdown next changes just because time passes; None if it does not."""
    if promise.settled or promise.due_at is None or now > promise.due_at:
        return None
    if now == promise.due_at:
        return now + JUST_AFTER
    if not promise.calendar.is_open(now):
        return promise.calendar.next_opening(now)
    left = promise.left(now)
    below = bisect_left(BOUNDS, bound(left)) - 1
    last = promise.due_at + JUST_AFTER
    shrinks = last if below < 0 else promise.calendar.add(now, left - BOUNDS[below])
    others = (promise.warn_at, promise.calendar.closing(now))
    return min([shrinks, *(at for at in others if at is not None and now < at < promise.due_at)])


def bound(left: timedelta) -> timedelta:
    """The smallest bound that `left` does not exceed."""
    return BOUNDS[min(bisect_left(BOUNDS, left), len(BOUNDS) - 1)]


def _in_whole_hours(whole: timedelta) -> timedelta:
    """At least the time that was promised, so that a countdown never shows more than that."""
    return max(-(-whole // timedelta(hours=1)), 1) * timedelta(hours=1)


def _phase(promise: Promise, now: datetime, breached: bool) -> Phase:
    if breached:
        return Phase.BREACHED
    if promise.met_at is not None:
        return Phase.MET
    if promise.ended_at is not None:
        return Phase.ENDED
    if promise.due_at is None:
        return Phase.ON_HOLD
    if now > promise.due_at:
        return Phase.BREACHED
    # The due instant itself may be the first one after a close.
    open_ = now == promise.due_at or promise.calendar.is_open(now)
    return Phase.RUNNING if open_ else Phase.PAUSED


def _tone(promise: Promise, now: datetime, phase: Phase) -> Tone:
    if phase is Phase.BREACHED:
        return Tone.ALARM
    if phase in (Phase.MET, Phase.ENDED):
        return Tone.DONE
    return Tone.WARN if promise.warn_at is not None and now >= promise.warn_at else Tone.CALM


def _spent(promise: Promise, left: timedelta) -> float:
    return min(max(1 - left / promise.whole, 0.0), 1.0) if promise.whole else 1.0


OPEN, RESOLVED = "open", "resolved"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time that counted (`why` is `open`) or did not (`night`, `weekend`, `holiday: …`, `hold: …`)."""

    span: Span
    why: str

    @property
    def counted(self) -> timedelta:
        return self.span.length if self.why == OPEN else timedelta(0)


def receipt(
    calendar: BusinessCalendar, start: datetime, due_at: datetime, gaps: Sequence[Gap] = ()
) -> list[Stretch]:
    """The stretches from `start` to `due_at`, without gaps or overlaps; adjacent equal ones are joined."""
    whole = Span(start, due_at)
    held = [(Span(gap.start, gap.end or due_at) & whole, gap.why) for gap in gaps]
    found = [Stretch(span, why if why == RESOLVED else f"hold: {why}") for span, why in held if span]
    opened = list(calendar.openings(whole))
    for span in opened:
        found += [Stretch(piece, OPEN) for piece in span.minus(hold for hold, _ in held)]
    for closed in whole.minus([*opened, *(hold for hold, _ in held)]):
        found += [Stretch(piece, calendar.why_closed(piece.start)) for piece in _by_day(calendar, closed)]
    return list(_joined(sorted(found, key=lambda stretch: stretch.span)))


def _by_day(calendar: BusinessCalendar, span: Span) -> Iterator[Span]:
    """The span, split at each midnight of the calendar's zone."""
    at = span.start
    while at < span.end:
        tomorrow = at.astimezone(calendar.zone).date() + timedelta(1)
        midnight = instant_of(datetime.combine(tomorrow, time()), calendar.zone)
        if midnight <= at:  # clocks went back across midnight, so this date occurs a second time
            midnight = instant_of(datetime.combine(tomorrow + timedelta(1), time()), calendar.zone)
        yield Span(at, min(midnight, span.end))
        at = midnight


def _joined(stretches: list[Stretch]) -> Iterator[Stretch]:
    last: Stretch | None = None
    for stretch in stretches:
        if last and last.why == stretch.why and last.span.end == stretch.span.start:
            last = Stretch(Span(last.span.start, stretch.span.end), last.why)
        else:
            if last:
                yield last
            last = stretch
    if last:
        yield last
