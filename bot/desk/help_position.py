"""Keeps a channel's `Get help` message in sight: posts it again below once enough stands below it."""

from __future__ import annotations

from datetime import timedelta

from bot.clock import parse_instant, real_now
from bot.desk import channels
from bot.desk.desk import Desk
from bot.model.address import Place
from bot.ports import Timer

KIND = "get_help_below"
"""The kind of its timers; their keys are the channels."""
MOST_BELOW = 20
QUIET = timedelta(minutes=10)
"""How long nothing may come below it before it is posted again: nobody is interrupted."""
AT_MOST_EVERY = timedelta(hours=1)
MOVED = "get-help-moved"
"""When each channel's message was last posted again, by the desk's clock."""
LIFE = timedelta(days=30)
"""How long a message below is counted, in real time."""


async def on_message(desk: Desk, channel: Place, message: str) -> None:
    """Counts a message at the top level of a customer's channel, by any name that is its own."""
    place = desk.directory.current_address(channel)
    if desk.directory.account_of(place) is None:
        return
    help_message = await channels.known_help(desk, desk.key_values, place)
    if help_message is None:
        return
    below = await desk.key_values.get_all(_topic(help_message))
    if len(below) <= MOST_BELOW and message not in below:
        await desk.key_values.put(_topic(help_message), message, "", real_now() + LIFE)
        below[message] = ""
    if len(below) > MOST_BELOW:
        await desk.store.set_timer(Timer(KIND, str(place), desk.clock.now() + QUIET))


async def on_deleted(desk: Desk, channel: Place, message: str) -> None:
    """Does not count a message any longer."""
    place = desk.directory.current_address(channel)
    if desk.directory.account_of(place) is not None and (
        help_message := await channels.known_help(desk, desk.key_values, place)
    ):
        await desk.key_values.delete(_topic(help_message), message)


async def move(desk: Desk, channel: str) -> None:
    """Posts the message again if enough stands below it, at most once an hour."""
    place = desk.directory.current_address(Place.parse(channel))
    help_message = await channels.known_help(desk, desk.key_values, place)
    if help_message is None or place.platform not in desk.platforms:
        return
    if len(await desk.key_values.get_all(_topic(help_message))) <= MOST_BELOW:
        return
    moved, now = await desk.key_values.get(MOVED, str(place)), desk.clock.now()
    if moved is not None and (again_at := parse_instant(moved) + AT_MOST_EVERY) > now:
        await desk.store.set_timer(Timer(KIND, str(place), again_at))
        return
    await channels.move_help_message(desk, place, help_message)
    await desk.key_values.put(MOVED, str(place), now.isoformat())


def _topic(help_message: str) -> str:
    return f"get-help-below {help_message}"
