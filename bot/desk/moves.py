"""Channels that got another address: remembered, and known to every process before long."""

from __future__ import annotations

from bot.address import Place
from bot.desk.core import Desk
from bot.ports import KeyValueStore

TOPIC = "channel-moved"
"""Old addresses and what became of them."""


async def load_renames(desk: Desk, key_values: KeyValueStore) -> None:
    """Learn again which channels have moved, whichever process was told."""
    for old, new in (await key_values.get_all(TOPIC)).items():
        desk.directory.moved(Place.parse(old), Place.parse(new))


async def record_rename(desk: Desk, key_values: KeyValueStore, old: Place, new: Place) -> None:
    """The channel is at its new address from now on."""
    desk.directory.moved(old, new)
    if desk.directory.current_address(new) == new:
        await key_values.delete(TOPIC, str(new))
    await key_values.put(TOPIC, str(old), str(new))
