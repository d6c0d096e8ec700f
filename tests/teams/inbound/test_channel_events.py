"""Teams' events about channels."""

from __future__ import annotations

from typing import Any

import pytest

from bot.model.address import Place
from bot.model.inbound import ChannelChange, ChannelChanged
from tests.teams.activities import BOT, CHANNEL, TEAM, activity, event, personal
from tests.teams.conftest import TeamsWithDesk
from tests.teams.fake_connector import Refusal

OTHER = "19:other@thread.tacv2"
GENERAL = {"id": TEAM, "isGroup": True, "conversationType": "channel"}


async def told(teams_desk: TeamsWithDesk, **more: Any) -> list[tuple[ChannelChange, str]]:
    """The changes that the desk receives for an update sent through the team's first channel."""
    before = len(teams_desk.desk.heard)
    seen = activity(teams_desk.microsoft.service, "conversationUpdate", conversation=GENERAL, **more)
    assert (await teams_desk.send(seen))[0] == 200
    heard = teams_desk.desk.heard[before:]
    assert all(isinstance(act, ChannelChanged) for act in heard)
    return [(act.change, act.place.id) for act in heard]


@pytest.mark.parametrize(
    ("kind", "turn"),
    [
        ("channelDeleted", ChannelChange.DELETED),
        ("channelRestored", ChannelChange.UNARCHIVED),
        ("channelRenamed", ChannelChange.RENAMED),
        ("channelShared", ChannelChange.SHARED),
        ("channelUnshared", ChannelChange.UNSHARED),
    ],
)
async def test_a_change_of_a_channel_is_dispatched(
    teams_desk: TeamsWithDesk, kind: str, turn: ChannelChange
) -> None:
    assert await told(teams_desk, channelData=event(kind, OTHER, "hall")) == [(turn, OTHER)]
    [heard] = teams_desk.desk.heard
    assert (heard.place, heard.name) == (Place("teams", OTHER), "hall")


@pytest.mark.parametrize(
    ("more", "turn"),
    [
        ({"membersRemoved": [{"id": BOT}], "channelData": event("teamMemberRemoved")}, ChannelChange.LEFT),
        ({"channelData": event("teamArchived")}, ChannelChange.ARCHIVED),
        ({"channelData": event("teamUnarchived")}, ChannelChange.UNARCHIVED),
        ({"channelData": event("teamDeleted")}, ChannelChange.DELETED),
        ({"channelData": event("teamRestored")}, ChannelChange.UNARCHIVED),
    ],
)
async def test_a_change_of_a_team_applies_to_its_channels(
    teams_desk: TeamsWithDesk, more: dict[str, Any], turn: ChannelChange
) -> None:
    await teams_desk.send(activity(teams_desk.microsoft.service, text="hello"))
    assert await told(teams_desk, **more) == [(turn, TEAM), (turn, CHANNEL)]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    "added",
    [
        ("conversationUpdate", {"membersAdded": [{"id": BOT}], "channelData": event("teamMemberAdded")}),
        ("installationUpdate", {"action": "add"}),
    ],
)
async def test_adding_the_app_to_a_team_adds_it_to_all_its_channels(
    teams_desk: TeamsWithDesk, added: tuple[str, dict[str, Any]], listed: bool
) -> None:
    """Also to those that nobody has written in yet, unless Teams cannot be asked."""
    await teams_desk.send(activity(teams_desk.microsoft.service, text="hello"))
    teams_desk.microsoft.channels = {TEAM: [TEAM, CHANNEL, OTHER]}
    teams_desk.microsoft.refuse = [] if listed else [Refusal(503)]
    kind, more = added
    await teams_desk.send(activity(teams_desk.microsoft.service, kind, conversation=GENERAL, **more))
    act = teams_desk.desk.heard[-1]
    assert isinstance(act, ChannelChanged)
    assert (act.change, act.place) == (ChannelChange.JOINED, Place("teams", TEAM))
    others = [CHANNEL, OTHER] if listed else [CHANNEL]
    assert act.beside == tuple(Place("teams", channel) for channel in others)


async def test_removing_the_app_counts_as_leaving(teams_desk: TeamsWithDesk) -> None:
    seen = activity(teams_desk.microsoft.service, "installationUpdate", action="remove")
    await teams_desk.send(seen)
    assert (ChannelChange.LEFT, CHANNEL) in [(act.change, act.place.id) for act in teams_desk.desk.heard]


async def test_other_members_joining_and_leaving_are_ignored(teams_desk: TeamsWithDesk) -> None:
    ann = [{"id": "29:ann"}]
    assert await told(teams_desk, membersAdded=ann, channelData=event("teamMemberAdded")) == []
    assert await told(teams_desk, membersRemoved=ann, channelData=event("teamMemberRemoved")) == []
    assert await told(teams_desk, channelData=event("channelCreated")) == []


async def test_changes_of_a_personal_chat_are_ignored(teams_desk: TeamsWithDesk) -> None:
    await teams_desk.send(
        personal(
            teams_desk.microsoft.service, "conversationUpdate", membersAdded=[{"id": BOT}], channelData={}
        )
    )
    assert teams_desk.desk.heard == []


async def test_a_repeated_event_has_the_same_key(teams_desk: TeamsWithDesk) -> None:
    for _ in range(2):
        await told(teams_desk, channelData=event("channelDeleted"))
    first, again = teams_desk.desk.heard
    assert first.key == again.key


async def test_an_event_that_the_desk_could_not_store_is_redelivered(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = RuntimeError("database is locked")
    seen = activity(teams_desk.microsoft.service, "conversationUpdate", channelData=event("channelDeleted"))
    assert (await teams_desk.send(seen))[0] == 503
