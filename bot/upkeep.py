"""Lets go of what can no longer matter, a little at a time, so that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from bot.clock import WallClock
from bot.ports import Clock

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
AT_A_TIME = 100
BREATH = timedelta(milliseconds=100)
"""Between two handfuls: whoever writes goes first."""
ACTS = timedelta(days=30)
"""How long an act is known by its envelope. Platforms deliver again for hours, and never for days."""
ENDLESS = {
    "carried": timedelta(days=30),
    "channel-turn": timedelta(days=30),
    "draft": timedelta(days=1),
    "interview": timedelta(days=1),
    "offer": timedelta(days=30),
    "slack-install-used": timedelta(days=1),
    "slack-renewal": timedelta(days=1),
}
"""Topics whose values the version before stores without an end, and how long these stay from now on."""


class Shelf(Protocol):
    """A store that lets go of what is old. Instants are real time; each verb is one short transaction."""

    async def forget_acts(self, before: datetime, limit: int) -> int:
        """Let go of envelopes of acts done before then, oldest first; how many these were."""
        ...

    async def forget_expired(self, now: datetime, limit: int) -> int:
        """Delete values and locks that have expired, oldest first; how many these were."""
        ...

    async def let_expire(self, topic: str, expires_at: datetime, limit: int) -> int:
        """Values of the topic that have no end expire then; how many these were."""
        ...


@dataclass
class Upkeep:
    """`clock` is real time."""

    shelf: Shelf
    clock: Clock

    async def run(self) -> None:
        """For ever; what fails is tried again in the next hour."""
        while True:
            try:
                await self.look()
            except Exception:  # nobody's ticket hangs on it
                log.exception("what is old could not be let go; it is tried again in an hour")
            await self.clock.sleep_until(self.clock.now() + EVERY)

    async def look(self) -> int:
        """Delete all that is old; how much that was."""
        now = self.clock.now()
        acts = await self._handfuls(partial(self.shelf.forget_acts, now - ACTS, AT_A_TIME))
        for topic, life in ENDLESS.items():
            await self._handfuls(partial(self.shelf.let_expire, topic, now + life, AT_A_TIME))
        expired = await self._handfuls(partial(self.shelf.forget_expired, now, AT_A_TIME))
        if acts or expired:
            log.info("upkeep", acts=acts, expired=expired)
        return acts + expired

    async def _handfuls(self, forget: Callable[[], Awaitable[int]]) -> int:
        total = 0
        while (touched := await forget()) > 0:
            total += touched
            await self.clock.sleep_until(self.clock.now() + BREATH)
        return total


@asynccontextmanager
async def going_on(shelf: Shelf) -> AsyncIterator[None]:
    """Upkeep while something is inside."""
    keeping = asyncio.create_task(Upkeep(shelf, WallClock()).run())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
