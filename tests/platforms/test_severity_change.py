"""A change of severity on Slack and Teams: a breach stays one, and nothing in the past is announced."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.views import Audience
from sla_core.events import Breached
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import OpenWorkplace
from tests.platforms.desk_files import partner_desk
from tests.platforms.on_slack import OnSlack
from tests.platforms.on_teams import OnTeams
from tests.platforms.open_forms import Dialog, Modal
from tests.platforms.story import KEY, Story, open_story
from tests.platforms.workplace import Answers

FRIDAY = "2026-03-06T09:00:00Z"
"""Ten o'clock in Copenhagen: two business days later is Tuesday, ten o'clock."""
P3: Answers = {
    "audience": "partner",
    "topic": "core",
    "revenue": "critical",
    "users": "several",
    "workaround": "yes",
}
MISSED = "it was due Tue 10 Mar 2026 09 00"
DUE = "was due Tue 10 Mar 2026 09 00"


async def changes_severity(desk: Story, **filled: str) -> None:
    """Bob fills in the form behind Change severity."""
    workplace, card = desk.agents, desk.card(Audience.AGENTS)
    form: Modal | Dialog
    if isinstance(workplace, OnSlack):
        await workplace.slack.press(workplace.people["Bob"], workplace.message(card), "Change severity")
        form = Modal(workplace, "Bob")
    else:
        assert isinstance(workplace, OnTeams)
        shown = await workplace.opens_dialog("Bob", "Change severity", card)
        where = workplace.microsoft.sent_cards[card.id].conversation
        form = Dialog(workplace, "Bob", card.id, where, shown)
    assert await form.sends(**filled) == ""
    await desk.deliver()


async def breaches(desk: Story) -> list[Breached]:
    return [event for event in (await desk.desk.ticket(KEY)).history if isinstance(event, Breached)]


@pytest.mark.parametrize("name", ["slack", "teams"])
async def test_a_breach_of_tuesday_keeps_its_due_instant_through_a_change_on_thursday(
    open_workplace: OpenWorkplace, tmp_path: Path, name: str
) -> None:
    """A10, issue 14: a Monta P3 missed on Tuesday and raised to P1 on Thursday."""
    clock, store = HeldClock(FRIDAY), MemoryStore()
    workplace = await open_workplace(name, clock, store)
    desk = await open_story(tmp_path, partner_desk(name), clock, store, [workplace])
    desk.desk.key_values = store
    await desk.opens("Alice", "Charging is slow", P3)
    await desk.wait(days=6, hours=1)
    (missed,) = await breaches(desk)
    assert f"{missed.due_at:%a %H:%M}" == "Tue 09:00"
    assert all(DUE in desk.card_view(audience).words for audience in Audience)

    await changes_severity(desk, severity="P1", text="All chargers are down")

    for whose in ("/customer/", "/triage/said"):
        (told,) = [words for words in desk.words(whose) if "changed the severity from P3 to P1" in words]
        assert MISSED in told
        assert "Resolution is due Thu 12 Mar 2026 14 00" in told, "four business hours after the change"
        assert "First response is due" not in told
    for audience in Audience:
        card = desk.card_view(audience).words
        assert "First response aim breached" in card or "First response breached" in card
        assert DUE in card
        assert "due Thu 12 Mar 2026 14 00" in card
    await desk.wait(hours=3, minutes=59)
    assert await breaches(desk) == [missed], "it is not recorded again"
