"""Runs a desk's loops: wakes tickets, fires timers and delivers messages until it is stopped."""

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
from bot.desk import channels, ticket_board
from bot.desk.channels import ensure_help_messages
from bot.desk.desk import Desk
from bot.desk.intake import conversation
from bot.desk.tam import away, forecast, monthly
from bot.desk.timed_work import TimedWork
from bot.logs import log_fault
from bot.ports import KeyValueStore, Outbox
from bot.reports.promise_metrics import process_metrics
from bot.runtime import pager_test, retention, scheduler
from bot.runtime.delivery import Delivery
from bot.runtime.lane_dispatcher import LaneDispatcher, WorkerPool
from bot.runtime.monitor import LagMonitor, StatsSource, WriteProof, clock_fault
from bot.runtime.retention import Chore, ExpiringStore, Housekeeping, Retention
from bot.runtime.scheduler import TimerHandler

log = structlog.get_logger(__name__)

REFRESH_EVERY = 60.0
"""Seconds between refreshes of cached data that another process may have changed."""
REFRESHES_PER_GROUPS = 5
"""Every how many refreshes to read the user groups that `agents` names."""
HELP_EVERY = timedelta(minutes=5)
HELP = "get_help"
"""The kind of the timer that checks `Get help` messages."""
BOARDS = "boards"
"""The kind of the timer that checks all boards."""
MAX_SCHEDULER_LAG = timedelta(seconds=5)
"""How late the scheduler may be before /readyz reports it."""
POLL_EVERY = timedelta(seconds=1)
"""The longest wait of the scheduler when other replicas may set timers meanwhile."""
RESTART_AFTER = 1.0
"""Seconds before a failed loop is restarted."""
CANCEL_AGAIN_AFTER = 5.0
"""Seconds until a loop that has not ended is cancelled again; a normal end takes less."""


