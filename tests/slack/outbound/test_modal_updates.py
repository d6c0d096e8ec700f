"""A modal while it is being filled in: what Slack sends at each choice, and what is put in its place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog

from adapters.slack.outbound.responder import MOST_FORMS, ModalUpdater
from adapters.slack.outbound.web_api import WebApi
from adapters.slack.payloads import ModalBlockActions, parse
from adapters.slack.rendering.block_kit import Json, MrkdwnRenderer
from adapters.slack.rendering.modals import modal
from bot.desk import routes
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Answer, Ask, Done, File, FormChanged, FormClosed, Inbound, Submission
from bot.model.views import Strong, When
from demo.slack import View
from sla_core.triage import Option
from tests.desk.intake.form_filling import desk_file_of
from tests.harness import open_desk
from tests.scripted_desk import NOON
from tests.slack.conftest import Workspace

YES_NO = (Option("yes", "Yes"), Option("no", "No"))
FORM = Form(
    "intake",
    "Support",
    "Open ticket",
    (
        TextField("summary", "Summary"),
        TextField("details", "Details", required=False, long=True),
        ChoiceField("down", "Is it down?", YES_NO),
        ChoiceField("since", "Since today?", YES_NO, when={"down": frozenset({"yes"})}),
        ChoiceField("parts", "Which parts?", YES_NO, required=False, many=True),
    ),
    {"place": "slack:C0ACME"},
    reacts=True,
    preview=("More answers are needed.",),
    takes_files=True,
)


async def drawn_anew(inbound: Inbound) -> Answer:
    """A desk that puts back what it was told, and says what it makes of it."""
    if not isinstance(inbound, FormChanged):
        return Ask(FORM) if not isinstance(inbound, Submission | FormClosed) else Done()
    down = ", ".join(inbound.values["down"])
    told = (Strong(f"Down: {down}. "), "Due by ", When(NOON)) if down else FORM.preview
    return Ask(replace(FORM.filled(inbound.values), preview=told))


async def opened(workspace: Workspace, form: Form | None = None) -> View:
    workspace.desk.answer = Ask(form) if form else drawn_anew
    await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    if form:
        workspace.desk.answer = Done()
    view = workspace.slack.modal_of(workspace.bob)
    assert view is not None
    return view


def blocks(view: View) -> list[str]:
    return [block["block_id"] for block in view.blocks if block["type"] == "input"]


def told(view: View) -> str:
    return " ".join(block["text"]["text"] for block in view.blocks if block["type"] == "section")


async def refilled(workspace: Workspace, view: View, name: str, value: object) -> None:
    before = view.hash
    await workspace.slack.choose(workspace.bob, name, value)
    await workspace.slack.until(lambda: view.hash != before)


async def test_a_choice_updates_the_form_and_keeps_typed_text(workspace: Workspace) -> None:
    view = await opened(workspace)
    assert blocks(view) == ["summary", "details", "down", "parts", "files"]
    assert told(view) == "More answers are needed."
    view.input("summary").put("Bills are slow")
    await refilled(workspace, view, "Is it down?", "Yes")

    filling = workspace.desk.heard[-1]
    assert isinstance(filling, FormChanged)
    assert (filling.form, filling.context) == ("intake", {"place": "slack:C0ACME"})
    assert (filling.values["summary"], filling.values["down"]) == (("Bills are slow",), ("yes",))
    assert filling.actor.user.id == workspace.bob.id
    assert blocks(view) == ["summary", "details", "down", "since", "parts", "files"]
    assert view.input("summary").value == "Bills are slow"
    assert told(view).startswith("*Down: yes.* Due by <!date^")


async def test_what_is_typed_while_the_answer_is_on_its_way_stays(workspace: Workspace) -> None:
    view = await opened(workspace)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(inbound: Inbound) -> Answer:
        reached.set()
        await go_on.wait()
        return await drawn_anew(inbound)

    workspace.desk.answer = slowly
    before = view.hash
    choice = asyncio.create_task(workspace.slack.choose(workspace.bob, "Is it down?", "Yes"))
    await reached.wait()
    view.input("details").put("Typed meanwhile")
    go_on.set()
    await choice
    await workspace.slack.until(lambda: view.hash != before)
    assert view.input("details").value == "Typed meanwhile"


async def test_several_may_be_chosen(workspace: Workspace) -> None:
    await opened(workspace)
    await workspace.slack.choose(workspace.bob, "Which parts?", ["Yes", "No"])
    assert workspace.desk.heard[-1].values["parts"] == ("yes", "no")


async def test_an_unchanged_form_is_not_updated(workspace: Workspace) -> None:
    view = await opened(workspace)
    await workspace.slack.choose(workspace.bob, "Which parts?", ["Yes"])
    await workspace.ours.close()
    assert workspace.slack.calls_to("views.update") == []
    assert view.input("parts").value == ["yes"]


async def test_the_newest_drawing_wins(workspace: Workspace) -> None:
    """Two choices in quick succession: the first is drawn before the second has been thought about."""
    view = await opened(workspace)
    reached, second = asyncio.Event(), asyncio.Event()

    async def thinking(inbound: Inbound) -> Answer:
        if isinstance(inbound, FormChanged) and inbound.values["down"] == ("no",):
            reached.set()
            await second.wait()
        return await drawn_anew(inbound)

    workspace.desk.answer = thinking
    late = asyncio.create_task(workspace.slack.choose(workspace.bob, "Is it down?", "No"))
    await reached.wait()
    view.replace(view.payload, "another.hash")
    second.set()
    await late
    await workspace.slack.until(lambda: "Down: no" in told(view))
    assert [call.error for call in workspace.slack.calls_to("views.update")] == ["hash_conflict", None]


async def test_updating_a_closed_form_is_harmless(workspace: Workspace) -> None:
    view = await opened(workspace)
    workspace.slack.fail_next("views.update", error="not_found")
    await workspace.slack.choose(workspace.bob, "Is it down?", "Yes")
    await workspace.slack.until(lambda: workspace.slack.calls_to("views.update"))
    assert "since" not in blocks(view)


@pytest.mark.parametrize("error", ["invalid_arguments", "ratelimited"])
async def test_a_refused_update_is_logged(workspace: Workspace, error: str) -> None:
    view = await opened(workspace)
    workspace.slack.fail_next("views.update", error=error)
    with structlog.testing.capture_logs() as lines:
        await workspace.slack.choose(workspace.bob, "Is it down?", "Yes")
        await workspace.ours.close()
    assert "form not redrawn" in [line["event"] for line in lines]
    assert view.open


async def test_a_failing_desk_leaves_the_form_unchanged(workspace: Workspace) -> None:
    view = await opened(workspace)
    workspace.desk.answer = RuntimeError("no database")
    ack = await workspace.slack.choose(workspace.bob, "Is it down?", "Yes")
    assert ack is not None
    assert (ack.status, ack.body) == (200, "")
    await workspace.slack.close_modal(workspace.bob)
    assert not view.open


async def test_closing_a_form_is_dispatched(workspace: Workspace) -> None:
    """Without what stood in it: Slack does not say."""
    await opened(workspace)
    ack = await workspace.slack.close_modal(workspace.bob)
    assert ack is not None
    assert ack.status == 200
    left = workspace.desk.heard[-1]
    assert isinstance(left, FormClosed)
    assert (left.form, left.values, left.context) == ("intake", {}, {"place": "slack:C0ACME"})


async def test_a_form_that_is_not_ours_is_refused(workspace: Workspace) -> None:
    view = await opened(workspace)
    view.payload["private_metadata"] = "somebody else's"
    chosen = await workspace.slack.choose(workspace.bob, "Is it down?", "Yes")
    closed = await workspace.slack.close_modal(workspace.bob)
    assert chosen is not None
    assert closed is not None
    assert (chosen.status, closed.status) == (400, 400)


async def test_a_static_form_sends_no_changes(workspace: Workspace) -> None:
    view = await opened(workspace, replace(FORM, reacts=False))
    assert blocks(view) == ["summary", "details", "down", "since", "parts", "files"]
    assert told(view) == ""
    assert await workspace.slack.choose(workspace.bob, "Is it down?", "Yes") is None
    assert await workspace.slack.close_modal(workspace.bob) is None


async def test_errors_stay_in_place_in_an_unchanged_form(workspace: Workspace) -> None:
    view = await opened(workspace)
    await refilled(workspace, view, "Is it down?", "Yes")
    values = {"summary": "Bills", "since": "No"}
    refused = FORM.filled({"down": ("yes",)}).rejected({}, {"since": "Are you sure?"})
    workspace.desk.answer = Ask(refused)
    reply = await workspace.slack.submit(workspace.bob, values)
    assert (reply.action, reply.errors) == ("errors", {"since": "Are you sure?"})
    workspace.desk.answer = Ask(replace(refused, context={**FORM.context, "offered": "ACME-1"}))
    reply = await workspace.slack.submit(workspace.bob)
    assert reply.action == "update", "what it carries unseen has changed"
    assert "Are you sure?" in told(view)


# Files --------------------------------------------------------------------------------------------


async def test_files_come_with_their_addresses(workspace: Workspace) -> None:
    await opened(workspace)
    files = workspace.slack.uploaded(workspace.bob, "bill.png", "log.txt")
    files.append({"id": "F9", "title": "evil", "permalink": "javascript:alert(1)"} | {"name": "x"})
    await workspace.slack.submit(workspace.bob, {"summary": "Bills", "down": "No", "files": files})
    sent = workspace.desk.heard[-1]
    assert isinstance(sent, Submission)
    assert "files" not in sent.values
    place = f"https://vendor.slack.com/files/{workspace.bob.id}"
    assert sent.files == (
        File("bill.png", f"{place}/F000000001/bill.png", "F000000001"),
        File("log.txt", f"{place}/F000000002/log.txt", "F000000002"),
        File("x", "", "F9"),
    )


async def test_more_files_than_fit_are_held_back(workspace: Workspace) -> None:
    await opened(workspace)
    files = workspace.slack.uploaded(workspace.bob, *(f"{number}.png" for number in range(11)))
    reply = await workspace.slack.submit(workspace.bob, {"summary": "s", "down": "No", "files": files})
    assert reply.errors == {"files": "Please add 10 files at most."}


async def test_a_simple_client_gets_all_of_it_and_no_files() -> None:
    """One that knows no choices told at once and no files: the local workspace of the demo."""
    view = modal(FORM, MrkdwnRenderer(), omits_unchanged=True)
    assert [block["block_id"] for block in view["blocks"]] == ["summary", "details", "down", "since", "parts"]
    assert not any("dispatch_action" in block for block in view["blocks"])
    assert "notify_on_close" not in view


# Limits -------------------------------------------------------------------------------------------


async def test_the_number_of_remembered_forms_is_limited() -> None:
    updater = ModalUpdater(WebApi("xoxb-1", "http://127.0.0.1:1/"))
    for number in range(MOST_FORMS + 5):
        updater._remember(f"V{number}", "1.0")
    assert len(updater._newest) == MOST_FORMS
    updater._remember("V1004", "3.0")
    view: Json = {"id": "V1004", "callback_id": "intake"}
    act = {"type": "radio_buttons", "action_id": "down", "action_ts": "2.0"}
    older = parse(ModalBlockActions, {"user": {"id": "U1"}, "view": view, "actions": [act]})
    await updater.redraw(older, {})


# The real desk ------------------------------------------------------------------------------------


@dataclass
class Real:
    """The fake workspace's answers come from a desk that runs on Monta's policy."""

    workspace: Workspace
    view: View


@pytest.fixture
async def real(workspace: Workspace, tmp_path: Path) -> Real:
    text = desk_file_of("monta", "partner").replace("C0ACME", workspace.acme.id)
    desk = await open_desk(tmp_path, "2026-03-10T09:00:00Z", text)
    workspace.desk.answer = routes.dispatch(desk.desk)
    await workspace.slack.command(workspace.bob, workspace.acme, "/support", "Charge point 7 is dark")
    view = workspace.slack.modal_of(workspace.bob)
    assert view is not None
    return Real(workspace, view)


ANSWERS = {
    "Who are you?": "A business partner of Monta",
    "What is it about?": "One charge point is offline",
    "Business and revenue impact": "None in the short term",
    "Confirmed number of users affected": "One",
    "Is there a workaround?": "Yes",
}


async def test_a_form_from_opening_to_submission(real: Real) -> None:
    """MTA-16 and MTA-9: asked where it matters, told before it is sent, opened as told."""
    workspace, view = real.workspace, real.view
    assert "checked" not in blocks(view)
    for label, option in ANSWERS.items():
        await workspace.slack.choose(workspace.bob, label, option)
    await workspace.slack.until(lambda: "Proposed: P4, Low" in told(view))
    assert " is <!date^" in told(view)
    assert "checked" in blocks(view)
    await refilled(workspace, view, "checked", "Not yet")
    assert "please check at the charge point" in told(view)
    reply = await workspace.slack.submit(workspace.bob)
    assert reply.action == "update", "the advice is told once more"


async def test_closed_by_accident(real: Real) -> None:
    workspace = real.workspace
    real.view.input("details").put("Since nine.")
    await refilled(workspace, real.view, "What is it about?", "One charge point is offline")
    await workspace.slack.close_modal(workspace.bob)
    await workspace.slack.command(workspace.bob, workspace.acme, "/support")
    again = workspace.slack.modal_of(workspace.bob)
    assert again is not None
    assert again.input("summary").value == "Charge point 7 is dark"
    assert again.input("details").value == "Since nine."
    assert again.input("topic").value == "one_charger"
    assert "checked" in blocks(again)
    assert "Your unsent draft is back." in told(again)
