"""Notices that belong to no ticket: they go the way of all that the desk says."""

from __future__ import annotations

import json

from bot.address import Place, UserRef
from bot.desk.core import Desk
from bot.ports import KeyValueStore, Message, Priority
from bot.views import Notice
from sla_core.countdown import Tone

TOPIC = "notice"
"""What their keys begin with; also the topic of notes in which an earlier version kept them."""


async def notify(desk: Desk, key: str, to: Place | UserRef, text: str) -> None:
    """Have this said; the same key again is the same notice.

    All have the same priority, so that of two about the same channel the later one comes last.
    """
    say = Notice((text,), Tone.WARN)
    await desk.store.enqueue([Message(f"{TOPIC}/{key}", None, to, say, Priority.STATE)])


async def send_stored_notices(desk: Desk, key_values: KeyValueStore) -> None:
    """Has those said that an earlier version kept as notes and did not say."""
    for key, note in sorted((await key_values.get_all(TOPIC)).items()):
        kept = json.loads(note)
        to = Place.parse(kept["place"]) if "place" in kept else UserRef.parse(kept["person"])
        await notify(desk, key, to, kept["text"])
        await key_values.delete(TOPIC, key)
