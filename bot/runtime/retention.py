"""Lets go of what can no longer matter, a little at a time, so that nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.clock import later
from bot.desk.desk import Desk
from bot.ports import Clock, Timer, TimerResult
from bot.runtime.scheduler import TimerHandler

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
KIND = "upkeep"
"""Of its timer."""
BATCH_SIZE = 100
BATCH_PAUSE = timedelta(milliseconds=100)
"""Between two handfuls: whoever writes goes first."""
ENVELOPE_LIFE = timedelta(days=30)
"""How long an act is known by its envelope. Platforms deliver again for hours, and never for days."""
LIVES_WITHOUT_EXPIRY = {
    "carried": timedelta(days=30),
    "channel-turn": timedelta(days=30),
    "draft": timedelta(days=1),
    "interview": timedelta(days=1),
    "offer": timedelta(days=30),
    "slack-install-used": timedelta(days=1),
    "slack-renewal": timedelta(days=1),
}
"""Topics whose values the version before stores without an end, and how long these stay from now on."""


class ExpiringStore(Protocol):
    """A store that lets go of what is old. Instants are real time; each verb is one short transaction."""

    async def delete_envelopes(self, before: datetime, limit: int) -> int:
        """Let go of envelopes of acts done before then, oldest first; how many these were."""
        ...

    async def delete_expired(self, now: datetime, limit: int) -> int:
        """Delete values and locks that have expired, oldest first; how many these were."""
        ...

    async def set_expiry(self, topic: str, expires_at: datetime, limit: int) -> int:
        """Values of the topic that have no end expire then; how many these were."""
        ...


@dataclass
class Retention:
    """`clock` is real time."""

    store: ExpiringStore
    clock: Clock

    async def run(self) -> timedelta:
        """Deletes one batch of what is old. Returns after how long there is more to do."""
        return BATCH_PAUSE if await self.delete_batch() else EVERY

    async def delete_batch(self) -> int:
        """Deletes at most `AT_A_TIME` of each; how many rows were deleted, or given an end."""
        now = self.clock.now()
        envelopes = await self.store.delete_envelopes(now - ENVELOPE_LIFE, BATCH_SIZE)
        ended = 0
        for topic, life in LIVES_WITHOUT_EXPIRY.items():
            ended += await self.store.set_expiry(topic, now + life, BATCH_SIZE)
        expired = await self.store.delete_expired(now, BATCH_SIZE)
        if envelopes or expired:
            log.info("retention", envelopes=envelopes, expired=expired)
        return envelopes + ended + expired


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
