"""Clocks: how a simulated clock is written and runs, and when waiting ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot import clock as clocks
from bot.clock import ManualClock, SimulatedClock, SteadyClock, WallClock, parse_instant, real_now
from tests.waiting import PATIENCE, turns

ANCHOR = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_simulated_clock_runs_from_its_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = SimulatedClock(ANCHOR, datetime(2026, 12, 24, 14, 30, tzinfo=UTC), 600)
    monkeypatch.setattr(clocks, "real_now", lambda: ANCHOR + timedelta(seconds=6))
    assert stage.now() == datetime(2026, 12, 24, 15, 30, tzinfo=UTC)


def test_the_text_of_a_simulated_clock() -> None:
    stage = SimulatedClock.parse(" 2026-12-24T15:30:00+01:00*0.5 ")
    assert (stage.stage, stage.speed) == (datetime(2026, 12, 24, 14, 30, tzinfo=UTC), 0.5)
    assert abs(stage.real - real_now()) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "text", ["", "*", "2026-12-24T15:30:00Z*", "*5", "2026-12-24T15:30:00Z*1e3", "2026-12-24T15:30:00Z*5*5"]
)
def test_a_malformed_simulated_clock_shows_the_expected_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"INSTANT\*SPEED|not an instant"):
        SimulatedClock.parse(text)


def test_the_fastest_simulated_clock_still_tells_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A speed that leaves the calendar at once would end the process with a traceback."""
    stage = SimulatedClock.parse(f"2026-12-24T15:30:00Z*{clocks.MAX_SPEED:.0f}")
    monkeypatch.setattr(clocks, "real_now", lambda: stage.real + timedelta(days=1))
    assert stage.now() > stage.stage
    with pytest.raises(ValueError, match="not a simulated clock"):
        SimulatedClock.parse(f"2026-12-24T15:30:00Z*{clocks.MAX_SPEED + 1:.0f}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yesterday", "is not an instant"),
        ("2026-03-20T16:30:00", "does not say which zone"),
        ("0001-01-01T00:00:00+14:00", "is not an instant"),
        ("9999-12-31T23:00:00-14:00", "is not an instant"),
    ],
)
def test_invalid_instants_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_instant(text)


@pytest.mark.parametrize("clock", [WallClock(), SimulatedClock(ANCHOR, ANCHOR, 1000.0), ManualClock()])
async def test_a_past_instant_is_not_waited_for(clock: WallClock | SimulatedClock | ManualClock) -> None:
    async with asyncio.timeout(PATIENCE):
        await clock.sleep_until(clock.now() - HOUR)
        await clock.sleep_until(clock.now() + timedelta(milliseconds=5))


async def test_a_simulated_hour_is_short() -> None:
    stage = SimulatedClock(real_now(), ANCHOR, 1_000_000)
    async with asyncio.timeout(PATIENCE):
        await stage.sleep_until(ANCHOR + HOUR)
    assert stage.now() >= ANCHOR + HOUR


async def test_advancing_the_clock_wakes_sleepers() -> None:
    clock = ManualClock()
    until = clock.now() + 100 * HOUR
    sleeper = asyncio.create_task(clock.sleep_until(until))
    await turns(1)
    clock.advance_to(until - HOUR)
    await turns(10)
    assert not sleeper.done()
    clock.advance_to(until)
    async with asyncio.timeout(PATIENCE):
        await sleeper
    clock.advance_to(until - HOUR)
    assert clock.now() >= until


class Machine:
    """A machine whose clock can be set, and whose monotonic time only goes on."""

    def __init__(self) -> None:
        self.wall, self.monotonic = ANCHOR, 1000.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.monotonic)

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR, timedelta(seconds=61), timedelta(days=-400)])
def test_a_jump_counts_once_it_has_held_for_a_minute(jump: timedelta) -> None:
    machine = Machine()
    machine.passes(10)
    assert machine.clock.now() == machine.wall
    machine.wall += jump
    for _ in range(6):
        assert machine.clock.now() == machine.wall - jump
        assert machine.clock.jump == jump
        machine.passes(10)
    assert machine.clock.now() == machine.wall
    assert machine.clock.jump is None


def test_a_clock_that_is_set_wrong_and_right_again_moves_no_deadline() -> None:
    machine = Machine()
    shown = []
    for jump in (timedelta(0), HOUR, timedelta(0), -HOUR, timedelta(0)):
        machine.wall = ANCHOR + timedelta(seconds=machine.monotonic - 1000) + jump
        shown.append(machine.clock.now())
        machine.passes(30)
    assert shown == [ANCHOR + timedelta(seconds=30 * n) for n in range(5)]
    assert machine.clock.jump is None


def test_a_second_jump_begins_its_own_minute() -> None:
    machine = Machine()
    machine.wall += HOUR
    assert machine.clock.jump == HOUR
    machine.passes(50)
    machine.wall += HOUR
    assert machine.clock.jump == 2 * HOUR
    machine.passes(50)
    assert machine.clock.jump == 2 * HOUR
    machine.passes(10)
    assert machine.clock.jump is None
    assert machine.clock.now() == machine.wall


def test_small_corrections_count_at_once_and_do_not_add_up_to_a_jump() -> None:
    machine = Machine()
    for _ in range(100):
        machine.passes(60)
        machine.wall += timedelta(seconds=2)
        assert machine.clock.now() == machine.wall
        assert machine.clock.jump is None
