"""Waits for an instant or for a ring, whichever comes first."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from bot.ports import Clock


class Bell:
    """Rung when something may have become due; rings in advance are remembered once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, clock: Clock, until: datetime | None) -> None:
        """Returns at the next ring, or at `until` if that is sooner."""
        waiting: set[asyncio.Task[Any]] = {asyncio.create_task(self._rung.wait())}
        if until is not None:
            waiting.add(asyncio.create_task(clock.sleep_until(until)))
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            # Awaiting them one by one would take a cancellation of ours for theirs, and lose it.
            await asyncio.wait(waiting)
        for task in done:
            task.result()
        self._rung.clear()
