"""Wakes tickets when something falls due on them; the earliest of all wake-ups drives, none sleeps alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from bot import metrics
from bot.bell import Bell
from bot.clock import WallClock
from bot.desk.core import Desk
from bot.ports import Change
from sla_core.events import Event

log = structlog.get_logger(__name__)

AT_ONCE = 25
"""Tickets woken in one transaction: the more, the longer other writers wait."""
RETRY_AFTER = timedelta(seconds=5)
"""How long, in real time, before tickets that could not be woken are tried again; a ring is heard."""
_REAL = WallClock()


async def tick(desk: Desk, ticked: Callable[[], None] = lambda: None) -> list[str]:
    """Wake every ticket that is due by now; the keys of those that could not be woken.

    `ticked` is called after each transaction, whatever came of it: a crowd takes a while.
    """
    failed: list[str] = []
    decided: set[str] = set()

    def decide(key: str, history: tuple[Event, ...]) -> Change | None:
        decided.add(key)
        try:
            return desk.woken(key, history)
        except Exception:  # one ticket must not hold up the others
            log.exception("a ticket could not be woken", ticket=key)
            failed.append(key)
            return None

    while claimed := await desk.store.wake(desk.clock.now(), AT_ONCE, failed, decide):
        failed += [key for key in claimed if key not in decided]
        decided.clear()
        ticked()
    ticked()
    return failed


async def run(desk: Desk, bell: Bell, ticked: Callable[[], None] = lambda: None) -> None:
    """Tick for ever: at the earliest wake, and whenever the bell says that it may have changed."""
    while True:
        late = desk.clock.now() - (await desk.store.next_wake() or desk.clock.now())
        if late > timedelta(0):
            metrics.wake_late.observe(late.total_seconds())
        failed = await tick(desk, ticked)
        if failed:
            await bell.wait(_REAL, _REAL.now() + RETRY_AFTER)
            continue
        await bell.wait(desk.clock, await desk.store.next_wake())
