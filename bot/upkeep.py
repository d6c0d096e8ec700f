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
from bot.desk.channels import TURNS
from bot.ports import Clock

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
AT_A_TIME = 100
BREATH = timedelta(milliseconds=100)
"""Between two handfuls: whoever writes goes first."""
ACTS = timedelta(days=30)
"""How long an act is known by its envelope. Platforms deliver again for hours, and never for days."""
NOTES = {TURNS: timedelta(days=30)}
"""Notes that nobody forgets by themselves: envelopes as well."""


class Shelf(Protocol):
    """A store that lets go of what is old. Instants are real time; each verb is one short transaction."""

    async def forget_acts(self, before: datetime, limit: int) -> int:
        """Let go of envelopes of acts done before then, oldest first; how many these were."""
        ...

    async def forget_notes(self, topic: str, now: datetime, before: datetime, limit: int) -> int:
        """Let go of notes that have been known since before then; how many were touched.

        Those that are met for the first time are known from now on: nothing tells how old they are.
        """
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
        """Let go of all that is old; how much was touched."""
        now = self.clock.now()
        acts = await self._handfuls(partial(self.shelf.forget_acts, now - ACTS, AT_A_TIME))
        notes = 0
        for topic, life in NOTES.items():
            forget = partial(self.shelf.forget_notes, topic, now, now - life, AT_A_TIME)
            notes += await self._handfuls(forget)
        if acts or notes:
            log.info("upkeep", acts=acts, notes=notes)
        return acts + notes

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
