"""The work of replicas: offered once, done by one of them, taken over when its owner died."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
import pytest_asyncio

from adapters.jobs import crew as crews
from adapters.jobs.crew import AT_ONCE, LANES, STALE, Crew, connect
from tests.waiting import PATIENCE

ACME, TRIAGE, PAGE = "slack:C0ACME", "slack:C0TRIAGE", "page:slack:U0BOB"


@pytest_asyncio.fixture
async def crew(postgres_url: str) -> AsyncIterator[Crew]:
    async with connect(postgres_url) as made:
        yield made


def jobs(url: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(url) as connection:
        asked = connection.execute(
            "SELECT queue_name, lock, status::text FROM procrastinate_jobs ORDER BY id"
        )
        return asked.fetchall()


class Speaking:
    """Who spoke, in order; the first of each lane may be held."""

    def __init__(self) -> None:
        self.spoke: list[str] = []
        self.free = asyncio.Event()
        self.free.set()
        self._news = asyncio.Event()

    async def __call__(self, lane: str) -> None:
        self.spoke.append(lane)
        self._news.set()
        await self.free.wait()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.spoke) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(crew: Crew, speak: Callable[[str], Awaitable[object]]) -> AsyncIterator[None]:
    task = asyncio.create_task(crew.run(speak))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_is_offered_is_done_and_leaves_nothing(crew: Crew, postgres_url: str) -> None:
    speaking = Speaking()
    await crew.offer([ACME, TRIAGE, PAGE])
    assert [lock for _, lock, _ in jobs(postgres_url)] == [ACME, TRIAGE, PAGE]
    async with running(crew, speaking):
        await speaking.until(3)
    assert sorted(speaking.spoke) == sorted([ACME, TRIAGE, PAGE])
    assert jobs(postgres_url) == []


async def test_what_waits_already_is_not_offered_twice(crew: Crew, postgres_url: str) -> None:
    await crew.offer([ACME])
    await crew.offer([ACME, TRIAGE])
    await asyncio.gather(*(crew.offer([ACME, TRIAGE, PAGE]) for _ in range(4)))
    assert sorted(lock for _, lock, _ in jobs(postgres_url)) == sorted([ACME, TRIAGE, PAGE])


async def test_a_lane_is_spoken_for_once_at_a_time(crew: Crew) -> None:
    speaking = Speaking()
    speaking.free.clear()
    async with running(crew, speaking):
        await crew.offer([ACME])
        await speaking.until(1)
        await crew.offer([ACME, TRIAGE])
        await speaking.until(2)
        assert speaking.spoke == [ACME, TRIAGE]
        speaking.free.set()
        await speaking.until(3)
    assert speaking.spoke == [ACME, TRIAGE, ACME]


async def test_pages_do_not_wait_for_places_that_are_slow(crew: Crew) -> None:
    speaking = Speaking()
    speaking.free.clear()
    async with running(crew, speaking):
        await crew.offer([f"slack:C{n}" for n in range(AT_ONCE[LANES] + 2)])
        await speaking.until(AT_ONCE[LANES])
        await crew.offer([PAGE])
        await speaking.until(AT_ONCE[LANES] + 1)
        assert speaking.spoke[-1] == PAGE
        speaking.free.set()


async def test_a_lane_that_fails_is_let_go(crew: Crew, postgres_url: str) -> None:
    speaking = Speaking()

    async def fails(lane: str) -> None:
        await speaking(lane)
        raise RuntimeError("no")

    async with running(crew, fails):
        await crew.offer([ACME])
        await speaking.until(1)
        await crew.offer([ACME])
        await speaking.until(2)
    assert jobs(postgres_url) == []


async def test_the_work_of_the_dead_is_taken_away(crew: Crew, postgres_url: str) -> None:
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
    await crew.offer([ACME])
    await asyncio.gather(crew.rescue(), crew.rescue())
    await crew.offer([TRIAGE])
    speaking = Speaking()
    async with running(crew, speaking):
        await speaking.until(2)
    assert speaking.spoke == [ACME, TRIAGE]


async def test_it_goes_on_when_the_database_cut_it_off(crew: Crew, postgres_url: str) -> None:
    speaking = Speaking()
    async with running(crew, speaking):
        await crew.offer([ACME])
        await speaking.until(1)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await crew.offer([TRIAGE])
        await speaking.until(2)
    assert speaking.spoke == [ACME, TRIAGE]


async def test_what_is_under_way_may_end_when_it_is_stopped(crew: Crew, postgres_url: str) -> None:
    speaking = Speaking()
    speaking.free.clear()
    async with running(crew, speaking):
        await crew.offer([ACME])
        await speaking.until(1)
        asyncio.get_running_loop().call_later(0.3, speaking.free.set)
    assert speaking.free.is_set()
    assert jobs(postgres_url) == []


async def test_a_worker_that_ends_as_it_is_stopped_is_not_started_again(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away at that moment: the worker ends without an error, and keeps the cancellation."""
    began = asyncio.Event()

    async def ends_anyhow(**options: object) -> None:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr(crew.app, "run_worker_async", ends_anyhow)
    async with asyncio.timeout(PATIENCE), running(crew, Speaking()):
        await began.wait()


async def test_a_worker_that_misses_its_cancellation_is_cancelled_again(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that was stopped as it started ran on for ever: its database pool had swallowed the stop."""
    began, missed = asyncio.Event(), asyncio.Event()

    async def misses_the_first(**options: object) -> None:
        began.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        missed.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(crews, "CANCEL_AGAIN_AFTER", 0.01)
    monkeypatch.setattr(crew.app, "run_worker_async", misses_the_first)
    async with asyncio.timeout(PATIENCE), running(crew, Speaking()):
        await began.wait()
    assert missed.is_set()
