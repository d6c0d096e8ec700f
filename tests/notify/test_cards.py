"""What the two cards of a ticket say, and what they leave out, as it goes on."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from bot.clock import parse_instant
from bot.model.views import Audience, LastWords, Notice, Style, TicketCard
from bot.text import standing_text, weekday_time
from tests.harness import ALICE, BOB, DANA, DESK_FILE_WITH_HOLD, S2, S3, DeskInMemory, open_desk

FRIDAY = "2026-03-20T15:30:00Z"
FILE = DESK_FILE_WITH_HOLD


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    """With one ticket of Acme's, whose order form grants holds."""
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    await desk.submits(ALICE, "Bills are slow", S2)
    return desk


def facts(desk: DeskInMemory, audience: Audience = Audience.CUSTOMER) -> dict[str, str]:
    return dict(desk.card_view("ACME-1", audience).facts)


def primary(card: TicketCard) -> list[str]:
    return [button.label for button in card.buttons if button.style is Style.PRIMARY]


async def test_a_severity_is_proposed_until_it_is_confirmed(desk: DeskInMemory) -> None:
    """A reply does not confirm it, so agents see what does."""
    why = "Production works only in part, or a core function is impaired"
    assert desk.card_view("ACME-1").severity == "S2 (proposed)"
    assert facts(desk, Audience.AGENTS)["Proposed because"] == why
    assert "Proposed because" not in facts(desk)
    await desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it.")
    assert facts(desk, Audience.AGENTS)["Proposed because"] == f"{why}; Take it confirms the severity"
    await desk.presses(BOB, "Take it", "ACME-1")
    assert desk.card_view("ACME-1").severity == "S2"
    assert "Proposed because" not in facts(desk, Audience.AGENTS)


async def test_a_card_that_has_ended_says_nothing_of_the_future(desk: DeskInMemory) -> None:
    """No effort, no hold, no staffing; who is next only while there is a choice."""
    assert "We work on this throughout support hours" in facts(desk).values()
    await desk.submits_form(BOB, "Hold", "ACME-1", text="We wait for your log.")
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="The queue runs again.")
    for audience in Audience:
        assert facts(desk, audience) == {}
    assert desk.card_view("ACME-1").next_up == "you, please close or reopen it"
    await desk.presses(ALICE, "Close", "ACME-1")
    for audience in Audience:
        assert desk.card_view("ACME-1", audience).next_up == ""


async def test_a_hold_says_who_why_and_how_it_ends(desk: DeskInMemory) -> None:
    """Complaint 16: the customer sees the pause on the card, and what ends it."""
    await desk.submits_form(BOB, "Hold", "ACME-1", text="We wait for your log.")
    why = "Bob: “We wait for your log.”"
    assert (
        facts(desk)["On hold"] == f"{why} Its deadlines are paused until you write in this ticket's thread."
    )
    assert facts(desk, Audience.AGENTS)["On hold"] == why
    assert desk.thread("ACME-1")[-1].endswith("disagree with the hold, say so in your reply. @Alice")
    assert "you write" not in desk.thread("ACME-1", Audience.AGENTS)[-1]
    await desk.writes(ALICE, "Here it is.", "ACME-1")
    assert "On hold" not in facts(desk)
    await desk.submits_form(BOB, "Hold", "ACME-1", text="We wait for the other log.")
    assert facts(desk, Audience.AGENTS)["On hold"] == "Bob: “We wait for the other log.”"


async def test_one_button_is_primary(desk: DeskInMemory) -> None:
    assert primary(desk.card_view("ACME-1", Audience.AGENTS)) == ["Acknowledge"]
    await desk.presses(BOB, "Acknowledge", "ACME-1")
    assert primary(desk.card_view("ACME-1", Audience.AGENTS)) == ["Reply"]


async def test_a_direct_message_says_who_works_on_it_and_leads_to_acknowledge(desk: DeskInMemory) -> None:
    await desk.presses(BOB, "Take it", "ACME-1")
    await desk.submits_form(ALICE, "Escalate", "ACME-1", text="Month end is today")
    [told] = desk.direct(DANA)
    assert told.text.endswith("Acme GmbH, S2: “Bills are slow” Owner: Bob. Its card is in triage.")
    assert isinstance(told.view, Notice)
    assert [b.label for b in told.view.buttons if b.style is Style.PRIMARY] == ["Acknowledge"]


async def test_only_the_customer_is_asked_whether_it_is_solved(desk: DeskInMemory) -> None:
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="The queue runs again.")
    assert "If that fixed it, press Close on the card." in desk.thread("ACME-1")[-1]
    assert "If that fixed it, press Close on the card." not in desk.thread("ACME-1", Audience.AGENTS)[-1]


