"""The real process in a storm: killed at random moments, it loses nothing and decides nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sla_core.events import Acknowledged, Breached, Event, Warned
from tests.roof.storm import Storm

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


async def storm(
    folder: Path, seed: int, lives: int, kills: int, speed: float, told: Callable[[int], None]
) -> None:
    began = time.monotonic()
    async with Storm(folder, seed, lives, speed) as house:
        await house.listens()
        people = asyncio.gather(*map(house.lives_through, house.lives))
        await house.kills(kills, told)
        await people
        await house.last_retries()
        await asyncio.gather(*map(house.ends, house.lives))
        await house.slack.settle()
        calm = await house.all_said(within=60 + 5 * lives)
        assert await house.stopped() == 0
        histories = await house.is_well()
        fired = decided_once(histories)
        repeats = house.repeats()
        house.says_nothing_private()
        # A desk that is killed for minutes on end is behind, and its auditor says so.
        troubles = [line for desk in house.desks for line in desk.troubles() if line["event"] != BEHIND]
        assert troubles == []
        assert house.slack.complaints == []
        found = sum(line["event"].startswith("had arrived") for desk in house.desks for line in desk.logged)
        print(
            f"seed {seed}: {kills} kills, {lives} tickets, {dict(fired)}; "
            f"answers lost {len(house.unheard)}, found again {found}, said twice {repeats}; "
            f"all said {calm:.1f} s after the last act, {time.monotonic() - began:.0f} s in all"
        )


async def test_a_storm_of_kills(tmp_path: Path) -> None:
    """Complaint 23, 26, 36: nothing lost, nothing decided twice, nothing said twice."""
    await storm(tmp_path, seed=1, lives=4, kills=4, speed=900, told=lambda nth: None)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [11, 12, 13, 14])
async def test_a_long_storm_of_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int) -> None:
    """engine.md 3: two hundred kills, fifty to a seed."""

    def told(nth: int) -> None:
        if nth % 10 == 0:
            with capsys.disabled():
                print(f"seed {seed}: killed {nth} times", flush=True)

    await storm(tmp_path, seed, lives=12, kills=50, speed=300, told=told)
