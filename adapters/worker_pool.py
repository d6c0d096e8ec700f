"""The replicas of a desk as one crew: what is offered to it is done by whichever of them is free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from psycopg.errors import RaiseException

log = structlog.get_logger(__name__)
# It logs a traceback for each of its connections that breaks; what became of its work we log ourselves.
logging.getLogger("procrastinate").setLevel(logging.CRITICAL)

DeliverLane = Callable[[str], Awaitable[object]]

TASK = "speak"
LANES, PAGES = "lanes", "pages"
"""Queues. Pages have workers of their own: they never wait for a place that is slow to answer."""
CONCURRENCY = {LANES: 128, PAGES: 32}
"""Lanes that one replica speaks for at the same time."""
CONNECTIONS = 4
"""At most, besides the one that each of the queues listens on: six for one replica."""
HEARTBEAT, STALE = 1.0, 5.0
"""Seconds between signs of life of a worker, and until one without them is taken for dead."""
POLL = 1.0
"""Seconds after which a worker looks for work that no notification told it of."""
SHUTDOWN_GRACE = 3.5
"""Seconds that what is under way has to end when we stop."""
CANCEL_AGAIN_AFTER = SHUTDOWN_GRACE + 0.5
"""Seconds until a worker that has not ended is cancelled once more."""
RESTART_AFTER, LONGEST_PAUSE = 0.2, 2.0
"""Seconds before workers that ended are started again, doubling while they keep ending at once."""


class WorkerPool:
    """Implements bot.runtime.lane_dispatcher.WorkerPool. A job is only a lane's name: it may be lost."""

    def __init__(self, conninfo: str) -> None:
        connector = PsycopgConnector(
            conninfo=conninfo, min_size=1, max_size=CONNECTIONS, timeout=3.0, reconnect_timeout=2.0
        )
        self.app = App(connector=connector)
        self._jobs = self.app.job_manager
        self._deliver_lane: DeliverLane | None = None
        self.app.task(name=TASK)(self._run_job)

    async def _run_job(self, lane: str) -> None:
        assert self._deliver_lane is not None
        try:
            await self._deliver_lane(lane)
        except Exception:  # it is offered again, once whoever held it is overtaken
            log.exception("a lane could not speak", lane=lane)

    async def run(self, deliver_lane: DeliverLane) -> None:
        """Do what is offered, for ever. When this is cancelled, what is under way is given time to end."""
        self._deliver_lane = deliver_lane
        async with asyncio.TaskGroup() as workers:
            for queue in CONCURRENCY:
                workers.create_task(self._keep_working(queue))

    async def offer(self, lanes: Sequence[str]) -> None:
        """Have each of them spoken for, in this order; not twice, if it waits for that already."""
        waiting = await self._jobs.list_jobs_async(task=TASK, status=Status.TODO.value)
        known = {job.queueing_lock for job in waiting}
        jobs = [_job(lane) for lane in lanes if lane not in known]
        try:
            await self._jobs.batch_defer_jobs_async(jobs)
        except AlreadyEnqueued:
            # Another replica was quicker with one of them, and nothing was kept of the others.
            await asyncio.gather(*map(self._offer_one, jobs))

    async def _offer_one(self, job: Job) -> None:
        try:
            await self._jobs.defer_job_async(job)
        except AlreadyEnqueued:
            log.debug("offered by another replica", lane=job.lock)

    async def recover(self) -> None:
        """Take away the work of those who died: their lanes may be offered again."""
        for job in await self._jobs.get_stalled_jobs(seconds_since_heartbeat=STALE):
            assert job.id is not None
            try:
                await self._jobs.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
            except ConnectorException as fault:
                if not isinstance(fault.__cause__, RaiseException):
                    raise
                log.debug("rescued by another replica", lane=job.lock)
            else:
                log.warning("another replica died or froze while it spoke for a lane", lane=job.lock)
        await self._jobs.prune_stalled_workers(STALE)

    async def _keep_working(self, queue: str) -> None:
        """A worker ends when the database goes away, with an error or without: it is started again."""
        loop, pause = asyncio.get_running_loop(), RESTART_AFTER
        while True:
            began = loop.time()
            worker = asyncio.create_task(
                self.app.run_worker_async(
                    queues=[queue],
                    name=queue,
                    concurrency=CONCURRENCY[queue],
                    fetch_job_polling_interval=POLL,
                    abort_job_polling_interval=3600.0,
                    shutdown_graceful_timeout=SHUTDOWN_GRACE,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=STALE,
                )
            )
            try:
                await asyncio.wait([worker])
            finally:
                fault = await _cancelled(worker)
            why = type(fault).__name__ if fault else "without an error"
            pause = RESTART_AFTER if loop.time() - began > STALE else min(2 * pause, LONGEST_PAUSE)
            log.warning("a worker ended and is started again", queue=queue, why=why)
            await asyncio.sleep(pause)


@asynccontextmanager
async def connect(conninfo: str) -> AsyncIterator[WorkerPool]:
    """The crew of a database whose tables are there."""
    pool = WorkerPool(conninfo)
    async with pool.app.open_async():
        yield pool


async def _cancelled(worker: asyncio.Task[None]) -> BaseException | None:
    """Cancel it until it ends: in a library, asyncio.wait_for may swallow a cancellation (Python 3.11).

    Returns the error with which it ended, or None.
    """
    while not worker.done():
        worker.cancel()
        await asyncio.wait([worker], timeout=CANCEL_AGAIN_AFTER)
    return None if worker.cancelled() else worker.exception()


def _job(lane: str) -> Job:
    queue = PAGES if lane.startswith("page:") else LANES
    return Job(queue=queue, lock=lane, queueing_lock=lane, task_name=TASK, task_kwargs={"lane": lane})
