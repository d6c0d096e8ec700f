"""Edited and deleted messages, and attached files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.model.inbound import File, MessageChanged, Posted
from bot.model.views import Button, GetHelp, Notice
from demo.slack import Message
from tests.slack.conftest import Workspace

ACME = Place("slack", "C0ACME")


async def root(workspace: Workspace) -> Message:
    """A message of ours that people reply to."""
    ref = await workspace.ours.post(ACME, Notice(("A card",)), None)
    return next(m for m in workspace.slack.messages(workspace.acme) if m.ts == ref.id)


async def reply(workspace: Workspace, words: str, who: str = "bob", *files: str) -> Message:
    """A person's reply to our message, after the desk received it."""
    person = getattr(workspace, who)
    said = await workspace.slack.say(person, workspace.acme, words, await root(workspace), files)
    workspace.desk.heard.clear()
    return said


async def get_help(workspace: Workspace) -> Message:
    ref = await workspace.ours.post(ACME, GetHelp("m3ter", (Button("get_help", "Get help", ""),)), None)
    return next(m for m in workspace.slack.messages(workspace.acme) if m.ts == ref.id)


# Changed and deleted --------------------------------------------------------------------------


async def test_an_edited_message_is_dispatched(workspace: Workspace) -> None:
    said = await reply(workspace, "bill 4711")
    assert (await workspace.slack.edit(workspace.bob, said, "bill 4712 & <more>")).status == 200
    [heard] = workspace.desk.heard
    assert isinstance(heard, MessageChanged)
    assert heard.actor == Actor(UserRef("slack", "T0VENDOR", "U0BOB"), "T0VENDOR", "Bob Miller")
    assert heard.text == "bill 4712 & <more>"
    assert heard.message == MessageRef(ACME, said.ts)
    assert heard.thread == MessageRef(ACME, said.thread_ts or "")
    assert heard.place == ACME


async def test_an_edit_by_another_organisation_keeps_its_home_team(workspace: Workspace) -> None:
    said = await reply(workspace, "bill 4711", "ann")
    await workspace.slack.edit(workspace.ann, said, "bill 4712")
    [heard] = workspace.desk.heard
    assert heard.actor == Actor(UserRef("slack", "T0ACME", "U0ANN"), "T0VENDOR", "Ann Acme")


async def test_a_deleted_message_is_dispatched(workspace: Workspace) -> None:
    said = await reply(workspace, "my password is 1234", "ann")
    await workspace.slack.delete_message(workspace.ann, said)
    [heard] = workspace.desk.heard
    assert isinstance(heard, MessageChanged)
    assert (heard.text, heard.message.id, heard.thread) == (
        None,
        said.ts,
        MessageRef(ACME, said.thread_ts or ""),
    )
    assert heard.actor.user == UserRef("slack", "T0ACME", "U0ANN")


async def test_a_link_preview_is_not_an_edit(workspace: Workspace) -> None:
    said = await reply(workspace, "see https://x.example")
    assert (await workspace.slack.unfurl(said)).status == 200
    assert workspace.desk.heard == []


async def test_of_a_message_outside_threads_only_the_deletion_matters(workspace: Workspace) -> None:
    said = await workspace.slack.say(workspace.bob, workspace.acme, "lunch?")
    workspace.desk.heard.clear()
    await workspace.slack.edit(workspace.bob, said, "dinner?")
    assert workspace.desk.heard == []
    await workspace.slack.delete_message(workspace.bob, said)
    [heard] = workspace.desk.heard
    assert (heard.message.id, heard.text, heard.thread) == (said.ts, None, None)


async def test_our_own_edits_are_ignored_but_a_deleted_help_message_is_not(
    workspace: Workspace,
) -> None:
    card = await root(workspace)
    below = await workspace.ours.post(ACME, Notice(("Reply",)), MessageRef(ACME, card.ts))
    await workspace.ours.update(MessageRef(ACME, card.ts), Notice(("Another card",)))
    [ours] = [m for m in workspace.acme.messages if m.ts == below.id]
    await workspace.slack.delete_message(workspace.bob, ours)
    await workspace.slack.settle()
    assert workspace.desk.heard == []

    standing = await get_help(workspace)
    await workspace.slack.delete_message(workspace.bob, standing)
    await workspace.slack.settle()
    [heard] = workspace.desk.heard
    assert isinstance(heard, MessageChanged)
    assert (heard.message, heard.text, heard.thread) == (MessageRef(ACME, standing.ts), None, None)


async def test_a_deleted_help_message_with_replies_is_dispatched(workspace: Workspace) -> None:
    standing = await get_help(workspace)
    await workspace.slack.say(workspace.bob, workspace.acme, "what is this?", standing)
    workspace.desk.heard.clear()
    await workspace.slack.delete_message(workspace.bob, standing)
    await workspace.slack.settle()
    [heard] = workspace.desk.heard
    assert (heard.message.id, heard.text, heard.thread) == (standing.ts, None, None)


