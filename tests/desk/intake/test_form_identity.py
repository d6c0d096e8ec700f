"""What makes a form one of its own: given when it is opened, and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.desk.agents import send_to_customer
from bot.desk.intake.form import FORM
from bot.desk.routes import BUTTONS, FORMS
from bot.desk.ticket import milestones
from bot.model.forms import OPENING, Form
from bot.model.inbound import Ask, Command, FormClosed, Press, Submission
from bot.model.views import Audience
from tests.desk.intake.conversation import Conversation
from tests.desk.intake.form_filling import chooses, submits, values_of
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    DESK_FILE_WITH_HOLD,
    S1,
    S2,
    TRIAGE,
    DeskInMemory,
    answer_text,
    done,
    form_of,
    open_desk,
    person,
)

CAROL = person("Carol", "T0ACME")
LED_TO = "This form has already opened ACME-1, so we did not open another ticket"


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, "2026-03-20T14:00:00Z", DESK_FILE_WITH_HOLD)


def opening(form: Form) -> str:
    return form.context[OPENING]


async def test_the_same_act_opens_the_same_form(desk: DeskInMemory) -> None:
    act = Command("trigger", desk.clock.now(), ALICE, ACME, "/support", "Bills")
    first, again = form_of(await desk.answers(act)), form_of(await desk.answers(act))
    other = form_of(await desk.answers(replace(act, key="another trigger")))
    assert opening(first) == opening(again) != opening(other)
    assert done(await submits(desk, first, **S2))
    assert answer_text(await submits(desk, again, **S2)).startswith(LED_TO)


async def test_the_identity_stays_while_a_form_changes_or_is_rejected(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE)
    chosen = await chooses(desk, form, production="down")
    refused = form_of(await submits(desk, chosen))
    assert refused.errors
    assert opening(form) == opening(chosen) == opening(refused)
    assert done(await submits(desk, refused, summary="Bills", **S2))
    assert answer_text(await submits(desk, form, summary="Bills", **S2)).startswith(LED_TO)


async def test_a_restored_draft_is_a_new_form(desk: DeskInMemory) -> None:
    form = await chooses(desk, await desk.asks_for_help(ALICE, text="Bills"), **S2)
    await desk.answers(FormClosed("left", desk.clock.now(), ALICE, form.id, {}, form.context))
    again = await desk.asks_for_help(ALICE)
    assert values_of(again, {})["summary"] == ("Bills",)
    assert opening(again) != opening(form)


async def test_what_was_sent_does_not_come_back_when_its_answer_was_lost(desk: DeskInMemory) -> None:
    """Or the next form, filled in with it, would open a second ticket."""
    form = await chooses(desk, await desk.asks_for_help(ALICE, text="Bills"), **S2)
    assert done(await submits(desk, form))
    await chooses(desk, form, production="down")
    await desk.answers(FormClosed("left", desk.clock.now(), ALICE, form.id, {}, form.context))
    assert not any(values_of(await desk.asks_for_help(ALICE), {}).values())


async def test_a_form_sent_by_two_people_opens_one_ticket(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE, text="Bills")
    assert done(await submits(desk, form, **S2))
    told = answer_text(await submits(desk, form, CAROL, summary="Login", **S2))
    assert told.startswith(LED_TO)
    assert "Login" in told
    assert await desk.keys() == ["ACME-1"]


async def test_a_form_added_to_a_ticket_opens_no_other(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bill generation is slow", S2)
    form = await desk.asks_for_help(CAROL, text="Slow bill generation")
    form = await chooses(desk, form, CAROL, **S2)
    form = await chooses(desk, form, CAROL, known=key)
    assert answer_text(await submits(desk, form, CAROL)).endswith("added to ACME-1.")
    again = answer_text(await submits(desk, form, CAROL))
    assert again.startswith(LED_TO)
    assert "not in the ticket" not in again, "all of it was added"
    assert answer_text(await submits(desk, form, CAROL, known="new", **S2)).startswith(LED_TO)
    assert await desk.keys() == [key]


async def test_a_lost_answer_is_said_again_with_what_else_it_said(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, "2026-03-20T14:00:00Z")
    form = await desk.asks_for_help(BOB, TRIAGE)
    filled = {"account": "acme", "summary": "Bills", **S1}
    first = answer_text(await submits(desk, form, BOB, **filled))
    assert first.startswith("ACME-1 was opened in the channel of Acme GmbH.")
    again = answer_text(await submits(desk, form, BOB, **filled))
    assert again.startswith(LED_TO)
    assert again.endswith(first)


async def test_every_form_behind_a_button_has_an_identity(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Bills", S1)
    asked: dict[str, Form] = {}
    for nth, action in enumerate(BUTTONS):
        actor, place = (DANA, ACME) if action.startswith("alert") else (BOB, TRIAGE)
        if action == "close":
            actor, place = ALICE, ACME
        press = Press(f"press {nth}", desk.clock.now(), actor, place, None, action, key)
        if action in FORMS and isinstance(answer := await desk.answers(press), Ask):
            asked[answer.form.id] = answer.form
    away = await desk.answers(Command("away", desk.clock.now(), DANA, ACME, "/support", "away"))
    asked |= {answer.form.id: answer.form for answer in [away] if isinstance(answer, Ask)}
    on_other_policies = {milestones.FORM, "call_request"}  # in tests/packs/test_monetate_desk.py
    of_a_message = send_to_customer.FORM  # in tests/platforms/test_send_to_customer.py
    assert {*asked, FORM, of_a_message, *on_other_policies} == {*FORMS}
    assert len({opening(form) for form in asked.values()}) == len(asked)


SENT: Mapping[str, dict[str, str]] = {
    "Reply": {"text": "We look into it"},
    "Update": {"text": "Still looking"},
    "Escalate": {"text": "Hurry"},
    "Hold": {"text": "Which one?"},
    "Assign": {"agent": "eve"},
    "Change severity": {"severity": "S1", "text": "All is down"},
    "Resolve": {"text": "Restarted"},
}


@pytest.mark.parametrize("label", SENT)
async def test_a_form_sent_twice_acts_once(desk: DeskInMemory, label: str) -> None:
    key = await desk.submits(ALICE, "Bills", S2)
    form = form_of(await desk.presses(BOB, label, key))
    assert done(await desk.sends(BOB, form, **SENT[label]))
    before = await desk.events(key)
    told = answer_text(await desk.sends(BOB, form, **SENT[label] | {"text": "Other words"}))
    assert told.startswith("You already sent this form")
    assert "Other words" in told
    assert await desk.events(key) == before


async def test_questions_in_a_conversation_are_one_form(desk: DeskInMemory) -> None:
    conversation = Conversation(desk)
    await conversation.starts("Bills are slow")
    await conversation.writes("skip")
    await conversation.answers_all()
    notes, asked = await desk.desk.key_values.get_all("interview"), conversation.asked
    await conversation.presses("Open ticket")
    assert await desk.keys() == ["ACME-1"]

    # The process ended before it could forget the questions, so they go on.
    for name, text in notes.items():
        await desk.desk.key_values.put("interview", name, text)
    await conversation.presses("Back", asked)
    await conversation.writes("2")
    await conversation.presses("No, this is new")
    assert answer_text(await conversation.presses("Open ticket")).startswith(LED_TO)
    assert await desk.keys() == ["ACME-1"]


async def test_a_form_of_the_previous_release_keeps_its_platform_key(desk: DeskInMemory) -> None:
    form = await desk.asks_for_help(ALICE, text="Bills")
    context = {name: text for name, text in form.context.items() if name != OPENING}
    old = replace(form, context=context)
    assert OPENING not in (await chooses(desk, old, production="down")).context
    for key in ("view/hash", "view/hash", "view/another hash"):
        values = values_of(old, S2)
        await desk.answers(Submission(key, desk.clock.now(), ALICE, old.id, values, context))
    assert await desk.keys() == ["ACME-2", "ACME-1"]
    assert desk.labels("ACME-1", Audience.CUSTOMER)
