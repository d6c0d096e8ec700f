from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.slack.outbound.responder import NEEDS_BUTTON, SORRY, TOO_LATE
from bot.model.address import Place
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Answer, Ask, Done, Inbound, Show, Submission
from bot.model.views import Button, Notice
from demo.slack import FakeSlack, Message
from sla_core.triage import Option
from tests.scripted_desk import ScriptedDesk
from tests.slack.conftest import Workspace, started

FORM = Form(
    "intake",
    "Open a ticket",
    "Open ticket",
    (
        TextField("summary", "Summary", value="printers down"),
        TextField("details", "Details", required=False, long=True, hint="Anything that helps"),
        ChoiceField("kind", "Kind", (Option("a", "A thing"), Option("b", "B thing")), value=("a",)),
        ChoiceField("many", "Many", (Option("x", "X"), Option("y", "Y")), required=False, many=True),
    ),
    {"place": "slack:C0ACME"},
    intro=("Tell us ",),
)
HELLO = Show(Notice(("Hello <you>",)))


async def card(workspace: Workspace) -> Message:
    view = Notice(("A card",), buttons=(Button("go", "Go", "1"),))
    ref = await workspace.ours.post(Place("slack", workspace.acme.id), view, None)
    return next(m for m in workspace.slack.messages(workspace.acme) if m.ts == ref.id)


async def opened(workspace: Workspace, form: Form = FORM) -> None:
    workspace.desk.answer = Ask(form)
    reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    assert (reply.status, reply.shown) == (200, "")


async def test_a_command_is_answered_in_private(workspace: Workspace) -> None:
    workspace.desk.answer = HELLO
    reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    assert reply.shown == "Hello <you>"
    assert len(workspace.slack.ephemerals(workspace.bob)) == 1
    assert workspace.slack.messages(workspace.acme) == []


async def test_a_press_is_answered_in_private_and_in_its_thread(workspace: Workspace) -> None:
    top = await card(workspace)
    workspace.desk.answer = HELLO
    await workspace.slack.press(workspace.ann, top, "Go")
    await workspace.slack.until(lambda: len(workspace.slack.ephemerals(workspace.ann)) == 1)
    [private] = workspace.slack.ephemerals(workspace.ann)
    assert workspace.slack.text_of(private) == "Hello <you>"
    assert workspace.slack.text_of(top).startswith("A card")

    parent = await workspace.ours.post(Place("slack", "C0ACME"), Notice(("x",)), None)
    view = Notice(("reply",), buttons=(Button("go", "Go", "1"),))
    ref = await workspace.ours.post(Place("slack", "C0ACME"), view, parent)
    reply = next(m for m in workspace.acme.messages if m.ts == ref.id)
    await workspace.slack.press(workspace.ann, reply, "Go")
    await workspace.slack.until(lambda: len(workspace.slack.ephemerals(workspace.ann)) == 2)
    assert workspace.slack.ephemerals(workspace.ann)[-1].thread_ts == parent.id


@pytest.mark.parametrize(
    ("answer", "words"), [(HELLO, "Hello <you>"), (Ask(FORM), f"⚠️ {NEEDS_BUTTON}")], ids=["show", "ask"]
)
async def test_a_message_is_answered_in_private(workspace: Workspace, answer: Answer, words: str) -> None:
    workspace.desk.answer = answer
    await workspace.slack.say(workspace.ann, workspace.acme, "hi")
    [private] = await workspace.slack.until(lambda: workspace.slack.ephemerals(workspace.ann))
    assert workspace.slack.text_of(private) == words


async def test_a_form_opens_filled_and_comes_back(workspace: Workspace) -> None:
    await opened(workspace)
    view = workspace.slack.modal_of(workspace.bob)
    assert view is not None
    assert view.labels() == ["Summary", "Details", "Kind", "Many"]
    workspace.desk.answer = Done()
    reply = await workspace.slack.submit(workspace.bob, {"Many": ["Y", "X"], "Details": "a\nb"})
    assert reply.closed
    sent = workspace.desk.heard[-1]
    assert isinstance(sent, Submission)
    assert {**sent.values, "many": tuple(sorted(sent.values["many"]))} == {
        "summary": ("printers down",),
        "details": ("a\nb",),
        "kind": ("a",),
        "many": ("x", "y"),
    }
    assert sent.context == {"place": "slack:C0ACME"}


async def test_empty_fields_are_there_and_empty(workspace: Workspace) -> None:
    await opened(workspace)
    workspace.desk.answer = Done()
    await workspace.slack.submit(workspace.bob)
    sent = workspace.desk.heard[-1]
    assert isinstance(sent, Submission)
    assert (sent.values["details"], sent.values["many"]) == ((), ())


async def test_a_refused_form_stays_open_with_what_was_typed(workspace: Workspace) -> None:
    await opened(workspace)

    async def refuse(inbound: Inbound) -> Ask:
        assert isinstance(inbound, Submission)
        faults = {"details": "Say more.", "base": "Not now.", "gone": "Nor so."}
        return Ask(FORM.rejected(inbound.values, faults))

    workspace.desk.answer = refuse
    reply = await workspace.slack.submit(workspace.bob, {"Details": "short"})
    assert reply.errors == {"details": "Say more.", "summary": "Not now. Nor so."}
    view = workspace.slack.modal_of(workspace.bob)
    assert view is not None
    assert view.input("Details").value == "short"
    assert view.error("Details") == "Say more."


