"""Lanes are offered as soon as they may speak, and not while they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import pytest

from bot.clock import WakeSignal, WallClock
from bot.ports import Clock
from bot.runtime.delivery import LaneBackoff
from bot.runtime.lane_dispatcher import EVERY, LaneDispatcher
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes
from tests.waiting import turns

REAL = WallClock()


class LanesStub:
    """An outbox and a delivery of which only the lanes count."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self.going_on = asyncio.Event()
        self.backoff = LaneBackoff(WallClock())

    async def lanes(self, ready_at: object, limit: int) -> list[str]:
        return self.ready[:limit]

    async def next_ready(self, after: object) -> None:
        return None

    def must_wait(self, lane: str, busy: Collection[str]) -> bool:
        return False

    async def send_lane(self, lane: str) -> int:
        await self.going_on.wait()
        return 1


class RecordingPool:
    """A crew that does nothing but note what it was offered."""

    def __init__(self) -> None:
        self.offered: list[list[str]] = []
        self.recoveries = 0
        self.heard = asyncio.Event()

    async def run(self, send_lane: Callable[[str], Awaitable[object]]) -> None:
        raise NotImplementedError

    async def offer(self, lanes: Sequence[str]) -> None:
        self.offered.append([*lanes])
        self.heard.set()

    async def recover(self) -> None:
        self.recoveries += 1


def dispatcher(
    lanes: LanesStub, pool: RecordingPool, wake_signal: WakeSignal, clock: Clock = REAL
) -> LaneDispatcher:
    return LaneDispatcher(pool, lanes, lanes, clock, wake_signal)  # type: ignore[arg-type]


async def test_a_lane_held_here_is_not_offered_again() -> None:
    lanes, pool, wake_signal = LanesStub(), RecordingPool(), WakeSignal()
    made = dispatcher(lanes, pool, wake_signal)
    lanes.ready = ["acme", "triage"]
    assert await made.offer_ready_lanes() == ["acme", "triage"]
    speaking = asyncio.create_task(made.send_lane("acme"))
    await turns(1)
    assert await made.offer_ready_lanes() == ["triage"]
    lanes.going_on.set()
    await speaking
    assert await made.offer_ready_lanes() == ["acme", "triage"]
    assert pool.offered == [["acme", "triage"], ["triage"], ["acme", "triage"]]


async def test_an_empty_lane_is_not_offered() -> None:
    lanes, pool = LanesStub(), RecordingPool()
    assert await dispatcher(lanes, pool, WakeSignal()).offer_ready_lanes() == []
    assert pool.offered == []


@in_virtual_time
async def test_a_wake_signal_is_answered_at_once_and_polling_takes_a_second() -> None:
    lanes, pool, wake_signal, clock = (
        LanesStub(),
        RecordingPool(),
        WakeSignal(),
        VirtualClock("2026-03-20T15:30:00Z"),
    )
    sweeping = asyncio.create_task(dispatcher(lanes, pool, wake_signal, clock).run())
    await time_passes(0.1)
    lanes.ready = ["acme"]
    began = clock.now()
    wake_signal.trigger()
    await pool.heard.wait()
    assert clock.now() == began
    pool.heard.clear()
    await pool.heard.wait()
    assert clock.now() == began + EVERY
    assert pool.recoveries >= 1
    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping
