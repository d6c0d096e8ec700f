"""Texts that a button fills into the form, and what became of the messages that offered one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from bot.clock import real_now
from bot.desk.desk import Desk, private_notice
from bot.model.address import MessageRef, Place
from bot.model.inbound import Command, Press, Show
from bot.model.views import Notice, Strong
from bot.notify.message_factory import naming
from bot.notify.pages import LINK_DELAY
from bot.ports import Message, Priority
from sla_core.promise import Tone

LONGEST_BUTTON_VALUE = 900
"""Characters of a button's value that every platform allows. Longer values go to the key-value store."""


PREFILL_LIFE = timedelta(days=30)
"""How long text is stored for a button that nobody presses."""


PREFILLS = "carried"


_STORED = "kept:"


@dataclass(frozen=True, slots=True)
class Prefill:
    """Text to fill in. `thread` is the id of the message in whose thread to ask; empty if direct."""

    text: str = ""
    thread: str = ""


async def pack_prefill(desk: Desk, prefill: Prefill) -> str:
    """The prefill as a button's value, stored if it is too long."""
    if prefill == Prefill():
        return ""
    whole = json.dumps([prefill.thread, prefill.text], ensure_ascii=False)
    if len(whole) <= LONGEST_BUTTON_VALUE:
        return whole
    name = sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    # The version before, which may run beside this one, reads `at`.
    stored = json.dumps({"at": desk.clock.now().isoformat(), "carried": whole}, ensure_ascii=False)
    await desk.key_values.put(PREFILLS, name, stored, real_now() + PREFILL_LIFE)
    return f"{_STORED}{name}"


async def unpack_prefill(desk: Desk, value: str) -> Prefill:
    """The prefill that a button carries; empty if its value is invalid or has expired."""
    if value.startswith(_STORED):
        stored = await desk.key_values.get(PREFILLS, value.removeprefix(_STORED))
        value = json.loads(stored)["carried"] if stored else ""
    try:
        thread, text = json.loads(value)
    except (TypeError, ValueError):
        return Prefill()
    return Prefill(str(text), str(thread))


def command_of(press: Press, prefill: Prefill) -> Command:
    """What a button that carries a prefill asks for: a form with that text, about that message."""
    about = MessageRef(press.place, prefill.thread) if prefill.thread else None
    return Command(press.key, press.at, press.actor, press.place, press.action, prefill.text, about)


def prompt_of(press: Press) -> str:
    """The id of the button's message if that offers to make a ticket of something, else empty."""
    return press.message.id if press.message and press.value else ""


async def record_ticket(desk: Desk, place: Place, offer: str, ticket: str) -> None:
    """Records that a prompt led to this ticket."""
    # The version before, which may run beside this one, reads `at`.
    stored = json.dumps({"at": desk.clock.now().isoformat(), "ticket": ticket})
    await desk.key_values.put(PROMPTS, f"{place}/{offer}", stored, real_now() + PROMPT_LIFE)


async def ticket_of_prompt(desk: Desk, place: Place, offer: str) -> str | None:
    """The ticket that a prompt led to, or None."""
    stored = await desk.key_values.get(PROMPTS, f"{place}/{offer}") if offer else None
    return str(json.loads(stored)["ticket"]) if stored else None


async def close_prompt(desk: Desk, prompt: MessageRef, ticket: str, delay: timedelta = timedelta(0)) -> None:
    """Takes the buttons off the message that offered the form: it would only say the same again.

    With a `delay` if the platform itself has said first what became of it.
    """
    key = await desk.key_of(prompt) or f"{PERSONS_MESSAGE}/{prompt.place}/{prompt.id}"
    says = Notice(("This is now ticket ", Strong(ticket), "."), Tone.DONE)
    adopted = Message(key, None, prompt.place, Notice(()), Priority.STATE, posted=prompt)
    await desk.store.enqueue([adopted, edit_naming(ticket, key, prompt.place, says, delay)])


def edit_naming(
    ticket: str, edits: str, place: Place, says: Notice, delay: timedelta = timedelta(0)
) -> Message:
    """An edit with a link to a new ticket's card, which in another conversation is posted meanwhile."""
    delay = max(delay, LINK_DELAY) if place.direct else delay
    key = f"{edits}{naming(ticket)}"
    return Message(key, None, place, says, Priority.STATE, edits=edits, delay=delay)


async def answered_prompt(desk: Desk, press: Press) -> Show | None:
    """The answer if the button's prompt has led to a ticket already, or None."""
    key = await ticket_of_prompt(desk, press.place, prompt_of(press))
    return await already_in(desk, key, press.place) if key else None


async def already_in(desk: Desk, key: str, place: Place) -> Show:
    """The answer in `place` to somebody who wants to open a ticket that is open already."""
    return private_notice(
        f"This is already ticket {key}. Please continue in the thread of its card. "
        "For something else, mention me in a new message.",
        *await desk.link_to_card(key, place),
    )


PERSONS_MESSAGE = "interview/other"
"""The key prefix of messages that the outbox did not send: people's, and our offers of a form."""


PROMPTS = "offer"


PROMPT_LIFE = timedelta(days=30)
"""How long a prompt is remembered; hardly anybody scrolls further back."""
