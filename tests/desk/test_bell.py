"""The bell: an instant or a ring, whichever comes first, and never a cancellation lost."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.bell import Bell
from bot.clock import WallClock

CLOCK = WallClock()
NEVER = CLOCK.now() + timedelta(days=30)


async def test_it_rings_before_the_instant() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(CLOCK, NEVER))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    bell.ring()
    async with asyncio.timeout(1):
        await waiting


async def test_a_ring_in_advance_counts_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    async with asyncio.timeout(1):
        await bell.wait(CLOCK, None)
    waiting = asyncio.create_task(bell.wait(CLOCK, None))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    bell.ring()
    await waiting


async def test_the_instant_comes_without_a_ring() -> None:
    async with asyncio.timeout(1):
        await Bell().wait(CLOCK, CLOCK.now() + timedelta(milliseconds=5))
        await Bell().wait(CLOCK, CLOCK.now() - timedelta(days=1))


async def test_a_cancellation_is_never_swallowed() -> None:
    """engine.md: a cancellation that races the wake-up left a loop running for ever."""
    for turns in range(12):
        bell = Bell()
        waiting = asyncio.create_task(bell.wait(CLOCK, NEVER))
        await asyncio.sleep(0)
        bell.ring()
        for _ in range(turns):
            await asyncio.sleep(0)
        if waiting.done():
            break
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(CLOCK, NEVER))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == before


async def test_a_clock_that_fails_is_heard_of() -> None:
    class Broken:
        def now(self) -> datetime:
            return CLOCK.now()

        async def sleep_until(self, instant: datetime) -> None:
            raise OverflowError("no such date")

    with pytest.raises(OverflowError):
        await Bell().wait(Broken(), NEVER)
