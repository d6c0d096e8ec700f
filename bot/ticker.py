"""Wakes tickets when something falls due on them; the earliest of all wake-ups drives, none sleeps alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from bot.bell import Bell
from bot.clock import WallClock
from bot.desk.core import Desk

log = structlog.get_logger(__name__)

AT_ONCE = 100
"""Tickets taken from the store at a time."""
RETRY_AFTER = timedelta(seconds=5)
"""How long, in real time, before tickets that could not be woken are tried again; a ring is heard."""
_REAL = WallClock()


async def tick(desk: Desk) -> list[str]:
    """Wake every ticket that is due by now; the keys of those that could not be woken."""
    failed: list[str] = []
    while keys := await _due(desk, failed):
        outcomes = await asyncio.gather(*map(desk.wake, keys), return_exceptions=True)
        for key, outcome in zip(keys, outcomes, strict=True):
            if isinstance(outcome, Exception):
                log.error("a ticket could not be woken", ticket=key, exc_info=outcome)
                failed.append(key)
    return failed


async def _due(desk: Desk, failed: list[str]) -> list[str]:
    """Tickets that are due, but for those that failed already: one must not hold up the others."""
    due = await desk.store.due(desk.clock.now(), AT_ONCE + len(failed))
    return [key for key in due if key not in failed]


async def run(desk: Desk, bell: Bell) -> None:
    """Tick for ever: at the earliest wake, and whenever the bell says that it may have changed."""
    while True:
        if await tick(desk):
            await bell.wait(_REAL, _REAL.now() + RETRY_AFTER)
            continue
        await bell.wait(desk.clock, await desk.store.next_wake())
