"""Every way in leads to the same intake: commands, mentions, reactions, shortcuts, words, `Get help`."""

from __future__ import annotations

import re
from dataclasses import replace

import structlog

from bot.address import Actor, Place
from bot.desk import asked, intake, interview, offers, questions, speak
from bot.desk.carried import Carried, packed, unpacked
from bot.desk.core import Desk, private, refusal
from bot.desk.intake_form import FORM
from bot.desk.thread import ticket_below
from bot.exchange import Answer, Ask, Command, Done, Door, Posted, Press
from bot.ports import Never
from bot.views import Button, Mention, Notice, Part, Style

log = structlog.get_logger(__name__)

_CALLED = re.compile(r"^\s*@\S+\s")
"""The bot's name before what is said to it."""
_BEGINS = re.compile(r"\s*support\s*:\s*", re.IGNORECASE)
_ELSEWHERE = (
    "It cannot be told from here which channels you are in. "
    "Please ask in the channel that you share with us: mention me there, or press Get help."
)
_ASKED_HERE = "You are being asked about this already: please go on in its thread. Cancel there gives it up."
_QUIET = frozenset({Door.WORDS, Door.REACTION})
"""May be meant for somebody else where no account is served, and is not answered there."""
_DRAFTS = frozenset({Door.SHORTCUT, Door.REACTION})
"""Their text is somebody's message and never a word for the desk."""


async def command(desk: Desk, command: Command) -> Answer:
    """The form with what was typed in it, or what one of the words asks for."""
    about = command.about
    if about is not None:
        if await interview.asks(desk, command.actor, about):
            return private(_ASKED_HERE) if command.name in _DRAFTS else Done()
        if key := await ticket_below(desk, about):
            asks = asked.word(desk, command.text) if command.name == Door.MENTION else None
            return await asked.answered(desk, asks, command) if asks else _part_of(key, command)
    if command.name in _QUIET and not _is_served(desk, command.place):
        return Done()
    if command.name not in _DRAFTS and (word := asked.word(desk, command.text)):
        return await asked.answered(desk, word, command)
    thread = about.id if about is not None and not command.place.direct else ""
    carried = Carried(command.text.strip(), thread)
    return await _asked(desk, replace(command, text=carried.text), carried)


async def get_help(desk: Desk, press: Press) -> Answer:
    """The same by the button, with what its message carries."""
    if said := await offers.is_taken(desk, press):
        return said
    carried = await unpacked(desk, press.value)
    begun = Command(press.key, press.at, press.actor, press.place, press.action, carried.text)
    return await _asked(desk, begun, carried, offers.offer_of(press))


async def heard(desk: Desk, said: Posted) -> Answer:
    """A message: an answer to a question of ours, a way in, or a part of a ticket's thread."""
    answer = await interview.heard(desk, said)
    if answer is not None:
        return answer
    if said.addressed and asked.word(desk, _CALLED.sub("", said.text, count=1)):
        return Done()
    text = _words(said)
    if text is None or (said.thread is not None and await ticket_below(desk, said.thread)):
        return await speak.posted(desk, said)
    about = said.thread or said.message
    return await command(desk, Command(said.key, said.at, said.actor, said.place, Door.WORDS, text, about))


def _words(said: Posted) -> str | None:
    """What is said to the desk; None where it is not spoken to, or hears of it in another way as well."""
    begins = _BEGINS.match(said.text)
    if said.place.direct or (begins and not said.addressed):
        text = said.text[begins.end() :] if begins else said.text
        return "\n".join(filter(None, (text.strip(), *(f"(file: {file.name})" for file in said.files))))
    return None


def _is_served(desk: Desk, place: Place) -> bool:
    directory = desk.directory
    return place.direct or directory.is_triage(place) or directory.account_of(place) is not None


def _part_of(key: str, command: Command) -> Answer:
    """What is asked on a ticket's message opens no other; what is said in its thread is heard as such."""
    if command.name in (Door.MENTION, Door.WORDS):
        return Done()
    return private(
        f"This belongs to {key} already. What is written in its thread reaches those who work on it."
    )


async def _asked(desk: Desk, command: Command, carried: Carried, offer: str = "") -> Answer:
    try:
        answer = await intake.command(desk, command, offer)
    except Never as why:
        log.warning("no telling who somebody is", user=str(command.actor.user), why=str(why))
        return refusal(_ELSEWHERE)
    if not isinstance(answer, Ask) or answer.form.id != FORM:
        return answer
    return replace(answer, instead=await _instead(desk, command.actor, command.place, carried))


async def _instead(desk: Desk, actor: Actor, place: Place, carried: Carried) -> Notice:
    """For where no form can be opened at once."""
    value = await packed(desk, carried)
    who: tuple[Part, ...] = () if place.direct else (Mention(actor.user, actor.name), " ")
    said = "A few questions make this a ticket: in a form, or here one by one."
    help_ = Button("get_help", "Get help", value, Style.PRIMARY)
    return Notice((*who, said), buttons=(help_, questions.begin_button(value)))
