"""A test of the pager each day, kept by a durable timer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import time, timedelta
from functools import partial
from pathlib import Path

from bot import telemetry
from bot.clock import WakeSignal, parse_instant
from bot.desk.desk import Desk
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import View
from bot.ports import Message, PermanentFailure, Priority, TemporaryFailure
from bot.runtime import pager_test, scheduler
from bot.runtime.delivery import Delivery
from bot.runtime.doctor import Finding, Health, check_database
from bot.runtime.monitor import LagMonitor
from tests.harness import (
    ALICE,
    S2,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    directory_of,
    open_desk,
    running,
)
from tests.memory_store import MemoryStore
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes

FRIDAY_EVENING = "2026-03-20T18:00:00Z"
NINE = time(9, 0)
TEST = "Daily test page, 09:00 UTC. You do not need to do anything."
DAY, A_WHILE = timedelta(days=1), timedelta(minutes=1)


@dataclass
class Refusing(FakeChat):
    refuses: Place | None = None

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        if to == self.refuses:
            raise PermanentFailure("not_in_channel")
        return await super().post(to, view, thread, key)


@dataclass
class RunningReplicas:
    """A desk in virtual time; its processes come and go."""

    desk: Desk
    store: MemoryStore
    chat: Refusing
    clock: VirtualClock

    @asynccontextmanager
    async def running(self, replicas: int = 1) -> AsyncIterator[None]:
        loops, wake_signals = [], []
        for _ in range(replicas):
            ticking, sending = WakeSignal(), WakeSignal()
            wake_signals += [ticking, sending]
            loops.append(Delivery(self.desk, self.store, self.clock, sending).run())
            loops.append(self._tick(ticking))

        def store_changed() -> None:
            for wake_signal in wake_signals:
                wake_signal.trigger()

        self.store.on_change = store_changed
        async with running(*loops):
            yield

    @property
    def delivery(self) -> Delivery:
        return Delivery(self.desk, self.store, self.clock, WakeSignal())

    async def _tick(self, wake_signal: WakeSignal) -> None:
        await pager_test.schedule(self.desk, NINE)
        await scheduler.run(self.desk, wake_signal, handlers=handlers(self.desk))

    async def until(self, instant: str) -> None:
        await self.clock.sleep_until(parse_instant(instant))

    @property
    def tests(self) -> int:
        return [said.text for said in self.chat.posted if said.to == TRIAGE].count(TEST)


def is_test(message: Message) -> bool:
    return message.key.startswith(f"{pager_test.TOPIC}/")


def handlers(desk: Desk) -> dict[str, scheduler.TimerHandler]:
    return {pager_test.KIND: partial(pager_test.on_timer, desk)}


async def running_replicas(tmp_path: Path) -> RunningReplicas:
    clock, store, chat = VirtualClock(FRIDAY_EVENING, longest_sleep=A_WHILE), MemoryStore(), Refusing()
    store.clock = clock
    return RunningReplicas(
        Desk(store, clock, directory_of(tmp_path), {"slack": chat}, store), store, chat, clock
    )


async def a_desk(tmp_path: Path, at: str = FRIDAY_EVENING) -> tuple[DeskInMemory, MemoryStore]:
    """A desk without tickets, whose clock we hold."""
    desk = await open_desk(tmp_path, at, store=(store := MemoryStore()))
    desk.desk.key_values, store.clock = store, desk.clock
    return desk, store


async def falls_due(desk: DeskInMemory) -> None:
    """The desk starts with the test switched on, and fires what is due."""
    await pager_test.schedule(desk.desk, NINE)
    assert await scheduler.fire_due_timers(desk.desk, handlers(desk.desk)) == set()


@in_virtual_time
async def test_all_replicas_together_send_one_test_a_day(tmp_path: Path) -> None:
    life = await running_replicas(tmp_path)
    async with life.running(replicas=3):
        await time_passes(1)
        assert life.tests == 1, "the first one as soon as it is switched on"
        await life.until("2026-03-21T08:59:59Z")
        assert life.tests == 1
        await life.until("2026-03-21T09:00:01Z")
        assert life.tests == 2
        await life.until("2026-03-30T09:00:01Z")
        assert life.tests == 11


@in_virtual_time
async def test_a_missed_test_is_sent_once(tmp_path: Path) -> None:
    """Down from Friday night to Monday noon: one test then, and the next at its time."""
    life = await running_replicas(tmp_path)
    async with life.running():
        await time_passes(1)
    assert life.tests == 1
    await life.until("2026-03-23T12:00:00Z")
    for _ in range(3):
        async with life.running():
            await time_passes(60)
        assert life.tests == 2, "a restart is no new day"
    async with life.running():
        await life.until("2026-03-24T09:00:01Z")
        assert life.tests == 3


@in_virtual_time
async def test_a_clock_set_back_does_not_repeat_the_test(tmp_path: Path) -> None:
    life = await running_replicas(tmp_path)
    async with life.running(replicas=2):
        await life.until("2026-03-21T09:30:00Z")
        assert life.tests == 2
        life.clock.set_by -= timedelta(hours=1)
        await life.until("2026-03-21T09:30:00Z")
        assert life.tests == 2
        life.clock.set_by += DAY
        await time_passes(A_WHILE.total_seconds() + 1)
        assert life.tests == 3


@in_virtual_time
async def test_the_time_of_its_arrival_is_measured_by_every_process(tmp_path: Path) -> None:
    """What took several tries is on record, and known after a restart."""
    life = await running_replicas(tmp_path)
    life.chat.failures += [TemporaryFailure("HTTP 503")] * 3
    async with life.running():
        await time_passes(60)
    (arrival,) = await pager_test.arrivals(life.store)
    assert arrival.triage == "slack:C0TRIAGE"
    assert 6 <= arrival.took < 8, "pauses of 1, 2 and 3 s, and a little more each"
    assert arrival.at - life.clock.start < timedelta(seconds=8)
    telemetry.pager_tested_at.set(0)
    await LagMonitor(life.desk, life.store, life.clock, life.delivery.send_lane).check()
    assert telemetry.pager_tested_at._value.get() == arrival.at.timestamp()
    assert telemetry.pager_test_took._value.get() == arrival.took


async def test_the_test_is_a_page_in_its_own_lane_without_a_ticket(tmp_path: Path) -> None:
    desk, store = await a_desk(tmp_path)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    history, said = await desk.events(key), [each.text for each in desk.posted]
    await falls_due(desk)
    (page,) = [each.message for each in store.outbox.values() if is_test(each.message)]
    assert (page.priority, page.lane, page.ticket) == (Priority.PAGE, "page:slack:C0TRIAGE", None)
    await desk.deliver()
    assert [each.text for each in desk.posted] == [*said, TEST]
    assert await desk.events(key) == history


async def test_the_doctor_tells_when_the_last_one_arrived(tmp_path: Path) -> None:
    desk, store = await a_desk(tmp_path, "2026-03-20T09:00:00Z")

    async def pager() -> list[Finding]:
        now = desk.clock.now()
        return [found async for found in check_database(store, "0001", now, now) if found.about == "pager"]

    assert await pager() == []
    await falls_due(desk)
    await desk.deliver()
    (found,) = await pager()
    assert found.health is Health.OK
    assert found.says == "its last test reached slack:C0TRIAGE on 2026-03-20 09:00 UTC, in 0.0 s"
    desk.clock.at += 2 * DAY
    (found,) = await pager()
    assert found.health is Health.WARNING
    assert "if FRONTLINE_DRILL is still set, is the bot in that channel" in found.says
