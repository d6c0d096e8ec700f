"""Wakes tickets when something falls due on them; the earliest of all wake-ups drives, none sleeps alone."""

from __future__ import annotations

import structlog

from bot.bell import Bell
from bot.desk.core import Desk

log = structlog.get_logger(__name__)

AT_ONCE = 100
"""Tickets taken from the store at a time."""


async def tick(desk: Desk) -> int:
    """Wake every ticket that is due by now; how many there were."""
    woken = 0
    while keys := await desk.store.due(desk.clock.now(), AT_ONCE):
        for key in keys:
            await desk.wake(key)
        woken += len(keys)
    return woken


async def run(desk: Desk, bell: Bell) -> None:
    """Tick for ever: at the earliest wake, and whenever the bell says that it may have changed."""
    while True:
        woken = await tick(desk)
        if woken:
            log.debug("woke", tickets=woken)
        await bell.wait(desk.clock, await desk.store.next_wake())
