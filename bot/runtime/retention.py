"""Deletes expired rows in small batches, and runs such chores once for all replicas."""

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
"""The kind of its timer."""
BATCH_SIZE = 100
BATCH_PAUSE = timedelta(milliseconds=100)
"""Between two batches, so that other writers go first."""
ENVELOPE_LIFE = timedelta(days=30)
"""How long an act is known by its envelope. Platforms repeat deliveries for hours, never for days."""
LIVES_WITHOUT_EXPIRY = {
    "carried": timedelta(days=30),
    "channel-turn": timedelta(days=30),
    "draft": timedelta(days=1),
    "interview": timedelta(days=1),
    "offer": timedelta(days=30),
    "slack-install-used": timedelta(days=1),
    "slack-renewal": timedelta(days=1),
}
"""Topics whose values the previous version stores without an expiry, and how long to keep such values."""


class ExpiringStore(Protocol):
    """A store that deletes old rows. Instants are real time. Each method is one short transaction."""

    async def delete_envelopes(self, before: datetime, limit: int) -> int:
        """Deletes envelopes of acts before `before`, oldest first. Returns how many."""
        ...

    async def delete_expired(self, now: datetime, limit: int) -> int:
        """Deletes expired values and locks, oldest first. Returns how many."""
        ...

    async def set_expiry(self, topic: str, expires_at: datetime, limit: int) -> int:
        """Sets an expiry on values of the topic that have none. Returns how many."""
        ...


@dataclass
class Retention:
    """Deletes what has expired. `clock` is real time."""

    store: ExpiringStore
    clock: Clock

    async def run(self) -> timedelta:
        """Deletes one batch. Returns how long to wait until the next one."""
        return BATCH_PAUSE if await self.delete_batch() else EVERY

    async def delete_batch(self) -> int:
        """Deletes at most BATCH_SIZE rows of each kind. Returns how many were deleted or got an expiry."""
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
"""A recurring task. Returns how much real time to wait until its next run."""
RETAKE_AFTER = timedelta(minutes=5)
"""In real time. After this, another replica runs a chore whose replica died."""
RETRY_AFTER = timedelta(minutes=1)
"""In real time, for a chore that failed."""


@dataclass
class Housekeeping:
    """Runs chores, given by the kind of their timers. Enter `running` before timers fire."""

    desk: Desk
    chores: Mapping[str, Chore]
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def handlers(self) -> dict[str, TimerHandler]:
        """The timer handlers, which claim their chores."""
        return dict.fromkeys(self.chores, self._claimed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Makes each chore due at once. On exit, cancels running chores."""
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
        """Starts the chore of a timer that has fired. Ignores other timers."""
        if kind in self.chores:
            task = asyncio.create_task(self._run(kind))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _claimed(self, timer: Timer, now: datetime) -> TimerResult:
        return TimerResult(again_at=later(self.desk.clock, RETAKE_AFTER))

    async def _run(self, kind: str) -> None:
        try:
            again = await self.chores[kind]()
        except Exception:  # no ticket depends on it
            log.exception("a chore failed and will be retried", kind=kind)
            again = RETRY_AFTER
        try:
            await self.desk.store.set_timer(Timer(kind, "", later(self.desk.clock, again)))
        except Exception:
            log.exception("could not set the timer of a finished chore", kind=kind)
