"""A worker pool of all replicas of a desk, on procrastinate: a free one handles each offered lane."""

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
# It logs a traceback for each broken connection. We log the outcome of its work ourselves.
logging.getLogger("procrastinate").setLevel(logging.CRITICAL)

DeliverLane = Callable[[str], Awaitable[object]]

TASK = "speak"
LANES, PAGES = "lanes", "pages"
"""Queues. Pages have their own workers, so they never wait for a place that is slow to answer."""
CONCURRENCY = {LANES: 128, PAGES: 32}
"""How many lanes one replica sends for at the same time."""
CONNECTIONS = 4
"""At most, besides one for each queue to listen on: six for one replica."""
HEARTBEAT, STALE = 1.0, 5.0
"""Seconds between heartbeats of a worker, and until a worker without them counts as dead."""
POLL = 1.0
"""Seconds after which a worker looks for work whose notification it missed."""
SHUTDOWN_GRACE = 3.5
"""Seconds that running jobs have to end when we stop."""
CANCEL_AGAIN_AFTER = SHUTDOWN_GRACE + 0.5
"""Seconds until a worker that has not ended is cancelled once more."""
RESTART_AFTER, LONGEST_PAUSE = 0.2, 2.0
"""Seconds before a worker that ended is restarted, doubling while it keeps ending at once."""


class WorkerPool:
    """Implements bot.runtime.lane_dispatcher.WorkerPool. A job is only a lane's name, so it may be lost."""

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
        except Exception:  # it is offered again when its lease ends
            log.exception("sending for a lane failed", lane=lane)

    async def run(self, send_lane: DeliverLane) -> None:
        """Calls `send_lane` for offered lanes until cancelled; running jobs then have time to end."""
        self._deliver_lane = send_lane
        async with asyncio.TaskGroup() as workers:
            for queue in CONCURRENCY:
                workers.create_task(self._keep_working(queue))

    async def offer(self, lanes: Sequence[str]) -> None:
        """Queues lanes in this order, except those that wait in the queue already."""
        waiting = await self._jobs.list_jobs_async(task=TASK, status=Status.TODO.value)
        known = {job.queueing_lock for job in waiting}
        jobs = [_job(lane) for lane in lanes if lane not in known]
        try:
            await self._jobs.batch_defer_jobs_async(jobs)
        except AlreadyEnqueued:
            # Another replica queued one of them first, and none of ours was stored.
            await asyncio.gather(*map(self._offer_one, jobs))

    async def _offer_one(self, job: Job) -> None:
        try:
            await self._jobs.defer_job_async(job)
        except AlreadyEnqueued:
            log.debug("offered by another replica", lane=job.lock)

    async def recover(self) -> None:
        """Removes the jobs of dead workers, so that their lanes may be offered again."""
        for job in await self._jobs.get_stalled_jobs(seconds_since_heartbeat=STALE):
            assert job.id is not None
            try:
                await self._jobs.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
            except ConnectorException as fault:
                if not isinstance(fault.__cause__, RaiseException):
                    raise
                log.debug("recovered by another replica", lane=job.lock)
            else:
                log.warning("another replica died or froze while it sent for a lane", lane=job.lock)
        await self._jobs.prune_stalled_workers(STALE)

    async def _keep_working(self, queue: str) -> None:
        """Restarts a worker whenever it ends; if the database is down, it ends even without an error."""
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
            log.warning("a worker ended and is restarted", queue=queue, why=why)
            await asyncio.sleep(pause)


@asynccontextmanager
async def connect(conninfo: str) -> AsyncIterator[WorkerPool]:
    """The worker pool of a migrated database."""
    pool = WorkerPool(conninfo)
    async with pool.app.open_async():
        yield pool


async def _cancelled(worker: asyncio.Task[None]) -> BaseException | None:
    """Cancels a worker until it ends: asyncio.wait_for in a library may swallow a cancellation (Python 3.11).

    Returns the error with which it ended, or None.
    """
    while not worker.done():
        worker.cancel()
        await asyncio.wait([worker], timeout=CANCEL_AGAIN_AFTER)
    return None if worker.cancelled() else worker.exception()


def _job(lane: str) -> Job:
    queue = PAGES if lane.startswith("page:") else LANES
    return Job(queue=queue, lock=lane, queueing_lock=lane, task_name=TASK, task_kwargs={"lane": lane})
