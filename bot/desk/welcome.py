"""The standing message of a customer channel: `Get help`, kept alive and never twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.address import MessageRef, Place
from bot.clock import parse_instant, real_now
from bot.desk import moves
from bot.desk.alone import alone
from bot.desk.core import Desk
from bot.ports import Message, Notebook, Priority, StandingHelp

log = structlog.get_logger(__name__)

TOPIC = "get-help"
"""What the keys of its messages begin with; also where an earlier version noted its id in each channel."""
KEYS = "get-help-key"
"""The key of the message that it is in each channel."""
SEEN = "get-help-seen"
"""When it was last looked for, by the desk's clock."""
LOOK_AFTER = timedelta(hours=1)
MOST_LOOKS = 10
"""How many are looked for in one round: each look is one of the edits that the platform lets through."""


async def keep_help_posted(desk: Desk, notebook: Notebook) -> None:
    """One round of the standing messages, one in each customer channel.

    It is posted where it is not, and looked for now and then where it should be.
    """
    await moves.recall(desk, notebook)
    posted, seen = await notebook.notes(KEYS), await notebook.notes(SEEN)
    now, looks = desk.clock.now(), 0
    for place in _channels(desk):
        if str(place) in posted:
            if looks == MOST_LOOKS or _recent(seen.get(str(place)), now):
                continue
            looks += 1
        await stand(desk, notebook, place)


async def stand(desk: Desk, notebook: Notebook, place: Place) -> None:
    """See that it stands in this channel: post it, or draw it again, which only what is there can be."""
    if place.platform not in desk.platforms:
        return
    async with desk.tending, alone(notebook, f"{TOPIC} {place}") as is_ours:
        if not is_ours:
            return
        stamp = real_now().isoformat()
        key = await _known(desk, notebook, place)
        edits = key
        if key is None:
            key = f"{TOPIC}/{place}/{stamp}"
            await notebook.note(KEYS, str(place), key)
        messages = [Message(key, None, place, StandingHelp(), Priority.STATE)]
        if edits is not None:
            purse, name = desk.directory.purse_of(place), f"{key}/{stamp}"
            messages.append(
                Message(name, None, place, StandingHelp(), Priority.COUNTDOWN, edits=edits, purse=purse)
            )
        await desk.store.enqueue(messages)
        await notebook.note(SEEN, str(place), desk.clock.now().isoformat())


async def refused(desk: Desk, message: Message, why: str) -> None:
    """It cannot be posted, and is tried again in a later round; or it is gone, and is posted again now."""
    assert isinstance(message.to, Place)
    place = desk.directory.now_at(message.to)
    if await _known(desk, desk.notebook, place) != (message.edits or message.key):
        return
    await _forget(desk.notebook, place)
    if message.edits is not None:
        await stand(desk, desk.notebook, place)
    else:
        log.warning("Get help cannot be posted", place=str(place), why=why)


async def put_back(desk: Desk, message: MessageRef) -> None:
    """Post it again where the deleted message was it."""
    place = desk.directory.now_at(message.place)
    if desk.directory.account_of(place) is None:
        return
    known = await _known(desk, desk.notebook, place)
    if known is not None and await desk.key_of(message) == known:
        await _forget(desk.notebook, place)
        await stand(desk, desk.notebook, place)


async def moved(notebook: Notebook, old: Place, new: Place) -> None:
    """The channel has another address; its messages keep their ids."""
    for topic in (KEYS, TOPIC):
        if (known := await notebook.noted(topic, str(old))) is not None:
            await notebook.note(topic, str(new), known)
    await _forget(notebook, old)
    await notebook.forget(SEEN, str(old))


async def _known(desk: Desk, notebook: Notebook, place: Place) -> str | None:
    """The key of the message that it is in this channel, if it was posted there."""
    key = await notebook.noted(KEYS, str(place))
    id = None if key else await notebook.noted(TOPIC, str(place))
    if id is not None:
        key = f"{TOPIC}/{place}/{id}"
        said = Message(key, None, place, StandingHelp(), Priority.STATE)
        await desk.store.adopt(said, MessageRef(place, id))
        await notebook.note(KEYS, str(place), key)
    return key


async def _forget(notebook: Notebook, place: Place) -> None:
    await notebook.forget(KEYS, str(place))
    await notebook.forget(TOPIC, str(place))


def _channels(desk: Desk) -> list[Place]:
    directory = desk.directory
    accounts = directory.settings.accounts.values()
    return [channel for account in accounts for channel in directory.channels_of(account)]


def _recent(seen: str | None, now: datetime) -> bool:
    return seen is not None and now - parse_instant(seen) < LOOK_AFTER
