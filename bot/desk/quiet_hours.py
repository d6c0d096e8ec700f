"""Direct messages that belong to no ticket. In a person's quiet hours they wait for a timer."""

from __future__ import annotations

import json
from datetime import datetime

from bot.clock import parse_instant
from bot.config.directory import DeskDuty, quiet_until
from bot.config.settings import Account
from bot.desk.desk import Desk
from bot.model.address import Person
from bot.model.views import Link, Notice, Part, RichText, Strong, When
from bot.ports import Message, Priority, Timer, TimerResult
from sla_core.promise import Tone

TOPIC = "tam"
"""The key prefix of these messages."""
KIND = "tam_note"
"""The kind of the timers; their payload is the person's id and the text."""


async def tell(desk: Desk, key: str, person: Person, *text: Part, tone: Tone = Tone.WARN) -> None:
    """Sends a note, once for each key: now, or when the person's quiet hours end."""
    until = quiet_until(person, desk.clock.now())
    if until is None:
        await desk.store.enqueue(_messages(desk, key, person, text, tone))
    else:
        payload = json.dumps({"person": person.id, "text": [stored(part) for part in text], "tone": tone})
        await desk.store.set_timer(Timer(KIND, key, until, payload))


async def tell_of_account(desk: Desk, key: str, account: Account, *text: Part) -> None:
    """Tells the account's TAM, or whoever stands in."""
    people = desk.directory.settings.people
    for contact in DeskDuty(desk.directory).told_first(account.id, desk.clock.now(), escalated=False):
        await tell(desk, f"{key}/{contact.person}", people[contact.person], *text)


def on_timer(desk: Desk, timer: Timer, now: datetime) -> TimerResult:
    """Sends a note that was held back. Nobody gets it who is not in the desk's file any more."""
    note = json.loads(timer.payload)
    person = desk.directory.settings.people.get(note["person"])
    text = tuple(read(part) for part in note["text"])
    tone = Tone(note.get("tone", Tone.WARN))  # a timer of an older version has none
    return TimerResult(_messages(desk, timer.key, person, text, tone) if person else ())


def _messages(desk: Desk, key: str, person: Person, text: RichText, tone: Tone) -> tuple[Message, ...]:
    ref = desk.directory.direct_address(person, "")
    said = Notice(text, tone)
    return (Message(f"{TOPIC}/{key}", None, ref, said, Priority.STATE),) if ref else ()


def stored(part: Part) -> list[str]:
    """A part of a text, for JSON. Mentions and quotes become plain text."""
    match part:
        case str():
            return ["text", part]
        case Strong():
            return ["strong", part.text]
        case Link():
            return ["link", part.url, part.text]
        case When():
            return ["when", part.at.isoformat()]
        case _:
            return ["text", part.name if hasattr(part, "name") else part.text]


def read(written: list[str]) -> Part:
    """The reverse of `stored`. Raises ValueError."""
    match written:
        case ["strong", text]:
            return Strong(text)
        case ["link", url, text]:
            return Link(url, text)
        case ["when", at]:
            return When(parse_instant(at))
        case [_, text]:
            return text
        case _:
            raise ValueError(f"not a part of a text: {written}")
