"""An hour without news: a draft for the agent, a word to the TAM, an honest line to the customer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.model.address import Actor
from bot.model.forms import TextField
from bot.model.inbound import Answer, Press
from bot.model.views import Audience, Notice
from sla_core.events import Answered, Breached, Kind, LastWarned, Warned
from tests.desk_file import account, desk_file
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    EVE,
    DeskInMemory,
    PostedMessage,
    answer_text,
    form_of,
    open_desk,
)

DESK_FILE = desk_file(
    "monetate",
    rotas={"on_call": ["bob", "eve"], "leadership": ["mia"]},
    accounts=[account(name="Acme Inc", plan="north-america")],
)
EMERGENCY = {"category": "error", "impact": "yes", "reason": "no"}
BROKEN = "Broken images everywhere"


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, "2026-03-20T22:00:00Z", DESK_FILE)


async def answered_emergency(desk: DeskInMemory) -> str:
    """Bob has it and has said so, so that nobody is paged any more."""
    key = await desk.submits(ALICE, BROKEN, EMERGENCY)
    await desk.presses(BOB, "Investigating", key)
    return key


def drafts(desk: DeskInMemory, actor: Actor = BOB) -> list[PostedMessage]:
    return [said for said in desk.direct(actor) if "Here is" in said.text or "Press Send" in said.text]


async def press_draft(desk: DeskInMemory, actor: Actor, label: str, message: PostedMessage) -> Answer:
    assert isinstance(message.view, Notice)
    (button,) = (each for each in message.view.buttons if each.label == label)
    where = message.ref.place
    act = Press(desk.envelope(), desk.clock.now(), actor, where, message.ref, button.action, button.value)
    return await desk.answers(act)


def labels(message: PostedMessage) -> list[str]:
    assert isinstance(message.view, Notice)
    return [button.label for button in message.view.buttons]


def without_link(message: PostedMessage) -> str:
    return message.text.removesuffix(" Its card is in triage.")


def missed(desk: DeskInMemory, key: str) -> list[str]:
    return [text for text in desk.thread(key) if "We missed" in text]


def from_dana(desk: DeskInMemory, word: str) -> list[str]:
    return [said.text for said in desk.direct(DANA) if word in said.text]


async def test_five_silent_hours_are_five_misses_each_seen_coming(desk: DeskInMemory) -> None:
    """MON-25: of each hour a draft, a word to the TAM before it is late, and one line to the customer."""
    key = await answered_emergency(desk)
    await desk.fast_forward(hours=5)
    history = (await desk.ticket(key)).history
    assert [e.due_at.hour for e in history if isinstance(e, Breached)] == [23, 0, 1, 2, 3]
    for kind, minutes in ((Warned, 15), (LastWarned, 7.5)):
        told = [event for event in history if isinstance(event, kind)]
        assert [event.due_at - event.at for event in told] == [timedelta(minutes=minutes)] * 5
    assert len(drafts(desk)) == 5
    assert len(from_dana(desk, "Warning: next update")) == 5
    again = [text for text in from_dana(desk, "We missed") if "You have not answered" in text]
    assert len(from_dana(desk, "We missed")) - len(again) == 5
    lines = missed(desk, key)
    assert len(lines) == 5
    assert lines[0] == (
        "ACME-1 We missed the hourly update, due Fri 20 Mar 23:00. Bob and your account manager "
        "Dana have been alerted. They will write to you here. The next update is due Sat 21 "
        "Mar 00:00. Nobody has written to you since Fri 20 Mar 22:00. @Alice"
    )
    assert "We have now missed 5 updates in a row. @Alice" in lines[4]


async def test_a_line_of_the_desk_meets_and_restarts_nothing(desk: DeskInMemory) -> None:
    """MON-25: only a person's words do; the next hour begins when the last one was due."""
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=70)
    ticket = await desk.ticket(key)
    assert ticket.last_update_at == ticket.opened.at
    (line,) = desk.card_view(key).promises
    assert line.due_at == ticket.opened.at + timedelta(hours=2)


async def test_a_milestone_begins_the_hour_again(desk: DeskInMemory) -> None:
    """MON-20, MON-25: after it, an hour of its own, and the misses before it are no longer counted on."""
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=150)
    await desk.presses(BOB, "Reproduced", key)
    await desk.fast_forward(minutes=59)
    assert len(missed(desk, key)) == 2
    await desk.fast_forward(minutes=1)
    assert "in a row" not in missed(desk, key)[2]


