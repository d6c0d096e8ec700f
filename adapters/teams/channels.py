"""News of channels: that we were let in or taken out, and what became of the channel or its team."""

from __future__ import annotations

from datetime import datetime

from adapters.teams.inbound import NAME, place_of
from adapters.teams.payloads import Activity, parties
from adapters.teams.references import References
from bot.address import Place
from bot.exchange import ChannelTurned, Turn

_OF_CHANNELS = {
    "channelDeleted": Turn.DELETED,
    "channelRenamed": Turn.RENAMED,
    "channelRestored": Turn.UNARCHIVED,
    "channelShared": Turn.SHARED,
    "channelUnshared": Turn.UNSHARED,
}
_OF_TEAMS = {
    "teamArchived": Turn.ARCHIVED,
    "teamDeleted": Turn.DELETED,
    "teamHardDeleted": Turn.DELETED,
    "teamRestored": Turn.UNARCHIVED,
    "teamUnarchived": Turn.UNARCHIVED,
}


def turns(activity: Activity, references: References, at: datetime) -> list[ChannelTurned]:
    """What an update tells of channels. What is told of a team holds for all that we know of in it."""
    about = activity.about
    told = about.event_type or ""
    channel = about.channel
    if channel and channel.id and told in _OF_CHANNELS:
        return [_turned(activity, Place(NAME, channel.id), _OF_CHANNELS[told], at, channel.name or "")]
    turn = _OF_TEAMS.get(told) or _ours(activity)
    if turn is None or activity.is_personal:
        return []
    team = about.team.id if about.team else None
    known = references.of_team(team) if team else []
    places = {place_of(activity): None, **{Place(NAME, place): None for place in known}}
    return [_turned(activity, place, turn, at) for place in places]


def _ours(activity: Activity) -> Turn | None:
    """Whether it was us who came or went."""
    us = activity.recipient.id
    if us in parties(activity.members_removed) or activity.action == "remove":
        return Turn.LEFT
    return Turn.JOINED if us in parties(activity.members_added) else None


def _turned(activity: Activity, place: Place, turn: Turn, at: datetime, name: str = "") -> ChannelTurned:
    key = f"turn/{NAME}/{activity.conversation.id}/{activity.id}/{place.id}"
    return ChannelTurned(key, at, place, turn, name)
