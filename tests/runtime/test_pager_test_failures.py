"""A pager test that fails arrives once in the end, or raises an alarm."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from adapters.sql.store import connect
from bot.clock import WakeSignal, real_now
from bot.ports import TemporaryFailure
from bot.runtime import pager_test, scheduler
from bot.runtime.delivery import Delivery
from bot.runtime.monitor import LagMonitor
from tests.harness import DESK_FILE, TRIAGE, HeldClock, directory_of, open_desk
from tests.memory_store import MemoryStore
from tests.runtime.test_pager_test import (
    DAY,
    NINE,
    TEST,
    a_desk,
    falls_due,
    handlers,
    is_test,
    running_replicas,
)
from tests.virtual_time import in_virtual_time, time_passes


@in_virtual_time
async def test_a_test_that_triage_refuses_is_retried_until_it_arrives(tmp_path: Path) -> None:
    """The bot was taken out of triage: the test is there a minute after it is let in again."""
    life = await running_replicas(tmp_path)
    life.chat.refuses = TRIAGE
    async with life.running():
        await time_passes(3 * 60 * 60)
        assert life.tests == 0
        life.chat.refuses = None
        await time_passes(61)
        assert life.tests == 1


@in_virtual_time
async def test_only_the_newest_test_waits_if_triage_refuses_for_days(tmp_path: Path) -> None:
    """Out of triage from Friday to Tuesday: at the return one page comes, and not one for each day."""
    life = await running_replicas(tmp_path)
    life.chat.refuses = TRIAGE
    async with life.running():
        await time_passes(4 * 24 * 60 * 60 + 100)
        life.chat.refuses = None
        await time_passes(120)
        assert life.tests == 1
    (arrival,) = await pager_test.arrivals(life.store)
    assert arrival.took < DAY.total_seconds(), "it is the newest"


async def test_only_the_newest_test_waits_if_the_platform_is_down_for_days(tmp_path: Path) -> None:
    desk, _ = await a_desk(tmp_path)
    for _ in range(3):
        await falls_due(desk)
        desk.chat.failures.append(TemporaryFailure("HTTP 503"))
        await desk.deliver()
        assert desk.heard(TRIAGE).count(TEST) == 0
        desk.clock.at += DAY
    await falls_due(desk)
    await desk.deliver()
    await desk.deliver()
    assert desk.heard(TRIAGE).count(TEST) == 1


async def test_an_arrival_that_cannot_be_stored_still_counts(tmp_path: Path) -> None:
    """The disk is full just then: the page is known to be delivered before, and its lane goes on."""
    desk, store = await a_desk(tmp_path)
    known: list[str] = []

    class Forgetful(MemoryStore):
        async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
            known.extend(each.state for each in store.outbox.values() if is_test(each.message))
            raise OSError("disk full")

    await falls_due(desk)
    desk.desk.key_values = Forgetful()
    delivery = Delivery(desk.desk, store, desk.clock, WakeSignal())
    for _ in range(3):
        await delivery.deliver()
    assert desk.heard(TRIAGE).count(TEST) == 1
    assert known == ["sent"]
    assert delivery.backoff.active() == {}


async def test_a_malformed_stored_test_is_ignored(tmp_path: Path) -> None:
    """Neither the page of another triage nor the monitor waits for it."""
    desk, store = await a_desk(tmp_path)
    for number, senseless in enumerate(("", "2026-03-19T09:00:00+00:00 0.1 more", "yesterday 0.1", "x y")):
        await store.put(pager_test.TOPIC, f"slack:C{number}", senseless)
    await falls_due(desk)
    await desk.deliver()
    assert [arrival.triage for arrival in await pager_test.arrivals(store)] == [str(TRIAGE)]
    assert desk.heard(TRIAGE).count(TEST) == 1


@in_virtual_time
async def test_a_test_for_a_removed_triage_channel_is_dropped(tmp_path: Path) -> None:
    life = await running_replicas(tmp_path)
    await pager_test.schedule(life.desk, NINE)
    await scheduler.fire_due_timers(life.desk, handlers(life.desk))
    life.desk.directory = directory_of(tmp_path, DESK_FILE.replace("C0TRIAGE", "C0BETTER"))
    life.chat.refuses = TRIAGE
    delivery = Delivery(life.desk, life.store, life.clock, WakeSignal())
    await delivery.deliver()
    assert [said.state for said in life.store.outbox.values() if is_test(said.message)] == ["refused"]


async def test_a_test_that_has_not_arrived_within_a_minute_is_an_alarm(tmp_path: Path) -> None:
    async with connect("sqlite://") as store:
        desk = await open_desk(tmp_path, real_now().isoformat(), store=store)
        clock = HeldClock(real_now().isoformat())
        monitor = LagMonitor(desk.desk, store, clock, desk.delivery.send_lane)
        await falls_due(desk)
        desk.chat.failures.append(TemporaryFailure("HTTP 503"))
        await desk.deliver()
        assert await monitor.check() == []
        clock.at += timedelta(seconds=80)
        desk.clock.at = clock.at
        (line,) = await monitor.check()
        assert line == "1 message is not delivered yet, the oldest for a minute."
        assert desk.heard(TRIAGE)[-1].startswith("Frontline is behind: ")
        await desk.deliver()
        assert TEST in desk.heard(TRIAGE)
        assert await monitor.check() == []