async def test_the_draft_says_only_what_has_happened(desk: DeskInMemory) -> None:
    """MON-25: the last words, the milestones, when the next update is due; nothing else."""
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=30)
    await desk.submits_form(BOB, "Update", key, text="The image servers\nare being moved.")
    await desk.fast_forward(minutes=45)
    (message,) = drafts(desk)
    assert without_link(message) == (
        "ACME-1 S1 for Acme Inc: Broken images everywhere. Next update is due Fri 20 Mar 23:30. "
        "Nobody has written to the customer since Fri 20 Mar 22:30. "
        "Press Send to post this draft as it is, or Update to edit it first: “We are still working on this.\n"
        "Last message from Bob, Fri 20 Mar 2026, 18:30 EDT: “The image servers are being moved.”\n"
        "Milestones so far: Investigating.\nNext update: within 1 hour.” "
    )
    assert labels(message) == ["Send", "Update"]


async def test_nobody_works_on_it_so_the_draft_does_not_say_so(desk: DeskInMemory) -> None:
    """MON-17, MON-25: before anybody has it, and after Eve has only seen it."""
    key = await desk.submits(ALICE, BROKEN, EMERGENCY)
    await desk.fast_forward(minutes=45)
    assert (
        "“We have your report.\nThere is no news yet.\nNext update: within 1 hour.”" in drafts(desk)[0].text
    )
    await desk.presses(EVE, "Acknowledge", key)
    await desk.fast_forward(hours=1)
    assert "“Eve has seen your report.\nThere is no news yet." in drafts(desk)[1].text


async def test_one_click_sends_it(desk: DeskInMemory) -> None:
    """MON-25: an update of the agent's own, which meets the hour and begins the next one."""
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=50)
    told = answer_text(await press_draft(desk, BOB, "Send", drafts(desk)[0]))
    assert told == "ACME-1: the update was sent to the customer."
    last = await desk.last(key)
    assert isinstance(last, Answered)
    assert (last.kind, last.by.name) == (Kind.UPDATE, "Bob")
    assert desk.thread(key)[-1].startswith("ACME-1 Update from Bob: “We are still working on this.")
    assert labels(drafts(desk)[0]) == []
    assert without_link(drafts(desk)[0]).endswith(" Bob sent an update.")
    assert desk.standing(key) == ["less than 1 h left"]


async def test_a_draft_does_not_repeat_the_draft_before_it(desk: DeskInMemory) -> None:
    key = await answered_emergency(desk)
    await desk.submits_form(BOB, "Reply", key, text="Is it all pages?")
    for _ in range(2):
        await desk.fast_forward(minutes=45)
        await press_draft(desk, BOB, "Send", drafts(desk)[-1])
    await desk.fast_forward(minutes=45)
    shown = drafts(desk)[-1].text
    assert shown.count("We are still working on this.") == 1
    assert "Last message from Bob, Fri 20 Mar 2026, 18:00 EDT: “Is it all pages?”" in shown


async def test_update_opens_the_form_with_the_draft_in_it(desk: DeskInMemory) -> None:
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=45)
    form = form_of(await press_draft(desk, BOB, "Update", drafts(desk)[0]))
    assert (form.title, form.submit) == ("ACME-1 · Update", "Send")
    (field,) = form.fields
    assert isinstance(field, TextField)
    assert field.value.startswith("We are still working on this.\n")
    await desk.sends(BOB, form, text="Two of five servers are back.")
    assert "Two of five servers are back." in desk.thread(key)[-1]
    assert without_link(drafts(desk)[0]).endswith(" Bob sent an update.")


@pytest.mark.parametrize(
    ("label", "text", "ends"),
    [
        ("Reply", "Nearly done.", "Eve replied."),
        ("Reproduced", "", "Eve told the customer: Reproduced."),
        ("Resolve", "It was our image server.", "Eve resolved this."),
    ],
)
async def test_whoever_answers_the_buttons_go_away_and_it_says_who(
    desk: DeskInMemory, label: str, text: str, ends: str
) -> None:
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=45)
    (stale,) = drafts(desk)
    kept = replace(stale)
    await (desk.submits_form(EVE, label, key, text=text) if text else desk.presses(EVE, label, key))
    assert labels(stale) == []
    assert without_link(stale).endswith(f" {ends}")
    for late in ("Send", "Update"):
        told = answer_text(await press_draft(desk, BOB, late, kept))
        assert told == f"ACME-1: this draft was not sent. {ends}"


