from __future__ import annotations

import asyncio

import pytest

from adapters.slack.inbound.events import SEND_TO_CUSTOMER
from adapters.slack.reader import BotIdentity, Reader
from bot.model.address import Actor, MessageRef, Place, UserRef
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import (
    Ask,
    Command,
    Done,
    File,
    MessageAction,
    MessageChanged,
    Posted,
    Press,
    Show,
    Submission,
)
from bot.model.views import Button, Notice
from demo.slack import Message
from sla_core.triage import Option
from tests.scripted_desk import NOON, StoppedClock
from tests.slack.conftest import Workspace
from tests.waiting import eventually

FORM = Form(
    "intake",
    "Open a ticket",
    "Open ticket",
    (
        TextField("summary", "Summary", value="down"),
        ChoiceField("kind", "Kind", (Option("a", "A thing"), Option("b", "B thing"))),
    ),
    {"place": "slack:C0ACME"},
)


async def card(workspace: Workspace, *buttons: Button) -> Message:
    view = Notice(("A card",), buttons=buttons or (Button("take", "Take it", "ACME-7"),))
    ref = await workspace.ours.post(Place("slack", workspace.acme.id), view, None)
    return next(m for m in workspace.slack.messages(workspace.acme) if m.ts == ref.id)


async def test_a_command(workspace: Workspace) -> None:
    reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support", "a < b & <@U0ALICE>")
    assert reply.status == 200
    assert reply.shown == ""
    [heard] = workspace.desk.heard
    assert isinstance(heard, Command)
    assert heard.actor == Actor(UserRef("slack", "T0VENDOR", "U0BOB"), "T0VENDOR", "bob")
    assert heard.place == Place("slack", "C0ACME")
    assert (heard.at, heard.name, heard.text) == (NOON, "/support", "a < b & @Alice")
    assert heard.key.startswith("command/")


async def test_a_command_in_a_direct_conversation(workspace: Workspace) -> None:
    await workspace.slack.command(workspace.bob, workspace.slack.dm(workspace.bob), "/support")
    [heard] = workspace.desk.heard
    assert isinstance(heard, Command)
    assert heard.place.direct


async def test_a_button(workspace: Workspace) -> None:
    message = await card(workspace)
    assert (await workspace.slack.press(workspace.bob, message, "Take it")).status == 200
    [heard] = workspace.desk.heard
    assert isinstance(heard, Press)
    assert heard.actor == Actor(UserRef("slack", "T0VENDOR", "U0BOB"), "T0VENDOR", "Bob Miller")
    assert heard.message == MessageRef(Place("slack", "C0ACME"), message.ts)
    assert (heard.action, heard.value, heard.place) == ("take", "ACME-7", Place("slack", "C0ACME"))


async def test_a_button_without_a_value_and_one_of_two_alike(workspace: Workspace) -> None:
    message = await card(
        workspace,
        Button("help", "Get help", ""),
        Button("milestone", "Investigating", "1"),
        Button("milestone", "Reproduced", "2"),
    )
    for label in ("Get help", "Reproduced"):
        await workspace.slack.press(workspace.bob, message, label)
    first, second = workspace.desk.heard
    assert isinstance(first, Press)
    assert isinstance(second, Press)
    assert (first.action, first.value, second.action, second.value) == ("help", "", "milestone", "2")


async def test_a_press_of_another_organisation(workspace: Workspace) -> None:
    await workspace.slack.press(workspace.ann, await card(workspace), "Take it")
    assert workspace.desk.heard[0].actor == Actor(UserRef("slack", "T0ACME", "U0ANN"), "T0VENDOR", "Ann Acme")


async def test_a_press_on_something_private_names_no_message(workspace: Workspace) -> None:
    workspace.desk.answer = Show(Notice(("Sure?",), buttons=(Button("sure", "Sure", "x"),)))
    await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    [private] = workspace.slack.ephemerals(workspace.bob)
    workspace.desk.answer = Done()
    await workspace.slack.press(workspace.bob, private, "Sure")
    heard = workspace.desk.heard[-1]
    assert isinstance(heard, Press)
    assert heard.message is None


