"""`list` with a filter, the filters of an agent's Home, `next`: from the queue to the ticket in a click."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.desk import home, queue_filters, routes
from bot.model.address import Actor, Place
from bot.model.inbound import Answer, HomeOpened, Press, Show
from bot.model.views import Audience, QueueBoard, Style, TicketCard
from tests.harness import (
    ACME,
    ALICE,
    BOB,
    DANA,
    S1,
    S2,
    S3,
    SILVER,
    TRIAGE,
    DeskInMemory,
    answer_text,
    done,
    open_desk,
    person,
    rich_text,
)

FRIDAY = "2026-03-20T10:00:00Z"
DM = Place("slack", "D0SOMEBODY", direct=True)
EVE, SAM, CARL = person("Eve"), person("Sam", "T0SILVER"), person("Carl", "T0ACME")


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    """Four tickets: Bob's, one that is answered and late, one of another customer, one of Carl's."""
    desk = await open_desk(tmp_path, FRIDAY)
    desk.chat.in_channels["U0ALICE"] = frozenset({ACME})
    slow = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.presses(BOB, "Acknowledge", slow)
    await desk.presses(BOB, "Take it", slow)
    await desk.submits(ALICE, "A typo", S3)
    await desk.submits_form(BOB, "Reply", "ACME-2", text="Thanks, we correct it.")
    await desk.submits(SAM, "All is down", S1, SILVER)
    await desk.submits(CARL, "Reports are slow", S2)
    return desk


def keys(answer: Answer) -> list[str]:
    assert isinstance(answer, Show), answer
    assert isinstance(answer.view, QueueBoard), answer.view
    return [row.key for section in answer.view.sections for row in section.rows]


async def test_agents_list_by_owner_answer_and_account(desk: DeskInMemory) -> None:
    """Issue of an agent's day: `mine`, `unassigned`, `unanswered`, `account X`; always in policy order."""
    listed = {
        typed: keys(await desk.command(BOB, TRIAGE, typed))
        for typed in (
            "list",
            "list all",
            "list unresolved",
            "List mine.",
            "list unanswered",
            "list account acme",
        )
    }
    everything = ["SILVERLINE-1", "ACME-1", "ACME-3", "ACME-2"]
    assert listed == {
        "list": everything,
        "list all": everything,
        "list unresolved": everything,
        "List mine.": ["ACME-1", "ACME-2"],
        "list unanswered": ["SILVERLINE-1", "ACME-1", "ACME-3"],
        "list account acme": ["ACME-1", "ACME-3", "ACME-2"],
    }
    assert keys(await desk.command(BOB, DM, "list unassigned")) == ["SILVERLINE-1", "ACME-3"]
    assert answer_text(await desk.command(EVE, TRIAGE, "list mine")) == "No open tickets under “Mine”."


async def test_breached_lists_what_is_late_or_was(desk: DeskInMemory) -> None:
    assert answer_text(await desk.command(BOB, TRIAGE, "list breached")) == (
        "No open tickets under “Breached”."
    )
    await desk.presses(BOB, "Acknowledge", "SILVERLINE-1")
    await desk.fast_forward(hours=5)
    late = keys(await desk.command(BOB, TRIAGE, "list breached"))
    assert late == ["SILVERLINE-1", "ACME-1", "ACME-3"]
    await desk.submits_form(BOB, "Reply", "ACME-3", text="We are on it.")
    assert keys(await desk.command(BOB, TRIAGE, "list breached")) == late


async def test_a_customers_channel_lists_its_own_tickets_only(desk: DeskInMemory) -> None:
    """Nothing to guess: an account that exists and one that does not get the same answer."""
    assert keys(await desk.command(CARL, ACME, "list mine")) == ["ACME-3"]
    assert keys(await desk.command(ALICE, ACME, "list unanswered")) == ["ACME-1", "ACME-3"]
    assert keys(await desk.command(ALICE, ACME, "list account acme")) == ["ACME-1", "ACME-3", "ACME-2"]
    for who in (ALICE, BOB):
        for account in ("silverline", "nobody"):
            answer = await desk.command(who, ACME, f"list account {account}")
            assert answer_text(answer) == "This channel lists tickets of Acme GmbH only."
    for account in ("silverline", "nobody"):
        for who in (ALICE, DANA):
            answer = await desk.command(who, DM, f"list account {account}")
            assert answer_text(answer) == "You cannot see that account from here."
    assert answer_text(await desk.command(BOB, TRIAGE, "list account nobody")) == (
        "There is no account “nobody”. Known accounts: acme, silverline."
    )


