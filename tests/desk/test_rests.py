"""The store fails one lane: that lane is tried again before long, and nobody else hears of it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.address import Place
from bot.bell import Bell
from bot.courier import Courier
from bot.desk.core import Desk
from bot.ports import Away, Message, Outgoing, Priority
from bot.rests import LONGEST, Rests
from bot.sweeper import Sweeper
from bot.views import Notice
from tests.desk.test_outage import START, Platform, place
from tests.harness import HeldClock, directory_of
from tests.memory_store import MemoryStore
from tests.virtual_time import in_virtual_time, time_passes

SICK = place(0)
SECOND = timedelta(seconds=1)


class Ailing(MemoryStore):
    """A file of which one page is spoiled: whoever asks for what stands there gets an error."""

    def __init__(self) -> None:
        super().__init__()
        self.sick: set[str] = {str(SICK)}
        self.fault: Exception = OSError("database disk image is malformed")
        self.asked: list[datetime] = []

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        if lane in self.sick:
            self.asked.append(now)
            raise self.fault
        return await super().claim(lane, now, until)


def says(store: MemoryStore, bell: Bell, key: str, to: Place, priority: Priority = Priority.STATE) -> None:
    store.say(Message(key, "ACME-1", to, Notice((key,)), priority))
    bell.ring()


def a_courier(tmp_path: Path, chat: Platform, store: MemoryStore, bell: Bell) -> Courier:
    desk = Desk(store, chat.clock, directory_of(tmp_path), {"slack": chat})
    return Courier(desk, store, chat.clock, bell)


@in_virtual_time
async def test_a_lane_that_the_store_fails_delays_no_other(tmp_path: Path) -> None:
    """Before, all of delivery stopped and began anew, again and again."""
    chat, store, bell = Platform(), Ailing(), Bell()
    courier = a_courier(tmp_path, chat, store, bell)
    running = asyncio.create_task(courier.run())
    says(store, bell, "never read", SICK)
    for number in range(1, 60):
        at = chat.clock.now()
        says(store, bell, f"state {number}", place(number))
        says(store, bell, f"page {number}", place(number), Priority.PAGE)
        await time_passes(1)
        assert chat.arrived[f"state {number}"] - at < SECOND / 2
        assert chat.arrived[f"page {number}"] - at < SECOND / 2
        assert not running.done()
    assert 60 / LONGEST.total_seconds() <= len(store.asked) <= 20, "and it is tried again, at a pace"
    store.sick.clear()
    await time_passes(LONGEST.total_seconds() + 1)
    assert "never read" in chat.arrived
    assert courier.rests.under_way() == {}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_virtual_time
async def test_a_slow_answer_elsewhere_is_waited_for(tmp_path: Path) -> None:
    """What is on its way when a lane fails is not cut off."""
    chat, store, bell = Platform(), Ailing(), Bell()
    running = asyncio.create_task(a_courier(tmp_path, chat, store, bell).run())
    for number in range(5):
        says(store, bell, f"state {number}", place(number))
    await time_passes(0.05)
    assert store.asked, "it has failed while the others are on their way"
    assert not running.done()
    await time_passes(0.2)
    assert len(chat.arrived) == 4
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@in_virtual_time
async def test_a_store_that_fails_every_lane_is_for_the_keeper_to_see(tmp_path: Path) -> None:
    """A full disk: /readyz has to say so."""
    chat, store, bell = Platform(), Ailing(), Bell()
    store.sick |= {str(place(number)) for number in range(3)}
    running = asyncio.create_task(a_courier(tmp_path, chat, store, bell).run())
    for number in range(3):
        says(store, bell, f"state {number}", place(number))
    with pytest.raises(OSError, match="malformed"):
        await running


async def test_replicas_leave_it_alone_as_well(tmp_path: Path) -> None:
    """Its bell rings when a lane has spoken: without a rest it would be offered again at once, for ever."""
    clock, store, bell, offered = HeldClock(START), Ailing(), Bell(), list[str]()
    desk = Desk(store, clock, directory_of(tmp_path))

    class Crew:
        async def offer(self, lanes: list[str]) -> None:
            offered.extend(lanes)

    sweeper = Sweeper(Crew(), Courier(desk, store, clock, bell), store, clock, bell)  # type: ignore[arg-type]
    says(store, bell, "m", SICK)
    assert await sweeper.sweep() == [str(SICK)]
    with pytest.raises(OSError, match="malformed"):
        await sweeper.speak(str(SICK))
    assert await sweeper.sweep() == []
    await sweeper.speak(str(SICK))
    assert len(store.asked) == 1, "another replica offered it, in vain"
    clock.at += SECOND * 2
    assert await sweeper.sweep() == [str(SICK)]
    assert offered == [str(SICK)] * 2


async def test_a_database_that_is_away_is_no_lanes_fault(tmp_path: Path) -> None:
    store, chat, bell = Ailing(), Platform(), Bell()
    store.fault = Away("the database does not answer")
    courier = a_courier(tmp_path, chat, store, bell)
    says(store, bell, "m", SICK)
    with pytest.raises(Away):
        await courier.speak(str(SICK))
    assert courier.rests.under_way() == {}


def test_a_rest_grows_and_ends() -> None:
    clock = HeldClock(START)
    rests = Rests(clock)
    lengths = []
    for _ in range(12):
        rests.begin("lane")
        lengths.append((rests.under_way()["lane"] - clock.at).total_seconds())
        clock.at = rests.under_way()["lane"]
        assert rests.under_way() == {}
    assert lengths == [1, 2, *[4] * 10]
    rests.end("lane")
    rests.begin("lane")
    assert rests.under_way() == {"lane": clock.at + SECOND}
    clock.at -= timedelta(hours=1)
    assert rests.under_way() == {}, "the clock was set back, and it does not rest for an hour"