@dataclass
class Runtime:
    """The loops of a desk. Call `store_changed` whenever the store has changed."""

    desk: Desk
    outbox: Outbox
    key_values: KeyValueStore | None = None
    """Stores where `Get help` is posted; None: it is not posted."""
    stats: StatsSource | None = None
    """What the lag monitor reads and writes; None: there is no monitor, and /readyz proves no write."""
    worker_pool: WorkerPool | None = None
    """The workers of all replicas; None: this process delivers everything."""
    pager_test_at: time | None = None
    """The time of day, in UTC, to test the pager; None: not by this replica."""
    expiring_store: ExpiringStore | None = None
    """The store to delete old rows from; None: nothing is deleted."""
    learn: Sequence[Callable[[], Awaitable[None]]] = ()
    """Functions with which platforms refresh data that another process may have changed."""
    parts: Sequence[Callable[[], Sequence[str]]] = ()
    """What else says whether it is ready: the log and the platforms."""
    _scheduler_signal: WakeSignal = field(default_factory=WakeSignal)
    _delivery_signal: WakeSignal = field(default_factory=WakeSignal)
    _failing: set[str] = field(default_factory=set)
    _progress_at: datetime = field(default_factory=real_now)
    _delivery: Delivery = field(init=False)
    _write_proof: WriteProof | None = field(init=False)
    _monitor: LagMonitor | None = None

    def __post_init__(self) -> None:
        self._write_proof = WriteProof(self.stats, WallClock()) if self.stats is not None else None
        self._delivery = Delivery(self.desk, self.outbox, WallClock(), self._delivery_signal)
        self.desk.metrics = process_metrics()

    def store_changed(self) -> None:
        self._scheduler_signal.trigger()
        self._delivery_signal.trigger()

    def write_failed(self) -> None:
        """Proves a write at once. Call it when the database has made a write fail."""
        if self._write_proof is not None:
            self._write_proof.forget()
        if self._monitor is not None:
            self._monitor.suspect()

    async def readiness_faults(self) -> list[str]:
        """Why the desk is not ready, for /readyz; empty if it is. Raises what the store raises."""
        failing = [line for faults_of in self.parts for line in faults_of()]
        failing += [f"{loop} is failing" for loop in sorted(self._failing)]
        if jumped := clock_fault(self.desk.clock):
            failing.append(jumped)
        if self._write_proof and (unwritable := await self._write_proof.fault()):
            # A store that cannot be written may not answer questions in time, either.
            return [*failing, unwritable]
        if (backing_off := len(self._delivery.backoff.active())) > 1:
            failing.append(f"the store fails for {backing_off} lanes of messages")
        wake = await self.desk.store.next_wake()
        silent = real_now() - self._progress_at
        overdue = wake is not None and wake <= self.desk.clock.now() - MAX_SCHEDULER_LAG
        if overdue and silent > MAX_SCHEDULER_LAG:
            failing.append(f"tickets are due, and nothing was woken for {silent.total_seconds():.0f} s")
        return failing

    def _on_progress(self) -> None:
        self._progress_at = real_now()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the loops, and stops them cleanly on exit."""
        tasks = [
            asyncio.create_task(self._supervised("scheduler", self._schedule)),
            asyncio.create_task(self._supervised("refresh", self._refresh)),
        ]
        for name, loop in self._delivery_loops():
            tasks.append(asyncio.create_task(self._supervised(name, loop)))
        if self.stats is not None:
            send_lane = self._delivery.send_lane
            self._monitor = LagMonitor(self.desk, self.stats, WallClock(), send_lane, self._write_proof)
            tasks.append(asyncio.create_task(self._supervised("monitor", self._monitor.run)))
        try:
            yield
        finally:
            await _cancel_all(tasks)

    async def _schedule(self) -> None:
        housekeeping, timed_work = Housekeeping(self.desk, self._chores()), TimedWork(self.desk)
        handlers: dict[str, TimerHandler] = {
            **housekeeping.handlers,
            **timed_work.handlers,
        }
        await away.load(self.desk)
        await forecast.schedule(self.desk)
        await monthly.schedule(self.desk)
        if self.pager_test_at is not None:
            await pager_test.schedule(self.desk, self.pager_test_at)
            handlers[pager_test.KIND] = partial(pager_test.on_timer, self.desk)

        def fired(kind: str) -> None:
            housekeeping.begin(kind)
            timed_work.begin(kind)

        poll = POLL_EVERY if self.worker_pool is not None else None
        async with housekeeping.running(), timed_work.running():
            await scheduler.run(
                self.desk,
                self._scheduler_signal,
                self._on_progress,
                handlers,
                fired=fired,
                poll=poll,
            )

    def _chores(self) -> dict[str, Chore]:
        chores: dict[str, Chore] = {}
        if self.key_values is not None:
            chores[HELP] = partial(self._post_help_messages, self.key_values)
            chores[BOARDS] = partial(ticket_board.refresh_all, self.desk)
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
            except Exception:  # a dead loop would break every later promise
                self._failing.add(name)
                log.exception("a loop failed and will be restarted", loop=name)
                await asyncio.sleep(RESTART_AFTER)

    async def _refresh(self) -> None:
        """Refreshes addresses, installations and user groups, which each process caches."""
        for count in itertools.count(1):
            await asyncio.sleep(REFRESH_EVERY)
            for learn in (self._refresh_addresses, *self.learn):
                try:
                    await learn()
                except Exception:  # the desk continues with the cached data
                    log_fault(log, "could not refresh cached data")
            if count % REFRESHES_PER_GROUPS == 0:
                for line in await self.desk.directory.refresh(self.desk.platforms):
                    log.warning(line)

    async def _refresh_addresses(self) -> None:
        if self.key_values is not None:
            await channels.load_renames(self.desk, self.key_values)
        await away.load(self.desk)


async def _cancel_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancels tasks until they end, because asyncio.wait_for may swallow a cancellation (Python 3.11)."""
    pending = {*tasks}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_AFTER)
    await asyncio.gather(*tasks, return_exceptions=True)


def freeze_loaded_objects() -> None:
    """Excludes everything that is loaded now from garbage collection.

    Policies, calendars and libraries are some hundred thousand objects. Scanning them blocks the event loop
    for 35 ms, again and again under load. `GC_THRESHOLDS` of `bot/cli/app.py` make it rare besides.
    """
    gc.collect()
    gc.freeze()
