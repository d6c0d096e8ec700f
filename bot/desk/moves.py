"""Channels that got another address: remembered, and known to every process before long."""

from __future__ import annotations

from bot.address import Place
from bot.desk.core import Desk
from bot.ports import Notebook

TOPIC = "channel-moved"
"""Old addresses and what became of them."""


async def recall(desk: Desk, notebook: Notebook) -> None:
    """Learn again which channels have moved, whichever process was told."""
    for old, new in (await notebook.notes(TOPIC)).items():
        desk.directory.moved(Place.parse(old), Place.parse(new))


async def follow(desk: Desk, notebook: Notebook, old: Place, new: Place) -> None:
    """The channel is at its new address from now on."""
    desk.directory.moved(old, new)
    if desk.directory.now_at(new) == new:
        await notebook.forget(TOPIC, str(new))
    await notebook.note(TOPIC, str(old), str(new))
