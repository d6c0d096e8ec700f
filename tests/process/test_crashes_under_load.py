"""The real process in a storm: killed at random moments, it loses nothing and decides nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sla_core.events import Acknowledged, Breached, Event, Warned
from tests.postgres import Postgres
from tests.process.crash_run import CrashRun
from tests.process.expected_messages import KINDS

BEHIND = "the desk is behind"


def decided_once(histories: dict[str, tuple[Event, ...]]) -> Counter[str]:
    """One warning and one breach of each promise, never before its time; how many of each."""
    fired: Counter[str] = Counter()
    for key, events in histories.items():
        told = [event for event in events if isinstance(event, Warned | Breached)]
        assert set(Counter((type(event), event.metric, event.run) for event in told).values()) <= {1}, key
        assert all(event.at >= event.due_at for event in told if isinstance(event, Breached))
        assert sum(isinstance(event, Acknowledged) for event in events) == 1, key
        fired.update(type(event).__name__ for event in told)
    return fired


async def crash_run(site: CrashRun, kills: int, told: Callable[[int], None] = lambda nth: None) -> None:
    began, lives = time.monotonic(), site.lives
    async with site:
        await site.listens()
        people = asyncio.gather(*map(site.comes, lives))
        await site.kills(kills, told)
        await people
        await site.last_retries()
        await asyncio.gather(*map(site.ends, lives))
        await site.slack.settle()
        calm = await site.all_said(within=60 + 5 * len(lives))
        assert await site.stopped() == 0
        fired = decided_once(await site.is_well())
        repeats = site.repeats()
        site.says_nothing_private()
        # A desk that is killed for minutes lags behind, and its lag monitor reports it.
        troubles = [line for desk in site.desks for line in desk.troubles() if line["event"] != BEHIND]
        assert troubles == []
        assert site.slack.complaints == []
        found = sum(line["event"].startswith("had arrived") for desk in site.desks for line in desk.logged)
        print(
            f"{kills} kills, {site.at_rest} of them at rest, {len(lives)} tickets, {dict(fired)};"
            f" tried again {site.tried_again} times;"
            f" said as owed: {dict(site.all_messages)};"
            f" answers lost {len(site.maybe_repeated)}, found again {found}, said twice {repeats};"
            f" all said {calm:.1f} s after the last act, {time.monotonic() - began:.0f} s in all"
        )


async def test_many_kills_under_load(tmp_path: Path) -> None:
    """Complaint 23, 26, 36: nothing lost, nothing decided twice, nothing said twice."""
    await crash_run(CrashRun(tmp_path, seed=1, lives=2, speed=1800), kills=2)


async def test_a_storm_of_kills_with_replicas(postgres: Postgres, tmp_path: Path) -> None:
    await crash_run(CrashRun(tmp_path, 2, 2, 1800, postgres.fresh(), replicas=2), kills=2)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Progress of what takes minutes."""

    def tell(nth: int) -> None:
        if nth % 10 == 0:
            with capsys.disabled():
                print(f"{request.node.name}: killed {nth} times", flush=True)

    return tell


@pytest.mark.soak
@pytest.mark.parametrize("seed", [11, 12, 13, 14])
async def test_many_kills_under_load_for_long(tmp_path: Path, told: Callable[[int], None], seed: int) -> None:
    """engine.md 3: two hundred kills, fifty to a seed; something of every kind was owed, and was said."""
    site = CrashRun(tmp_path, seed, lives=24, speed=300, module="bot")
    await crash_run(site, 50, told)
    assert all(site.all_messages[kind] for kind in KINDS), site.all_messages


@pytest.mark.soak
@pytest.mark.parametrize("seed", [21, 22, 23, 24])
async def test_a_long_storm_of_kills_with_replicas(
    postgres: Postgres, tmp_path: Path, told: Callable[[int], None], seed: int
) -> None:
    """The same two hundred on PostgreSQL, with two replicas."""
    site = CrashRun(tmp_path, seed, 36, 600, postgres.fresh(), replicas=2, module="bot")
    await crash_run(site, 50, told)
    assert all(site.all_messages[kind] for kind in KINDS), site.all_messages
