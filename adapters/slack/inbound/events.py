"""Translates the Events API (messages, mentions, reactions, channels, uninstalls) into the desk's values."""

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
from adapters.slack.reader import PERSON_SUBTYPES, Reader, author_name, author_team, dm_place, place, to_file
from adapters.slack.workspaces.workspace import LOOKUP_TIMEOUT, RequestOrigin, Workspaces
from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.model.inbound import (
    ChannelChange,
    ChannelChanged,
    Command,
    EntryPoint,
    HomeOpened,
    Inbound,
    MessageAction,
    MessageChanged,
    Posted,
    Press,
)
from bot.text import clean

_LATER = frozenset({"message_changed", "message_deleted"})
_TOMBSTONE = "tombstone"
"""The placeholder that Slack leaves for a deleted message with replies."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Written(_Part):
    """A message inside a `message_changed` or `message_deleted` event."""

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
        """The message that it replies to, or None."""
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
    """Reads a new message, or its edit or deletion. Returns None if the desk has no use for it."""
    event = body.get("event")
    if isinstance(event, dict) and slack_id(event.get("subtype")) in _LATER:
        return _read_change(reader, parse(_Changed, body), home)
    return reader.posted(parse(MessageCallback, body), home)


def _read_change(reader: Reader, delivery: _Changed, home: str) -> MessageChanged | None:
    """Returns None unless a person edited the text of a reply, or deleted a message.

    Of our own, only deletions at the top level matter.
    """
    change, identity = delivery.event, reader.identity
    now, before = change.message, change.previous_message
    deleted = change.subtype == "message_deleted" or (now is not None and now.subtype == _TOMBSTONE)
    message = before if deleted else now
    if message is None or not message.user or not message.ts:
        return None
    ours = message.user == identity.bot_user
    if ours and not (deleted and message.root is None):
        return None
    if not ours and (message.bot_id or message.subtype not in PERSON_SUBTYPES):
        return None
    if message.root is None and not deleted:
        return None
    if not deleted and before is not None and before.text == message.text:
        return None
    where = place(change.channel)
    team = message.user_team if message.user_team and message.user_team.startswith("T") else home
    return MessageChanged(
        key=f"event/{delivery.event_id}",
        at=reader.clock.now(),
        actor=reader.actor(message.user, identity.team if ours else team, _name(message)),
        place=where,
        message=MessageRef(where, message.ts),
        text=None if deleted else reader.to_plain_text(message.text),
        thread=MessageRef(where, message.root) if message.root else None,
    )


def _name(message: _Written) -> str:
    profile = message.user_profile
    names = (profile.display_name, profile.real_name, profile.name) if profile else ()
    return next((name for name in names if name), message.user or "")


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
    """For events that carry only the channel."""

    def read_event(reader: Reader, body: Body, home: str) -> ChannelChanged:
        news = parse(_ChannelOnlyCallback, body)
        return _channel_change(reader, news, news.event.channel, turn)

    return read_event


def _own_membership_reader(turn: ChannelChange) -> ReadChannelEvent:
    """For events about members; only those about the bot itself matter."""

    def read_event(reader: Reader, body: Body, home: str) -> ChannelChanged | None:
        news = parse(_MemberCallback, body)
        ours = news.event.user == reader.identity.bot_user
        return _channel_change(reader, news, news.event.channel, turn) if ours else None

    return read_event


def read_bot_left(reader: Reader, body: Body, home: str) -> ChannelChanged | None:
    """Returns None if another installation of ours has left; only the authorizations show which one."""
    news = parse(_BotLeftCallback, body)
    whose = {each.user_id for each in news.authorizations}
    if whose and reader.identity.bot_user not in whose:
        return None
    return _channel_change(reader, news, news.event.channel, ChannelChange.LEFT)


def read_unshared(reader: Reader, body: Body, home: str) -> ChannelChanged | None:
    """Returns None while other organisations remain: Slack does not say which one is the customer's."""
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
    """Reads a message that mentions the bot; Slack sends it as a plain message too.

    An edited mention arrives again with the same key. Returns None for messages by bots.
    """
    said = parse(MessageCallback, body).event
    ours = said.user == reader.identity.bot_user
    if said.subtype not in PERSON_SUBTYPES or said.hidden or said.bot_id or ours or not said.user:
        return None
    where = place(said.channel)
    actor = reader.actor(said.user, author_team(said) or home, author_name(said))
    key = _mention_key(said.channel, said.ts)
    about = MessageRef(where, said.thread_ts or said.ts)
    words = _draft_text(reader, said)
    return Command(key, reader.clock.now(), actor, where, EntryPoint.MENTION, words, about)


def read_reaction(reader: Reader, body: Mapping[str, Any], home: str) -> Command | None:
    """Reads a ticket emoji on a message. The event lacks the text; `with_quoted_message` fetches it."""
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


