"""News of channels, as Teams tells them."""

from __future__ import annotations

from typing import Any

import pytest

from bot.address import Place
from bot.exchange import ChannelTurned, Turn
from tests.teams.activities import BOT, CHANNEL, TEAM, activity, event, personal
from tests.teams.conftest import Office

OTHER = "19:other@thread.tacv2"
GENERAL = {"id": TEAM, "isGroup": True, "conversationType": "channel"}


async def told(office: Office, **more: Any) -> list[tuple[Turn, str]]:
    """What the desk hears of an update that reaches us through the team's first channel."""
    before = len(office.desk.heard)
    seen = activity(office.microsoft.service, "conversationUpdate", conversation=GENERAL, **more)
    assert (await office.send(seen))[0] == 200
    heard = office.desk.heard[before:]
    assert all(isinstance(act, ChannelTurned) for act in heard)
    return [(act.turn, act.place.id) for act in heard]


@pytest.mark.parametrize(
    ("kind", "turn"),
    [
        ("channelDeleted", Turn.DELETED),
        ("channelRestored", Turn.UNARCHIVED),
        ("channelRenamed", Turn.RENAMED),
        ("channelShared", Turn.SHARED),
        ("channelUnshared", Turn.UNSHARED),
    ],
)
async def test_what_becomes_of_a_channel_is_heard(office: Office, kind: str, turn: Turn) -> None:
    assert await told(office, channelData=event(kind, OTHER, "hall")) == [(turn, OTHER)]
    [heard] = office.desk.heard
    assert (heard.place, heard.name) == (Place("teams", OTHER), "hall")


@pytest.mark.parametrize(
    ("more", "turn"),
    [
        ({"membersRemoved": [{"id": BOT}], "channelData": event("teamMemberRemoved")}, Turn.LEFT),
        ({"membersAdded": [{"id": BOT}], "channelData": event("teamMemberAdded")}, Turn.JOINED),
        ({"channelData": event("teamArchived")}, Turn.ARCHIVED),
        ({"channelData": event("teamUnarchived")}, Turn.UNARCHIVED),
        ({"channelData": event("teamDeleted")}, Turn.DELETED),
        ({"channelData": event("teamRestored")}, Turn.UNARCHIVED),
    ],
)
async def test_what_becomes_of_a_team_holds_for_its_channels(
    office: Office, more: dict[str, Any], turn: Turn
) -> None:
    await office.send(activity(office.microsoft.service, text="hello"))
    assert await told(office, **more) == [(turn, TEAM), (turn, CHANNEL)]


async def test_an_app_that_is_removed_leaves(office: Office) -> None:
    seen = activity(office.microsoft.service, "installationUpdate", action="remove")
    await office.send(seen)
    assert (Turn.LEFT, CHANNEL) in [(act.turn, act.place.id) for act in office.desk.heard]


async def test_other_peoples_comings_and_goings_do_not_matter(office: Office) -> None:
    ann = [{"id": "29:ann"}]
    assert await told(office, membersAdded=ann, channelData=event("teamMemberAdded")) == []
    assert await told(office, membersRemoved=ann, channelData=event("teamMemberRemoved")) == []
    assert await told(office, channelData=event("channelCreated")) == []


async def test_a_chat_with_one_person_is_no_channel(office: Office) -> None:
    await office.send(
        personal(office.microsoft.service, "conversationUpdate", membersAdded=[{"id": BOT}], channelData={})
    )
    assert office.desk.heard == []


async def test_the_same_news_have_the_same_key(office: Office) -> None:
    for _ in range(2):
        await told(office, channelData=event("channelDeleted"))
    first, again = office.desk.heard
    assert first.key == again.key


async def test_news_that_could_not_be_taken_in_come_again(office: Office) -> None:
    office.desk.answer = RuntimeError("database is locked")
    seen = activity(office.microsoft.service, "conversationUpdate", channelData=event("channelDeleted"))
    assert (await office.send(seen))[0] == 503
