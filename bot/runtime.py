"""Keeps a desk running: wakes tickets, fires timers, delivers messages, until it is told to stop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import partial

import structlog

from bot import drill, ticker, upkeep
from bot.auditor import Auditor, Counted
from bot.bell import Bell
from bot.clock import WallClock, real_now
from bot.courier import Courier
from bot.desk import interview, moves, notices
from bot.desk.core import Desk
from bot.desk.welcome import keep_help_posted
from bot.housekeeping import Chore, Housekeeping
from bot.ports import Notebook, Outbox
from bot.sweeper import Crew, Sweeper
from bot.upkeep import Shelf, Upkeep

log = structlog.get_logger(__name__)

LEARN_EVERY = 60.0
"""Seconds between looks at what this process only remembers, and another one may have changed."""
GROUPS_EVERY = 5
"""Looks from one reading of the user groups that `agents` names to the next."""
HELP_EVERY = timedelta(minutes=5)
HELP = "get_help"
"""The kind of the timer that has `Get help` looked after."""
TICKS_WITHIN = timedelta(seconds=5)
"""How long what is due may lie before we are not ready."""
TICK_EVERY = timedelta(seconds=1)
"""Between ticks at the latest, where another replica may have decided something meanwhile."""
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
    """When the pager is tested, in UTC; without one that is left to other replicas."""
    shelf: Shelf | None = None
    """What old rows are deleted from; without one they are not."""
    learn: Sequence[Callable[[], Awaitable[None]]] = ()
    """What platforms read again of what another process may have changed."""
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
            asyncio.create_task(self._kept_up("learner", self._keep_learning)),
        ]
        for name, loop in self._deliveries():
            tasks.append(asyncio.create_task(self._kept_up(name, loop)))
        if self.counted is not None:
            auditor = Auditor(self.desk, self.counted, WallClock(), self._courier.speak)
            tasks.append(asyncio.create_task(self._kept_up("auditor", auditor.run)))
        try:
            yield
        finally:
            await _ended(tasks)

    async def _tick(self) -> None:
        housekeeping = Housekeeping(self.desk, self._chores())
        handlers = housekeeping.handlers
        if self.drill_at is not None:
            await drill.schedule(self.desk, self.drill_at)
            handlers[drill.KIND] = partial(drill.fired, self.desk)
        poll = TICK_EVERY if self.crew is not None else None
        async with housekeeping.running():
            await ticker.run(
                self.desk, self._ticking, self._ticked, handlers, fired=housekeeping.begin, poll=poll
            )

    def _chores(self) -> dict[str, Chore]:
        chores: dict[str, Chore] = {}
        if self.notebook is not None:
            chores[HELP] = partial(self._keep_help_posted, self.notebook)
        if self.shelf is not None:
            chores[upkeep.KIND] = Upkeep(self.shelf, WallClock()).do
        return chores

    async def _keep_help_posted(self, notebook: Notebook) -> timedelta:
        await notices.take_over(self.desk, notebook)
        await interview.take_over(self.desk, notebook)
        await keep_help_posted(self.desk, notebook)
        return HELP_EVERY

    def _deliveries(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        if self.crew is None:
            yield "courier", self._courier.run
            return
        crew = self.crew
        sweeper = Sweeper(crew, self._courier, self.outbox, WallClock(), self._sending)
        yield "sweeper", sweeper.run
        yield "crew", lambda: crew.run(sweeper.speak)

    async def _kept_up(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                self._failing.discard(name)
                await loop()
            except Exception:  # a loop that dies would take every later promise with it
                self._failing.add(name)
                log.exception("a loop failed and is started again", loop=name)
                await asyncio.sleep(RESTART_AFTER)

    async def _keep_learning(self) -> None:
        """A loop of its own, for each process has to learn it: addresses, installations, user groups."""
        for look in itertools.count(1):
            await asyncio.sleep(LEARN_EVERY)
            for learn in (self._learn_addresses, *self.learn):
                try:
                    await learn()
                except Exception:  # the desk goes on with what it knows
                    log.exception("what another process may have changed could not be read")
            if look % GROUPS_EVERY == 0:
                for line in await self.desk.directory.refresh(self.desk.platforms):
                    log.warning(line)

    async def _learn_addresses(self) -> None:
        if self.notebook is not None:
            await moves.recall(self.desk, self.notebook)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them until they end: in a library, asyncio.wait_for may swallow a cancellation (Python 3.11)."""
    pending = {*tasks}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_AFTER)
    await asyncio.gather(*tasks, return_exceptions=True)
