"""Wake-ups: every due ticket wakes on time, even if another one fails."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.ports import Change, Timer, TimerResult
from bot.runtime import scheduler
from sla_core.events import Breached, Event
from tests.harness import ALICE, S1, S2, DeskInMemory, open_desk, running
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore, Ticket
from tests.sql.raw_sql import run
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes
from tests.waiting import turns


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of tickets that cannot be woken."""
    keys: list[str] = []
    woken = Desk.change_on_wake

    def fragile(self: Desk, key: str, history: tuple[Event, ...]) -> Change:
        if key in keys:
            raise KeyError("a policy that is no more")
        return woken(self, key, history)

    monkeypatch.setattr(Desk, "change_on_wake", fragile)
    return keys


async def test_a_failing_ticket_does_not_delay_others(
    tmp_path: Path, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complaint 23: more of them than are taken from the store at a time, too."""
    monkeypatch.setattr(scheduler, "BATCH_SIZE", 3)
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON)
    bad = [await desk.submits(ALICE, "Odd", S2) for _ in range(5)]
    desk.clock.at += timedelta(seconds=1)
    good = await desk.submits(ALICE, "Bills are slow", S2)
    poisoned += bad
    desk.clock.at += timedelta(hours=5)

    assert sorted(await scheduler.wake_due_tickets(desk.desk)) == sorted(bad)

    assert "Breached" in await desk.events(good)
    assert await desk.events(bad[0]) == ["Opened"]
    poisoned.clear()
    assert await scheduler.wake_due_tickets(desk.desk) == []
    assert "Breached" in await desk.events(bad[0])


async def test_an_unreadable_history_does_not_delay_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version wrote it while both run: that one ticket waits, and is tried again."""
    monkeypatch.setattr(scheduler, "BATCH_SIZE", 2)
    async with connect(f"sqlite:///{tmp_path / 'frontline.db'}") as store:
        desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
        keys = [await desk.submits(ALICE, "Bills are slow", S2) for _ in range(5)]
        bad = keys[:3]
        for key in bad:
            await run(store, "UPDATE event SET kind = 'Teleported' WHERE ticket = :key", key=key)
        desk.clock.at += timedelta(hours=5)

        assert sorted(await scheduler.wake_due_tickets(desk.desk)) == bad

        assert ["Breached" in await desk.events(key) for key in keys[3:]] == [True, True]
        assert await store.due(desk.clock.at, 9) == bad


async def two_tickets(
    tmp_path: Path, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[DeskInMemory, Ticket]:
    """Two tickets; the first cannot be woken and is long due, the second has no wake-up yet."""
    monkeypatch.setattr(scheduler, "_REAL", VirtualClock(FRIDAY_AFTERNOON))
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=(store := MemoryStore()))
    bad, good = [await desk.submits(ALICE, "Odd", S2) for _ in range(2)]
    poisoned.append(bad)
    store.tickets_by_key[good].wake_at = None
    desk.clock.at += timedelta(hours=5)
    return desk, store.tickets_by_key[good]


def breached(ticket: Ticket) -> bool:
    return any(isinstance(event, Breached) for event in ticket.events)


@in_virtual_time
async def test_a_wake_signal_is_handled_while_a_ticket_fails(
    tmp_path: Path, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, good = await two_tickets(tmp_path, poisoned, monkeypatch)
    wake_signal = WakeSignal()
    async with running(scheduler.run(desk.desk, wake_signal)):
        await time_passes(0.4 * scheduler.POLL_WHILE_DEFERRED.total_seconds())
        good.wake_at = desk.clock.at
        await time_passes(0.4 * scheduler.POLL_WHILE_DEFERRED.total_seconds())
        assert not breached(good), "nobody has said so, and it does not look all the time"
        wake_signal.trigger()
        await time_passes(0)
        await turns(20)
        assert breached(good)


@in_virtual_time
async def test_the_next_ticket_wakes_on_time_while_another_fails(
    tmp_path: Path, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own wake-up is the earliest of all, and past: it must not hide when the next one is."""
    desk, good = await two_tickets(tmp_path, poisoned, monkeypatch)
    async with running(scheduler.run(desk.desk, WakeSignal())):
        await time_passes(0.5 * scheduler.RETRY_AFTER.total_seconds())
        good.wake_at = desk.clock.at
        await time_passes(scheduler.POLL_WHILE_DEFERRED.total_seconds())
        assert breached(good), "before the bad one is tried again"


@in_virtual_time
async def test_the_loop_sleeps_until_the_earliest_wake_and_notices_an_earlier_one(tmp_path: Path) -> None:
    """engine.md 4: woken early by an event, never polling."""
    store, wake_signal = MemoryStore(), WakeSignal()
    store.on_change = wake_signal.trigger
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    desk.desk.clock = clock = VirtualClock(FRIDAY_AFTERNOON)
    async with running(scheduler.run(desk.desk, wake_signal)):
        slow = store.tickets_by_key[await desk.submits(ALICE, "Bills are slow", S2)]
        fast = store.tickets_by_key[await desk.submits(ALICE, "All is down", S1)]
        await clock.sleep_until(clock.start + timedelta(hours=1, seconds=1))
        assert (breached(fast), breached(slow)) == (True, False)
        await clock.sleep_until(clock.start + timedelta(hours=4, seconds=1))
        assert (breached(fast), breached(slow)) == (True, True)


@dataclass
class ReminderTimers:
    """Handlers whose timers are recorded; those in `failing` raise."""

    desk: DeskInMemory
    fired: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def handle(self, timer: Timer, now: datetime) -> TimerResult:
        if timer.kind in self.failing:
            raise KeyError("a payload that nobody understands")
        self.fired.append(timer.kind)
        return TimerResult()

    @property
    def handlers(self) -> dict[str, scheduler.TimerHandler]:
        return {"nudge": self.handle, "poke": self.handle}

    async def sets(self, kind: str, **later: float) -> None:
        due_at = self.desk.desk.clock.now() + timedelta(**later)
        await self.desk.desk.store.set_timer(Timer(kind, "k", due_at, "first"))


async def reminders(tmp_path: Path) -> ReminderTimers:
    return ReminderTimers(await open_desk(tmp_path, FRIDAY_AFTERNOON, store=MemoryStore()))


async def test_a_failing_timer_does_not_delay_others(tmp_path: Path) -> None:
    """All or nothing for each: the one that fails stays as it was."""
    at = await reminders(tmp_path)
    at.failing = {"nudge"}
    await at.sets("nudge")
    await at.sets("poke")
    assert await scheduler.fire_due_timers(at.desk.desk, at.handlers) == {"nudge"}
    assert at.fired == ["poke"]
    at.failing.clear()
    assert await scheduler.fire_due_timers(at.desk.desk, at.handlers) == set()
    assert at.fired == ["poke", "nudge"]


@in_virtual_time
async def test_a_failing_timer_kind_is_retried_and_others_fire_on_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_REAL", clock := VirtualClock(FRIDAY_AFTERNOON))
    at = await reminders(tmp_path)
    at.desk.desk.clock = clock
    at.failing = {"nudge"}
    await at.sets("nudge")
    await at.sets("poke", seconds=2)
    async with running(scheduler.run(at.desk.desk, WakeSignal(), handlers=at.handlers)):
        await time_passes(2 + scheduler.POLL_WHILE_DEFERRED.total_seconds())
        assert at.fired == ["poke"]
        at.failing.clear()
        await time_passes(1)
        assert at.fired == ["poke"], "not before its time"
        await time_passes(scheduler.RETRY_AFTER.total_seconds())
        assert at.fired == ["poke", "nudge"]


@in_virtual_time
async def test_a_timer_of_a_newer_version_is_left_to_it(tmp_path: Path) -> None:
    """It stays due for good, and neither stops the others nor keeps the loop busy."""
    at = await reminders(tmp_path)
    at.desk.desk.clock = VirtualClock(FRIDAY_AFTERNOON)
    fires: list[Collection[str]] = []

    class Counting(MemoryStore):
        async def fire(
            self, now: datetime, limit: int, excluding: Collection[str], fire: Callable[[Timer], TimerResult]
        ) -> list[str]:
            fires.append(excluding)
            return await super().fire(now, limit, excluding, fire)

    at.desk.desk.store = store = Counting()
    await at.sets("teleport")
    await at.sets("nudge", hours=2)
    async with running(scheduler.run(at.desk.desk, WakeSignal(), handlers=at.handlers)):
        await time_passes(60 * 60)
        assert fires == [set(), {"teleport"}]
        await time_passes(60 * 60 + 1)
        assert at.fired == ["nudge"]
    assert [*store.timers] == [("teleport", "k")]


@in_virtual_time
async def test_the_loop_waits_for_the_next_ticket_or_timer(tmp_path: Path) -> None:
    store, wake_signal = MemoryStore(), WakeSignal()
    store.on_change = wake_signal.trigger
    at = ReminderTimers(await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store))
    at.desk.desk.clock = clock = VirtualClock(FRIDAY_AFTERNOON)
    async with running(scheduler.run(at.desk.desk, wake_signal, handlers=at.handlers)):
        ticket = store.tickets_by_key[await at.desk.submits(ALICE, "All is down", S1)]
        await at.sets("nudge", seconds=10)
        await at.sets("poke", hours=2)
        await clock.sleep_until(clock.start + timedelta(seconds=11))
        assert (at.fired, breached(ticket)) == (["nudge"], False)
        await clock.sleep_until(clock.start + timedelta(hours=1, seconds=1))
        assert (at.fired, breached(ticket)) == (["nudge"], True)
        await clock.sleep_until(clock.start + timedelta(hours=2, seconds=1))
        assert at.fired == ["nudge", "poke"]
