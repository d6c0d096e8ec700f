"""engine.md 3, 4, 5 on PostgreSQL: one of two workers is killed or frozen, the database is restarted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.roof.workers import Workers

STALE = 5.0
HAND_OVER = STALE + 2.0
"""Seconds until what a dead one had in hand is in another's."""
BUSY = 3
"""How many times as long a busy machine may take."""
Told = Callable[[str], None]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Progress of what takes minutes."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    return tell


async def ends_well(house: Workers, tickets: int, told: Told) -> dict[str, int]:
    """What was said more than once."""
    assert [process.returncode for process in house.two] == [None, None], "both are alive"
    calm = time.monotonic()
    await house.quiet(within=120 + tickets / 5)
    calm = time.monotonic() - calm
    assert await house.stops() == [0, 0]
    fired = await house.decided(tickets)
    assert fired["Breached"] >= tickets
    repeated, posts = await house.said(), sum(map(len, house.wire.posts.values()))
    slowest = max(house.recoveries, default=0.0)
    told(
        f"{tickets} tickets, {dict(fired)}; {posts} posts, {len(house.held)} under way when a worker went,"
        f" {sum(repeated.values())} said twice; in other hands after {slowest:.1f} s at most,"
        f" breached {await house.late():.1f} s late at most; quiet {calm:.0f} s after the last"
    )
    return repeated


async def kills(
    postgres: Postgres, folder: Path, told: Told, tickets: int, times: int, *, tells: bool, seed: int
) -> None:
    async with Workers(folder, postgres.fresh(), seed, tells=tells) as house:
        await house.stock(tickets, lasting=3.5 * times)
        house.wire.hold()
        await house.starts()
        await house.starts()
        for nth in range(times):
            await house.kills_one()
            if nth + 1 < times:
                house.wire.hold()
            if nth % 10 == 9:
                told(f"killed {nth + 1} times")
        repeated = await ends_well(house, tickets, told)
        assert max(house.recoveries) <= BUSY * HAND_OVER
        assert not (tells and repeated), repeated


@pytest.mark.parametrize("tells", [True, False], ids=["tells", "cannot tell"])
async def test_one_of_two_is_killed(postgres: Postgres, tmp_path: Path, tells: bool) -> None:
    """Where the platform can tell what arrived nothing is said twice; else what was in hand at most."""
    await kills(postgres, tmp_path, print, tickets=60, times=1, tells=tells, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("tells", [True, False], ids=["tells", "cannot tell"])
async def test_a_hundred_kills(postgres: Postgres, tmp_path: Path, told: Told, tells: bool) -> None:
    """engine.md 3: fifty with each kind of platform, a thousand timers each."""
    await kills(postgres, tmp_path, told, tickets=1000, times=50, tells=tells, seed=2)


@pytest.mark.soak
async def test_one_of_two_is_frozen_again_and_again(postgres: Postgres, tmp_path: Path, told: Told) -> None:
    """engine.md 4: past its lease each time; what it had in hand is said twice at most, nothing else is."""
    times = 5
    async with Workers(tmp_path, postgres.fresh(), seed=3, tells=True) as house:
        await house.stock(1000, lasting=15 * times)
        await house.starts()
        await house.starts()
        for _ in range(times):
            house.wire.hold()
            await house.freezes_one()
        await ends_well(house, 1000, told)


@pytest.mark.soak
async def test_twenty_restarts_of_the_database_in_a_burst(
    postgres: Postgres, tmp_path: Path, told: Told
) -> None:
    """engine.md 5: as after power cuts, while a thousand timers fire; both workers live through it."""
    async with Workers(tmp_path, postgres.fresh(), seed=4, tells=True) as house:
        await house.stock(1000, lasting=60)
        await house.starts()
        await house.starts()
        for nth in range(20):
            house.wire.hold()
            await house.wire.holds()
            house.wire.goes_on()
            await asyncio.to_thread(postgres.restart)
            if nth % 5 == 4:
                told(f"restarted {nth + 1} times")
        assert await ends_well(house, 1000, told) == {}
