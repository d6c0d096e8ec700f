"""Offers that have led to a ticket: whoever presses them again is told which, and begins no second one."""

from __future__ import annotations

import json
from datetime import timedelta

from bot.address import Place
from bot.clock import real_now
from bot.desk.core import Desk, private
from bot.exchange import Press, Show

TOPIC = "offer"
LIFE = timedelta(days=30)
"""Nobody scrolls further back."""


def offer_of(press: Press) -> str:
    """The message that a button stands on, if that offers to make a ticket of something; else empty."""
    return press.message.id if press.message and press.value else ""


async def took(desk: Desk, place: Place, offer: str, ticket: str) -> None:
    """What it was about is in this ticket."""
    # The version before, which may run beside this one, reads `at`.
    note = json.dumps({"at": desk.clock.now().isoformat(), "ticket": ticket})
    await desk.notebook.note(TOPIC, f"{place}/{offer}", note, real_now() + LIFE)


async def led_to(desk: Desk, place: Place, offer: str) -> str | None:
    """The ticket, if there is one."""
    note = await desk.notebook.noted(TOPIC, f"{place}/{offer}") if offer else None
    return str(json.loads(note)["ticket"]) if note else None


async def is_taken(desk: Desk, press: Press) -> Show | None:
    """What to say where it has led to a ticket; None where it has not."""
    key = await led_to(desk, press.place, offer_of(press))
    return already(key) if key else None


def already(key: str) -> Show:
    return private(
        f"This is in {key} already: please go on in the thread of its card. "
        "For something else, mention me in a message of its own."
    )
