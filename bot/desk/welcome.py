"""The standing message of a customer channel: `Get help`, kept alive and never twice."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.address import MessageRef, Place
from bot.clock import parse_instant, real_now
from bot.desk import moves
from bot.desk.alone import try_lock
from bot.desk.core import Desk
from bot.ports import KeyValueStore, Message, Priority, StandingHelp

log = structlog.get_logger(__name__)

TOPIC = "get-help"
"""What the keys of its messages begin with; also where an earlier version noted its id in each channel."""
KEYS = "get-help-key"
"""The key of the message that it is in each channel."""
SEEN = "get-help-seen"
"""When it was last looked for, by the desk's clock."""
CHECK_EVERY = timedelta(hours=1)
MAX_CHECKS = 10
"""How many are looked for in one round: each look is one of the edits that the platform lets through."""


async def ensure_help_messages(desk: Desk, key_values: KeyValueStore) -> None:
    """One round of the standing messages, one in each customer channel.

    It is posted where it is not, and looked for now and then where it should be.
    """
    await moves.load_renames(desk, key_values)
    posted, seen = await key_values.get_all(KEYS), await key_values.get_all(SEEN)
    now, checks = desk.clock.now(), 0
    for place in _channels(desk):
        if str(place) in posted:
            if checks == MAX_CHECKS or _recent(seen.get(str(place)), now):
                continue
            checks += 1
        await ensure_help_message(desk, key_values, place)


async def ensure_help_message(desk: Desk, key_values: KeyValueStore, place: Place) -> None:
    """See that it stands in this channel: post it, or draw it again, which only what is there can be."""
    if place.platform not in desk.platforms:
        return
    async with desk.channel_lock, try_lock(key_values, f"{TOPIC} {place}") as acquired:
        if not acquired:
            return
        stamp = real_now().isoformat()
        key = await _known(desk, key_values, place)
        edits = key
        if key is None:
            key = f"{TOPIC}/{place}/{stamp}"
            await key_values.put(KEYS, str(place), key)
        messages = [Message(key, None, place, StandingHelp(), Priority.STATE)]
        if edits is not None:
            rate_limit_key, name = desk.directory.rate_limit_key_of(place), f"{key}/{stamp}"
            messages.append(
                Message(
                    name,
                    None,
                    place,
                    StandingHelp(),
                    Priority.COUNTDOWN,
                    edits=edits,
                    rate_limit_key=rate_limit_key,
                )
            )
        await desk.store.enqueue(messages)
        await key_values.put(SEEN, str(place), desk.clock.now().isoformat())


async def on_refused(desk: Desk, message: Message, why: str) -> None:
    """It cannot be posted, and is tried again in a later round; or it is gone, and is posted again now."""
    assert isinstance(message.to, Place)
    place = desk.directory.current_address(message.to)
    if await _known(desk, desk.key_values, place) != (message.edits or message.key):
        return
    await _forget(desk.key_values, place)
    if message.edits is not None:
        await ensure_help_message(desk, desk.key_values, place)
    else:
        log.warning("Get help cannot be posted", place=str(place), why=why)


async def repost_deleted(desk: Desk, message: MessageRef) -> None:
    """Post it again where the deleted message was it."""
    place = desk.directory.current_address(message.place)
    if desk.directory.account_of(place) is None:
        return
    known = await _known(desk, desk.key_values, place)
    if known is not None and await desk.key_of(message) == known:
        await _forget(desk.key_values, place)
        await ensure_help_message(desk, desk.key_values, place)


async def moved(key_values: KeyValueStore, old: Place, new: Place) -> None:
    """The channel has another address; its messages keep their ids."""
    for topic in (KEYS, TOPIC):
        if (known := await key_values.get(topic, str(old))) is not None:
            await key_values.put(topic, str(new), known)
    await _forget(key_values, old)
    await key_values.delete(SEEN, str(old))


async def _known(desk: Desk, key_values: KeyValueStore, place: Place) -> str | None:
    """The key of the message that it is in this channel, if it was posted there."""
    key = await key_values.get(KEYS, str(place))
    id = None if key else await key_values.get(TOPIC, str(place))
    if id is not None:
        key = f"{TOPIC}/{place}/{id}"
        said = Message(key, None, place, StandingHelp(), Priority.STATE)
        await desk.store.adopt(said, MessageRef(place, id))
        await key_values.put(KEYS, str(place), key)
    return key


async def _forget(key_values: KeyValueStore, place: Place) -> None:
    await key_values.delete(KEYS, str(place))
    await key_values.delete(TOPIC, str(place))


def _channels(desk: Desk) -> list[Place]:
    directory = desk.directory
    accounts = directory.settings.accounts.values()
    return [channel for account in accounts for channel in directory.channels_of(account)]


def _recent(seen: str | None, now: datetime) -> bool:
    return seen is not None and now - parse_instant(seen) < CHECK_EVERY
