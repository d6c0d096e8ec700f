"""The Events API: messages, mentions, reactions, channels and uninstalls, as the desk's values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict

from adapters.slack.outbound.web_api import SlackApiError, SlackUnavailable, WebApi
from adapters.slack.payloads import (
    AppHomeOpenedCallback,
    ChannelMessage,
    Id,
    Malformed,
    MessageCallback,
    OptionalId,
    Profile,
    ReactionAddedCallback,
    Shortcut,
    parse,
    slack_id,
)
from adapters.slack.reader import PERSON_SUBTYPES, Reader, author_name, author_team, dm_place, place
from adapters.slack.rendering.mrkdwn import clean
from adapters.slack.workspaces.workspace import LOOKUP_TIMEOUT, RequestOrigin, Workspaces
from bot.model.address import Actor, MessageRef, UserRef
from bot.model.inbound import (
    ChannelChange,
    ChannelChanged,
    Command,
    EntryPoint,
    HomeOpened,
    Inbound,
    MessageChanged,
    Posted,
    Press,
)

_LATER = frozenset({"message_changed", "message_deleted"})
_TOMBSTONE = "tombstone"
"""What stands where a message was deleted that had been replied to."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Written(_Part):
    """A message inside of the event that tells of it."""

    subtype: str | None = None
    user: OptionalId | None = None
    bot_id: OptionalId | None = None
    text: str = ""
    ts: OptionalId = ""
    thread_ts: OptionalId | None = None
    user_team: OptionalId | None = None
    user_profile: Profile | None = None

    @property
    def root(self) -> str | None:
        """The message that it replies to."""
        return self.thread_ts if self.thread_ts != self.ts else None


class _Change(_Part):
    type: Literal["message"]
    subtype: Literal["message_changed", "message_deleted"]
    channel: Id
    message: _Written | None = None
    previous_message: _Written | None = None


class _Changed(_Part):
    event_id: Id
    event: _Change


def read_message(reader: Reader, body: Mapping[str, Any], home: str) -> Posted | MessageChanged | None:
    """A message somebody wrote, or what they did to it later."""
    event = body.get("event")
    if isinstance(event, dict) and slack_id(event.get("subtype")) in _LATER:
        return _read_change(reader, parse(_Changed, body), home)
    return reader.posted(parse(MessageCallback, body), home)


def _read_change(reader: Reader, delivery: _Changed, home: str) -> MessageChanged | None:
    """None for what no person did, for other changes than of words, and for what is no reply.

    A message of our own that stands in the channel itself is told when it is deleted.
    """
    change, identity = delivery.event, reader.identity
    now, before = change.message, change.previous_message
    deleted = change.subtype == "message_deleted" or (now is not None and now.subtype == _TOMBSTONE)
    told = before if deleted else now
    if told is None or not told.user or not told.ts:
        return None
    ours = told.user == identity.bot_user
    if ours and not (deleted and told.root is None):
        return None
    if not ours and (told.bot_id or told.subtype not in PERSON_SUBTYPES or told.root is None):
        return None
    if not deleted and before is not None and before.text == told.text:
        return None
    where = place(change.channel)
    team = told.user_team if told.user_team and told.user_team.startswith("T") else home
    return MessageChanged(
        key=f"event/{delivery.event_id}",
        at=reader.clock.now(),
        actor=reader.actor(told.user, identity.team if ours else team, _name(told)),
        place=where,
        message=MessageRef(where, told.ts),
        text=None if deleted else reader.to_plain_text(told.text),
        thread=MessageRef(where, told.root) if told.root else None,
    )


def _name(told: _Written) -> str:
    profile = told.user_profile
    names = (profile.display_name, profile.real_name, profile.name) if profile else ()
    return next((name for name in names if name), told.user or "")


