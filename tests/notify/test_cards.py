"""What the two faces of a ticket say, and what they leave out, as it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.views import Audience, Notice, Style, TicketCard
from tests.harness import ALICE, BOB, DANA, DESK_FILE_WITH_HOLD, S2, DeskInMemory, open_desk

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


async def test_the_clause_that_proposed_it_stands_within_the_sentence(desk: DeskInMemory) -> None:
    told = facts(desk, Audience.AGENTS)["Confirmed"]
    assert told == "not yet: Production works only in part, or a core function is impaired (M3-14)"


async def test_an_answered_ticket_does_not_say_to_wait_for_an_agent(desk: DeskInMemory) -> None:
    """A reply does not confirm the severity, so agents see what does."""
    assert facts(desk)["Confirmed"].endswith("an agent will confirm it")
    await desk.submits_form(BOB, "Reply", "ACME-1", text="We look into it.")
    assert "Confirmed" not in facts(desk)
    assert facts(desk, Audience.AGENTS)["Confirmed"].endswith("(M3-14). Take it confirms it")
    await desk.presses(BOB, "Take it", "ACME-1")
    assert facts(desk, Audience.AGENTS)["Confirmed"] == "yes"


async def test_a_closed_ticket_waits_for_nobody(desk: DeskInMemory) -> None:
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="The queue runs again.")
    for audience in Audience:
        assert not {"Confirmed", "Effort", "On hold"} & facts(desk, audience).keys()


async def test_a_hold_says_who_why_and_how_it_ends(desk: DeskInMemory) -> None:
    """Complaint 16: the customer sees the pause on the card, and what ends it."""
    await desk.submits_form(BOB, "Hold", "ACME-1", text="We wait for your log.")
    why = "Bob: “We wait for your log.”"
    assert facts(desk)["On hold"] == f"{why} The clocks go on as soon as you write in this ticket's thread."
    assert facts(desk, Audience.AGENTS)["On hold"] == why
    assert desk.thread("ACME-1")[-1].endswith("They go on as soon as you write here. @Alice")
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
    assert told.text.endswith("Acme GmbH, S2: “Bills are slow” Bob works on it. Its card is in triage.")
    assert isinstance(told.view, Notice)
    assert [b.label for b in told.view.buttons if b.style is Style.PRIMARY] == ["Acknowledge"]


async def test_only_the_customer_is_asked_whether_it_is_solved(desk: DeskInMemory) -> None:
    await desk.submits_form(BOB, "Resolve", "ACME-1", text="The queue runs again.")
    assert "If it is solved, press Close on the card." in desk.thread("ACME-1")[-1]
    assert "If it is solved, press Close on the card." not in desk.thread("ACME-1", Audience.AGENTS)[-1]


async def test_the_vendor_is_named(desk: DeskInMemory) -> None:
    assert desk.card_view("ACME-1").next_up == "m3ter Support's"
    assert desk.card_view("ACME-1", Audience.AGENTS).next_up == "Ours"