async def test_the_same_press_has_the_same_key_and_another_press_another(workspace: Workspace) -> None:
    message = await card(workspace)
    ack = await workspace.slack.press(workspace.bob, message, "Take it")
    await workspace.slack.redeliver(ack)
    await workspace.slack.press(workspace.bob, message, "Take it")
    first, again, other = (inbound.key for inbound in workspace.desk.heard)
    assert first == again != other


async def test_a_submission(workspace: Workspace) -> None:
    workspace.desk.answer = Ask(FORM)
    await workspace.slack.press(workspace.ann, await card(workspace), "Take it")
    workspace.desk.answer = Done()
    reply = await workspace.slack.submit(workspace.ann, {"Kind": "B thing", "Summary": "a < b & c"})
    assert reply.action == "clear"
    heard = workspace.desk.heard[-1]
    assert isinstance(heard, Submission)
    assert heard.actor == Actor(UserRef("slack", "T0ACME", "U0ANN"), "T0VENDOR", "Ann Acme")
    assert heard.values == {"summary": ("a < b & c",), "kind": ("b",)}
    assert (heard.form, heard.context) == ("intake", {"place": "slack:C0ACME"})
    await workspace.slack.redeliver(reply.ack) if reply.ack else None
    assert workspace.desk.heard[-1].key == heard.key


async def test_a_message_and_a_reply(workspace: Workspace) -> None:
    message = await card(workspace)
    said = await workspace.slack.say(workspace.bob, workspace.acme, "1 < 2 & <https://x.example/a>", message)
    await workspace.slack.say(workspace.bob, workspace.acme, "hello")
    reply, top = workspace.desk.heard
    assert isinstance(reply, Posted)
    assert isinstance(top, Posted)
    assert reply.text == "1 < 2 & https://x.example/a"
    assert reply.message == MessageRef(Place("slack", "C0ACME"), said.ts)
    assert reply.thread == MessageRef(Place("slack", "C0ACME"), message.ts)
    assert reply.actor.name == "Bob Miller"
    assert top.thread is None
    assert reply.key.startswith("event/Ev")


async def test_a_message_of_another_organisation(workspace: Workspace) -> None:
    await workspace.slack.say(workspace.ann, workspace.acme, "hello")
    await workspace.slack.say(workspace.bob, workspace.acme, "hello")
    homes = [inbound.actor.user.home for inbound in workspace.desk.heard]
    assert homes == ["T0ACME", "T0VENDOR"]


async def test_an_author_whose_workspace_is_unknown_is_looked_up(workspace: Workspace) -> None:
    channel = workspace.slack.channel("grid", [workspace.ann], ext_shared=True)
    event = {"type": "message", "user": "U0ANN", "text": "x", "ts": "1.2", "channel": channel.id}
    await workspace.slack.event(event | {"user_team": "E0GRID", "team": "E0GRID"}, workspace.ann)
    assert workspace.desk.heard[0].actor.user == UserRef("slack", "T0ACME", "U0ANN")


@pytest.mark.parametrize(
    "event",
    [
        {"user": "U0FRONTLINE"},
        {"user": "U0OTHER", "bot_id": "B0OTHER"},
        {"user": "U0BOB", "subtype": "channel_join"},
        {"user": "U0BOB", "subtype": "channel_join", "bot_id": "B0OTHER", "thread_ts": "1.1"},
        {"user": "U0FRONTLINE", "thread_ts": "1.1"},
        {"bot_id": "B0FRONTLINE", "subtype": "bot_message", "username": "Bob", "thread_ts": "1.1"},
        {"bot_id": "B0ELSE", "app_id": "A0FRONTLINE", "subtype": "bot_message", "thread_ts": "1.1"},
        {"user": "U0BOB", "subtype": "bot_message"},
        {"subtype": "message_changed", "hidden": True, "message": {"user": "U0BOB", "text": "x"}},
        {"subtype": "message_deleted", "hidden": True, "deleted_ts": "1.1"},
    ],
)
async def test_messages_of_bots_are_ignored(workspace: Workspace, event: dict[str, object]) -> None:
    whole = {"type": "message", "channel": "C0ACME", "ts": "1.2", "text": "x", **event}
    assert (await workspace.slack.event(whole)).status == 200
    assert workspace.desk.heard == []