async def test_edits_of_other_bots_are_ignored(workspace: Workspace) -> None:
    inner = {"type": "message", "user": "U0OTHER", "bot_id": "B0OTHER", "ts": "1.2", "thread_ts": "1.1"}
    event = {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": "C0ACME",
        "ts": "1.3",
    }
    parts = {"message": {**inner, "text": "new"}, "previous_message": {**inner, "text": "old"}}
    assert (await workspace.slack.event(event | parts)).status == 200
    assert workspace.desk.heard == []


@pytest.mark.parametrize("missing", ["channel", "message", "previous_message"])
async def test_an_incomplete_event_is_acknowledged_or_refused(workspace: Workspace, missing: str) -> None:
    inner = {"type": "message", "user": "U0BOB", "ts": "1.2", "thread_ts": "1.1", "text": "x"}
    event: dict[str, Any] = {"type": "message", "channel": "C0ACME", "ts": "1.3"}
    event |= {"message": inner, "previous_message": inner}
    del event[missing]
    for subtype in ("message_changed", "message_deleted"):
        assert (await workspace.slack.event(event | {"subtype": subtype})).status in (200, 400)


async def test_the_same_event_through_two_installations_has_one_key(workspace: Workspace) -> None:
    """The app is installed on both sides of a shared channel: one event may arrive twice."""
    said = await reply(workspace, "bill 4711", "ann")
    ack = await workspace.slack.edit(workspace.ann, said, "bill 4712")
    body = json.loads(ack.request.body)
    body["authorizations"][0] |= {"team_id": "T0ACME", "user_id": "U0ELSE"}
    wire = workspace.slack._bot_client
    await wire.deliver(wire.sign("message", json.dumps(body), "application/json"))
    first, second = workspace.desk.heard
    assert first.key == second.key
    assert first.key.startswith("event/Ev")


# Files ----------------------------------------------------------------------------------------


async def test_files_come_with_their_names_and_links(workspace: Workspace) -> None:
    inside = workspace.slack.channel("inside", [workspace.bob])
    ref = await workspace.ours.post(Place("slack", inside.id), Notice(("A card",)), None)
    [card] = [m for m in workspace.slack.messages(inside) if m.ts == ref.id]
    await workspace.slack.say(workspace.bob, inside, "here", card, ["error.log", "screen.png"])
    heard = workspace.desk.heard[-1]
    assert isinstance(heard, Posted)
    assert heard.text == "here"
    assert [file.name for file in heard.files] == ["error.log", "screen.png"]
    assert heard.files[0].url.startswith("https://vendor.slack.com/files/U0BOB/")
    assert workspace.slack.calls_to("files.info") == []


async def test_files_of_a_shared_channel_are_looked_up(workspace: Workspace) -> None:
    await workspace.slack.say(workspace.ann, workspace.acme, "", await root(workspace), ["error.log"])
    heard = workspace.desk.heard[-1]
    assert isinstance(heard, Posted)
    assert heard.text == ""
    [file] = heard.files
    assert (file.name, file.url.startswith("https://")) == ("error.log", True)
    assert len(workspace.slack.calls_to("files.info")) == 1


@pytest.mark.parametrize(
    "fault", [{"error": "access_denied"}, {"status": 429}, {"status": 500}, {"drop_connection": True}]
)
async def test_a_file_that_cannot_be_looked_up_is_still_a_file(
    workspace: Workspace, fault: dict[str, Any]
) -> None:
    workspace.slack.fail_next("files.info", **fault)
    await workspace.slack.say(workspace.ann, workspace.acme, "see", await root(workspace), ["error.log"])
    heard = workspace.desk.heard[-1]
    assert heard.files == (File("a file", ""),)


async def test_files_outside_tickets_are_looked_up_too(workspace: Workspace) -> None:
    await workspace.slack.say(workspace.ann, workspace.acme, "see", None, ["error.log"])
    assert [file.name for file in workspace.desk.heard[-1].files] == ["error.log"]
    assert len(workspace.slack.calls_to("files.info")) == 1


async def test_a_file_link_outside_slack_is_dropped(workspace: Workspace) -> None:
    event = {"type": "message", "subtype": "file_share", "user": "U0BOB", "channel": "C0ACME", "ts": "1.2"}
    event |= {"thread_ts": "1.1", "text": ""}
    named = {"id": "F1", "name": "x\u202ey\n.log", "permalink": "javascript:alert(1)"}
    await workspace.slack.event(event | {"files": [named, {"id": "F2", "mode": "tombstone"}]})
    [heard] = workspace.desk.heard
    assert heard.files == (File("xy .log", ""), File("a file", ""))
