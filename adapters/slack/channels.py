"""News of channels: that we were let in or taken out, and what became of the channel itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from adapters.slack.payloads import Id, read
from adapters.slack.reader import Reader, place
from bot.exchange import ChannelTurned, Turn


class _News(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    event_id: Id


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Event(_Part):
    channel: Id


class _Told(_News):
    event: _Event


class _Authorization(_Part):
    user_id: str | None = None


class _Left(_Told):
    authorizations: list[_Authorization] = []


class _Member(_Event):
    user: str


class _Went(_News):
    event: _Member


class _Unshared(_Event):
    is_ext_shared: bool = False


class _Parted(_News):
    event: _Unshared


class _Channel(_Part):
    id: Id
    name: str = ""


class _Renamed(_Part):
    channel: _Channel


class _Rename(_News):
    event: _Renamed


class _Ids(_Part):
    old_channel_id: Id
    new_channel_id: Id


class _Moved(_News):
    event: _Ids


Body = Mapping[str, Any]
ReadTurn = Callable[[Reader, Body, str], ChannelTurned | None]


def _turned(reader: Reader, news: _News, channel: str, turn: Turn, **more: Any) -> ChannelTurned:
    return ChannelTurned(f"event/{news.event_id}", reader.clock.now(), place(channel), turn, **more)


def _plainly(turn: Turn) -> ReadTurn:
    """For news that name the channel and no more."""

    def heard(reader: Reader, body: Body, home: str) -> ChannelTurned:
        news = read(_Told, body)
        return _turned(reader, news, news.event.channel, turn)

    return heard


def _of_us(turn: Turn) -> ReadTurn:
    """For comings and goings, of which only our own matter."""

    def heard(reader: Reader, body: Body, home: str) -> ChannelTurned | None:
        news = read(_Went, body)
        ours = news.event.user == reader.us.bot_user
        return _turned(reader, news, news.event.channel, turn) if ours else None

    return heard


def left(reader: Reader, body: Body, home: str) -> ChannelTurned | None:
    """None where another installation of ours has left, of which the event itself says nothing."""
    news = read(_Left, body)
    whose = {each.user_id for each in news.authorizations}
    if whose and reader.us.bot_user not in whose:
        return None
    return _turned(reader, news, news.event.channel, Turn.LEFT)


def unshared(reader: Reader, body: Body, home: str) -> ChannelTurned | None:
    """None while other organisations are left in it: which of them is the customer's, Slack does not say."""
    news = read(_Parted, body)
    return None if news.event.is_ext_shared else _turned(reader, news, news.event.channel, Turn.UNSHARED)


def renamed(reader: Reader, body: Body, home: str) -> ChannelTurned:
    news = read(_Rename, body)
    return _turned(reader, news, news.event.channel.id, Turn.RENAMED, name=news.event.channel.name)


def moved(reader: Reader, body: Body, home: str) -> ChannelTurned:
    news = read(_Moved, body)
    became = place(news.event.new_channel_id)
    return _turned(reader, news, news.event.old_channel_id, Turn.MOVED, became=became)


READERS: dict[str, ReadTurn] = {
    "channel_archive": _plainly(Turn.ARCHIVED),
    "channel_deleted": _plainly(Turn.DELETED),
    "channel_id_changed": moved,
    "channel_left": left,
    "channel_rename": renamed,
    "channel_shared": _plainly(Turn.SHARED),
    "channel_unarchive": _plainly(Turn.UNARCHIVED),
    "channel_unshared": unshared,
    "group_archive": _plainly(Turn.ARCHIVED),
    "group_deleted": _plainly(Turn.DELETED),
    "group_left": left,
    "group_rename": renamed,
    "group_unarchive": _plainly(Turn.UNARCHIVED),
    "member_joined_channel": _of_us(Turn.JOINED),
    "member_left_channel": _of_us(Turn.LEFT),
}
"""By the type of the event."""