@pytest.mark.parametrize(
    ("event", "user", "name"),
    [
        ({"user": "U0JIRA", "bot_id": "B0JIRA", "bot_profile": {"name": "Jira"}}, "U0JIRA", "Jira"),
        ({"bot_id": "B0HOOK", "subtype": "bot_message", "username": "Alarms"}, "B0HOOK", "Alarms"),
        ({"bot_id": "B0HOOK", "subtype": "bot_message"}, "B0HOOK", "an app"),
    ],
)
async def test_another_apps_reply_arrives_under_the_name_it_shows(
    workspace: Workspace, event: dict[str, object], user: str, name: str
) -> None:
    whole = {"type": "message", "channel": "C0ACME", "ts": "1.2", "thread_ts": "1.1", "text": "x", **event}
    assert (await workspace.slack.event(whole)).status == 200
    (said,) = workspace.desk.heard
    assert isinstance(said, Posted)
    assert (said.from_app, said.actor.user.id, said.actor.name) == (True, user, name)


async def test_our_own_posts_and_edits_are_ignored(workspace: Workspace) -> None:
    message = await card(workspace)
    ref = MessageRef(Place("slack", "C0ACME"), message.ts)
    await workspace.ours.update(ref, Notice(("changed",)))
    await workspace.slack.settle()
    assert workspace.desk.heard == []


async def test_a_message_with_only_a_file(workspace: Workspace) -> None:
    event = {"type": "message", "subtype": "file_share", "user": "U0BOB", "channel": "C0ACME", "ts": "1.2"}
    await workspace.slack.event(event | {"text": "", "files": [{"name": "error.log"}, {"id": "F1"}]})
    [heard] = workspace.desk.heard
    assert isinstance(heard, Posted)
    assert heard.text == ""
    assert heard.files == (File("error.log", ""), File("a file", ""))


async def test_unsubscribed_events_are_acknowledged(workspace: Workspace) -> None:
    acks = [await workspace.slack.open_home(workspace.bob, "messages"), await workspace.slack.verify_url()]
    acks.append(await workspace.slack.event({"type": "star_added", "user": "U0BOB"}, workspace.bob))
    assert [ack.status for ack in acks] == [200, 200, 200]
    assert "c-3eZbrw1aB" in acks[1].body
    assert workspace.desk.heard == []


async def test_an_event_that_the_desk_could_not_store_is_redelivered(workspace: Workspace) -> None:
    workspace.desk.answer = RuntimeError("database is locked")
    await workspace.slack.say(workspace.bob, workspace.acme, "hello")
    first, again = workspace.desk.heard
    assert first.key == again.key
    assert [ack.status for ack in workspace.slack.acks if ack.kind == "message"] == [503, 503]


async def test_profiles_are_fetched_once_and_never_block(workspace: Workspace) -> None:
    message = await card(workspace)
    workspace.slack.fail_next("users.info", error="internal_error", status=500)
    for _ in range(3):
        await workspace.slack.press(workspace.bob, message, "Take it")
    assert [heard.actor.name for heard in workspace.desk.heard] == ["bob", "Bob Miller", "Bob Miller"]
    assert sum(call.method == "users.info" for call in workspace.slack.calls) == 2


MENTIONS = "Ask <@U0BOB>, not <@U0GONE99>; mail a@UNIX.example"
NAMED = "Ask @Bob Miller, not @U0GONE99; mail a@UNIX.example"


async def test_people_mentioned_in_a_thread_are_passed_on_by_name(workspace: Workspace) -> None:
    message = await card(workspace)
    said = await workspace.slack.say(workspace.bob, workspace.acme, MENTIONS, thread=message)
    heard = workspace.desk.heard[-1]
    assert isinstance(heard, Posted)
    assert heard.text == NAMED
    await workspace.slack.edit(workspace.bob, said, f"{MENTIONS}!")
    edited = workspace.desk.heard[-1]
    assert isinstance(edited, MessageChanged)
    assert edited.text == f"{NAMED}!"


async def test_people_mentioned_in_a_command_are_passed_on_by_name(workspace: Workspace) -> None:
    assert (await workspace.slack.command(workspace.bob, workspace.acme, "/support", MENTIONS)).status == 200
    heard = workspace.desk.heard[-1]
    assert isinstance(heard, Command)
    assert heard.text == NAMED


