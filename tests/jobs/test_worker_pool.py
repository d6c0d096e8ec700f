"""The work of replicas: offered once, done by one of them, taken over when its owner died."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
import pytest_asyncio

from adapters import worker_pool
from adapters.worker_pool import CONCURRENCY, LANES, STALE, WorkerPool, connect
from tests.waiting import PATIENCE

ACME, TRIAGE, PAGE = "slack:C0ACME", "slack:C0TRIAGE", "page:slack:U0BOB"


@pytest_asyncio.fixture
async def pool(postgres_url: str) -> AsyncIterator[WorkerPool]:
    async with connect(postgres_url) as made:
        yield made


def jobs(url: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(url) as connection:
        asked = connection.execute(
            "SELECT queue_name, lock, status::text FROM procrastinate_jobs ORDER BY id"
        )
        return asked.fetchall()


class RecordingWorker:
    """Who spoke, in order; the first of each lane may be held."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self._news = asyncio.Event()

    async def __call__(self, lane: str) -> None:
        self.delivered.append(lane)
        self._news.set()
        await self.free.wait()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.delivered) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(pool: WorkerPool, speak: Callable[[str], Awaitable[object]]) -> AsyncIterator[None]:
    task = asyncio.create_task(pool.run(speak))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_offered_job_is_done_and_leaves_no_row(pool: WorkerPool, postgres_url: str) -> None:
    recorder = RecordingWorker()
    await pool.offer([ACME, TRIAGE, PAGE])
    assert [lock for _, lock, _ in jobs(postgres_url)] == [ACME, TRIAGE, PAGE]
    async with running(pool, recorder):
        await recorder.until(3)
    assert sorted(recorder.delivered) == sorted([ACME, TRIAGE, PAGE])
    assert jobs(postgres_url) == []


async def test_a_waiting_lane_is_not_offered_twice(pool: WorkerPool, postgres_url: str) -> None:
    await pool.offer([ACME])
    await pool.offer([ACME, TRIAGE])
    await asyncio.gather(*(pool.offer([ACME, TRIAGE, PAGE]) for _ in range(4)))
    assert sorted(lock for _, lock, _ in jobs(postgres_url)) == sorted([ACME, TRIAGE, PAGE])


async def test_a_lane_has_one_job_at_a_time(pool: WorkerPool) -> None:
    recorder = RecordingWorker()
    recorder.free.clear()
    async with running(pool, recorder):
        await pool.offer([ACME])
        await recorder.until(1)
        await pool.offer([ACME, TRIAGE])
        await recorder.until(2)
        assert recorder.delivered == [ACME, TRIAGE]
        recorder.free.set()
        await recorder.until(3)
    assert recorder.delivered == [ACME, TRIAGE, ACME]


async def test_pages_do_not_wait_for_slow_channels(pool: WorkerPool) -> None:
    recorder = RecordingWorker()
    recorder.free.clear()
    async with running(pool, recorder):
        await pool.offer([f"slack:C{n}" for n in range(CONCURRENCY[LANES] + 2)])
        await recorder.until(CONCURRENCY[LANES])
        await pool.offer([PAGE])
        await recorder.until(CONCURRENCY[LANES] + 1)
        assert recorder.delivered[-1] == PAGE
        recorder.free.set()


async def test_a_failed_lane_is_released(pool: WorkerPool, postgres_url: str) -> None:
    recorder = RecordingWorker()

    async def fails(lane: str) -> None:
        await recorder(lane)
        raise RuntimeError("no")

    async with running(pool, fails):
        await pool.offer([ACME])
        await recorder.until(1)
        await pool.offer([ACME])
        await recorder.until(2)
    assert jobs(postgres_url) == []


async def test_jobs_of_a_dead_worker_are_removed(pool: WorkerPool, postgres_url: str) -> None:
    """Also what an older crash left behind: of a worker that is gone, and of one that is silent."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        (silent,) = connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))"
            " RETURNING id",
            (STALE + 1,),
        ).fetchone() or (0,)
        for lane, worker in ((ACME, silent), (TRIAGE, None)):
            connection.execute(
                "INSERT INTO procrastinate_jobs"
                " (queue_name, task_name, lock, queueing_lock, args, status, worker_id)"
                " VALUES (%s, 'speak', %s, %s, '{}', 'doing', %s)",
                (LANES, lane, lane, worker),
            )
    await pool.offer([ACME])
    await asyncio.gather(pool.recover(), pool.recover())
    await pool.offer([TRIAGE])
    recorder = RecordingWorker()
    async with running(pool, recorder):
        await recorder.until(2)
    assert recorder.delivered == [ACME, TRIAGE]


async def test_the_pool_continues_after_a_lost_connection(pool: WorkerPool, postgres_url: str) -> None:
    recorder = RecordingWorker()
    async with running(pool, recorder):
        await pool.offer([ACME])
        await recorder.until(1)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await pool.offer([TRIAGE])
        await recorder.until(2)
    assert recorder.delivered == [ACME, TRIAGE]


async def test_stopping_waits_for_running_jobs(pool: WorkerPool, postgres_url: str) -> None:
    recorder = RecordingWorker()
    recorder.free.clear()
    async with running(pool, recorder):
        await pool.offer([ACME])
        await recorder.until(1)
        asyncio.get_running_loop().call_later(0.3, recorder.free.set)
    assert recorder.free.is_set()
    assert jobs(postgres_url) == []


async def test_a_worker_that_ends_as_it_is_stopped_is_not_started_again(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away at that moment: the worker ends without an error, and keeps the cancellation."""
    began = asyncio.Event()

    async def ends_anyhow(**options: object) -> None:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr(pool.app, "run_worker_async", ends_anyhow)
    async with asyncio.timeout(PATIENCE), running(pool, RecordingWorker()):
        await began.wait()


async def test_a_worker_that_misses_its_cancellation_is_cancelled_again(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that was stopped as it started ran on for ever: its database pool had swallowed the stop."""
    began, missed = asyncio.Event(), asyncio.Event()

    async def misses_the_first(**options: object) -> None:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        missed.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(worker_pool, "CANCEL_AGAIN_AFTER", 0.01)
    monkeypatch.setattr(pool.app, "run_worker_async", misses_the_first)
    async with asyncio.timeout(PATIENCE), running(pool, RecordingWorker()):
        await began.wait()
    assert missed.is_set()
