"""The board of a TAM: her accounts with what is due next, this month's attainment, and filters."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.desk import home
from bot.desk.tam import tam_home
from bot.model.address import Actor, Place
from bot.model.inbound import HomeOpened, Press, Show
from bot.model.views import QueueBoard
from tests.desk_file import account, desk_file
from tests.harness import (
    ALICE,
    BOB,
    DANA,
    NO_CLOCK,
    S2,
    S3,
    TRIAGE,
    DeskInMemory,
    answer_text,
    done,
    open_desk,
    person,
    rich_text,
)

MONDAY = "2026-03-16T10:00:00Z"
ZOE, ZETA = person("Zoe", "T0ZETA"), Place("slack", "C0ZETA")
FILE = desk_file(accounts=[account(), account("zeta", "Zeta AG", channel="slack:C0ZETA")])
DM = Place("slack", "D0DANA", True)


async def at_home(desk: DeskInMemory, actor: Actor = DANA) -> QueueBoard:
    answer = await desk.answers(HomeOpened(desk.envelope(), desk.clock.now(), actor, DM))
    assert isinstance(answer, Show)
    assert isinstance(answer.view, QueueBoard)
    return answer.view


async def chooses(desk: DeskInMemory, label: str) -> QueueBoard:
    """Presses a filter on the Home tab, which is then drawn again."""
    (button,) = (button for button in (await at_home(desk)).buttons if button.label == label)
    act = Press(desk.envelope(), desk.clock.now(), DANA, DM, None, button.action, button.value)
    assert done(await desk.answers(act))
    return await at_home(desk)


def keys(board: QueueBoard) -> dict[str, list[str]]:
    return {part.title: [row.key for row in part.rows] for part in board.sections}


def leads(board: QueueBoard) -> dict[str, str]:
    return {part.title: rich_text(part.lead) for part in board.sections}


async def test_each_account_shows_its_month(tmp_path: Path) -> None:
    """Kept of those settled this month; a closed ticket counts as well."""
    desk = await open_desk(tmp_path, MONDAY, FILE)
    kept = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.submits_form(BOB, "Resolve", kept, text="Restarted")
    await desk.presses(ALICE, "Close", kept)
    missed = await desk.submits(ALICE, "Exports are slow", S2)
    await desk.submits(ZOE, "A typo", S3, ZETA)
    await desk.fast_forward(hours=5)
    board = await at_home(desk)
    assert keys(board) == {"Acme GmbH": [missed], "Zeta AG": ["ZETA-1"]}
    assert leads(board)["Acme GmbH"].endswith("Deadlines met this month: 1 of 2 (50 %).")
    assert "This month" not in leads(board)["Zeta AG"], "nothing was settled"
    await desk.forward_to("2026-04-01T10:00:00Z")
    assert "1 of 2" not in leads(await at_home(desk))["Acme GmbH"]


async def test_the_filters_narrow_it_down(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, MONDAY, FILE)
    late = await desk.submits(ALICE, "Exports are slow", S2)
    await desk.fast_forward(hours=5)
    today = await desk.submits(ALICE, "Bills are slow", S2)
    answered = await desk.submits(ZOE, "An idea", NO_CLOCK, ZETA)
    await desk.submits_form(BOB, "Reply", answered, text="Tell us more.", next="customer")
    board = await at_home(desk)
    assert [button.label for button in board.buttons] == ["All", "Due today", "Breached", "Waiting for us"]
    assert keys(board) == {"Acme GmbH": [late, today], "Zeta AG": [answered]}
    assert keys(await chooses(desk, "Breached")) == {"Acme GmbH": [late]}
    assert keys(await chooses(desk, "Due today")) == {"Acme GmbH": [late, today]}
    ours = await chooses(desk, "Waiting for us")
    assert keys(ours) == {"Acme GmbH": [late, today]}
    assert [button.style.value for button in ours.buttons] == ["plain", "plain", "plain", "primary"]
    assert keys(await chooses(desk, "All")) == keys(board)


async def test_a_filter_without_tickets_says_so(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, MONDAY, FILE)
    await desk.submits(ALICE, "Bills are slow", S3)
    assert "No tickets under “Breached”." in rich_text((await chooses(desk, "Breached")).intro)


async def test_on_a_message_the_filter_answers_with_the_board(tmp_path: Path) -> None:
    """As in the personal chat of Teams: what `list` showed stays."""
    desk = await open_desk(tmp_path, MONDAY, FILE)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    listed = await home.listing(desk.desk, DANA, DM)
    assert isinstance(listed, Show)
    assert isinstance(listed.view, QueueBoard)
    button = next(button for button in listed.view.buttons if button.label == "Due today")
    act = Press(desk.envelope(), desk.clock.now(), DANA, DM, None, button.action, button.value)
    answer = await desk.answers(act)
    assert isinstance(answer, Show)
    assert isinstance(answer.view, QueueBoard)
    assert keys(answer.view) == {"Acme GmbH": [key]}
    assert await tam_home.chosen(desk.desk, DANA) == tam_home.ALL


@pytest.mark.parametrize("value", ["home|all", "home|", "list|nothing", "garbage"])
async def test_nobody_else_may_filter(tmp_path: Path, value: str) -> None:
    desk = await open_desk(tmp_path, MONDAY, FILE)
    act = Press(desk.envelope(), desk.clock.now(), ALICE, DM, None, tam_home.ACTION, value)
    assert answer_text(await desk.answers(act)) == "Only account managers can do that."


async def test_an_absence_stands_on_top_and_ends_by_a_button(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, MONDAY, FILE)
    await desk.command(DANA, TRIAGE, "away until 2026-03-27")
    board = await at_home(desk)
    assert rich_text(board.intro).startswith("You are away until Fri 27 Mar 2026. ")
    (button,) = (button for button in board.buttons if button.label == "I'm back")
    act = Press(desk.envelope(), desk.clock.now(), DANA, DM, None, button.action, button.value)
    assert done(await desk.answers(act)), "the Home tab is drawn again"
    assert desk.desk.directory.away == {}
    assert "I'm back" not in [button.label for button in (await at_home(desk)).buttons]


async def test_it_reads_the_index_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty accounts cost one query for tickets, and one for their links."""
    many = [account(f"a{n}", f"Account {n}", channel=f"slack:C0A{n}") for n in range(50)]
    desk = await open_desk(tmp_path, MONDAY, desk_file(accounts=many))
    asked: list[str] = []
    store = desk.desk.store
    for name in ("queue", "since", "load", "tickets", "open_tickets", "posted"):
        real = getattr(store, name)

        async def counted(*given: object, _name: str = name, _real: object = real, **more: object) -> object:
            asked.append(_name)
            return await _real(*given, **more)  # type: ignore[operator]

        monkeypatch.setattr(store, name, counted)
    board = await at_home(desk)
    assert len(board.sections) == 50
    assert asked == ["since", "posted"]
