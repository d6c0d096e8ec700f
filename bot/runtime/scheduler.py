"""Wakes tickets and fires timers when they are due. One loop sleeps until the earliest of all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog

from bot import telemetry
from bot.clock import WakeSignal, WallClock
from bot.desk.desk import Desk
from bot.ports import Change, Timer, TimerResult
from sla_core.events import Event
from sla_core.ticket import fold

log = structlog.get_logger(__name__)

BATCH_SIZE = 250
"""Tickets woken in one transaction, which takes about 0.1 s and makes other writers wait."""
RETRY_AFTER = timedelta(seconds=5)
"""How long, in real time, to wait before retrying a failed ticket or kind of timer."""
POLL_WHILE_DEFERRED = timedelta(seconds=1)
"""While anything is deferred, the earliest wake-up is its own and hides when the next other one is."""
_REAL = WallClock()

TimerHandler = Callable[[Timer, datetime], TimerResult]
"""Returns what a timer does at this instant of the desk's clock. Must be pure and fast."""
NO_HANDLERS: Mapping[str, TimerHandler] = MappingProxyType({})


def _nothing(*_: str) -> None: ...


async def wake_due_tickets(
    desk: Desk, on_progress: Callable[[], None] = lambda: None, excluding: Collection[str] = ()
) -> list[str]:
    """Wakes every ticket that is due by now, without those in `excluding`. Returns the keys that failed.

    Calls `on_progress` after each transaction, because many tickets take a while.
    """
    failed: list[str] = []
    passed_over = set(excluding)
    decided: dict[str, tuple[Change, tuple[Event, ...]]] = {}

    def decide(key: str, history: tuple[Event, ...]) -> Change | None:
        try:
            change = desk.change_on_wake(key, history)
        except Exception:  # one ticket must not delay the others
            log.exception("could not wake a ticket", ticket=key)
            return None
        decided[key] = change, history
        return change

    while claimed := await desk.store.wake(desk.clock.now(), BATCH_SIZE, passed_over, decide):
        failed += [key for key in claimed if key not in decided]
        passed_over.update(failed)
        for key in decided.keys() & {*claimed}:
            change, history = decided[key]
            if desk.metrics is not None:
                desk.count(change, fold(key, history))
        decided.clear()
        on_progress()
    on_progress()
    return failed


async def fire_due_timers(
    desk: Desk,
    handlers: Mapping[str, TimerHandler],
    excluding: Collection[str] = (),
    fired: Callable[[str], None] = _nothing,
) -> set[str]:
    """Fires every timer that is due by now, without the kinds in `excluding`.

    Calls `fired` with each kind once the result of its handler is stored. Returns the kinds that stay due
    because their handler failed or is missing.
    """
    now = desk.clock.now()
    stay_due: set[str] = set()

    def decide(timer: Timer) -> TimerResult:
        handler = handlers.get(timer.kind)
        try:
            if handler is not None:
                return handler(timer, now)
            log.warning("left a timer to another replica", kind=timer.kind)
        except Exception:  # one kind must not delay the others
            log.exception("a timer failed", kind=timer.kind, key=timer.key)
        stay_due.add(timer.kind)
        return TimerResult(again_at=timer.due_at, payload=timer.payload)

    while kinds := await desk.store.fire(now, BATCH_SIZE, {*excluding, *stay_due}, decide):
        for kind in {*kinds} - stay_due:
            fired(kind)
    return stay_due


async def run(
    desk: Desk,
    wake_signal: WakeSignal,
    on_progress: Callable[[], None] = lambda: None,
    handlers: Mapping[str, TimerHandler] = NO_HANDLERS,
    *,
    fired: Callable[[str], None] = _nothing,
    poll: timedelta | None = None,
) -> None:
    """Wakes tickets and fires timers until cancelled: when the next is due, and at each wake signal.

    `handlers` are by the kind of their timers; see `fire_due_timers`. `poll` is the longest wait in real
    time, because decisions of other replicas do not trigger our signal.
    """
    deferred: dict[str, datetime] = {}
    deferred_kinds: dict[str, datetime] = {}
    unknown_kinds: set[str] = set()
    while True:
        now = _REAL.now()
        deferred, deferred_kinds = _still_deferred(deferred, now), _still_deferred(deferred_kinds, now)
        excluding = {*deferred_kinds, *unknown_kinds}
        timer = await desk.store.next_timer(excluding)
        if timer is not None and timer <= desk.clock.now():
            stay_due = await fire_due_timers(desk, handlers, excluding, fired)
            unknown_kinds |= stay_due - handlers.keys()
            deferred_kinds |= dict.fromkeys(stay_due & handlers.keys(), now + RETRY_AFTER)
        wake = await desk.store.next_wake()
        if wake is None or wake > desk.clock.now():
            on_progress()
        else:
            if not deferred:
                telemetry.wake_late.observe((desk.clock.now() - wake).total_seconds())
            deferred |= dict.fromkeys(await wake_due_tickets(desk, on_progress, deferred), now + RETRY_AFTER)
        if deferred or deferred_kinds:
            await wake_signal.wait(_REAL, _REAL.now() + POLL_WHILE_DEFERRED)
            continue
        due = (await desk.store.next_wake(), await desk.store.next_timer(unknown_kinds))
        await wake_signal.wait(desk.clock, min((at for at in due if at is not None), default=None), poll)


def _still_deferred(deferred: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """What is still deferred. Drops entries that were stored before the clock was set back."""
    return {name: until for name, until in deferred.items() if now < until <= now + RETRY_AFTER}
