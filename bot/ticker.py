"""Wakes tickets when something falls due on them; the earliest of all wake-ups drives, none sleeps alone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog

from bot import metrics
from bot.bell import Bell
from bot.clock import WallClock
from bot.desk.core import Desk
from bot.ports import Change
from sla_core.events import Event

log = structlog.get_logger(__name__)

AT_ONCE = 250
"""Tickets woken in one transaction: the more, the longer others wait; a tenth of a second as a rule."""
RETRY_AFTER = timedelta(seconds=5)
"""How long, in real time, before tickets that could not be woken are tried again."""
LOOK_AFTER = timedelta(seconds=1)
"""Meanwhile the earliest wake-up of all is theirs, and does not say when the next of the others is."""
_REAL = WallClock()


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


async def run(desk: Desk, bell: Bell, ticked: Callable[[], None] = lambda: None) -> None:
    """Tick for ever: at the earliest wake, and whenever the bell says that it may have changed."""
    put_off: dict[str, datetime] = {}
    while True:
        now = _REAL.now()
        put_off = {key: until for key, until in put_off.items() if now < until <= now + RETRY_AFTER}
        wake = await desk.store.next_wake()
        if wake is None or wake > desk.clock.now():
            ticked()
        else:
            if not put_off:
                metrics.wake_late.observe((desk.clock.now() - wake).total_seconds())
            put_off |= dict.fromkeys(await tick(desk, ticked, put_off), now + RETRY_AFTER)
        if put_off:
            await bell.wait(_REAL, _REAL.now() + LOOK_AFTER)
            continue
        await bell.wait(desk.clock, await desk.store.next_wake())
