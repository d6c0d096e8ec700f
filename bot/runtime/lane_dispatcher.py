"""Shares delivery between replicas: each offers the lanes that are ready to all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from bot.clock import WakeSignal
from bot.ports import Clock, Outbox
from bot.runtime.delivery import Delivery

EVERY = timedelta(seconds=1)
"""Between sweeps without a wake signal, because another replica's commits do not trigger ours."""
MAX_LANES_OFFERED = 100
"""The most lanes of one sweep, most urgent first."""


class WorkerPool(Protocol):
    """The workers of all replicas. An offer may get lost, because it is repeated."""

    async def run(self, send_lane: Callable[[str], Awaitable[object]]) -> None:
        """Sends offered lanes until cancelled, then gives lanes that are being sent time to finish."""
        ...

    async def offer(self, lanes: Sequence[str]) -> None:
        """Queues these lanes in this order. Skips lanes that are queued already."""
        ...

    async def recover(self) -> None:
        """Frees the lanes of dead workers, so that they can be offered again."""
        ...


@dataclass
class LaneDispatcher:
    """Offers ready lanes and sends offered ones. Delivery holds and fences them. `clock` is real time."""

    worker_pool: WorkerPool
    delivery: Delivery
    outbox: Outbox
    clock: Clock
    wake_signal: WakeSignal
    _busy: set[str] = field(default_factory=set)

    async def send_lane(self, lane: str) -> None:
        """Sends a lane's messages. Skips a lane that backs off or must wait; it is offered again."""
        if lane in self.delivery.backoff.active() or self.delivery.must_wait(lane, self._busy):
            return
        self._busy.add(lane)
        try:
            await self.delivery.send_lane(lane)
        finally:
            self._busy.discard(lane)
            # A message stored after the lane's last claim was not offered while the lane was busy.
            self.wake_signal.trigger()

    async def run(self) -> None:
        """Offers ready lanes until cancelled: at each wake signal, and every second."""
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
        """Offers the lanes that are ready and not busy, and returns them."""
        backing_off = self.delivery.backoff.active()
        lanes = await self.outbox.lanes(self.clock.now(), MAX_LANES_OFFERED + len(backing_off))
        ready = list[str]()
        for lane in lanes:
            busy = [*self._busy, *ready]
            if lane not in busy and lane not in backing_off and not self.delivery.must_wait(lane, busy):
                ready.append(lane)
        if ready:
            await self.worker_pool.offer(ready)
        return ready
