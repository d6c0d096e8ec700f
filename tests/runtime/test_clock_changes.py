"""engine.md test 9: the machine's clock is set forward or back, and everything is decided once, in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.model.views import Notice
from bot.ports import ChatPlatform, Message, Priority, TemporaryFailure
from bot.runtime import scheduler
from bot.runtime.delivery import Delivery
from sla_core.events import Breached, Warned
from tests.harness import (
    ALICE,
    S2,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    HeldClock,
    directory_of,
    running,
)
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)


@asynccontextmanager
async def living(tmp_path: Path) -> AsyncIterator[tuple[Desk, VirtualClock, str]]:
    """A desk with its loops and one ticket, whose first response is due in four hours."""
    clock, store, chat = VirtualClock(FRIDAY_AFTERNOON), MemoryStore(), FakeChat()
    platforms: dict[str, ChatPlatform] = {"slack": chat}
    desk = Desk(store, clock, directory_of(tmp_path), platforms)
    ticking, sending = WakeSignal(), WakeSignal()

    def store_changed() -> None:
        ticking.trigger()
        sending.trigger()

    store.on_change = store_changed
    delivery = Delivery(desk, store, clock, sending)
    opener = DeskInMemory(desk, store, HeldClock(FRIDAY_AFTERNOON), chat)
    async with running(scheduler.run(desk, ticking), delivery.run()):
        yield desk, clock, await opener.submits(ALICE, "Bills are slow", S2)


async def breaches(desk: Desk, key: str) -> list[Breached]:
    return [event for event in (await desk.ticket(key)).history if isinstance(event, Breached)]


async def fired(desk: Desk, key: str) -> list[str]:
    history = (await desk.ticket(key)).history
    return [type(event).__name__ for event in history if isinstance(event, Warned | Breached)]


def due_at(clock: VirtualClock) -> datetime:
    return clock.start + 4 * HOUR


@pytest.mark.parametrize("jump", [HOUR, DAY, 2.5 * HOUR])
@in_virtual_time
async def test_a_clock_set_past_a_deadline_reports_the_breach_within_a_second(
    tmp_path: Path, jump: timedelta
) -> None:
    async with living(tmp_path) as (desk, clock, key):
        await clock.sleep_until(due_at(clock) - min(jump, 2 * HOUR) + SECOND)
        clock.set_by += jump
        at = clock.now()
        await time_passes(1.001)
        (breach,) = await breaches(desk, key)
        assert breach.at - at <= SECOND
        await time_passes(3 * DAY.total_seconds())
        assert len(await breaches(desk, key)) == 1


@pytest.mark.parametrize("jump", [HOUR, DAY])
@in_virtual_time
async def test_a_clock_set_back_after_a_breach_does_not_repeat_it(tmp_path: Path, jump: timedelta) -> None:
    async with living(tmp_path) as (desk, clock, key):
        await clock.sleep_until(due_at(clock) + SECOND)
        before = await fired(desk, key)
        assert before[-1] == "Breached"
        clock.set_by -= jump
        await time_passes(2 * DAY.total_seconds())
        assert await fired(desk, key) == before


@pytest.mark.parametrize("jump", [HOUR, DAY])
@in_virtual_time
async def test_a_clock_set_back_before_a_deadline_breaches_once_by_the_new_time(
    tmp_path: Path, jump: timedelta
) -> None:
    async with living(tmp_path) as (desk, clock, key):
        await clock.sleep_until(due_at(clock) - SECOND)
        clock.set_by -= jump
        await clock.sleep_until(due_at(clock) - SECOND / 2)
        assert await breaches(desk, key) == []
        await time_passes(1)
        (breach,) = await breaches(desk, key)
        assert breach.at >= breach.due_at
        assert (await fired(desk, key)).count("Warned") == 1


@in_virtual_time
async def test_a_clock_set_forward_and_back_during_a_sleep_changes_nothing(tmp_path: Path) -> None:
    """Every minute by an hour, to and fro, all through the deadline: still one of each."""
    async with living(tmp_path) as (desk, clock, key):
        for minute in range(6 * 60):
            clock.set_by += HOUR if minute % 2 else -HOUR
            await time_passes(60)
        await time_passes(DAY.total_seconds())
        assert await fired(desk, key) == ["Warned", "Breached"]


@in_virtual_time
async def test_time_slewed_by_a_clock_daemon_changes_nothing(tmp_path: Path) -> None:
    """Half a millisecond in each second, forward and then back."""
    async with living(tmp_path) as (desk, clock, key):
        for second in range(5 * 3600):
            clock.set_by += timedelta(microseconds=500 if second % 1000 < 500 else -500)
            await time_passes(1)
        assert await fired(desk, key) == ["Warned", "Breached"]
        (breach,) = await breaches(desk, key)
        assert timedelta(0) <= breach.at - breach.due_at <= SECOND


@pytest.mark.parametrize("jump", [HOUR, DAY])
@in_virtual_time
async def test_setting_the_clock_back_does_not_delay_a_deferred_page(tmp_path: Path, jump: timedelta) -> None:
    """It was to be tried again in a second, by a clock that is not believed any longer."""
    async with living(tmp_path) as (desk, clock, key):
        chat, store = desk.platforms["slack"], desk.store
        assert isinstance(chat, FakeChat)
        assert isinstance(store, MemoryStore)
        assert store.on_change is not None
        await time_passes(10)
        chat.failures.append(TemporaryFailure("HTTP 503"))
        store.say(Message("page", key, TRIAGE, Notice(("Wake up",)), Priority.PAGE))
        store.on_change()
        await time_passes(0.5)
        assert chat.failures == []
        clock.set_by -= jump
        await time_passes(2)
        assert [said.text for said in chat.posted].count("Wake up") == 1
