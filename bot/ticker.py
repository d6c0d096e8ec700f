"""Wakes tickets and fires timers when they are due; the earliest of all drives, none sleeps alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog

from bot import metrics
from bot.bell import Bell
from bot.clock import WallClock
from bot.desk.core import Desk
from bot.ports import Change, Fired, Timer
from sla_core.events import Event

log = structlog.get_logger(__name__)

AT_ONCE = 250
"""Tickets woken in one transaction: the more, the longer others wait; a tenth of a second as a rule."""
RETRY_AFTER = timedelta(seconds=5)
"""How long, in real time, before what failed is tried again: tickets, or timers of a kind."""
LOOK_AFTER = timedelta(seconds=1)
"""Meanwhile the earliest wake-up of all is theirs, and does not say when the next of the others is."""
_REAL = WallClock()

Handler = Callable[[Timer, datetime], Fired]
"""What a timer does that is due by this instant of the desk's clock. Pure and quick, in a transaction."""
NO_HANDLERS: Mapping[str, Handler] = MappingProxyType({})


def _nothing(*_: str) -> None: ...


async def tick(desk: Desk, ticked: Callable[[], None] = lambda: None, but: Collection[str] = ()) -> list[str]:
    """Wake every ticket that is due by now, but for those; the keys of those that could not be woken.

    `ticked` is called after each transaction, whatever came of it: a crowd takes a while.
    """
    failed: list[str] = []
    passed_over = set(but)
    decided: set[str] = set()

    def decide(key: str, history: tuple[Event, ...]) -> Change | None:
        try:
            change = desk.woken(key, history)
        except Exception:  # one ticket must not hold up the others
            log.exception("a ticket could not be woken", ticket=key)
            return None
        decided.add(key)
        return change

    while claimed := await desk.store.wake(desk.clock.now(), AT_ONCE, passed_over, decide):
        failed += [key for key in claimed if key not in decided]
        passed_over.update(failed)
        decided.clear()
        ticked()
    ticked()
    return failed


async def fire(
    desk: Desk,
    handlers: Mapping[str, Handler],
    but: Collection[str] = (),
    fired: Callable[[str], None] = _nothing,
) -> set[str]:
    """Fires every timer that is due by now, but for those of these kinds.

    `fired` is called with each kind once what its handler made is stored. Returns the kinds of those that
    stay due: their handler failed, or there is none.
    """
    now = desk.clock.now()
    stay_due: set[str] = set()

    def decide(timer: Timer) -> Fired:
        handler = handlers.get(timer.kind)
        try:
            if handler is not None:
                return handler(timer, now)
            log.warning("this timer is left to another replica", kind=timer.kind)
        except Exception:  # one kind must not hold up the others
            log.exception("a timer failed", kind=timer.kind, key=timer.key)
        stay_due.add(timer.kind)
        return Fired(again_at=timer.due_at, payload=timer.payload)

    while kinds := await desk.store.fire(now, AT_ONCE, {*but, *stay_due}, decide):
        for kind in {*kinds} - stay_due:
            fired(kind)
    return stay_due


async def run(
    desk: Desk,
    bell: Bell,
    ticked: Callable[[], None] = lambda: None,
    handlers: Mapping[str, Handler] = NO_HANDLERS,
    *,
    fired: Callable[[str], None] = _nothing,
    poll: timedelta | None = None,
) -> None:
    """Tick and fire for ever: whenever the first is due, and when the bell says that this may have changed.

    `handlers` are by the kind of their timers; see `fire`. What another replica decides does not ring our
    bell: with `poll` we look after so much real time at the latest.
    """
    put_off: dict[str, datetime] = {}
    kinds_put_off: dict[str, datetime] = {}
    strange: set[str] = set()
    while True:
        now = _REAL.now()
        put_off, kinds_put_off = _still(put_off, now), _still(kinds_put_off, now)
        but = {*kinds_put_off, *strange}
        timer = await desk.store.next_timer(but)
        if timer is not None and timer <= desk.clock.now():
            stay_due = await fire(desk, handlers, but, fired)
            strange |= stay_due - handlers.keys()
            kinds_put_off |= dict.fromkeys(stay_due & handlers.keys(), now + RETRY_AFTER)
        wake = await desk.store.next_wake()
        if wake is None or wake > desk.clock.now():
            ticked()
        else:
            if not put_off:
                metrics.wake_late.observe((desk.clock.now() - wake).total_seconds())
            put_off |= dict.fromkeys(await tick(desk, ticked, put_off), now + RETRY_AFTER)
        if put_off or kinds_put_off:
            await bell.wait(_REAL, _REAL.now() + LOOK_AFTER)
            continue
        due = (await desk.store.next_wake(), await desk.store.next_timer(strange))
        await bell.wait(desk.clock, min((at for at in due if at is not None), default=None), poll)


def _still(put_off: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """What is put off until later; not what a clock noted that has been set back since."""
    return {name: until for name, until in put_off.items() if now < until <= now + RETRY_AFTER}
