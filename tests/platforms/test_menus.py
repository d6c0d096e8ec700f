"""What is chosen in a menu of the agents' card does what a button would do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from bot.model.views import Audience
from tests.platforms.conftest import PLATFORMS, Opened
from tests.platforms.on_slack import OnSlack
from tests.platforms.story import Story


@pytest.mark.parametrize("name", PLATFORMS)
async def test_a_choice_acts_like_a_button(opened: Opened, name: str) -> None:
    desk = await opened(name)
    assert desk.card_view(Audience.AGENTS).labels[:2] == ("Acknowledge", "Reply")
    assert "Take it" in desk.card_view(Audience.AGENTS).labels
    await desk.agent("Take it")
    assert (await desk.events())[-1] == "Taken"
    assert "Owner: Bob" in desk.card_view(Audience.AGENTS).text
    assert "Acknowledge" not in desk.card_view(Audience.AGENTS).labels


@pytest.mark.parametrize("name", PLATFORMS)
async def test_a_choice_opens_its_form(opened: Opened, name: str) -> None:
    desk = await opened(name)
    form = await desk.agents.reads_form("Bob", "Change severity", desk.card(Audience.AGENTS))
    assert ("The customer will see this." if name == "teams" else "Severity") in form
    await desk.deliver()
    assert await desk.events() == ["Opened"]
    assert "Change severity" in desk.card_view(Audience.AGENTS).labels


async def test_slack_forgets_a_choice_that_changed_nothing(opened: Opened) -> None:
    """A select keeps its choice, and the same one cannot be made twice, until its block has another id."""
    desk = await opened("slack")
    row = menus(desk)
    await desk.wait(minutes=1)
    await desk.agents.reads_form("Bob", "Change severity", desk.card(Audience.AGENTS))
    sent = sent_action(desk)
    assert (sent["type"], sent["action_id"], sent["block_id"]) == ("static_select", "menu#1", row)
    assert sent["selected_option"]["text"]["text"] == "Change severity"
    await desk.deliver()
    assert menus(desk) != row
    row = menus(desk)

    await desk.wait(minutes=1)
    await desk.agents.reads_form("Bob", "Reply", desk.card(Audience.AGENTS))
    await desk.deliver()
    assert menus(desk) == row, "a button keeps no choice"


def menus(desk: Story) -> str:
    """The id of the row with the menus on the agents' card."""
    assert isinstance(desk.agents, OnSlack)
    [row] = [b for b in desk.agents.message(desk.card(Audience.AGENTS)).blocks if b["type"] == "actions"]
    return str(row["block_id"])


def sent_action(desk: Story) -> dict[str, Any]:
    """The last action that Slack sent."""
    assert isinstance(desk.agents, OnSlack)
    body = next(a.request.body for a in reversed(desk.agents.slack.acks) if a.kind == "block_actions")
    [action] = json.loads(parse_qs(body)["payload"][0])["actions"]
    return dict(action)
