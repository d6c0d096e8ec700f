"""Delivers together with other replicas: each offers to all of them the lanes that have something to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from bot.bell import Bell
from bot.courier import Courier
from bot.ports import Clock, Outbox

EVERY = timedelta(seconds=1)
"""Between sweeps when no bell rings: another replica's commits do not ring ours."""
MOST = 100
"""Lanes of one sweep, the most urgent first."""


class Crew(Protocol):
    """All replicas. What is offered to them may be lost, for it is offered again."""

    async def run(self, speak: Callable[[str], Awaitable[object]]) -> None:
        """Do what is offered, for ever. When this is cancelled, what is under way is given time to end."""
        ...

    async def offer(self, lanes: Sequence[str]) -> None:
        """Have each of them spoken for, in this order; not twice, if it waits for that already."""
        ...

    async def rescue(self) -> None:
        """Take away the work of those who died: their lanes may be offered again."""
        ...


@dataclass
class Sweeper:
    """`clock` is real time. Lanes are held and fenced by the courier: the crew only says whose turn it is."""

    crew: Crew
    courier: Courier
    outbox: Outbox
    clock: Clock
    bell: Bell
    _speaking: set[str] = field(default_factory=set)

    async def speak(self, lane: str) -> None:
        """What the crew is to do with a lane; one that rests here, or yields, is offered again."""
        if lane in self.courier.rests.under_way() or self.courier.yields(lane, self._speaking):
            return
        self._speaking.add(lane)
        try:
            await self.courier.speak(lane)
        finally:
            self._speaking.discard(lane)
            # What was decided after its last look was not offered while it spoke.
            self.bell.ring()

    async def run(self) -> None:
        """Sweep for ever: whenever the bell rings, and every second."""
        rescued_at = self.clock.now() - EVERY
        self.courier.stopping = False
        try:
            while True:
                now = self.clock.now()
                if now - rescued_at >= EVERY:
                    await self.crew.rescue()
                    rescued_at = now
                await self.sweep()
                next_ready = await self.outbox.next_ready(now)
                await self.bell.wait(self.clock, min(next_ready or now + EVERY, now + EVERY))
        finally:
            self.courier.stopping = True

    async def sweep(self) -> list[str]:
        """Offer what may speak now and does not yet; which lanes these are."""
        resting = self.courier.rests.under_way()
        lanes = await self.outbox.lanes(self.clock.now(), MOST + len(resting))
        silent = list[str]()
        for lane in lanes:
            busy = [*self._speaking, *silent]
            if lane not in busy and lane not in resting and not self.courier.yields(lane, busy):
                silent.append(lane)
        if silent:
            await self.crew.offer(silent)
        return silent