async def test_a_draft_can_still_be_sent_after_the_hour_until_the_next_one_comes(desk: DeskInMemory) -> None:
    await answered_emergency(desk)
    await desk.fast_forward(minutes=70)
    assert labels(drafts(desk)[0]) == ["Send", "Update"]
    await desk.fast_forward(minutes=35)
    first, second = drafts(desk)
    assert (labels(first), labels(second)) == ([], ["Send", "Update"])
    assert without_link(first).endswith(" There is a newer draft.")
    await press_draft(desk, BOB, "Send", second)
    assert labels(second) == []


async def test_a_draft_goes_to_triage_if_its_agent_cannot_be_reached(desk: DeskInMemory) -> None:
    """With a mention and the same buttons; an answer takes those too."""
    key = await answered_emergency(desk)
    desk.chat.rejects_direct.add(BOB.user.id)
    await desk.fast_forward(minutes=45)
    (shown,) = (s for s in desk.posted if "Press Send to post this draft" in s.text)
    assert shown.text in desk.thread(key, Audience.AGENTS)
    assert shown.text.endswith(" @Bob")
    assert labels(shown) == ["Send", "Update"]
    await press_draft(desk, EVE, "Send", shown)
    assert labels(shown) == []
    assert shown.text.endswith(" Eve sent an update.")


async def test_only_agents_send_drafts(desk: DeskInMemory) -> None:
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=45)
    told = answer_text(await press_draft(desk, ALICE, "Send", drafts(desk)[0]))
    assert told == f"Only agents of Monetate Support can do that on {key}."
    assert not any("Update from" in text for text in desk.thread(key))


@pytest.mark.parametrize("value", ["ACME-1|", "ACME-1|1", "ACME-1|99", "ACME-1|x", "ACME-1|²", "ACME-1"])
async def test_a_button_that_names_no_draft_is_refused(desk: DeskInMemory, value: str) -> None:
    key = await answered_emergency(desk)
    card = desk.card(key, Audience.AGENTS)
    for action in ("draft_send", "draft_edit"):
        act = Press(desk.envelope(), desk.clock.now(), BOB, card.ref.place, card.ref, action, value)
        assert answer_text(await desk.answers(act)).startswith("ACME-1: this draft is out of date.")


async def test_after_an_outage_one_message_tells_of_all_the_hours(desk: DeskInMemory) -> None:
    """MON-25: each silent hour is counted; the customer reads it once, and that we were down."""
    key = await answered_emergency(desk)
    await desk.restarts_after(hours=3, minutes=50)
    assert (await desk.events(key)).count("Breached") == 3
    (line,) = missed(desk, key)
    assert "due Sat 21 Mar 01:00" in line
    assert "Sent 50 min late because Frontline was down." in line
    assert "We have now missed 3 updates in a row." in line
    assert len(from_dana(desk, "We missed")) == 1
    assert len(drafts(desk)) == 1, "of the hour that runs"
    before = len(desk.posted)
    await desk.restarts_after(minutes=0)
    assert len(desk.posted) == before


async def test_a_severity_with_silence_clock_does_not_stay_overdue(desk: DeskInMemory) -> None:
    """MON-25, A10: what was missed before a change of severity is over; an hour begins with the change."""
    key = await answered_emergency(desk)
    await desk.fast_forward(minutes=70)
    await desk.submits_form(BOB, "Change severity", key, severity="standard", text="Only one page.")
    assert without_link(drafts(desk)[0]).endswith(" Bob changed the severity to standard.")
    await desk.fast_forward(hours=20)
    assert len(missed(desk, key)) == 1
    await desk.submits_form(BOB, "Change severity", key, severity="S1", text="All pages again.")
    assert "Next update" in [line.label for line in desk.card_view(key).promises]
    await desk.fast_forward(minutes=59)
    assert len(missed(desk, key)) == 1
    await desk.fast_forward(minutes=1)
    assert len(missed(desk, key)) == 2
