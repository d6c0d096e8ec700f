"""Waits for an instant or for a ring, whichever comes first."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.ports import Clock


class Bell:
    """Rung when something may have become due; rings in advance are remembered once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, clock: Clock, until: datetime | None, within: timedelta | None = None) -> None:
        """Returns at the next ring, at `until` or after so much real time, whichever comes first."""
        try:
            async with asyncio.timeout(None if within is None else within.total_seconds()):
                await self._wait(clock, until)
        except TimeoutError:
            return

    async def _wait(self, clock: Clock, until: datetime | None) -> None:
        if self._rung.is_set() or (until is not None and until <= clock.now()):
            # Who never has to wait must still let others have their turn.
            await asyncio.sleep(0)
        elif until is None:
            await self._rung.wait()
        else:
            await self._rung_by(clock, until)
        self._rung.clear()

    async def _rung_by(self, clock: Clock, until: datetime) -> None:
        alarm = asyncio.create_task(clock.sleep_until(until))
        alarm.add_done_callback(self._goes_off)
        try:
            await self._rung.wait()
        finally:
            alarm.remove_done_callback(self._goes_off)
            alarm.cancel()
        if alarm.done():
            alarm.result()

    def _goes_off(self, alarm: asyncio.Task[None]) -> None:
        self.ring()
