"""What a courtesy update says: only what is true at that moment (MTA-21, A9)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.model.views import Audience, Mention, Notice
from sla_core.events import CourtesyTold
from tests.desk.ticket.test_pages import MONTA, SUNDAY_NIGHT, presses
from tests.desk_file import account, desk_file
from tests.harness import ALICE, BOB, DANA, EVE, DeskInMemory, form_of, open_desk
from tests.packs.test_monta import P1

COUNTS = (
    "Our response times count from Mon 23 Mar 08:00, when our support hours begin. "
    "First response is due Mon 23 Mar 10:00. Resolution is due Mon 23 Mar 12:00."
)


@pytest.fixture
async def desk(tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, SUNDAY_NIGHT, MONTA)


async def who(desk: DeskInMemory, key: str) -> str:
    """How the last courtesy update begins, up to the promises."""
    *_, said = (m for m in desk.posted if m.key and m.key.startswith(key) and "/courtesy" in m.key)
    words, found, _ = said.text.removeprefix(f"{key} ").partition(f" {COUNTS}")
    assert found, said.text
    return words


async def test_a_line_mentions_nobody_and_stands_in_the_customers_thread(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "No charger works", P1)
    await desk.fast_forward(hours=1)
    (said,) = (m for m in desk.posted if m.key and "/courtesy" in m.key)
    assert isinstance(said.view, Notice)
    assert not [part for part in said.view.text if isinstance(part, Mention)]
    assert desk.thread(key)[-1] == said.text
    assert said.text.endswith("We will write here again by Sun 22 Mar 03:00.")


async def test_who_passed_a_page_on_or_snoozed_it_is_not_said_to_be_silent(desk: DeskInMemory) -> None:
    """Bob asks Eve, who waits until the morning; then Mia and Dana are paged, and Dana answers."""
    key = await desk.submits(ALICE, "No charger works", P1)
    form = form_of(await presses(desk, BOB, "Delegate"))
    await desk.sends(BOB, form, person="eve")
    await desk.fast_forward(minutes=1)
    await desk.sends(EVE, form_of(await presses(desk, EVE, "Snooze")), length="tomorrow")
    await desk.fast_forward(minutes=59)
    assert await who(desk, key) == (
        "Mia and Dana have been paged and have not answered yet; we are still trying to reach our team."
    )
    await presses(desk, DANA, "Acknowledge")
    await desk.fast_forward(hours=1)
    assert await who(desk, key) == "Dana has this ticket."


async def test_a_page_that_reached_nobody_is_not_claimed(tmp_path: Path) -> None:
    """No platform took a page yet, so no name is given."""
    nowhere = MONTA
    for name in ("BOB", "EVE", "MIA", "DANA"):
        nowhere = nowhere.replace(f'slack = "U0{name}"\n', "")
    nowhere = nowhere.replace('agents = ["U0BOB"]', 'agents = ["U0LEE"]')
    desk = await open_desk(tmp_path, SUNDAY_NIGHT, nowhere)
    key = await desk.submits(ALICE, "No charger works", P1)
    await desk.fast_forward(hours=1)
    assert await who(desk, key) == "We are paging our team."


async def test_where_nobody_is_on_call_no_page_is_promised(tmp_path: Path) -> None:
    file = desk_file("monta", rotas={}, accounts=[account(plan="partner", tam=None)])
    desk = await open_desk(tmp_path, SUNDAY_NIGHT, file)
    key = await desk.submits(ALICE, "No charger works", P1)
    await desk.fast_forward(hours=1)
    assert await who(desk, key) == "Nobody on our team has answered yet."


async def test_an_outage_of_the_desk_is_followed_by_one_line(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "No charger works", P1)
    await desk.restarts_after(hours=4, minutes=17)
    told = [e.at for e in (await desk.ticket(key)).history if isinstance(e, CourtesyTold)]
    assert told == [desk.clock.now()]
    await desk.fast_forward(hours=1)
    history = (await desk.ticket(key)).history
    assert [e.at - told[0] for e in history if isinstance(e, CourtesyTold)] == [
        timedelta(0),
        timedelta(hours=1),
    ]


async def test_the_lines_of_a_night_fill_no_card(desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "No charger works", P1)
    await presses(desk, BOB, "Acknowledge")
    before = desk.card_view(key, Audience.AGENTS).history
    await desk.fast_forward(hours=5)
    assert "CourtesyTold" in await desk.events(key)
    assert desk.card_view(key, Audience.AGENTS).history == before
