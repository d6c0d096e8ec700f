"""Ways in that are no slash command: a mention, a reaction, a shortcut."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from adapters.slack.names import PATIENCE
from adapters.slack.payloads import Delivery, Malformed, ReactedDelivery, Shortcut, Written, read
from adapters.slack.reader import SPOKEN, Reader, called, direct, place, team_of
from adapters.slack.text import clean
from adapters.slack.web_api import Refused, Unheard, WebApi
from bot.address import MessageRef
from bot.exchange import Command, Door, Inbound

log = structlog.get_logger(__name__)

TICKETS = frozenset({"ticket", "admission_tickets"})
"""Reactions that ask for a ticket."""


def mentioned(reader: Reader, body: Mapping[str, Any], home: str) -> Command | None:
    """A message with the bot's name in it; the same one comes as a plain message too.

    An edit of it comes anew, under the same key. None for what bots say.
    """
    said = read(Delivery, body).event
    ours = said.user == reader.us.bot_user
    if said.subtype not in SPOKEN or said.hidden or said.bot_id or ours or not said.user:
        return None
    where = place(said.channel)
    actor = reader.actor(said.user, team_of(said) or home, called(said))
    key = f"mention/{said.channel}/{said.ts}"
    about = MessageRef(where, said.thread_ts or said.ts)
    words = _drafted(reader, said)
    return Command(key, reader.clock.now(), actor, where, Door.MENTION, words, about)


def reacted(reader: Reader, body: Mapping[str, Any], home: str) -> Command | None:
    """A ticket put on a message. What the message says is not told; `quoted` asks for it."""
    event = read(ReactedDelivery, body).event
    item, us = event.item, reader.us.bot_user
    if event.reaction.partition("::")[0] not in TICKETS or item.type != "message" or event.user == us:
        return None
    if not item.channel or not item.ts:
        return None
    where = place(item.channel)
    actor = reader.actor(event.user, home, event.user)
    key = f"reaction/{item.channel}/{item.ts}"
    return Command(key, reader.clock.now(), actor, where, Door.REACTION, "", MessageRef(where, item.ts))


def shortcut(reader: Reader, called_up: Shortcut) -> Command:
    """From the menu of a message, or from the one that is everywhere."""
    user, said = called_up.user, called_up.message
    where = place(called_up.channel.id) if called_up.channel else direct("", user.id)
    about = MessageRef(where, said.thread_ts or said.ts) if said else None
    words = _drafted(reader, said) if said and not said.bot_id else ""
    actor = reader.actor(user.id, user.team_id, user.called)
    key = f"command/{called_up.trigger_id}"
    return Command(key, reader.clock.now(), actor, where, Door.SHORTCUT, words, about)


async def quoted(act: Inbound, reader: Reader, api: WebApi) -> Inbound:
    """For a reaction: with the message's words, and about the thread that it stands in.

    Where Slack does not tell, it begins without words.
    """
    if not isinstance(act, Command) or act.name != Door.REACTION or act.about is None:
        return act
    at = act.about.id
    asked = {"channel": act.place.id, "ts": at, "oldest": at, "latest": at, "inclusive": True, "limit": 2}
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await api.ask("conversations.replies", asked)
        found = next((each for each in answer.get("messages", ()) if each.get("ts") == at), None)
        if found is None:
            return act
        said = read(Written, found)
    except (Refused, Unheard, Malformed, TimeoutError) as why:
        log.info("message of a reaction not read", why=str(why) or "no answer in time")
        return act
    root = MessageRef(act.place, said.thread_ts or at)
    words = "" if said.bot_id or said.user == reader.us.bot_user else _drafted(reader, said)
    return replace(act, text=words, about=root)


def _drafted(reader: Reader, said: Written) -> str:
    """What was typed, without the bot's name, and the names of files that came along."""
    words = reader.typed(reader.unaddressed(said.text or "")).strip()
    files = (clean(f"(file: {file.name or file.title or 'without a name'})") for file in said.files)
    return "\n".join(filter(None, (words, *files)))
