"""The only file that reads the time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.ports import Clock

MAX_SLEEP = timedelta(seconds=1)
"""The longest single sleep, so that a changed system clock is noticed."""

MAX_SPEED = 1_000_000.0
"""A faster simulated clock would run past the last supported year within days."""

_SIMULATED = re.compile(r"^(?P<at>[^*]+)\*(?P<speed>\d+(\.\d+)?)$")


def real_now() -> datetime:
    """Real time, for signatures, leases and Retry-After."""
    return datetime.now(UTC)


async def _sleep_until(clock: Clock, instant: datetime) -> None:
    now = clock.now()
    while (left := instant - now) > timedelta(0):
        await asyncio.sleep(min(left, MAX_SLEEP).total_seconds())
        before, now = now, clock.now()
        if now < before:
            return


@dataclass(frozen=True, slots=True)
class WallClock:
    """Real time."""

    def now(self) -> datetime:
        return real_now()

    async def sleep_until(self, instant: datetime) -> None:
        await _sleep_until(self, instant)


LARGEST_STEP = timedelta(minutes=1)
"""A clock that is corrected by more than this has jumped."""
HOLDS_AFTER = timedelta(minutes=1)
"""How long the time after a jump must hold before promises are decided by it."""


class SteadyClock:
    """Real time, except after a jump of the machine's clock: then the time before goes on for a minute.

    A clock that is set wrong by mistake and corrected at once breaches no promise. A machine that was
    asleep looks the same, and catches up a minute later.
    """

    def __init__(
        self, wall: Callable[[], datetime] = real_now, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._known, self._known_at = wall(), monotonic()
        self._jump: timedelta | None = None
        self._jumped_at = 0.0

    def now(self) -> datetime:
        wall, at = self._wall(), self._monotonic()
        steady = self._known + timedelta(seconds=at - self._known_at)
        off = wall - steady
        if abs(off) > LARGEST_STEP:
            if self._jump is None or abs(off - self._jump) > LARGEST_STEP:
                self._jump, self._jumped_at = off, at
            if timedelta(seconds=at - self._jumped_at) < HOLDS_AFTER:
                return steady
        self._known, self._known_at, self._jump = wall, at, None
        return wall

    @property
    def jump(self) -> timedelta | None:
        """By how much the machine's clock has jumped, while that does not count yet; negative: backwards."""
        self.now()
        return self._jump

    async def sleep_until(self, instant: datetime) -> None:
        await _sleep_until(self, instant)


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """A clock for demos and tests: it showed `stage` at the real time `real`, and runs at `speed`."""

    real: datetime
    stage: datetime
    speed: float

    def now(self) -> datetime:
        return self.stage + (real_now() - self.real) * self.speed

    async def sleep_until(self, instant: datetime) -> None:
        while (left := (instant - self.now()) / self.speed) > timedelta(0):
            await asyncio.sleep(min(left, MAX_SLEEP).total_seconds())

    @classmethod
    def parse(cls, text: str) -> SimulatedClock:
        """Parses `2026-12-24T15:30:00+01:00*600`; it starts now. Raises ValueError that shows the form."""
        example = "write INSTANT*SPEED, such as 2026-12-24T15:30:00+01:00*600"
        found = _SIMULATED.match(text.strip())
        if not found or not 0 < float(found["speed"]) <= MAX_SPEED:
            most = f"{MAX_SPEED:,.0f} times as fast"
            raise ValueError(f'"{text}" is not a simulated clock of at most {most}; {example}')
        return cls(real_now(), parse_instant(found["at"]), float(found["speed"]))


class ManualClock:
    """Real time plus the time skipped so far, for a desk in a terminal."""

    def __init__(self) -> None:
        self._advanced = timedelta(0)
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        return real_now() + self._advanced

    def advance_to(self, instant: datetime) -> None:
        """Skips ahead to `instant`. Does nothing if it is past."""
        self._advanced += max(instant - self.now(), timedelta(0))
        self._woken.set()

    async def sleep_until(self, instant: datetime) -> None:
        while (left := instant - self.now()) > timedelta(0):
            self._woken.clear()
            try:
                async with asyncio.timeout(min(left, MAX_SLEEP).total_seconds()):
                    await self._woken.wait()
            except TimeoutError:
                continue


def later(clock: Clock, length: timedelta) -> datetime:
    """What a clock will show after this much real time."""
    return clock.now() + length * (clock.speed if isinstance(clock, SimulatedClock) else 1.0)


def parse_instant(text: str) -> datetime:
    """Parses an ISO instant with an offset; returns it in UTC. Raises ValueError that says what to write."""
    try:
        at = datetime.fromisoformat(text.strip())
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f'"{text}" is not an instant; write 2026-03-20T16:30:00+01:00') from None
    raise ValueError(f'"{text}" does not say which zone it is in; add Z or an offset such as +01:00')


def utc_text(at: datetime) -> str:
    """UTC in whole seconds, for scripts."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class WakeSignal:
    """Wakes a waiting loop when something may be due. A trigger before the wait ends it at once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def trigger(self) -> None:
        self._event.set()

    async def wait(self, clock: Clock, until: datetime | None, within: timedelta | None = None) -> None:
        """Returns at the next trigger, at `until`, or after `within` of real time, whichever is first."""
        try:
            async with asyncio.timeout(None if within is None else within.total_seconds()):
                await self._wait(clock, until)
        except TimeoutError:
            return

    async def _wait(self, clock: Clock, until: datetime | None) -> None:
        if self._event.is_set() or (until is not None and until <= clock.now()):
            # A loop that never has to wait must still yield to other tasks.
            await asyncio.sleep(0)
        elif until is None:
            await self._event.wait()
        else:
            await self._wait_until(clock, until)
        self._event.clear()

    async def _wait_until(self, clock: Clock, until: datetime) -> None:
        alarm = asyncio.create_task(clock.sleep_until(until))
        alarm.add_done_callback(self._on_alarm)
        try:
            await self._event.wait()
        finally:
            alarm.remove_done_callback(self._on_alarm)
            alarm.cancel()
        if alarm.done():
            alarm.result()

    def _on_alarm(self, alarm: asyncio.Task[None]) -> None:
        self.trigger()
