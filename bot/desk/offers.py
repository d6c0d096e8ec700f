"""Offers that have led to a ticket: whoever presses them again is told which, and begins no second one."""

from __future__ import annotations

import json
from datetime import timedelta

from bot.address import Place
from bot.clock import real_now
from bot.desk.core import Desk, private_notice
from bot.exchange import Press, Show

TOPIC = "offer"
LIFE = timedelta(days=30)
"""Nobody scrolls further back."""


def prompt_of(press: Press) -> str:
    """The message that a button stands on, if that offers to make a ticket of something; else empty."""
    return press.message.id if press.message and press.value else ""


async def record_ticket(desk: Desk, place: Place, offer: str, ticket: str) -> None:
    """What it was about is in this ticket."""
    # The version before, which may run beside this one, reads `at`.
    note = json.dumps({"at": desk.clock.now().isoformat(), "ticket": ticket})
    await desk.key_values.put(TOPIC, f"{place}/{offer}", note, real_now() + LIFE)


async def ticket_of_prompt(desk: Desk, place: Place, offer: str) -> str | None:
    """The ticket, if there is one."""
    note = await desk.key_values.get(TOPIC, f"{place}/{offer}") if offer else None
    return str(json.loads(note)["ticket"]) if note else None


async def answered_prompt(desk: Desk, press: Press) -> Show | None:
    """What to say where it has led to a ticket; None where it has not."""
    key = await ticket_of_prompt(desk, press.place, prompt_of(press))
    return already_in(key) if key else None


def already_in(key: str) -> Show:
    return private_notice(
        f"This is in {key} already: please go on in the thread of its card. "
        "For something else, mention me in a message of its own."
    )
