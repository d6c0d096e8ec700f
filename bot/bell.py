"""Waits for an instant or for a ring, whichever comes first."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.ports import Clock


class WakeSignal:
    """Rung when something may have become due; rings in advance are remembered once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def trigger(self) -> None:
        self._event.set()

    async def wait(self, clock: Clock, until: datetime | None, within: timedelta | None = None) -> None:
        """Returns at the next ring, at `until` or after so much real time, whichever comes first."""
        try:
            async with asyncio.timeout(None if within is None else within.total_seconds()):
                await self._wait(clock, until)
        except TimeoutError:
            return

    async def _wait(self, clock: Clock, until: datetime | None) -> None:
        if self._event.is_set() or (until is not None and until <= clock.now()):
            # Who never has to wait must still let others have their turn.
            await asyncio.sleep(0)
        elif until is None:
            await self._event.wait()
        else:
            await self._wait_until(clock, until)
        self._event.clear()

    async def _wait_until(self, clock: Clock, until: datetime) -> None:
        alarm = asyncio.create_task(clock.sleep_until(until))
        alarm.add_done_callback(self._on_alarm)
        try:
            await self._event.wait()
        finally:
            alarm.remove_done_callback(self._on_alarm)
            alarm.cancel()
        if alarm.done():
            alarm.result()

    def _on_alarm(self, alarm: asyncio.Task[None]) -> None:
        self.trigger()
