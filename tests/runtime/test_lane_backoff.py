"""If the store fails one lane, that lane is retried soon and no other is affected."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.model.address import Place
from bot.model.views import Notice
from bot.ports import Message, Outgoing, Priority, StoreUnavailable
from bot.runtime.delivery import LONGEST_BACKOFF, Delivery, LaneBackoff
from bot.runtime.lane_dispatcher import LaneDispatcher
from tests.harness import HeldClock, directory_of
from tests.memory_store import MemoryStore
from tests.runtime.test_delivery_backlog import START, LimitedPlatform, place
from tests.virtual_time import in_virtual_time, time_passes

FAILING_LANE = place(0)
SECOND = timedelta(seconds=1)


class FailingStore(MemoryStore):
    """A file with one corrupted page: reading from that page raises."""

    def __init__(self) -> None:
        super().__init__()
        self.sick: set[str] = {str(FAILING_LANE)}
        self.fault: Exception = OSError("database disk image is malformed")
        self.asked: list[datetime] = []

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        if lane in self.sick:
            self.asked.append(now)
            raise self.fault
        return await super().claim(lane, now, until)


def says(
    store: MemoryStore, wake_signal: WakeSignal, key: str, to: Place, priority: Priority = Priority.STATE
) -> None:
    store.say(Message(key, "ACME-1", to, Notice((key,)), priority))
    wake_signal.trigger()


def a_delivery(
    tmp_path: Path, chat: LimitedPlatform, store: MemoryStore, wake_signal: WakeSignal
) -> Delivery:
    desk = Desk(store, chat.clock, directory_of(tmp_path), {"slack": chat})
    return Delivery(desk, store, chat.clock, wake_signal)


@in_virtual_time
async def test_a_lane_that_fails_in_the_store_delays_no_other(tmp_path: Path) -> None:
    """Before, all of delivery stopped and restarted, again and again."""
    chat, store, wake_signal = LimitedPlatform(), FailingStore(), WakeSignal()
    delivery = a_delivery(tmp_path, chat, store, wake_signal)
    running = asyncio.create_task(delivery.run())
    says(store, wake_signal, "never read", FAILING_LANE)
    for number in range(1, 60):
        at = chat.clock.now()
        says(store, wake_signal, f"state {number}", place(number))
        says(store, wake_signal, f"page {number}", place(number), Priority.PAGE)
        await time_passes(1)
        assert chat.arrived[f"state {number}"] - at < SECOND / 2
        assert chat.arrived[f"page {number}"] - at < SECOND / 2
        assert not running.done()
    assert 60 / LONGEST_BACKOFF.total_seconds() <= len(store.asked) <= 20, "and it is tried again, at a pace"
    store.sick.clear()
    await time_passes(LONGEST_BACKOFF.total_seconds() + 1)
    assert "never read" in chat.arrived
    assert delivery.backoff.active() == {}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_virtual_time
async def test_a_slow_answer_elsewhere_is_waited_for(tmp_path: Path) -> None:
    """What is on its way when a lane fails is not cut off."""
    chat, store, wake_signal = LimitedPlatform(), FailingStore(), WakeSignal()
    running = asyncio.create_task(a_delivery(tmp_path, chat, store, wake_signal).run())
    for number in range(5):
        says(store, wake_signal, f"state {number}", place(number))
    await time_passes(0.05)
    assert store.asked, "it has failed while the others are on their way"
    assert not running.done()
    await time_passes(0.2)
    assert len(chat.arrived) == 4
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_virtual_time
async def test_a_store_that_fails_every_lane_is_reported(tmp_path: Path) -> None:
    """A full disk: /readyz has to say so."""
    chat, store, wake_signal = LimitedPlatform(), FailingStore(), WakeSignal()
    store.sick |= {str(place(number)) for number in range(3)}
    running = asyncio.create_task(a_delivery(tmp_path, chat, store, wake_signal).run())
    for number in range(3):
        says(store, wake_signal, f"state {number}", place(number))
    with pytest.raises(OSError, match="malformed"):
        await running


async def test_other_replicas_also_skip_a_backed_off_lane(tmp_path: Path) -> None:
    """Each delivery triggers the wake signal: without a backoff the lane would be offered again at once."""
    clock, store, wake_signal, offered = HeldClock(START), FailingStore(), WakeSignal(), list[str]()
    desk = Desk(store, clock, directory_of(tmp_path))

    class WorkerPool:
        async def offer(self, lanes: list[str]) -> None:
            offered.extend(lanes)

    delivery = Delivery(desk, store, clock, wake_signal)
    dispatcher = LaneDispatcher(WorkerPool(), delivery, store, clock, wake_signal)  # type: ignore[arg-type]
    says(store, wake_signal, "m", FAILING_LANE)
    assert await dispatcher.offer_ready_lanes() == [str(FAILING_LANE)]
    with pytest.raises(OSError, match="malformed"):
        await dispatcher.send_lane(str(FAILING_LANE))
    assert await dispatcher.offer_ready_lanes() == []
    await dispatcher.send_lane(str(FAILING_LANE))
    assert len(store.asked) == 1, "another replica offered it, in vain"
    clock.at += SECOND * 2
    assert await dispatcher.offer_ready_lanes() == [str(FAILING_LANE)]
    assert offered == [str(FAILING_LANE)] * 2


async def test_an_unavailable_database_backs_off_no_lane(tmp_path: Path) -> None:
    store, chat, wake_signal = FailingStore(), LimitedPlatform(), WakeSignal()
    store.fault = StoreUnavailable("the database does not answer")
    delivery = a_delivery(tmp_path, chat, store, wake_signal)
    says(store, wake_signal, "m", FAILING_LANE)
    with pytest.raises(StoreUnavailable):
        await delivery.send_lane(str(FAILING_LANE))
    assert delivery.backoff.active() == {}


def test_a_backoff_grows_and_ends() -> None:
    clock = HeldClock(START)
    backoff = LaneBackoff(clock)
    lengths = []
    for _ in range(12):
        backoff.failed("lane")
        lengths.append((backoff.active()["lane"] - clock.at).total_seconds())
        clock.at = backoff.active()["lane"]
        assert backoff.active() == {}
    assert lengths == [1, 2, *[4] * 10]
    backoff.succeeded("lane")
    backoff.failed("lane")
    assert backoff.active() == {"lane": clock.at + SECOND}
    clock.at -= timedelta(hours=1)
    assert backoff.active() == {}, "the clock was set back, and it does not rest for an hour"
