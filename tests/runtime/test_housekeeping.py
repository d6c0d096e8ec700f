"""Chores that come round again: done by one replica, and by another one if that dies over it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.clock import SimulatedClock, WakeSignal, later, parse_instant, real_now
from bot.desk.desk import Desk
from bot.runtime import scheduler
from bot.runtime.retention import RETAKE_AFTER, RETRY_AFTER, Chore, Housekeeping
from tests.harness import directory_of, running
from tests.memory_store import MemoryStore
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes

FRIDAY = "2026-03-20T09:00:00Z"
A_WHILE, MINUTE, SECOND = timedelta(minutes=1), timedelta(minutes=1), timedelta(seconds=1)


class HousekeepingReplicas:
    """Replicas in virtual time, and when the chore `sweep` was done."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock, self.store = VirtualClock(FRIDAY, longest_sleep=A_WHILE), MemoryStore()
        self.desk = Desk(self.store, self.clock, directory_of(tmp_path), {}, self.store)
        self.done_after: list[timedelta] = []
        self.faults: list[Exception] = []

    async def sweep(self) -> timedelta:
        self.done_after.append(self.clock.now() - self.clock.start)
        if self.faults:
            raise self.faults.pop(0)
        return timedelta(minutes=10)

    async def replica(self, chore: Chore | None = None) -> None:
        wake_signal = WakeSignal()
        housekeeping = Housekeeping(self.desk, {"sweep": chore or self.sweep})
        async with housekeeping.running():
            await scheduler.run(
                self.desk, wake_signal, handlers=housekeeping.handlers, fired=housekeeping.begin, poll=SECOND
            )

    def minutes(self) -> list[int]:
        """When it was done, in whole minutes since the start; replicas that start do it at once."""
        return sorted({int(after / MINUTE) for after in self.done_after})


@in_virtual_time
async def test_each_task_runs_on_one_replica_at_a_time(tmp_path: Path) -> None:
    replicas = HousekeepingReplicas(tmp_path)
    async with running(*(replicas.replica() for _ in range(3))):
        await time_passes(35 * 60)
    assert replicas.minutes() == [0, 10, 20, 30]
    assert len([after for after in replicas.done_after if after > MINUTE]) == 3


@in_virtual_time
async def test_a_failed_task_is_retried_soon_and_delays_no_other(tmp_path: Path) -> None:
    replicas = HousekeepingReplicas(tmp_path)
    replicas.faults.append(OSError("disk full"))
    async with running(replicas.replica()):
        await time_passes(5 * 60)
    assert replicas.minutes() == [0, RETRY_AFTER / MINUTE]


@in_virtual_time
async def test_another_replica_takes_over_if_the_first_one_dies(tmp_path: Path) -> None:
    replicas = HousekeepingReplicas(tmp_path)
    begun: list[timedelta] = []

    async def never_ends() -> timedelta:
        begun.append(replicas.clock.now() - replicas.clock.start)
        await replicas.clock.sleep_until(replicas.clock.now() + timedelta(days=1))
        raise AssertionError

    async with running(replicas.replica(never_ends)):
        await time_passes(60)
        assert len(begun) == 1
    other = Housekeeping(replicas.desk, {"sweep": replicas.sweep})
    async with running(
        scheduler.run(replicas.desk, WakeSignal(), handlers=other.handlers, fired=other.begin, poll=SECOND)
    ):
        await time_passes(RETAKE_AFTER.total_seconds())
    assert replicas.minutes() == [RETAKE_AFTER / MINUTE]


def test_housekeeping_runs_in_real_time_on_a_simulated_clock() -> None:
    """At 600 times the speed, ten real minutes are a hundred hours on the stage."""
    stage = SimulatedClock(real_now(), parse_instant(FRIDAY), 600.0)
    ahead = later(stage, timedelta(minutes=10)) - stage.now()
    assert abs(ahead - timedelta(hours=100)) < timedelta(minutes=1)
