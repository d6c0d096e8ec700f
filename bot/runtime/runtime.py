"""Keeps a desk running: wakes tickets, fires timers, delivers messages, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import partial

import structlog

from bot.clock import WakeSignal, WallClock, real_now
from bot.desk import channels
from bot.desk.channels import ensure_help_messages
from bot.desk.desk import Desk
from bot.desk.intake import conversation
from bot.ports import KeyValueStore, Outbox
from bot.runtime import pager_test, retention, scheduler
from bot.runtime.delivery import Delivery
from bot.runtime.lane_dispatcher import LaneDispatcher, WorkerPool
from bot.runtime.monitor import LagMonitor, StatsSource
from bot.runtime.retention import Chore, ExpiringStore, Housekeeping, Retention

log = structlog.get_logger(__name__)

REFRESH_EVERY = 60.0
"""Seconds between looks at what this process only remembers, and another one may have changed."""
REFRESHES_PER_GROUPS = 5
"""Looks from one reading of the user groups that `agents` names to the next."""
HELP_EVERY = timedelta(minutes=5)
HELP = "get_help"
"""The kind of the timer that has `Get help` looked after."""
MAX_SCHEDULER_LAG = timedelta(seconds=5)
"""How long what is due may lie before we are not ready."""
POLL_EVERY = timedelta(seconds=1)
"""Between ticks at the latest, where another replica may have decided something meanwhile."""
RESTART_AFTER = 1.0
"""Seconds before a loop that failed is started again."""
CANCEL_AGAIN_AFTER = 5.0
"""Seconds until a loop that has not ended is cancelled once more; one that ends well takes less."""


@dataclass
class Runtime:
    """The loops around a desk. `store_changed` is to be called whenever the store has changed."""

    desk: Desk
    outbox: Outbox
    key_values: KeyValueStore | None = None
    """Remembers where `Get help` stands; without one it is not posted."""
    stats: StatsSource | None = None
    """What the auditor looks at; without one there is none."""
    worker_pool: WorkerPool | None = None
    """With whom the work is shared; without one it is all ours."""
    pager_test_at: time | None = None
    """When the pager is tested, in UTC; without one that is left to other replicas."""
    expiring_store: ExpiringStore | None = None
    """What old rows are deleted from; without one they are not."""
    learn: Sequence[Callable[[], Awaitable[None]]] = ()
    """What platforms read again of what another process may have changed."""
    _scheduler_signal: WakeSignal = field(default_factory=WakeSignal)
    _delivery_signal: WakeSignal = field(default_factory=WakeSignal)
    _failing: set[str] = field(default_factory=set)
    _progress_at: datetime = field(default_factory=real_now)
    _delivery: Delivery = field(init=False)

    def __post_init__(self) -> None:
        self._delivery = Delivery(self.desk, self.outbox, WallClock(), self._delivery_signal)

    def store_changed(self) -> None:
        self._scheduler_signal.trigger()
        self._delivery_signal.trigger()

    async def readiness_faults(self) -> list[str]:
        """What keeps the desk from being ready, for /readyz. Asks the store, and raises what it raises."""
        failing = [f"{loop} is failing" for loop in sorted(self._failing)]
        if (resting := len(self._delivery.backoff.active())) > 1:
            failing.append(f"the store fails for {resting} lanes of messages")
        wake = await self.desk.store.next_wake()
        silent = real_now() - self._progress_at
        lies = wake is not None and wake <= self.desk.clock.now() - MAX_SCHEDULER_LAG
        if lies and silent > MAX_SCHEDULER_LAG:
            failing.append(f"tickets are due, and nothing was woken for {silent.total_seconds():.0f} s")
        return failing

    def _on_progress(self) -> None:
        self._progress_at = real_now()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The loops run inside; they are ended at a point where nothing is half done."""
        tasks = [
            asyncio.create_task(self._supervised("scheduler", self._schedule)),
            asyncio.create_task(self._supervised("refresh", self._refresh)),
        ]
        for name, loop in self._delivery_loops():
            tasks.append(asyncio.create_task(self._supervised(name, loop)))
        if self.stats is not None:
            monitor = LagMonitor(self.desk, self.stats, WallClock(), self._delivery.send_lane)
            tasks.append(asyncio.create_task(self._supervised("monitor", monitor.run)))
        try:
            yield
        finally:
            await _cancel_all(tasks)

    async def _schedule(self) -> None:
        housekeeping = Housekeeping(self.desk, self._chores())
        handlers = housekeeping.handlers
        if self.pager_test_at is not None:
            await pager_test.schedule(self.desk, self.pager_test_at)
            handlers[pager_test.KIND] = partial(pager_test.on_timer, self.desk)
        poll = POLL_EVERY if self.worker_pool is not None else None
        async with housekeeping.running():
            await scheduler.run(
                self.desk,
                self._scheduler_signal,
                self._on_progress,
                handlers,
                fired=housekeeping.begin,
                poll=poll,
            )

    def _chores(self) -> dict[str, Chore]:
        chores: dict[str, Chore] = {}
        if self.key_values is not None:
            chores[HELP] = partial(self._post_help_messages, self.key_values)
        if self.expiring_store is not None:
            chores[retention.KIND] = Retention(self.expiring_store, WallClock()).run
        return chores

    async def _post_help_messages(self, key_values: KeyValueStore) -> timedelta:
        await channels.send_stored_notices(self.desk, key_values)
        await conversation.adopt_stored_roots(self.desk, key_values)
        await ensure_help_messages(self.desk, key_values)
        return HELP_EVERY

    def _delivery_loops(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        if self.worker_pool is None:
            yield "delivery", self._delivery.run
            return
        worker_pool = self.worker_pool
        dispatcher = LaneDispatcher(
            worker_pool, self._delivery, self.outbox, WallClock(), self._delivery_signal
        )
        yield "dispatcher", dispatcher.run
        yield "worker pool", lambda: worker_pool.run(dispatcher.send_lane)

    async def _supervised(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                self._failing.discard(name)
                await loop()
            except Exception:  # a loop that dies would take every later promise with it
                self._failing.add(name)
                log.exception("a loop failed and is started again", loop=name)
                await asyncio.sleep(RESTART_AFTER)

    async def _refresh(self) -> None:
        """A loop of its own, for each process has to learn it: addresses, installations, user groups."""
        for look in itertools.count(1):
            await asyncio.sleep(REFRESH_EVERY)
            for learn in (self._refresh_addresses, *self.learn):
                try:
                    await learn()
                except Exception:  # the desk goes on with what it knows
                    log.exception("what another process may have changed could not be read")
            if look % REFRESHES_PER_GROUPS == 0:
                for line in await self.desk.directory.refresh(self.desk.platforms):
                    log.warning(line)

    async def _refresh_addresses(self) -> None:
        if self.key_values is not None:
            await channels.load_renames(self.desk, self.key_values)


async def _cancel_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them until they end: in a library, asyncio.wait_for may swallow a cancellation (Python 3.11)."""
    pending = {*tasks}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_AFTER)
    await asyncio.gather(*tasks, return_exceptions=True)


GC_THRESHOLD = 20_000
"""New objects still there, after which the new ones are searched; Python's own 700 is for small programs."""


def freeze_loaded_objects() -> None:
    """What was loaded until now stays for good, and is not searched any more.

    Policies, calendars and libraries are some hundred thousand objects. To search them all takes 35 ms, in
    which nobody is answered, again and again under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
