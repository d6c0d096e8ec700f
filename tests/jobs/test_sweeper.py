"""Lanes are offered as soon as they may speak, and not while they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import pytest

from bot.bell import Bell
from bot.clock import WallClock
from bot.ports import Clock
from bot.rests import Rests
from bot.sweeper import EVERY, Sweeper
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes
from tests.waiting import turns

REAL = WallClock()


class Lanes:
    """An outbox and a courier of which only the lanes count."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self.going_on = asyncio.Event()
        self.rests = Rests(WallClock())

    async def lanes(self, ready_at: object, limit: int) -> list[str]:
        return self.ready[:limit]

    async def next_ready(self, after: object) -> None:
        return None

    def yields(self, lane: str, busy: Collection[str]) -> bool:
        return False

    async def speak(self, lane: str) -> int:
        await self.going_on.wait()
        return 1


class Noted:
    """A crew that does nothing but note what it was offered."""

    def __init__(self) -> None:
        self.offered: list[list[str]] = []
        self.rescues = 0
        self.heard = asyncio.Event()

    async def run(self, speak: Callable[[str], Awaitable[object]]) -> None:
        raise NotImplementedError

    async def offer(self, lanes: Sequence[str]) -> None:
        self.offered.append([*lanes])
        self.heard.set()

    async def rescue(self) -> None:
        self.rescues += 1


def sweeper(lanes: Lanes, crew: Noted, bell: Bell, clock: Clock = REAL) -> Sweeper:
    return Sweeper(crew, lanes, lanes, clock, bell)  # type: ignore[arg-type]


async def test_what_speaks_here_is_not_offered_again() -> None:
    lanes, crew, bell = Lanes(), Noted(), Bell()
    made = sweeper(lanes, crew, bell)
    lanes.ready = ["acme", "triage"]
    assert await made.sweep() == ["acme", "triage"]
    speaking = asyncio.create_task(made.speak("acme"))
    await turns(1)
    assert await made.sweep() == ["triage"]
    lanes.going_on.set()
    await speaking
    assert await made.sweep() == ["acme", "triage"]
    assert crew.offered == [["acme", "triage"], ["triage"], ["acme", "triage"]]


async def test_nothing_to_say_is_not_offered() -> None:
    lanes, crew = Lanes(), Noted()
    assert await sweeper(lanes, crew, Bell()).sweep() == []
    assert crew.offered == []


@in_virtual_time
async def test_a_bell_is_heard_at_once_and_silence_lasts_a_second() -> None:
    lanes, crew, bell, clock = Lanes(), Noted(), Bell(), VirtualClock("2026-03-20T15:30:00Z")
    sweeping = asyncio.create_task(sweeper(lanes, crew, bell, clock).run())
    await time_passes(0.1)
    lanes.ready = ["acme"]
    began = clock.now()
    bell.ring()
    await crew.heard.wait()
    assert clock.now() == began
    crew.heard.clear()
    await crew.heard.wait()
    assert clock.now() == began + EVERY
    assert crew.rescues >= 1
    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping
