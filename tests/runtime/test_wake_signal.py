"""The wake signal: an instant or a ring, whichever comes first, and never a cancellation lost."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.clock import WakeSignal, parse_instant
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes
from tests.waiting import turns

START = "2026-03-20T15:30:00Z"
MONTH, DAY = timedelta(days=30), timedelta(days=1)


@in_virtual_time
async def test_a_signal_ends_the_wait_early() -> None:
    clock, wake_signal = VirtualClock(START, longest_sleep=DAY), WakeSignal()
    waiting = asyncio.create_task(wake_signal.wait(clock, clock.start + MONTH))
    await time_passes(DAY.total_seconds())
    assert not waiting.done()
    wake_signal.trigger()
    await waiting
    assert clock.now() == clock.start + DAY


@in_virtual_time
async def test_a_signal_set_in_advance_counts_once() -> None:
    clock, wake_signal = VirtualClock(START, longest_sleep=DAY), WakeSignal()
    wake_signal.trigger()
    wake_signal.trigger()
    await wake_signal.wait(clock, None)
    waiting = asyncio.create_task(wake_signal.wait(clock, None))
    await time_passes(DAY.total_seconds())
    assert not waiting.done()
    wake_signal.trigger()
    await waiting


@in_virtual_time
async def test_the_wait_ends_at_the_instant_without_a_signal() -> None:
    clock = VirtualClock(START, longest_sleep=DAY)
    await WakeSignal().wait(clock, clock.start + DAY)
    assert clock.now() == clock.start + DAY
    await WakeSignal().wait(clock, clock.start)
    assert clock.now() == clock.start + DAY, "what is past is not waited for"


@in_virtual_time
async def test_a_cancellation_is_never_swallowed() -> None:
    """engine.md: a cancellation that races the wake-up left a loop running forever."""
    for later in range(12):
        clock, wake_signal = VirtualClock(START, longest_sleep=DAY), WakeSignal()
        waiting = asyncio.create_task(wake_signal.wait(clock, clock.now() + MONTH))
        await turns(1)
        wake_signal.trigger()
        await turns(later)
        if waiting.done():
            break
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@in_virtual_time
async def test_no_task_is_left_behind() -> None:
    before = asyncio.all_tasks()
    clock, wake_signal = VirtualClock(START, longest_sleep=DAY), WakeSignal()
    waiting = asyncio.create_task(wake_signal.wait(clock, clock.start + MONTH))
    await turns(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == before


async def test_an_error_of_the_clock_is_raised() -> None:
    class Broken:
        def now(self) -> datetime:
            return parse_instant(START)

        async def sleep_until(self, instant: datetime) -> None:
            raise OverflowError("no such date")

    with pytest.raises(OverflowError):
        await WakeSignal().wait(Broken(), parse_instant(START) + MONTH)
