"""The entry points, which all lead to one intake: commands, mentions, reactions, shortcuts, `Get help`."""

from __future__ import annotations

import re
from dataclasses import replace

import structlog

from bot.desk import text_commands
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.intake import conversation, conversation_steps, drafts, open
from bot.desk.intake.drafts import Prefill, pack_prefill, unpack_prefill
from bot.desk.intake.form import FORM
from bot.desk.ticket import reply
from bot.desk.ticket.reply import ticket_below
from bot.model.address import Actor, Place
from bot.model.inbound import Answer, Ask, Command, Done, EntryPoint, Posted, Press
from bot.model.views import Button, Mention, Notice, Part, Style
from bot.ports import PermanentFailure

log = structlog.get_logger(__name__)

_CALLED = re.compile(r"^\s*@\S+\s")
"""The mention of the bot before a text."""
_BEGINS = re.compile(r"\s*support\s*:\s*", re.IGNORECASE)
_ELSEWHERE = (
    "It cannot be told from here which channels you are in. "
    "Please ask in the channel that you share with us: mention me there, or press Get help."
)
_ASKED_HERE = "You are being asked about this already: please go on in its thread. Cancel there gives it up."
_QUIET = frozenset({EntryPoint.WORDS, EntryPoint.REACTION})
"""Not answered in channels without an account, where they may be meant for somebody else."""
_DRAFTS = frozenset({EntryPoint.SHORTCUT, EntryPoint.REACTION})
"""Their text is a person's message and never a text command."""


async def command(desk: Desk, command: Command) -> Answer:
    """Opens the form with the typed text filled in, or runs a text command."""
    about = command.about
    if about is not None:
        if await conversation.is_under_way(desk, command.actor, about):
            return private_notice(_ASKED_HERE) if command.name in _DRAFTS else Done()
        if key := await ticket_below(desk, about):
            asks = text_commands.parse(desk, command.text) if command.name == EntryPoint.MENTION else None
            return await text_commands.run(desk, asks, command) if asks else _belongs_to(key, command)
    if command.name in _QUIET and not _is_served(desk, command.place):
        return Done()
    if command.name not in _DRAFTS and (word := text_commands.parse(desk, command.text)):
        return await text_commands.run(desk, word, command)
    thread = about.id if about is not None and not command.place.direct else ""
    prefill = Prefill(command.text.strip(), thread)
    return await _open_form(desk, replace(command, text=prefill.text), prefill)


async def get_help(desk: Desk, press: Press) -> Answer:
    """Opens the form from a `Get help` button, with the text that the button carries."""
    if said := await drafts.answered_prompt(desk, press):
        return said
    prefill = await unpack_prefill(desk, press.value)
    begun = Command(press.key, press.at, press.actor, press.place, press.action, prefill.text)
    return await _open_form(desk, begun, prefill, drafts.prompt_of(press))


async def on_message(desk: Desk, said: Posted) -> Answer:
    """Handles a message: an answer to our question, the beginning of a ticket, or a part of a thread."""
    answer = await conversation.on_message(desk, said)
    if answer is not None:
        return answer
    if said.mentions_bot and text_commands.parse(desk, _CALLED.sub("", said.text, count=1)):
        return Done()
    text = _text_for_desk(said)
    if text is None or (said.thread is not None and await ticket_below(desk, said.thread)):
        return await reply.on_thread_message(desk, said)
    about = said.thread or said.message
    return await command(
        desk, Command(said.key, said.at, said.actor, said.place, EntryPoint.WORDS, text, about)
    )


def _text_for_desk(said: Posted) -> str | None:
    """The text if the message addresses the desk; None if not, or if it also arrives as a mention."""
    begins = _BEGINS.match(said.text)
    if said.place.direct or (begins and not said.mentions_bot):
        text = said.text[begins.end() :] if begins else said.text
        return "\n".join(filter(None, (text.strip(), *(f"(file: {file.name})" for file in said.files))))
    return None


def _is_served(desk: Desk, place: Place) -> bool:
    directory = desk.directory
    return place.direct or directory.is_triage(place) or directory.account_of(place) is not None


def _belongs_to(key: str, command: Command) -> Answer:
    """The answer to a command on a ticket's message; nothing in its thread, which is recorded anyway."""
    if command.name in (EntryPoint.MENTION, EntryPoint.WORDS):
        return Done()
    return private_notice(
        f"This belongs to {key} already. What is written in its thread reaches those who work on it."
    )


async def _open_form(desk: Desk, command: Command, prefill: Prefill, offer: str = "") -> Answer:
    try:
        answer = await open.command(desk, command, offer)
    except PermanentFailure as why:
        log.warning("could not look up the actor", user=str(command.actor.user), why=str(why))
        return refusal(_ELSEWHERE)
    if not isinstance(answer, Ask) or answer.form.id != FORM:
        return answer
    return replace(answer, fallback=await _fallback(desk, command.actor, command.place, prefill))


async def _fallback(desk: Desk, actor: Actor, place: Place, prefill: Prefill) -> Notice:
    """The message to show if no form can be opened at once."""
    value = await pack_prefill(desk, prefill)
    who: tuple[Part, ...] = () if place.direct else (Mention(actor.user, actor.name), " ")
    said = "A few questions make this a ticket: in a form, or here one by one."
    help_ = Button("get_help", "Get help", value, Style.PRIMARY)
    return Notice((*who, said), buttons=(help_, begin_button(value)))


def begin_button(prefill: str) -> Button:
    """Starts the form as a conversation, with `prefill` as packed in drafts."""
    return Button(conversation_steps.ACTION, "Answer here", f"{conversation_steps.BEGIN}|{prefill}")
