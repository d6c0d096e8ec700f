"""Chores that come round again, such as retention: one replica does each, and sets its timer for the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.clock import later
from bot.desk.core import Desk
from bot.ports import Timer, TimerResult
from bot.ticker import TimerHandler

log = structlog.get_logger(__name__)

Chore = Callable[[], Awaitable[timedelta]]
"""Returns after how much real time it is to be done again. Replicas that start may do it at once."""
RETAKE_AFTER = timedelta(minutes=5)
"""In real time. Another replica does a chore then if the one that began it died."""
RETRY_AFTER = timedelta(minutes=1)
"""In real time, for a chore that failed."""


@dataclass
class Housekeeping:
    """`chores` are by the kind of their timers. `running` before the timers fire."""

    desk: Desk
    chores: Mapping[str, Chore]
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def handlers(self) -> dict[str, TimerHandler]:
        """Each claims its chore."""
        return dict.fromkeys(self.chores, self._claimed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Has each chore done at once. At the end, chores that are under way are cancelled."""
        try:
            for kind in self.chores:
                await self.desk.store.set_timer(Timer(kind, "", self.desk.clock.now()))
            yield
        finally:
            tasks = [*self._under_way]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self, kind: str) -> None:
        """Starts the chore of a timer that has fired; other timers are none of its business."""
        if kind in self.chores:
            task = asyncio.create_task(self._run(kind))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _claimed(self, timer: Timer, now: datetime) -> TimerResult:
        return TimerResult(again_at=later(self.desk.clock, RETAKE_AFTER))

    async def _run(self, kind: str) -> None:
        try:
            again = await self.chores[kind]()
        except Exception:  # nobody's ticket hangs on it
            log.exception("a chore failed and is tried again", kind=kind)
            again = RETRY_AFTER
        try:
            await self.desk.store.set_timer(Timer(kind, "", later(self.desk.clock, again)))
        except Exception:
            log.exception("a chore is done, and its timer could not be set", kind=kind)
