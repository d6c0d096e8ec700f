"""A phone's first screen: an agent reads a new ticket and reaches the first button without scrolling."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.views import Audience
from tests.harness import ALICE, ORDER_FORM_WITH_HOLD, S2, open_desk
from tools import teams_pictures
from tools.chromium import browser, found
from tools.looks import LOOKS, show, too_low
from tools.scenes import FRIDAY, SUMMARY, TRIAGE, Scene, written
from tools.slack_pictures import html

CARD = "agents-card"
PHONES = [name for name in LOOKS if name.startswith("phone")]


@pytest.fixture
async def fresh(tmp_path: Path) -> Scene:
    """The agents' card of a new m3ter S2 with a summary of 80 characters."""
    assert len(SUMMARY) == 80
    desk = await open_desk(tmp_path, FRIDAY, written("m3ter", "gold", ORDER_FORM_WITH_HOLD))
    desk.chat.links_begin = "https://vendor.slack.example/archives"
    key = await desk.submits(ALICE, SUMMARY, S2, details="Since 8:00 each run takes an hour.")
    return Scene(TRIAGE, desk.clock.now(), (desk.card_view(key, Audience.AGENTS),))


@pytest.fixture
def chromium() -> str:
    program = found()
    if program is None:
        pytest.skip("cards are drawn in Chromium: apt-get install chromium")
    return program


async def test_the_agents_first_button_is_on_it_in_slack(fresh: Scene, chromium: str) -> None:
    assert {LOOKS[look][0] for look in PHONES} == {390}
    async with browser(chromium) as page:
        for look in PHONES:
            await show(page, look)
            await page.write(html(fresh))
            assert await too_low(page, CARD, ".actions button") == []


async def test_the_agents_first_button_is_on_it_in_teams(fresh: Scene, chromium: str) -> None:
    scripts = teams_pictures.scripts_in(teams_pictures.RENDERER)
    if scripts is None:
        pytest.skip(f"drawn by Microsoft's renderer: npm install {teams_pictures.PACKAGES}, see tools")
    async with browser(chromium) as page:
        await page.set_locale("Europe/Berlin", "en-GB")
        for look in PHONES:
            await show(page, look)
            assert await teams_pictures.draw(page, fresh, scripts, look.endswith("dark")) == []
            assert await too_low(page, CARD, ".ac-pushButton") == []
