"""What the desk does at an instant that belongs to no ticket, such as refreshing a board."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from bot.clock import later
from bot.desk import channels, quiet_hours, ticket_board, unticketed
from bot.desk.desk import BOARD, LOCK_LIFE, Desk
from bot.desk.tam import forecast, monthly
from bot.logs import log_fault
from bot.model.address import Place
from bot.ports import Timer, TimerResult

log = structlog.get_logger(__name__)

AGAIN, AGAIN_AFTER = "again", LOCK_LIFE + timedelta(seconds=10)
"""A second time, after this much real time: the process may die during the first, which may hold a lock."""


async def _refresh_board(desk: Desk, channel: str) -> None:
    await ticket_board.refresh(desk, Place.parse(channel))


WORK: Mapping[str, Callable[[Desk, str], Awaitable[None]]] = {
    BOARD: _refresh_board,
    channels.KIND: channels.move,
    unticketed.UNTICKETED: unticketed.show,
    forecast.KIND: forecast.send_due,
    monthly.KIND: monthly.send_due,
}
"""What a timer's key is given to, by the timer's kind. It may run twice, also at the same time."""
FOLLOWS: Mapping[str, Callable[[Desk, str, datetime], datetime | None]] = {
    forecast.KIND: forecast.next_at,
    monthly.KIND: monthly.next_at,
}
"""When the timer fires anew after both times, by its kind. It reads no store."""


@dataclass
class TimedWork:
    """Enter `running` before timers fire."""

    desk: Desk
    _due: dict[tuple[str, str], None] = field(default_factory=dict)
    """Kinds and keys of timers, in the order in which they fired."""
    _under_way: asyncio.Task[None] | None = None

    @property
    def handlers(self) -> dict[str, Callable[[Timer, datetime], TimerResult]]:
        """The timer handlers, by kind."""
        return {
            **dict.fromkeys(WORK, self.on_timer),
            quiet_hours.KIND: partial(quiet_hours.on_timer, self.desk),
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """On exit, cancels what is under way; its timer fires again."""
        try:
            yield
        finally:
            if self._under_way is not None:
                self._under_way.cancel()
                await asyncio.gather(self._under_way, return_exceptions=True)

    def on_timer(self, timer: Timer, now: datetime) -> TimerResult:
        """Notes the work for `begin`, and sets the timer a second time, then for the next work."""
        self._due[timer.kind, timer.key] = None
        if timer.payload != AGAIN:
            return TimerResult(again_at=later(self.desk.clock, AGAIN_AFTER), payload=AGAIN)
        follows = FOLLOWS.get(timer.kind)
        return TimerResult(again_at=follows(self.desk, timer.key, now) if follows else None)

    def begin(self, kind: str) -> None:
        """Starts the work, if timers of this kind have fired and nothing is under way."""
        if kind in WORK and (self._under_way is None or self._under_way.done()):
            self._under_way = asyncio.create_task(self.do_what_is_due())

    async def do_what_is_due(self) -> None:
        """Does the work of all timers that have fired."""
        while self._due:
            kind, key = next(iter(self._due))
            del self._due[kind, key]
            try:
                await WORK[kind](self.desk, key)
            except Exception:  # one must not delay the others, and it is tried a second time
                log_fault(log, "the work of a timer failed", kind=kind, key=key)