SEND_TO_CUSTOMER = "send_to_customer"
"""The id in manifest.yml of the message shortcut that opens no ticket."""


def read_shortcut(reader: Reader, request: Shortcut) -> Command | MessageAction:
    """Reads a shortcut on a message or a global one."""
    if request.callback_id == SEND_TO_CUSTOMER and request.message and request.channel:
        return _read_message_action(reader, request, request.message, place(request.channel.id))
    user, said = request.user, request.message
    where = place(request.channel.id) if request.channel else dm_place("", user.id)
    about = MessageRef(where, said.thread_ts or said.ts) if said else None
    words = _draft_text(reader, said) if said and not said.bot_id else ""
    actor = reader.actor(user.id, user.team_id, user.shown_name)
    key = f"command/{request.trigger_id}"
    return Command(key, reader.clock.now(), actor, where, EntryPoint.SHORTCUT, words, about)


def _read_message_action(
    reader: Reader, request: Shortcut, said: ChannelMessage, where: Place
) -> MessageAction:
    user = request.user
    return MessageAction(
        key=f"shortcut/{request.trigger_id}",
        at=reader.clock.now(),
        actor=reader.actor(user.id, user.team_id, user.shown_name),
        place=where,
        action=request.callback_id,
        text=reader.to_plain_text(said.text or ""),
        thread=MessageRef(where, said.thread_ts) if said.thread_ts and said.thread_ts != said.ts else None,
        author=reader.actor(said.user, said.team, said.user) if said.user and not said.bot_id else None,
        files=tuple(replace(to_file(file), id=file.id or "") for file in said.files),
    )


async def with_quoted_message(act: Inbound, reader: Reader, api: WebApi) -> Inbound:
    """Adds the text and the thread of the message that a reaction is on, or what a mention replies to.

    If Slack does not provide them, the text stays empty.
    """
    if not isinstance(act, Command) or act.about is None:
        return act
    at, is_reaction = act.about.id, act.name == EntryPoint.REACTION
    is_reply = act.name == EntryPoint.MENTION and act.key != _mention_key(act.place.id, at)
    if not (is_reaction or is_reply):
        return act
    arguments = {"channel": act.place.id, "ts": at, "oldest": at, "latest": at, "inclusive": True, "limit": 2}
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            answer = await api.request("conversations.replies", arguments)
        found = next((each for each in answer.get("messages", ()) if each.get("ts") == at), None)
        if found is None:
            return act
        said = parse(ChannelMessage, found)
    except (SlackApiError, SlackUnavailable, Malformed, TimeoutError) as why:
        log.info("message of a reaction or mention not read", why=str(why) or "no answer in time")
        return act
    words = "" if said.bot_id or said.user == reader.identity.bot_user else _draft_text(reader, said)
    if is_reply:
        return replace(act, quoted=words)
    return replace(act, text=words, about=MessageRef(act.place, said.thread_ts or at))


def _mention_key(channel: str, ts: str) -> str:
    return f"mention/{channel}/{ts}"


def _draft_text(reader: Reader, said: ChannelMessage) -> str:
    """Returns the text without the bot's name, and the names of attached files."""
    words = reader.to_plain_text(reader.without_bot_mention(said.text or "")).strip()
    files = (clean(f"(file: {file.name or file.title or 'without a name'})") for file in said.files)
    return "\n".join(filter(None, (words, *files)))


ReadEvent = Callable[[Reader, Body, str], Inbound | None]
"""Takes the body and the actor's home team if the event names it. Returns None if the desk can ignore it."""


def read_home_opened(reader: Reader, body: Mapping[str, Any], home: str) -> HomeOpened | None:
    """Returns None for other tabs, and for a Home tab that another workspace draws."""
    delivery = parse(AppHomeOpenedCallback, body)
    event, identity = delivery.event, reader.identity
    if event.tab != "home":
        return None
    drawn_by = event.view.app_installed_team_id if event.view else None
    if (drawn_by or delivery.team_id) != identity.team:
        # People from another organisation see their own workspace's Home tab, which we must not overwrite.
        log.info("home tab of another workspace", user=event.user, team=drawn_by or delivery.team_id)
        return None
    theirs = event.view.team_id if event.view else None
    actor = Actor(UserRef("slack", theirs or home, event.user), identity.team, event.user)
    key = f"event/{delivery.event_id}"
    return HomeOpened(key, reader.clock.now(), actor, dm_place(event.channel, event.user))


def home_opened_by_press(press: Press) -> HomeOpened:
    """Redraws the Home tab after a press on it."""
    return HomeOpened(f"{press.key}/home", press.at, press.actor, press.place)


READERS: dict[str, ReadEvent] = {
    "app_home_opened": read_home_opened,
    "app_mention": read_mention,
    "message": read_message,
    "reaction_added": read_reaction,
    **CHANNEL_READERS,
}
"""By event type. Other events are acknowledged and ignored."""
