"""Waits for an instant or for a ring, whichever comes first."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

from bot.ports import Clock


class Bell:
    """Rung when something may have become due; rings in advance are remembered once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, clock: Clock, until: datetime | None) -> None:
        """Returns at the next ring, or at `until` if that is sooner."""
        sleeper = asyncio.create_task(clock.sleep_until(until)) if until else None
        ring = asyncio.create_task(self._rung.wait())
        try:
            await asyncio.wait({ring, sleeper} if sleeper else {ring}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in filter(None, (ring, sleeper)):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._rung.clear()
