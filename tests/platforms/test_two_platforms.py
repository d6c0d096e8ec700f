"""One ticket between two real adapters: its customer on one platform, its agents and TAM on the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import SLACK_TO_TEAMS, TEAMS_TO_SLACK
from tests.platforms.story import Story, open_story


@pytest.fixture(params=[TEAMS_TO_SLACK, SLACK_TO_TEAMS], ids=["teams-to-slack", "slack-to-teams"])
async def desk(request: pytest.FixtureRequest, open_workplace: OpenWorkplace, tmp_path: Path) -> Story:
    names = ("teams", "slack") if request.param == TEAMS_TO_SLACK else ("slack", "teams")
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    workplaces = [await open_workplace(name, clock, store) for name in names]
    return await open_story(tmp_path, request.param, clock, store, workplaces)


async def test_opened_on_one_and_resolved_from_the_other(desk: Story) -> None:
    assert desk.customers.ours.name != desk.agents.ours.name
    await desk.opens("Alice", "Bills are slow [all](x) **now**")
    assert desk.card(Audience.CUSTOMER).place == desk.customers.channel
    assert desk.card(Audience.AGENTS).place == desk.agents.triage
    for audience in Audience:
        assert "Bills are slow [all](x) **now**" in desk.card_view(audience).text

    await desk.agent("Acknowledge")
    assert "unassigned, seen by Bob" in desk.card_view(Audience.CUSTOMER).text

    await desk.writes("Alice", "It got worse, @channel.")
    assert desk.words("/triage/")[-1] == "ACME 1 Alice wrote It got worse channel Bob"
    await desk.customer("Add details", "Error 502 in *the console*")
    added = "ACME 1 Alice added details Error 502 in the console"
    assert desk.words("/customer/")[-1] == added
    assert desk.words("/triage/")[-1] == f"{added} Bob"

    await desk.agent("Reply", "We look into it.")
    assert desk.words("/customer/")[-1] == "ACME 1 Bob replied We look into it Alice"
    assert "met" in desk.card_view(Audience.CUSTOMER).text

    await desk.customer("Escalate", "Month end is today")
    (alert,) = desk.told("/dm/")
    assert alert.words == "ACME 1 Alice escalated this ticket Month end is today" + (
        " Acme GmbH S2 Bills are slow all x now Owner Bob Open ACME 1"
    )
    assert alert.labels == ("Acknowledge", "I'll call", "Delegate", "Snooze")
    assert desk.refs("/dm/")[-1].place.platform == desk.agents.ours.name
    await desk.tam("I'll call")
    assert "Dana" in desk.words("/triage/")[-1]

    await desk.agent("Resolve", "The queue runs again.")
    assert desk.words("/customer/")[-1] == (
        "ACME 1 Bob resolved this ticket The queue runs again"
        " If that fixed it press Close on the card If you still need help press Reopen"
        " How did we do 1 is poor 5 is very good Alice"
    )
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Add details", "Close", "Reopen")
    await desk.customer("Close")
    assert desk.card_view(Audience.AGENTS).labels == ("Reopen", "Why?")
    assert await desk.events() == [
        "Opened",
        "Acknowledged",
        "CustomerWrote",
        "CustomerWrote",
        "Answered",
        "Escalated",
        "Alerted",
        "Resolved",
        "Closed",
    ]


async def test_a_breach_is_reported_on_both(desk: Story) -> None:
    await desk.opens("Alice", "Bills are slow")
    await desk.wait(hours=5)
    (to_customer,), to_triage = desk.words("/customer/"), desk.words("/triage/")[-1]
    assert "We missed the" in to_customer
    said = to_customer.replace("your account manager Dana", "Dana").replace(" They will answer you here", "")
    assert said.removesuffix(" Alice") == to_triage.removesuffix(" Bob")
    assert (to_customer.split()[-1], to_triage.split()[-1]) == ("Alice", "Bob"), "each mentions its own"
    assert "breached" in desk.card_view(Audience.CUSTOMER).text
    assert "First response breached" in " ".join(desk.card_view(Audience.AGENTS).text.split())
