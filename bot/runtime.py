"""Keeps a desk running: wakes tickets, delivers messages, re-reads user groups, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import partial

import structlog

from bot import drill, ticker
from bot.auditor import Auditor, Counted
from bot.bell import Bell
from bot.clock import WallClock, real_now
from bot.courier import Courier
from bot.desk import notices
from bot.desk.core import Desk
from bot.desk.welcome import keep_help_posted
from bot.ports import Notebook, Outbox
from bot.sweeper import Crew, Sweeper

log = structlog.get_logger(__name__)

GROUPS_EVERY = 300
"""Seconds between readings of the user groups that `agents` names."""
TICKS_WITHIN = timedelta(seconds=5)
"""How long what is due may lie before we are not ready."""
TICK_EVERY = 1.0
"""Seconds between ticks at the latest, where another replica may have decided something meanwhile."""
RESTART_AFTER = 1.0
"""Seconds before a loop that failed is started again."""
CANCEL_AGAIN_AFTER = 5.0
"""Seconds until a loop that has not ended is cancelled once more; one that ends well takes less."""


@dataclass
class Runtime:
    """The loops around a desk. `rung` is to be called whenever the store has changed."""

    desk: Desk
    outbox: Outbox
    notebook: Notebook | None = None
    """Remembers where `Get help` stands; without one it is not posted."""
    counted: Counted | None = None
    """What the auditor looks at; without one there is none."""
    crew: Crew | None = None
    """With whom the work is shared; without one it is all ours."""
    drill_at: time | None = None
    """When the pager is tested, in UTC; without one it is not."""
    _ticking: Bell = field(default_factory=Bell)
    _sending: Bell = field(default_factory=Bell)
    _failing: set[str] = field(default_factory=set)
    _ticked_at: datetime = field(default_factory=real_now)
    _courier: Courier = field(init=False)

    def __post_init__(self) -> None:
        self._courier = Courier(self.desk, self.outbox, WallClock(), self._sending)

    def rung(self) -> None:
        self._ticking.ring()
        self._sending.ring()

    async def troubles(self) -> list[str]:
        """What keeps the desk from being ready, for /readyz. Asks the store, and raises what it raises."""
        failing = [f"{loop} is failing" for loop in sorted(self._failing)]
        if (resting := len(self._courier.rests.under_way())) > 1:
            failing.append(f"the store fails for {resting} lanes of messages")
        wake = await self.desk.store.next_wake()
        silent = real_now() - self._ticked_at
        lies = wake is not None and wake <= self.desk.clock.now() - TICKS_WITHIN
        if lies and silent > TICKS_WITHIN:
            failing.append(f"tickets are due, and nothing was woken for {silent.total_seconds():.0f} s")
        return failing

    def _ticked(self) -> None:
        self._ticked_at = real_now()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The loops run inside; they are ended at a point where nothing is half done."""
        tasks = [
            asyncio.create_task(self._kept_up("ticker", self._tick)),
            asyncio.create_task(self._kept_up("caretaker", self._take_care)),
        ]
        for name, loop in self._deliveries():
            tasks.append(asyncio.create_task(self._kept_up(name, loop)))
        if self.counted is not None:
            auditor = Auditor(self.desk, self.counted, WallClock())
            tasks.append(asyncio.create_task(self._kept_up("auditor", auditor.run)))
        try:
            yield
        finally:
            await _ended(tasks)

    async def _tick(self) -> None:
        await drill.schedule(self.desk, self.drill_at)
        handlers = {drill.KIND: partial(drill.fired, self.desk)}
        await ticker.run(self.desk, self._ticking, self._ticked, handlers)

    def _deliveries(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        if self.crew is None:
            yield "courier", self._courier.run
            return
        crew = self.crew
        sweeper = Sweeper(crew, self._courier, self.outbox, WallClock(), self._sending)
        yield "sweeper", sweeper.run
        yield "crew", lambda: crew.run(sweeper.speak)
        yield "metronome", self._keep_time

    async def _keep_time(self) -> None:
        """What other replicas commit does not ring our bell."""
        while True:
            await asyncio.sleep(TICK_EVERY)
            self._ticking.ring()

    async def _kept_up(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                self._failing.discard(name)
                await loop()
            except Exception:  # a loop that dies would take every later promise with it
                self._failing.add(name)
                log.exception("a loop failed and is started again", loop=name)
                await asyncio.sleep(RESTART_AFTER)

    async def _take_care(self) -> None:
        """What is looked after now and then: the standing messages, the user groups."""
        if self.notebook is not None:
            await notices.take_over(self.desk, self.notebook)
        while True:
            if self.notebook is not None:
                for line in await keep_help_posted(self.desk, self.notebook):
                    log.warning(line)
            await asyncio.sleep(GROUPS_EVERY)
            for line in await self.desk.directory.refresh(self.desk.platforms):
                log.warning(line)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them until they end: in a library, asyncio.wait_for may swallow a cancellation (Python 3.11)."""
    pending = {*tasks}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_AFTER)
    await asyncio.gather(*tasks, return_exceptions=True)
