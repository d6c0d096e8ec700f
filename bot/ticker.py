"""Wakes tickets when something falls due on them; the earliest of all wake-ups drives, none sleeps alone."""

from __future__ import annotations

import asyncio

import structlog

from bot.bell import Bell
from bot.desk.core import Desk

log = structlog.get_logger(__name__)

AT_ONCE = 100
"""Tickets taken from the store at a time."""
RETRY_AFTER = 5.0
"""Seconds before tickets that could not be woken are tried again."""


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
            await asyncio.sleep(RETRY_AFTER)
        await bell.wait(desk.clock, await desk.store.next_wake())
