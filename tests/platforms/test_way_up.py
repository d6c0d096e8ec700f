"""A customer's way up on real adapters: what Escalate tells her, and a call that somebody makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import monetate_desk
from tests.platforms.story import Story, open_story
from tests.platforms.test_silence import CHATS, opens_emergency

Opened = Callable[[str], Awaitable[Story]]


@pytest.fixture
def opened(open_workplace: OpenWorkplace, tmp_path: Path) -> Opened:
    """A desk with a Monetate emergency of Alice's."""

    async def on(name: str) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(tmp_path, monetate_desk(name), clock, store, [workplace])
        desk.desk.key_values = store
        await opens_emergency(desk)
        return desk

    return on


@pytest.mark.parametrize("name", CHATS)
async def test_escalate_says_who_was_told_and_the_card_who_knows(opened: Opened, name: str) -> None:
    """MON-19, MON-21: never refused in the worst class, with names, the next step and what is due."""
    desk = await opened(name)
    await desk.customer("Escalate", "The sale starts in an hour")
    told = desk.words("/customer/")[-1]
    assert "The on call agent and Dana have been alerted" in told
    assert "Next we decide who else is needed and answer you here The next update is due" in told
    assert "by Alice nobody has answered yet" in desk.card_view(Audience.CUSTOMER).words
    await desk.tam("Acknowledge")
    await desk.agent("Acknowledge")
    assert "by Alice Dana and Bob know" in desk.card_view(Audience.CUSTOMER).words


@pytest.mark.parametrize("name", CHATS)
async def test_a_call_is_asked_for_and_somebody_says_that_they_call(opened: Opened, name: str) -> None:
    """MON-19, MON-14, A25: Dana is asked, Bob's pages go on, and the customer reads who calls."""
    desk = await opened(name)
    clocks = (await desk.desk.ticket("ACME-1")).last_update_at
    assert "Request a call" in desk.card_view(Audience.CUSTOMER).labels
    await desk.customer("Request a call", "Until midnight")
    assert "You can also call us 855 222 6134" in desk.words("/customer/")[-1]
    assert desk.words("/triage/")[-1].endswith("Until midnight Dana has been asked")
    assert "asks for a call When it suits them Until midnight" in desk.words("/dm/dana")[-1]
    assert "Request a call" not in desk.card_view(Audience.CUSTOMER).labels
    await desk.tam("I'll call")
    assert desk.words("/customer/")[-1].startswith("ACME 1 Dana will call you")
    assert "Dana will call" in desk.card_view(Audience.CUSTOMER).words
    assert (await desk.desk.ticket("ACME-1")).last_update_at == clocks
    await desk.wait(minutes=5)
    assert [words.split()[-1] for words in desk.words("/triage/page")] == ["Bob", "Bob"]


@pytest.mark.parametrize("name", CHATS)
async def test_the_form_names_the_number(opened: Opened, name: str) -> None:
    """MON-14: that of the region."""
    desk = await opened(name)
    read = await desk.customers.reads_form("Alice", "Request a call", desk.card(Audience.CUSTOMER))
    assert "855-222-6134 (United States)" in read
