"""Ways in that are no slash command: a mention, a reaction, a shortcut."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from adapters.slack.names import LOOKUP_TIMEOUT
from adapters.slack.payloads import (
    ChannelMessage,
    Malformed,
    MessageCallback,
    ReactionAddedCallback,
    Shortcut,
    parse,
)
from adapters.slack.reader import PERSON_SUBTYPES, Reader, author_name, author_team, dm_place, place
from adapters.slack.text import clean
from adapters.slack.web_api import SlackApiError, SlackUnavailable, WebApi
from bot.address import MessageRef
from bot.exchange import Command, EntryPoint, Inbound

log = structlog.get_logger(__name__)

TICKET_REACTIONS = frozenset({"ticket", "admission_tickets"})
"""Reactions that ask for a ticket."""


def read_mention(reader: Reader, body: Mapping[str, Any], home: str) -> Command | None:
    """A message with the bot's name in it; the same one comes as a plain message too.

    An edit of it comes anew, under the same key. None for what bots say.
    """
    said = parse(MessageCallback, body).event
    ours = said.user == reader.identity.bot_user
    if said.subtype not in PERSON_SUBTYPES or said.hidden or said.bot_id or ours or not said.user:
        return None
    where = place(said.channel)
    actor = reader.actor(said.user, author_team(said) or home, author_name(said))
    key = f"mention/{said.channel}/{said.ts}"
    about = MessageRef(where, said.thread_ts or said.ts)
    words = _draft_text(reader, said)
    return Command(key, reader.clock.now(), actor, where, EntryPoint.MENTION, words, about)


def read_reaction(reader: Reader, body: Mapping[str, Any], home: str) -> Command | None:
    """A ticket put on a message. What the message says is not told; `with_reacted_message` asks for it."""
    event = parse(ReactionAddedCallback, body).event
    item, bot_user = event.item, reader.identity.bot_user
    if (
        event.reaction.partition("::")[0] not in TICKET_REACTIONS
        or item.type != "message"
        or event.user == bot_user
    ):
        return None
    if not item.channel or not item.ts:
        return None
    where = place(item.channel)
    actor = reader.actor(event.user, home, event.user)
    key = f"reaction/{item.channel}/{item.ts}"
    return Command(key, reader.clock.now(), actor, where, EntryPoint.REACTION, "", MessageRef(where, item.ts))


def read_shortcut(reader: Reader, request: Shortcut) -> Command:
    """From the menu of a message, or from the one that is everywhere."""
    user, said = request.user, request.message
    where = place(request.channel.id) if request.channel else dm_place("", user.id)
    about = MessageRef(where, said.thread_ts or said.ts) if said else None
    words = _draft_text(reader, said) if said and not said.bot_id else ""
    actor = reader.actor(user.id, user.team_id, user.shown_name)
    key = f"command/{request.trigger_id}"
    return Command(key, reader.clock.now(), actor, where, EntryPoint.SHORTCUT, words, about)


async def with_reacted_message(act: Inbound, reader: Reader, api: WebApi) -> Inbound:
    """For a reaction: with the message's words, and about the thread that it stands in.

    Where Slack does not tell, it begins without words.
    """
    if not isinstance(act, Command) or act.name != EntryPoint.REACTION or act.about is None:
        return act
    at = act.about.id
    arguments = {"channel": act.place.id, "ts": at, "oldest": at, "latest": at, "inclusive": True, "limit": 2}
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            answer = await api.request("conversations.replies", arguments)
        found = next((each for each in answer.get("messages", ()) if each.get("ts") == at), None)
        if found is None:
            return act
        said = parse(ChannelMessage, found)
    except (SlackApiError, SlackUnavailable, Malformed, TimeoutError) as why:
        log.info("message of a reaction not read", why=str(why) or "no answer in time")
        return act
    root = MessageRef(act.place, said.thread_ts or at)
    words = "" if said.bot_id or said.user == reader.identity.bot_user else _draft_text(reader, said)
    return replace(act, text=words, about=root)


def _draft_text(reader: Reader, said: ChannelMessage) -> str:
    """What was typed, without the bot's name, and the names of files that came along."""
    words = reader.to_plain_text(reader.without_bot_mention(said.text or "")).strip()
    files = (clean(f"(file: {file.name or file.title or 'without a name'})") for file in said.files)
    return "\n".join(filter(None, (words, *files)))
