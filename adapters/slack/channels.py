"""News of channels: that we were let in or taken out, and what became of the channel itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from adapters.slack.payloads import Id, parse
from adapters.slack.reader import Reader, place
from bot.exchange import ChannelChange, ChannelChanged


class _ChannelCallback(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    event_id: Id


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


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


READERS: dict[str, ReadChannelEvent] = {
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
