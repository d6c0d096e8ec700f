"""Delivers together with other replicas: each offers to all of them the lanes that have something to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from bot.clock import WakeSignal
from bot.ports import Clock, Outbox
from bot.runtime.delivery import Delivery

EVERY = timedelta(seconds=1)
"""Between sweeps when no wake signal rings: another replica's commits do not ring ours."""
MAX_LANES_OFFERED = 100
"""Lanes of one sweep, the most urgent first."""


class WorkerPool(Protocol):
    """All replicas. What is offered to them may be lost, for it is offered again."""

    async def run(self, send_lane: Callable[[str], Awaitable[object]]) -> None:
        """Do what is offered, for ever. When this is cancelled, what is under way is given time to end."""
        ...

    async def offer(self, lanes: Sequence[str]) -> None:
        """Have each of them spoken for, in this order; not twice, if it waits for that already."""
        ...

    async def recover(self) -> None:
        """Take away the work of those who died: their lanes may be offered again."""
        ...


@dataclass
class LaneDispatcher:
    """`clock` is real time. Delivery holds and fences lanes: the worker pool only says which one is next."""

    worker_pool: WorkerPool
    delivery: Delivery
    outbox: Outbox
    clock: Clock
    wake_signal: WakeSignal
    _busy: set[str] = field(default_factory=set)

    async def send_lane(self, lane: str) -> None:
        """What the crew is to do with a lane; one that rests here, or yields, is offered again."""
        if lane in self.delivery.backoff.active() or self.delivery.must_wait(lane, self._busy):
            return
        self._busy.add(lane)
        try:
            await self.delivery.send_lane(lane)
        finally:
            self._busy.discard(lane)
            # What was decided after its last look was not offered while it spoke.
            self.wake_signal.trigger()

    async def run(self) -> None:
        """Sweep for ever: whenever the wake signal rings, and every second."""
        recovered_at = self.clock.now() - EVERY
        self.delivery.stopping = False
        try:
            while True:
                now = self.clock.now()
                if now - recovered_at >= EVERY:
                    await self.worker_pool.recover()
                    recovered_at = now
                await self.offer_ready_lanes()
                next_ready = await self.outbox.next_ready(now)
                await self.wake_signal.wait(self.clock, min(next_ready or now + EVERY, now + EVERY))
        finally:
            self.delivery.stopping = True

    async def offer_ready_lanes(self) -> list[str]:
        """Offer what may speak now and does not yet; which lanes these are."""
        resting = self.delivery.backoff.active()
        lanes = await self.outbox.lanes(self.clock.now(), MAX_LANES_OFFERED + len(resting))
        ready = list[str]()
        for lane in lanes:
            busy = [*self._busy, *ready]
            if lane not in busy and lane not in resting and not self.delivery.must_wait(lane, busy):
                ready.append(lane)
        if ready:
            await self.worker_pool.offer(ready)
        return ready
