"""What is due and left lying is noticed apart from the loops that should have done it; agents hear."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from adapters.sql.store import connect
from bot import telemetry
from bot.clock import SteadyClock, real_now
from bot.ports import TemporaryFailure, Timer
from bot.runtime.monitor import EVERY, PROMISES_EVERY, LagMonitor, StoreStats, clock_fault
from bot.runtime.scheduler import wake_due_tickets
from tests.harness import ALICE, BOB, S1, S2, TRIAGE, WITHOUT_BOARDS, DeskInMemory, HeldClock, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore


async def a_desk_with_a_monitor(tmp_path: Path) -> tuple[DeskInMemory, LagMonitor]:
    store = MemoryStore()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, WITHOUT_BOARDS, store)
    return desk, LagMonitor(desk.desk, store, desk.clock, desk.delivery.send_lane)


async def test_open_promises_are_counted_by_severity_and_metric(tmp_path: Path) -> None:
    """From the index rows, once a minute. A resolved ticket has none; a missed one still has to be met."""
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    for _ in range(2):
        await desk.submits(ALICE, "Bills are late", S2)

    async def shown() -> dict[str, float]:
        desk.clock.at += PROMISES_EVERY
        await monitor.check()
        (family,) = telemetry.open_promises.collect()
        return {"/".join(sample.labels.values()): sample.value for sample in family.samples}

    assert await shown() == {"S2/first_response": 2}
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="Restarted")
    assert await shown() == {"S2/first_response": 1}
    await desk.fast_forward(hours=5)
    assert await shown() == {"S2/first_response": 1}, "late, and still open"
    await desk.submits_form(BOB, "Reply", "ACME-2", text="We look into it")
    assert await shown() == {}


async def test_a_broken_scheduler_is_reported_within_90_seconds(tmp_path: Path) -> None:
    """engine.md, test 12."""
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    await desk.submits(ALICE, "Down", S1)
    due = await desk.desk.store.next_wake()
    assert due is not None
    desk.clock.at = due  # and nobody ticks
    alarmed_after = None
    while alarmed_after is None:
        if await monitor.check():
            alarmed_after = desk.clock.at - due
        desk.clock.at += EVERY
    assert alarmed_after <= timedelta(seconds=90)
    said = desk.heard(TRIAGE)[-1]
    assert said.startswith("Frontline is behind: warnings, pages and other messages may come late.")
    assert "For the operator: 1 ticket is handled more than 30 s late." in said
    await monitor.check()
    assert desk.heard(TRIAGE).count(said) == 1, "told once, not at each look"

    await wake_due_tickets(desk.desk)
    assert await monitor.check() == []
    assert desk.heard(TRIAGE)[-1] == "Frontline has caught up. Nothing is overdue."


async def test_a_desk_without_lag_reports_nothing(tmp_path: Path) -> None:
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    await desk.submits(ALICE, "Down", S1)
    before = desk.heard(TRIAGE)
    for _ in range(5):
        assert await monitor.check() == []
        desk.clock.at += EVERY
        await wake_due_tickets(desk.desk)
    assert [line for line in desk.heard(TRIAGE) if "behind" in line] == []
    assert before


async def test_lag_on_a_simulated_clock_is_measured_in_real_time(tmp_path: Path) -> None:
    """At 600 times the speed, 30 simulated seconds are 0.05 real seconds: nothing is late yet."""
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    monitor.clock = real = HeldClock(FRIDAY_AFTERNOON)
    await desk.submits(ALICE, "Down", S1)
    await monitor.check()
    for _ in range(2):
        real.at += EVERY
        desk.clock.at += EVERY * 600
        await wake_due_tickets(desk.desk)
        assert await monitor.check() == []
        desk.clock.at += timedelta(hours=1)
        assert await monitor.check() == [], "an hour on the stage is six seconds"
        await wake_due_tickets(desk.desk)


async def test_messages_that_wait_too_long_are_reported_and_measured(tmp_path: Path) -> None:
    async with connect("sqlite://") as store:
        desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, WITHOUT_BOARDS, store)
        desk.chat.failures += [TemporaryFailure("HTTP 503")] * 8
        await desk.submits(ALICE, "Down", S1)
        clock = HeldClock(real_now().isoformat())
        monitor = LagMonitor(desk.desk, store, clock, desk.delivery.send_lane)
        assert await monitor.check() == []
        clock.at += timedelta(minutes=3)
        desk.desk.clock = clock
        desk.chat.failures.clear()
        found = await monitor.check()
        assert any("messages are not delivered yet, the oldest for 3 minutes" in line for line in found)
        assert 'frontline_messages_waiting{priority="state"}' in telemetry.exposition().decode()


async def test_a_failed_notice_to_agents_does_not_stop_the_monitor(tmp_path: Path) -> None:
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    await desk.submits(ALICE, "Down", S1)
    desk.clock.at += timedelta(days=1)
    desk.chat.failures.append(TemporaryFailure("down"))
    assert await monitor.check()


class FailingValues(MemoryStore):
    """Every read raises, so the last pager test is unknown."""

    async def get_all(self, topic: str) -> dict[str, str]:
        raise OSError("database disk image is malformed")


async def test_a_failing_key_value_store_does_not_hide_other_alarms(tmp_path: Path) -> None:
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    desk.desk.key_values = FailingValues()
    await desk.submits(ALICE, "Down", S1)
    desk.clock.at += timedelta(days=1)
    assert await monitor.check() == ["1 ticket is handled more than 30 s late."]
    assert desk.heard(TRIAGE)[-1].startswith("Frontline is behind: warnings")


async def test_an_overdue_timer_is_reported(tmp_path: Path) -> None:
    async with connect("sqlite://") as store:
        desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, WITHOUT_BOARDS, store)
        await store.set_timer(Timer("drill", "daily", desk.clock.at))
        monitor = LagMonitor(desk.desk, store, desk.clock, desk.delivery.send_lane)
        assert await monitor.check() == []
        desk.clock.at += timedelta(minutes=1)
        assert await monitor.check() == ["1 scheduled task is more than 30 s late."]
        await store.cancel_timer("drill", "daily")
        assert await monitor.check() == []


class PausedClock(HeldClock):
    """Sets `resting` when the monitor first sleeps, and never wakes it."""

    def __init__(self, at: str) -> None:
        super().__init__(at)
        self.resting = asyncio.Event()

    async def sleep_until(self, instant: datetime) -> None:
        self.resting.set()
        await asyncio.Event().wait()


async def test_tickets_that_fell_due_while_stopped_raise_no_alarm_at_start(tmp_path: Path) -> None:
    """The backlog is being worked off; what is left at the first check is reported."""
    desk, _ = await a_desk_with_a_monitor(tmp_path)
    await desk.submits(ALICE, "Down", S1)
    desk.clock.at += timedelta(hours=5)
    clock = PausedClock(FRIDAY_AFTERNOON)
    clock.at = desk.clock.at
    assert isinstance(desk.desk.store, MemoryStore)
    monitor = LagMonitor(desk.desk, desk.desk.store, clock, desk.delivery.send_lane)
    running = asyncio.create_task(monitor.run())
    await clock.resting.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [line for line in desk.heard(TRIAGE) if "behind" in line] == []
    assert await monitor.check() == ["1 ticket is handled more than 30 s late."]


async def test_a_notice_that_failed_is_sent_as_soon_as_possible(tmp_path: Path) -> None:
    """The platform was down when the desk fell behind: that is when agents need to know."""
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    await desk.submits(ALICE, "Down", S1)
    desk.clock.at += timedelta(days=1)
    desk.chat.failures += [TemporaryFailure("down")] * 2
    for _ in range(4):
        assert await monitor.check()
    assert not any(line.startswith("Frontline is behind") for line in desk.heard(TRIAGE))
    await desk.fast_forward(seconds=5)
    await desk.fast_forward(seconds=5)
    assert sum(line.startswith("Frontline is behind") for line in desk.heard(TRIAGE)) == 1


class UnavailableStore(MemoryStore):
    """A database that stops answering on request."""

    away = False

    async def store_stats(self, due_before: datetime) -> StoreStats:
        if self.away:
            raise OSError("connection refused")
        return await super().store_stats(due_before)


async def test_an_unavailable_database_is_reported(tmp_path: Path) -> None:
    store = UnavailableStore()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, WITHOUT_BOARDS, store)
    monitor = LagMonitor(desk.desk, store, desk.clock, desk.delivery.send_lane)
    store.away = True
    for _ in range(6):
        await monitor.check()
        desk.clock.at += EVERY
    assert [line for line in desk.heard(TRIAGE) if "database does not answer" in line] == desk.heard(TRIAGE)
    assert len(desk.heard(TRIAGE)) == 1
    store.away = False
    assert await monitor.check() == []
    assert desk.heard(TRIAGE)[-1].startswith("Frontline works again.")


async def test_two_replicas_report_it_once(tmp_path: Path) -> None:
    """Complaint 36."""
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    other = LagMonitor(desk.desk, monitor.store, desk.clock, desk.delivery.send_lane)
    await desk.submits(ALICE, "Down", S1)
    desk.clock.at += timedelta(days=1)
    assert await monitor.check()
    assert await other.check()
    assert len([line for line in desk.heard(TRIAGE) if "behind" in line]) == 1
    await wake_due_tickets(desk.desk)
    await desk.deliver()
    for each in (monitor, other):
        assert await each.check() == []
    assert len([line for line in desk.heard(TRIAGE) if "caught up" in line]) == 1


async def test_a_database_that_takes_nothing_any_more_is_reported(tmp_path: Path) -> None:
    """It answers questions, but keeps nothing: a full disk, or its file is gone."""
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    store = monitor.store
    assert isinstance(store, MemoryStore)
    store.unwritable = "database or disk is full"
    assert await monitor.check() == []
    desk.clock.at += timedelta(seconds=61)
    (line,) = await monitor.check()
    assert line == "Its database cannot be written."
    assert desk.heard(TRIAGE)[-1].startswith("Frontline is behind: nothing can be recorded")
    assert f"For the operator: {line}" in desk.heard(TRIAGE)[-1]
    store.unwritable = None
    desk.clock.at += EVERY
    assert await monitor.check() == []
    assert desk.heard(TRIAGE)[-1].startswith("Frontline works again.")


async def test_agents_hear_once_that_the_clock_jumped(tmp_path: Path) -> None:
    desk, monitor = await a_desk_with_a_monitor(tmp_path)
    wall, monotonic = desk.clock.at, 0.0
    desk.desk.clock = SteadyClock(lambda: wall, lambda: monotonic)
    assert await monitor.check() == []
    before = len(desk.heard(TRIAGE))
    wall += timedelta(hours=2, minutes=5)
    assert clock_fault(desk.desk.clock) == (
        "this machine's clock was set ahead by 2 h 5 min; deadlines follow it once it has held for a minute"
    )
    for _ in range(4):
        await monitor.check()
    (said,) = desk.heard(TRIAGE)[before:]
    assert said.startswith("This machine's clock was set ahead by 2 h 5 min; deadlines follow it once")
    monotonic = 60.0
    wall += timedelta(minutes=1)
    assert clock_fault(desk.desk.clock) is None
