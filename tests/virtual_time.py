"""An event loop whose time leaps to the next timer whenever nothing is left to do: days in milliseconds.

Only for code that waits for timers and for itself: a thread or a socket would be leapt over.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from bot.clock import MAX_SLEEP, parse_instant

P = ParamSpec("P")
T = TypeVar("T")


class _InstantSelector(selectors.DefaultSelector):
    """Waits for no time at all, and looks at no file."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and nothing will ever happen")
        if timeout > 0:
            self.elapsed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._selector = _InstantSelector()
        super().__init__(self._selector)

    def time(self) -> float:
        return self._selector.elapsed


class VirtualClock:
    """The loop's time as an instant, plus what the clock was set forward or back by."""

    def __init__(self, start: str | datetime, longest_sleep: timedelta = MAX_SLEEP) -> None:
        self.start = parse_instant(start) if isinstance(start, str) else start
        self.longest_sleep = longest_sleep
        self.set_by = timedelta(0)
        self._read = 0.0, self.start

    def now(self) -> datetime:
        elapsed = asyncio.get_running_loop().time()
        if elapsed != self._read[0]:
            self._read = elapsed, self.start + timedelta(seconds=elapsed)
        return self._read[1] + self.set_by

    async def sleep_until(self, instant: datetime) -> None:
        """As the wall clock does it: in short sleeps, so that being set is noticed."""
        now = self.now()
        while (left := instant - now) > timedelta(0):
            await asyncio.sleep(min(left, self.longest_sleep).total_seconds())
            before, now = now, self.now()
            if now < before:
                return


async def time_passes(seconds: float) -> None:
    """Takes no real time. In a real event loop it would be a sleep, and is refused."""
    assert isinstance(asyncio.get_running_loop(), VirtualLoop), "no time passes outside of virtual time"
    await asyncio.sleep(seconds)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test whose loop leaps from timer to timer. Its fixtures may not be asynchronous."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        simulated(test(*args, **kwargs))

    return run


def simulated(main: Coroutine[Any, Any, T]) -> T:
    """What it returns, after however long it thinks it took."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