async def test_another_form_replaces_the_open_one(workspace: Workspace) -> None:
    await opened(workspace)
    next_form = replace(
        FORM, id="second", fields=(TextField("why", "Why"),), errors={"why": "Please say why.", "base": "Hm."}
    )
    workspace.desk.answer = Ask(next_form)
    reply = await workspace.slack.submit(workspace.bob)
    assert reply.action == "update"
    view = workspace.slack.modal_of(workspace.bob)
    assert view is not None
    assert view.labels() == ["Why"]
    shown = [block["text"]["text"] for block in view.blocks if block["type"] == "section"]
    assert shown == ["Tell us ", "⚠️ Hm.", "⚠️ Please say why."]


async def test_a_view_shown_after_a_form_replaces_it(workspace: Workspace) -> None:
    await opened(workspace)
    workspace.desk.answer = Show(Notice(("All done",), buttons=(Button("go", "Go", "1"),)))
    reply = await workspace.slack.submit(workspace.bob)
    assert reply.action == "update"
    view = workspace.slack.modal_of(workspace.bob)
    assert view is not None
    assert [block["text"]["text"] for block in view.blocks] == ["All done"]


async def test_our_error_apologizes_and_keeps_typed_text(workspace: Workspace) -> None:
    top = await card(workspace)
    workspace.desk.answer = RuntimeError("out of disk")
    reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    assert (reply.status, reply.shown) == (200, f"⚠️ {SORRY}")
    await workspace.slack.press(workspace.ann, top, "Go")
    await workspace.slack.until(lambda: workspace.slack.ephemerals(workspace.ann))
    assert workspace.slack.text_of(workspace.slack.ephemerals(workspace.ann)[0]) == f"⚠️ {SORRY}"
    await opened(workspace)
    workspace.desk.answer = RuntimeError("out of disk")
    sent = await workspace.slack.submit(workspace.bob, {"Details": "kept"})
    assert sent.errors == {"summary": SORRY}
    view = workspace.slack.modal_of(workspace.bob)
    assert view is not None
    assert view.input("Details").value == "kept"


@pytest.mark.parametrize("error", ["expired_trigger_id", "exchanged_trigger_id"])
async def test_a_form_that_is_too_late_says_so(workspace: Workspace, error: str) -> None:
    top = await card(workspace)
    workspace.desk.answer = Ask(FORM)
    workspace.slack.fail_next("views.open", error=error, times=2)
    reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    assert reply.shown == f"⚠️ {TOO_LATE}"
    await workspace.slack.press(workspace.ann, top, "Go")
    await workspace.slack.until(lambda: workspace.slack.ephemerals(workspace.ann))


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop_connection": True}, {"status": 429}])
async def test_a_form_that_slack_does_not_open(workspace: Workspace, fault: dict[str, int]) -> None:
    workspace.desk.answer = Ask(FORM)
    workspace.slack.fail_next("views.open", **fault)  # type: ignore[arg-type]
    reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    assert reply.shown == f"⚠️ {TOO_LATE}"
    assert sum(call.method == "views.open" for call in workspace.slack.calls) == 1


async def test_a_form_with_too_much_context_is_our_fault_and_said_so(workspace: Workspace) -> None:
    workspace.desk.answer = Ask(replace(FORM, context={"x": "y" * 3000}))
    reply = await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    assert reply.shown == f"⚠️ {SORRY}"


async def test_a_lost_private_reply_is_harmless(workspace: Workspace) -> None:
    workspace.desk.answer = HELLO
    workspace.slack.fail_next("chat.postEphemeral", error="user_not_in_channel")
    await workspace.slack.say(workspace.ann, workspace.acme, "hi")
    await workspace.ours.settle()
    assert workspace.slack.ephemerals(workspace.ann) == []


async def test_closing_a_static_modal_is_ignored(workspace: Workspace) -> None:
    await opened(workspace)
    await workspace.slack.close_modal(workspace.bob)
    view = {"id": "V1", "callback_id": "intake", "type": "modal"}
    payload = {"type": "view_closed", "user": {"id": "U0BOB"}, "team": {"id": "T0VENDOR"}, "view": view}
    assert (await workspace.slack._bot_client.interact(payload)).status == 200
    assert len(workspace.desk.heard) == 1


@pytest.mark.parametrize(("keeps", "value"), [(True, ("printers down",)), (False, ())])
async def test_a_client_that_sends_nothing_for_what_was_left_alone(
    keeps: bool, value: tuple[str, ...]
) -> None:
    desk = ScriptedDesk(answer=Ask(FORM))
    async with FakeSlack() as slack:
        ours, server = await started(slack, desk, omits_unchanged=keeps)
        bob = slack.person("Bob")
        acme = slack.channel("acme", [bob])
        await slack.command(bob, acme, "/support")
        view = slack.modal_of(bob)
        assert view is not None
        blocks = [
            {"type": b["type"], **{k: b[k] for k in ("block_id", "element") if k in b}} for b in view.blocks
        ]
        values = {"summary": {"summary": {"type": "plain_text_input", "value": None}}}
        shown = {
            "id": view.id,
            "type": "modal",
            "callback_id": "intake",
            "private_metadata": view.payload["private_metadata"],
            "blocks": blocks,
            "state": {"values": values},
        }
        desk.answer = Done()
        payload = {"type": "view_submission", "team": {"id": "T0VENDOR"}, "user": {"id": "U0BOB"}}
        await slack._bot_client.interact(payload | {"view": shown})
        sent = desk.heard[-1]
        assert isinstance(sent, Submission)
        assert sent.values == {
            "summary": value,
            "details": (),
            "kind": ("a",) if keeps else (),
            "many": (),
        }
        await ours.close()
        await server.stop()