class _ChannelCallback(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    event_id: Id


class _Event(_Part):
    channel: Id


class _ChannelOnlyCallback(_ChannelCallback):
    event: _Event


class _Authorization(_Part):
    user_id: str | None = None


class _BotLeftCallback(_ChannelOnlyCallback):
    authorizations: list[_Authorization] = []


class _Member(_Event):
    user: str


class _MemberCallback(_ChannelCallback):
    event: _Member


class _Unshared(_Event):
    is_ext_shared: bool = False


class _UnsharedCallback(_ChannelCallback):
    event: _Unshared


class _Channel(_Part):
    id: Id
    name: str = ""


class _Renamed(_Part):
    channel: _Channel


class _RenamedCallback(_ChannelCallback):
    event: _Renamed


class _Ids(_Part):
    old_channel_id: Id
    new_channel_id: Id


class _IdChangedCallback(_ChannelCallback):
    event: _Ids


Body = Mapping[str, Any]
ReadChannelEvent = Callable[[Reader, Body, str], ChannelChanged | None]


def _channel_change(
    reader: Reader, news: _ChannelCallback, channel: str, turn: ChannelChange, **more: Any
) -> ChannelChanged:
    return ChannelChanged(f"event/{news.event_id}", reader.clock.now(), place(channel), turn, **more)


def _channel_event_reader(turn: ChannelChange) -> ReadChannelEvent:
    """For news that name the channel and no more."""

    def read_event(reader: Reader, body: Body, home: str) -> ChannelChanged:
        news = parse(_ChannelOnlyCallback, body)
        return _channel_change(reader, news, news.event.channel, turn)

    return read_event


def _own_membership_reader(turn: ChannelChange) -> ReadChannelEvent:
    """For comings and goings, of which only our own matter."""

    def read_event(reader: Reader, body: Body, home: str) -> ChannelChanged | None:
        news = parse(_MemberCallback, body)
        ours = news.event.user == reader.identity.bot_user
        return _channel_change(reader, news, news.event.channel, turn) if ours else None

    return read_event


def read_bot_left(reader: Reader, body: Body, home: str) -> ChannelChanged | None:
    """None where another installation of ours has left, of which the event itself says nothing."""
    news = parse(_BotLeftCallback, body)
    whose = {each.user_id for each in news.authorizations}
    if whose and reader.identity.bot_user not in whose:
        return None
    return _channel_change(reader, news, news.event.channel, ChannelChange.LEFT)


def read_unshared(reader: Reader, body: Body, home: str) -> ChannelChanged | None:
    """None while other organisations are left in it: which of them is the customer's, Slack does not say."""
    news = parse(_UnsharedCallback, body)
    return (
        None
        if news.event.is_ext_shared
        else _channel_change(reader, news, news.event.channel, ChannelChange.UNSHARED)
    )


def read_renamed(reader: Reader, body: Body, home: str) -> ChannelChanged:
    news = parse(_RenamedCallback, body)
    return _channel_change(
        reader, news, news.event.channel.id, ChannelChange.RENAMED, name=news.event.channel.name
    )


def read_id_changed(reader: Reader, body: Body, home: str) -> ChannelChanged:
    news = parse(_IdChangedCallback, body)
    moved_to = place(news.event.new_channel_id)
    return _channel_change(reader, news, news.event.old_channel_id, ChannelChange.MOVED, moved_to=moved_to)


CHANNEL_READERS: dict[str, ReadChannelEvent] = {
    "channel_archive": _channel_event_reader(ChannelChange.ARCHIVED),
    "channel_deleted": _channel_event_reader(ChannelChange.DELETED),
    "channel_id_changed": read_id_changed,
    "channel_left": read_bot_left,
    "channel_rename": read_renamed,
    "channel_shared": _channel_event_reader(ChannelChange.SHARED),
    "channel_unarchive": _channel_event_reader(ChannelChange.UNARCHIVED),
    "channel_unshared": read_unshared,
    "group_archive": _channel_event_reader(ChannelChange.ARCHIVED),
    "group_deleted": _channel_event_reader(ChannelChange.DELETED),
    "group_left": read_bot_left,
    "group_rename": read_renamed,
    "group_unarchive": _channel_event_reader(ChannelChange.UNARCHIVED),
    "member_joined_channel": _own_membership_reader(ChannelChange.JOINED),
    "member_left_channel": _own_membership_reader(ChannelChange.LEFT),
}
"""By the type of the event."""


class _AppNews(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Uninstalled(_AppNews):
    type: Literal["app_uninstalled"]


class _Tokens(_AppNews):
    bot: list[str] = []


class _Revoked(_AppNews):
    type: Literal["tokens_revoked"]
    tokens: _Tokens


class _UninstallCallback(_AppNews):
    event_time: int
    event: _Uninstalled | _Revoked


UNINSTALL_EVENTS = frozenset({"app_uninstalled", "tokens_revoked"})
"""The types of these events."""


async def handle_uninstall(body: Mapping[str, Any], origin: RequestOrigin, workspaces: Workspaces) -> None:
    """Raises Malformed, SlackFault, SlackUnavailable."""
    callback = parse(_UninstallCallback, body)
    match callback.event:
        case _Uninstalled():
            await workspaces.app_uninstalled(origin, callback.event_time)
        case _Revoked(tokens=tokens) if tokens.bot:
            await workspaces.tokens_revoked(origin)
        case _Revoked():
            pass


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


ReadEvent = Callable[[Reader, Body, str], Inbound | None]
"""Takes the request's body and the actor's home team where the event tells it; None: nothing for the desk."""


def read_home_opened(reader: Reader, body: Mapping[str, Any], home: str) -> HomeOpened | None:
    """None for the other tabs, and for a page that is another workspace's to draw."""
    delivery = parse(AppHomeOpenedCallback, body)
    event, identity = delivery.event, reader.identity
    if event.tab != "home":
        return None
    drawn_by = event.view.app_installed_team_id if event.view else None
    if (drawn_by or delivery.team_id) != identity.team:
        # People of another organisation open their own workspace's page, which we could only spoil.
        log.info("a home tab that is not ours", user=event.user, team=drawn_by or delivery.team_id)
        return None
    theirs = event.view.team_id if event.view else None
    actor = Actor(UserRef("slack", theirs or home, event.user), identity.team, event.user)
    key = f"event/{delivery.event_id}"
    return HomeOpened(key, reader.clock.now(), actor, dm_place(event.channel, event.user))


def home_opened_by_press(press: Press) -> HomeOpened:
    """After a press on their page it reads differently."""
    return HomeOpened(f"{press.key}/home", press.at, press.actor, press.place)


READERS: dict[str, ReadEvent] = {
    "app_home_opened": read_home_opened,
    "app_mention": read_mention,
    "message": read_message,
    "reaction_added": read_reaction,
    **CHANNEL_READERS,
}
"""By the type of the event. What is not here is acknowledged and passed over."""