async def test_a_tam_lists_the_tickets_of_her_accounts(desk: DeskInMemory) -> None:
    assert keys(await desk.command(DANA, DM, "list unassigned")) == ["ACME-3"]
    assert keys(await desk.command(DANA, DM, "list mine")) == ["ACME-1", "ACME-3", "ACME-2"]
    assert keys(await desk.command(DANA, TRIAGE, "list account acme")) == ["ACME-1", "ACME-3", "ACME-2"]
    assert keys(await desk.command(ALICE, DM, "list mine")) == ["ACME-1", "ACME-2"]


async def test_next_shows_the_most_urgent_ticket_without_an_owner(desk: DeskInMemory) -> None:
    """MTA-11: in policy order, across all customers; only agents read it."""
    for key in ("SILVERLINE-1", "ACME-3"):
        shown = await desk.command(BOB, TRIAGE, "next")
        assert isinstance(shown, Show)
        assert isinstance(shown.view, TicketCard)
        assert (shown.view.key, shown.view.audience, shown.public) == (key, Audience.AGENTS, False)
        await desk.presses(BOB, "Acknowledge", key)
        await desk.presses(BOB, "Take it", key)
    nothing = await desk.command(BOB, ACME, "next")
    assert answer_text(nothing) == "Every open ticket has an owner."
    assert isinstance(nothing, Show)
    assert not nothing.public


async def opens_home(desk: DeskInMemory, actor: Actor) -> QueueBoard:
    shown = await routes.answer(desk.desk, HomeOpened(desk.envelope(), desk.clock.now(), actor, DM))
    assert isinstance(shown, Show)
    assert isinstance(shown.view, QueueBoard)
    return shown.view


def in_use(board: QueueBoard) -> list[str]:
    return [button.label for button in board.buttons if button.style is Style.PRIMARY]


async def test_the_filter_of_an_agents_home_stays_until_it_is_changed(desk: DeskInMemory) -> None:
    board = await opens_home(desk, BOB)
    assert [button.label for button in board.buttons] == [
        "All",
        "Mine",
        "Unassigned",
        "Unanswered",
        "Breached",
    ]
    mine = board.buttons[1]
    pressed = Press(desk.envelope(), desk.clock.now(), BOB, DM, None, mine.action, mine.value)
    assert done(await routes.answer(desk.desk, pressed))
    board = await opens_home(desk, BOB)
    assert [row.key for section in board.sections for row in section.rows] == ["ACME-1", "ACME-2"]
    assert rich_text(board.intro).startswith("Mine: 2, most critical first.")
    assert in_use(board) == ["Mine"]
    assert in_use(await opens_home(desk, EVE)) == ["All"]


async def test_only_agents_choose_a_filter_of_the_queue(desk: DeskInMemory) -> None:
    listed = await home.listing(desk.desk, BOB, TRIAGE)
    assert isinstance(listed, Show)
    assert isinstance(listed.view, QueueBoard)
    button = listed.view.buttons[2]
    pressed = Press(desk.envelope(), desk.clock.now(), BOB, TRIAGE, None, button.action, button.value)
    assert keys(await routes.answer(desk.desk, pressed)) == ["SILVERLINE-1", "ACME-3"]
    for value in (button.value, "list|else"):
        act = Press(desk.envelope(), desk.clock.now(), ALICE, TRIAGE, None, queue_filters.ACTION, value)
        assert answer_text(await routes.answer(desk.desk, act)) == "Only agents can see the queue."
