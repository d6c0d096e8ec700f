"""Wakes tickets when something falls due on them; the earliest of all wake-ups drives, none sleeps alone."""

from __future__ import annotations

from datetime import timedelta

import structlog

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


async def tick(desk: Desk) -> list[str]:
    """Wake every ticket that is due by now; the keys of those that could not be woken."""
    failed: list[str] = []

    def decide(key: str, history: tuple[Event, ...]) -> Change | None:
        try:
            return desk.woken(key, history)
        except Exception:  # one ticket must not hold up the others
            log.exception("a ticket could not be woken", ticket=key)
            failed.append(key)
            return None

    while await desk.store.wake(desk.clock.now(), AT_ONCE, failed, decide):
        pass
    return failed


async def run(desk: Desk, bell: Bell) -> None:
    """Tick for ever: at the earliest wake, and whenever the bell says that it may have changed."""
    while True:
        if await tick(desk):
            await bell.wait(_REAL, _REAL.now() + RETRY_AFTER)
            continue
        await bell.wait(desk.clock, await desk.store.next_wake())
