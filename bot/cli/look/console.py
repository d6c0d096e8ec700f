"""The desk behind `frontline console`: whose it is, and how its time passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot import ticker
from bot.cli.look.sample_desk import sample_desk
from bot.clock import ManualClock
from bot.desk.core import Desk
from bot.environment import read_environment
from bot.settings import DeskSettings, load_desk


def desk_settings(vendor: str) -> DeskSettings:
    """The desk of the desk's file; a sample desk of the vendor if there is none."""
    path = read_environment().frontline_config
    return load_desk(path) if path.is_file() else sample_desk(vendor)


def fast_forward(
    desk: Desk, clock: ManualClock, settle: Callable[[], Awaitable[None]]
) -> Callable[[timedelta], Awaitable[None]]:
    """Lets time pass from wake-up to wake-up, each delivered before the next, as the real loops do."""

    async def wait(length: timedelta) -> None:
        until = clock.now() + length
        while (wake := await desk.store.next_wake()) is not None and wake <= until:
            clock.advance_to(wake)
            await ticker.wake_due_tickets(desk)
            await settle()
        clock.advance_to(until)

    return wait