async def test_next_says_whose_turn_it_is(desk: DeskInMemory) -> None:
    """The same for everybody, but the customer is `you`."""
    for audience in Audience:
        assert desk.card_view("ACME-1", audience).next_up == "m3ter Support"
    await desk.submits_form(BOB, "Reply", "ACME-1", text="Which bills?", next="customer")
    assert desk.card_view("ACME-1").next_up == "you, please reply"
    assert desk.card_view("ACME-1", Audience.AGENTS).next_up == "the customer"
    await desk.writes(ALICE, "All of them.", "ACME-1")
    assert desk.card_view("ACME-1").next_up == "m3ter Support"


async def test_agents_read_the_customers_last_words(desk: DeskInMemory) -> None:
    """Not what an agent said, and not what was said at the opening, which stands there anyway."""
    assert desk.card_view("ACME-1", Audience.AGENTS).last_words is None
    await desk.writes(ALICE, "It got worse.", "ACME-1")
    await desk.fast_forward(minutes=5)
    await desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it.")
    words = desk.card_view("ACME-1", Audience.AGENTS).last_words
    assert words == LastWords("Alice", parse_instant(FRIDAY), "It got worse.")
    assert desk.card_view("ACME-1").last_words is None


async def test_both_cards_show_what_was_reported(desk: DeskInMemory) -> None:
    """Her colleagues read it too. Account, plan, TAM and opener are for agents."""
    key = await desk.submits(ALICE, "Exports fail", S2, details="Since nine o'clock.")
    for audience in Audience:
        card = desk.card_view(key, audience)
        assert card.details == "Since nine o'clock."
        assert card.answers[0] == ("What is this about?", "Something is broken, slow or not as expected")
        assert len(card.answers) == len(S2)
    assert desk.card_view(key).about == ()
    assert desk.card_view(key, Audience.AGENTS).about == ("Acme GmbH", "Gold", "TAM Dana", "opened by Alice")


@pytest.mark.parametrize("label", ["Acknowledge", "Take it"])
async def test_agents_have_five_buttons_and_menus(desk: DeskInMemory, label: str) -> None:
    """`Take it` takes the place of `Acknowledge` once somebody has seen the ticket."""
    rest = ["Reply", "Update", "Resolve", "Escalate"]
    more = ["Assign", "Change severity", "Hold", "Why?"]
    assert laid_out(desk) == (["Acknowledge", *rest], {"More": ["Take it", *more]})
    await desk.presses(BOB, label, "ACME-1")
    assert laid_out(desk) == (["Take it", *rest], {"More": more})
    await desk.submits_form(BOB, "Hold", "ACME-1", text="We wait for your log.")
    assert laid_out(desk) == (["Take it", *rest], {"More": ["Assign", "Change severity", "Resume", "Why?"]})
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="The queue runs again.")
    assert laid_out(desk) == (["Close", "Reopen", "Why?"], {})
    await desk.presses(BOB, "Close", "ACME-1")
    assert laid_out(desk) == (["Reopen", "Why?"], {})


def laid_out(desk: DeskInMemory) -> tuple[list[str], dict[str, list[str]]]:
    """The labels on the agents' card: the buttons, and those in each menu."""
    card = desk.card_view("ACME-1", Audience.AGENTS)
    menus = {menu.label: [button.label for button in menu.buttons] for menu in card.menus}
    return [button.label for button in card.buttons], menus


STANDINGS = [
    ("2026-03-20T15:30:00Z", "less than 12 support hours left"),
    ("2026-03-20T21:30:00Z", "paused until Mon 09:00, then less than 7 h left"),
    ("2026-03-23T09:00:00Z", "less than 7 h left"),
    ("2026-03-23T14:30:00Z", "less than 1 h left"),
    ("2026-03-23T15:00:00Z", "less than 30 min left"),
    ("2026-03-23T15:30:00Z", "breached"),
]


async def test_one_bound_is_shown_in_the_unit_that_counts(tmp_path: Path) -> None:
    """M3-15: one business day of support hours from Friday 16:30 in Berlin."""
    desk = await open_desk(tmp_path, FRIDAY, FILE)
    key = await desk.submits(ALICE, "Console is odd", S3)
    for at, stands in STANDINGS:
        await desk.forward_to(at)
        assert standing(desk, key) == stands, at


async def test_an_answer_is_shown_with_its_time_and_a_late_one_with_its_delay(desk: DeskInMemory) -> None:
    await desk.fast_forward(hours=1)
    await desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it.")
    assert standing(desk, "ACME-1") == "met Fri 16:30"
    late = await desk.submits(ALICE, "Exports fail", S2)  # Due in 2 hours, by the order form.
    await desk.fast_forward(hours=5, minutes=5)
    await desk.submits_form(BOB, "Reply", late, text="Sorry for the wait.")
    assert standing(desk, late) == "breached, answered 3 h 5 min late"


def standing(desk: DeskInMemory, key: str) -> str:
    (line,) = desk.card_view(key).promises
    return standing_text(line, lambda at: weekday_time(at, UTC))
