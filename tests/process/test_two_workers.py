"""engine.md 3, 4, 5 on PostgreSQL: one of two workers is killed or frozen, the database is restarted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.process.worker_pair import WorkerPair

STALE = 5.0
HAND_OVER = STALE + 2.0
"""Seconds until what a dead one had in hand is in another's."""
BUSY = 3
"""How many times as long a busy machine may take."""
Report = Callable[[str], None]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Report:
    """Progress of what takes minutes."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    return tell


async def ends_well(site: WorkerPair, tickets: int, told: Report) -> dict[str, int]:
    """What was said more than once."""
    assert [process.returncode for process in site.two] == [None, None], "both are alive"
    calm = time.monotonic()
    await site.quiet(within=120 + tickets / 5)
    calm = time.monotonic() - calm
    assert await site.stops() == [0, 0]
    fired = await site.decided(tickets)
    assert fired["Breached"] >= tickets
    repeated, posts = await site.said(), sum(map(len, site.platform.posts.values()))
    slowest = max(site.recoveries, default=0.0)
    told(
        f"{tickets} tickets, {dict(fired)}; {posts} posts, {len(site.held)} under way when a worker went,"
        f" {sum(repeated.values())} said twice; in other hands after {slowest:.1f} s at most,"
        f" breached {await site.latest_delay():.1f} s late at most; quiet {calm:.0f} s after the last"
    )
    return repeated


async def kills(
    postgres: Postgres, folder: Path, told: Report, tickets: int, times: int, *, finds_posted: bool, seed: int
) -> None:
    async with WorkerPair(folder, postgres.fresh(), seed, finds_posted=finds_posted) as site:
        await site.stock(tickets, lasting=3.5 * times)
        site.platform.hold()
        await site.starts()
        await site.starts()
        for nth in range(times):
            await site.kills_one()
            if nth + 1 < times:
                site.platform.hold()
            if nth % 10 == 9:
                told(f"killed {nth + 1} times")
        repeated = await ends_well(site, tickets, told)
        assert max(site.recoveries) <= BUSY * HAND_OVER
        assert not (finds_posted and repeated), repeated


@pytest.mark.parametrize(
    "finds_posted",
    [pytest.param(True, id="finds_posted"), pytest.param(False, id="cannot tell", marks=pytest.mark.soak)],
)
async def test_killing_one_of_two_workers_loses_and_repeats_nothing(
    postgres: Postgres, tmp_path: Path, finds_posted: bool
) -> None:
    """Where the platform can tell what arrived nothing is said twice; else what was in hand at most."""
    await kills(postgres, tmp_path, print, tickets=30, times=1, finds_posted=finds_posted, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("finds_posted", [True, False], ids=["finds_posted", "cannot tell"])
async def test_a_hundred_kills(postgres: Postgres, tmp_path: Path, told: Report, finds_posted: bool) -> None:
    """engine.md 3: fifty with each kind of platform, a thousand timers each."""
    await kills(postgres, tmp_path, told, tickets=1000, times=50, finds_posted=finds_posted, seed=2)


@pytest.mark.soak
async def test_freezing_one_of_two_workers_repeatedly_repeats_nothing(
    postgres: Postgres, tmp_path: Path, told: Report
) -> None:
    """engine.md 4: past its lease each time; what it had in hand is said twice at most, nothing else is."""
    times = 5
    async with WorkerPair(tmp_path, postgres.fresh(), seed=3, finds_posted=True) as site:
        await site.stock(1000, lasting=15 * times)
        await site.starts()
        await site.starts()
        for _ in range(times):
            site.platform.hold()
            await site.freezes_one()
        await ends_well(site, 1000, told)


@pytest.mark.soak
async def test_twenty_restarts_of_the_database_in_a_burst(
    postgres: Postgres, tmp_path: Path, told: Report
) -> None:
    """engine.md 5: as after power cuts, while a thousand timers fire; both workers live through it."""
    async with WorkerPair(tmp_path, postgres.fresh(), seed=4, finds_posted=True) as site:
        await site.stock(1000, lasting=60)
        await site.starts()
        await site.starts()
        for nth in range(20):
            site.platform.hold()
            await site.platform.call_held()
            site.platform.resume_calls()
            await asyncio.to_thread(postgres.restart)
            if nth % 5 == 4:
                told(f"restarted {nth + 1} times")
        assert await ends_well(site, 1000, told) == {}
