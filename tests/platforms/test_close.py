"""Close asks first while a promise runs, and Reopen lets the promise go on, on every platform."""

from __future__ import annotations

import pytest

from bot.model.views import Audience
from tests.platforms.conftest import PLATFORMS, Opened
from tests.platforms.story import Story


def card_words(desk: Story) -> str:
    return desk.card_view(Audience.CUSTOMER).words


@pytest.mark.parametrize("name", PLATFORMS)
async def test_a_promise_survives_a_stray_close(opened: Opened, name: str) -> None:
    desk = await opened(name)
    before = desk.card_view(Audience.CUSTOMER)

    read = await desk.customers.reads_form("Alice", "Close", desk.card(Audience.CUSTOMER))
    await desk.deliver()
    assert "nobody has answered. If you close the ticket, this is no longer due." in " ".join(read.split())
    assert await desk.events() == ["Opened"]
    assert desk.card_view(Audience.CUSTOMER) == before
    assert desk.words("/customer/") == []

    await desk.wait(hours=1)
    await desk.customer("Close", "")
    assert await desk.events() == ["Opened", "Closed"]
    assert desk.words("/customer/") == ["ACME 1 Alice closed this ticket"]
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Reopen")

    await desk.wait(hours=1)
    await desk.customer("Reopen")
    assert "Escalate" in desk.card_view(Audience.CUSTOMER).labels
    assert "due Fri 20 Mar 2026 20 30" in card_words(desk), "the closed hour does not count"

    await desk.wait(hours=3)
    assert await desk.events() == ["Opened", "Closed", "Reopened", "Warned"], "due now, and still in time"
    await desk.wait(minutes=1)
    assert (await desk.events())[-1] == "Breached"
    assert "breached" in card_words(desk)
    read = await desk.customers.reads_form("Alice", "Close", desk.card(Audience.CUSTOMER))
    assert "First response was due" in read


@pytest.mark.parametrize("name", PLATFORMS)
async def test_an_agent_closes_a_resolved_ticket_at_once(opened: Opened, name: str) -> None:
    desk = await opened(name)
    assert "Close" not in desk.card_view(Audience.AGENTS).labels
    await desk.agent("Resolve", "The queue runs again.")
    assert desk.card_view(Audience.AGENTS).labels == ("Close", "Reopen", "Why?")
    await desk.agent("Close")
    assert await desk.events() == ["Opened", "Resolved", "Closed"]
    assert desk.words("/customer/")[-1] == "ACME 1 Bob closed this ticket"
    assert desk.card_view(Audience.AGENTS).labels == ("Reopen", "Why?")
