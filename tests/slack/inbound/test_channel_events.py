"""Slack's events about channels."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from bot.model.address import Place
from bot.model.inbound import ChannelChange, ChannelChanged
from bot.model.views import Notice
from bot.ports import PermanentFailure
from demo.slack import Ack, Channel
from tests.slack.conftest import Workspace

ACME = Place("slack", "C0ACME")
Act = Callable[[Workspace, Channel], Awaitable[Ack]]

PLAINLY: dict[ChannelChange, Act] = {
    ChannelChange.LEFT: lambda w, c: w.slack.remove_bot(w.bob, c),
    ChannelChange.ARCHIVED: lambda w, c: w.slack.archive(w.bob, c),
    ChannelChange.DELETED: lambda w, c: w.slack.delete_channel(w.bob, c),
    ChannelChange.SHARED: lambda w, c: w.slack.share(w.bob, c, [w.ann]),
    ChannelChange.UNSHARED: lambda w, c: w.slack.unshare(w.bob, c, "T0ACME"),
}


def turned(workspace: Workspace) -> list[tuple[ChannelChange, str]]:
    """The channel changes that the desk received."""
    assert all(isinstance(heard, ChannelChanged) for heard in workspace.desk.heard)
    return [(heard.change, heard.place.id) for heard in workspace.desk.heard]


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("turn", PLAINLY)
async def test_a_change_of_a_channel_is_dispatched(
    workspace: Workspace, turn: ChannelChange, private: bool
) -> None:
    channel = workspace.slack.channel("room", [workspace.bob], private=private)
    ack = await PLAINLY[turn](workspace, channel)
    assert ack.status == 200
    assert turned(workspace) == [(turn, channel.id)]
    assert workspace.desk.heard[0].key.startswith("event/Ev")


async def test_an_archived_channel_refuses_and_takes_messages_again(workspace: Workspace) -> None:
    await workspace.slack.archive(workspace.bob, workspace.acme)
    with pytest.raises(PermanentFailure, match="is_archived"):
        await workspace.ours.post(ACME, Notice(("Hello",)), None)
    await workspace.slack.unarchive(workspace.bob, workspace.acme)
    await workspace.ours.post(ACME, Notice(("Hello",)), None)
    assert turned(workspace) == [(ChannelChange.ARCHIVED, "C0ACME"), (ChannelChange.UNARCHIVED, "C0ACME")]


async def test_a_channel_that_we_left_refuses(workspace: Workspace) -> None:
    await workspace.slack.remove_bot(workspace.bob, workspace.acme)
    with pytest.raises(PermanentFailure, match="not_in_channel"):
        await workspace.ours.post(ACME, Notice(("Hello",)), None)


async def test_other_members_joining_and_leaving_are_ignored(workspace: Workspace) -> None:
    channel = workspace.slack.channel("room", [workspace.bob], bot=False)
    await workspace.slack.invite_bot(workspace.bob, channel)
    await workspace.slack.member_left(workspace.bob, channel)
    joined = {"type": "member_joined_channel", "user": "U0ALICE", "channel": channel.id, "channel_type": "C"}
    await workspace.slack.event(joined, workspace.alice)
    await workspace.slack.member_left(workspace.slack.bot, channel)
    assert turned(workspace) == [(ChannelChange.JOINED, channel.id), (ChannelChange.LEFT, channel.id)]


async def test_a_renamed_channel_is_dispatched(workspace: Workspace) -> None:
    for private in (False, True):
        channel = workspace.slack.channel("room", [workspace.bob], private=private)
        await workspace.slack.rename(workspace.bob, channel, "hall")
        assert (workspace.desk.heard[-1].change, workspace.desk.heard[-1].name) == (
            ChannelChange.RENAMED,
            "hall",
        )


async def test_a_channel_with_a_new_id_is_dispatched(workspace: Workspace) -> None:
    ref = await workspace.ours.post(ACME, Notice(("Hello",)), None)
    await workspace.slack.change_id(workspace.bob, workspace.acme, "C0ACMENEW")
    [heard] = workspace.desk.heard
    assert isinstance(heard, ChannelChanged)
    new = Place("slack", "C0ACMENEW")
    assert (heard.change, heard.place, heard.moved_to) == (ChannelChange.MOVED, ACME, new)

    with pytest.raises(PermanentFailure, match="channel_not_found"):
        await workspace.ours.post(ACME, Notice(("Hello",)), None)
    said = await workspace.ours.post(new, Notice(("Hello",)), ref)
    assert [m.ts for m in workspace.slack.thread(workspace.slack.messages(workspace.acme)[0])] == [said.id]


async def test_one_of_several_organisations_leaving_is_ignored(workspace: Workspace) -> None:
    """Slack does not say whether it was the customer's."""
    await workspace.slack.unshare(workspace.bob, workspace.acme, "T0OTHER", others_stay=True)
    assert workspace.desk.heard == []


async def test_the_customers_own_installation_leaving_is_ignored(workspace: Workspace) -> None:
    ack = await workspace.slack.remove_bot(workspace.bob, workspace.acme)
    workspace.desk.heard.clear()
    body = json.loads(ack.request.body)
    body["authorizations"][0] |= {"team_id": "T0ACME", "user_id": "U0ELSE"}
    wire = workspace.slack._bot_client
    assert (await wire.deliver(wire.sign("channel_left", json.dumps(body), "application/json"))).status == 200
    assert workspace.desk.heard == []


async def test_the_same_event_through_two_installations_has_one_key(workspace: Workspace) -> None:
    ack = await workspace.slack.archive(workspace.bob, workspace.acme)
    body = json.loads(ack.request.body)
    body["authorizations"][0] |= {"team_id": "T0ACME", "user_id": "U0ELSE"}
    wire = workspace.slack._bot_client
    await wire.deliver(wire.sign("channel_archive", json.dumps(body), "application/json"))
    await workspace.slack.redeliver(ack, retry=True)
    assert len({heard.key for heard in workspace.desk.heard}) == 1
    assert len(workspace.desk.heard) == 3


async def test_an_event_that_the_desk_could_not_store_is_redelivered(workspace: Workspace) -> None:
    workspace.desk.answer = RuntimeError("database is locked")
    await workspace.slack.archive(workspace.bob, workspace.acme)
    assert turned(workspace) == [(ChannelChange.ARCHIVED, "C0ACME")] * 2


@pytest.mark.parametrize(
    "kind", ["channel_archive", "channel_rename", "channel_id_changed", "channel_unshared"]
)
@pytest.mark.parametrize("channel", [None, 5, "", {}, {"id": ""}, ["C0ACME"]])
async def test_malformed_channel_events_are_refused(workspace: Workspace, kind: str, channel: object) -> None:
    assert (await workspace.slack.event({"type": kind, "channel": channel})).status == 400
    assert workspace.desk.heard == []