async def test_people_mentioned_where_a_ticket_is_asked_for_are_passed_on_by_name(
    workspace: Workspace,
) -> None:
    """A reaction and a shortcut on a message, and a mention of the bot below it."""
    said = await workspace.slack.say(workspace.bob, workspace.acme, MENTIONS)
    await workspace.slack.react(workspace.bob, said, "ticket")
    await workspace.slack.shortcut(workspace.bob, said, "open_ticket")
    await workspace.slack.say(
        workspace.bob, workspace.acme, f"{workspace.slack.mention} <@U0BOB> knows", thread=said
    )
    commands = [heard for heard in workspace.desk.heard if isinstance(heard, Command)]
    assert [(each.quoted, each.text) for each in commands] == [
        ("", NAMED),
        ("", NAMED),
        (NAMED, "@Bob Miller knows"),
    ]


async def test_people_mentioned_in_what_is_sent_on_are_passed_on_by_name(workspace: Workspace) -> None:
    said = await workspace.slack.say(workspace.bob, workspace.acme, MENTIONS)
    await workspace.slack.shortcut(workspace.bob, said, SEND_TO_CUSTOMER)
    heard = workspace.desk.heard[-1]
    assert isinstance(heard, MessageAction)
    assert heard.text == NAMED


async def test_names_are_looked_up_once_and_never_block_a_command(workspace: Workspace) -> None:
    """Nobody is looked up for words without a mention; without an answer the id stays."""
    asked = ["status ACME-1", "ask <@U0BOB>", "ask <@U0BOB>", "ask <@U0BOB> and <@U0BOB>"]
    workspace.slack.fail_next("users.info", error="internal_error", status=500)
    for words in asked:
        reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support", words)
        assert reply.status == 200
    texts = [heard.text for heard in workspace.desk.heard if isinstance(heard, Command)]
    assert texts == ["status ACME-1", "ask @U0BOB", "ask @Bob Miller", "ask @Bob Miller and @Bob Miller"]
    assert sum(call.method == "users.info" for call in workspace.slack.calls) == 2


async def test_an_ack_waits_for_the_desk(workspace: Workspace) -> None:
    decided = asyncio.Event()

    async def decide(inbound: object) -> Done:
        await decided.wait()
        return Done()

    workspace.desk.answer = decide
    pending = asyncio.create_task(workspace.slack.command(workspace.bob, workspace.acme, "/support"))
    await eventually(lambda: workspace.desk.heard)
    assert not pending.done()
    decided.set()
    assert (await pending).status == 200


async def test_nothing_polls_for_an_ack(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bolt would, every 10 ms, if it did not process requests before it responds."""
    slept, sleep = list[float](), asyncio.sleep

    async def watched(delay: float, result: object = None) -> object:
        slept.append(delay)
        return await sleep(delay, result)

    async def beside(inbound: object) -> Done:
        """Decides in a later turn of the loop, so that there is something to wait for."""
        await sleep(0)
        return Done()

    monkeypatch.setattr(asyncio, "sleep", watched)
    workspace.desk.answer = beside
    assert (await workspace.slack.command(workspace.bob, workspace.acme, "/support")).status == 200
    assert [delay for delay in slept if delay > 0] == []


READER = Reader(BotIdentity("T0VENDOR", "U0FRONTLINE", "B0FRONTLINE", "frontline"), StoppedClock())


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("<@U0BOB> hi", "@U0BOB hi"),
        ("<@U0BOB|bob> hi", "@bob hi"),
        ("<@U0FRONTLINE> hi", "@frontline hi"),
        ("see <#C0ACME|acme> and <#C0X>", "see #acme and #C0X"),
        ("<https://x.example/?a=1&amp;b=2>", "https://x.example/?a=1&b=2"),
        ("<https://x.example|x.example>", "https://x.example"),
        ("<https://x.example|the docs>", "the docs (https://x.example)"),
        ("<mailto:a@x.example|a@x.example>", "a@x.example"),
        ("<!here> <!subteam^S1|@team> <!subteam^S1>", "@here @team @subteam"),
        ("<!date^1^{date}|1 Jan>", "1 Jan"),
        ("nul\x00 and\r\nline", "nul and\nline"),
        ("<> <b>bold</b> <-", "<> <b>bold</b> <-"),
    ],
)
def test_what_people_type_becomes_plain_text(typed: str, read: str) -> None:
    assert READER.to_plain_text(typed) == read
