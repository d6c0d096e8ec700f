"""A promise at an instant, in terms that stay true until the next update."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sla_core.policy import Metric
from sla_core.promise import JUST_AFTER, Promise

_MINUTES = (5, 15, 30)
_HOURS = (*range(1, 9), 12, 16, 20, 24, *range(32, 2001, 8), *range(2100, 100_001, 100))
BOUNDS = tuple(timedelta(minutes=m) for m in _MINUTES) + tuple(timedelta(hours=h) for h in _HOURS)
"""The bounds that a card may show, shortest first; finer near the deadline."""


class Phase(StrEnum):
    RUNNING = "running"
    OFF_HOURS = "off hours"
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
    """What a card shows for a promise. `bound` is never less than the time left; `spent` is 0 to 1."""

    metric: Metric
    phase: Phase
    tone: Tone
    due_at: datetime | None
    goal_at: datetime | None
    bound: timedelta | None
    spent: float
    rebased: bool = False


def countdown(promise: Promise, now: datetime, breached: bool = False) -> Countdown:
    """The countdown of a promise at `now`. `breached`: whether its breach is recorded."""
    left = promise.left(now)
    phase = _phase(promise, now, breached)
    over = phase in (Phase.MET, Phase.BREACHED, Phase.ENDED)
    return Countdown(
        metric=promise.metric,
        phase=phase,
        tone=_tone(promise, now, phase),
        due_at=promise.due_at,
        goal_at=promise.goal_at,
        bound=None if over else bound(left),
        spent=_spent(promise, left),
        rebased=promise.rebased,
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
    return Phase.RUNNING if open_ else Phase.OFF_HOURS


def _tone(promise: Promise, now: datetime, phase: Phase) -> Tone:
    if phase is Phase.BREACHED:
        return Tone.ALARM
    if phase in (Phase.MET, Phase.ENDED):
        return Tone.DONE
    return Tone.WARN if promise.warn_at is not None and now >= promise.warn_at else Tone.CALM


def _spent(promise: Promise, left: timedelta) -> float:
    return min(max(1 - left / promise.whole, 0.0), 1.0) if promise.whole else 1.0
