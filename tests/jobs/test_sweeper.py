"""Lanes are offered as soon as they may speak, and not while they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from bot.bell import Bell
from bot.clock import WallClock, real_now
from bot.rests import Rests
from bot.sweeper import Sweeper


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


def sweeper(lanes: Lanes, crew: Noted, bell: Bell) -> Sweeper:
    return Sweeper(crew, lanes, lanes, WallClock(), bell)  # type: ignore[arg-type]


async def test_what_speaks_here_is_not_offered_again() -> None:
    lanes, crew, bell = Lanes(), Noted(), Bell()
    made = sweeper(lanes, crew, bell)
    lanes.ready = ["acme", "triage"]
    assert await made.sweep() == ["acme", "triage"]
    speaking = asyncio.create_task(made.speak("acme"))
    await asyncio.sleep(0)
    assert await made.sweep() == ["triage"]
    lanes.going_on.set()
    await speaking
    assert await made.sweep() == ["acme", "triage"]
    assert crew.offered == [["acme", "triage"], ["triage"], ["acme", "triage"]]


async def test_nothing_to_say_is_not_offered() -> None:
    lanes, crew = Lanes(), Noted()
    assert await sweeper(lanes, crew, Bell()).sweep() == []
    assert crew.offered == []


async def test_a_bell_is_heard_at_once_and_silence_lasts_a_second() -> None:
    lanes, crew, bell = Lanes(), Noted(), Bell()
    sweeping = asyncio.create_task(sweeper(lanes, crew, bell).run())
    await asyncio.sleep(0)
    lanes.ready = ["acme"]
    began = real_now()
    bell.ring()
    async with asyncio.timeout(5):
        await crew.heard.wait()
    assert real_now() - began < timedelta(seconds=0.5)
    crew.heard.clear()
    async with asyncio.timeout(5):
        await crew.heard.wait()
    assert crew.rescues >= 1
    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping
