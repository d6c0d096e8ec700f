"""The end of a ticket on every platform: the customer is reminded, told, and rates the resolution."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.story import Story, open_story

CLOSES = 'auto_close = "5 business days"\nchannels = ['
RATINGS = ("1", "2", "3", "4", "5")


@pytest.fixture(params=["slack", "teams", "console"])
async def story(request: pytest.FixtureRequest, open_workplace: OpenWorkplace, tmp_path: Path) -> Story:
    """Alice's ticket, which Bob has resolved."""
    clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
    on = await open_workplace(request.param, clock, store)
    file = ON_TEAMS if request.param == "teams" else ON_SLACK
    made = await open_story(tmp_path, file.replace("channels = [", CLOSES), clock, store, [on])
    made.desk.key_values = store
    await made.opens("Alice", "Bills are slow")
    await made.agent("Resolve", "The queue runs again.")
    return made


async def test_the_resolution_is_rated_until_the_ticket_is_closed(story: Story) -> None:
    resolution = story.refs("/customer/")[-1]
    assert story.customers.displayed(resolution).labels == RATINGS
    for rating in ("2", "5"):
        await story.customers.presses("Alice", rating, resolution)
        await story.deliver()
        assert story.customers.displayed(resolution).labels == RATINGS
    assert "You rated this 5 of 5" in story.customers.displayed(resolution).words
    assert "5 of 5" in story.card_view(Audience.AGENTS).text
    await story.agent("Close")
    assert story.customers.displayed(resolution).labels == ()
    assert "Rated 5 of 5" in story.customers.displayed(resolution).words


async def test_agents_cannot_rate(story: Story) -> None:
    resolution = story.refs("/customer/")[-1]
    assert "Only the customer of ACME-1 can do that" in await story.customers.presses("Bob", "5", resolution)


async def test_a_silent_customer_is_reminded_told_and_has_it_closed(story: Story) -> None:
    """Each is a new message that mentions her; the closing is not."""
    before = len(story.words("/customer/"))
    await story.wait(days=5)
    await story.wait(days=5)
    reminded, told, closed = story.words("/customer/")[before:]
    assert "we have not heard whether that fixed it" in reminded
    assert "We will close this ticket" in told
    assert reminded.endswith("Alice")
    assert told.endswith("Alice")
    assert closed == (
        "ACME 1 Frontline closed this ticket because nobody wrote after it was resolved "
        "If you still need help press Reopen on the card"
    )
    assert "closed" in story.card_view(Audience.AGENTS).text
    assert (await story.events())[-3:] == ["Nudged", "ClosingAnnounced", "Closed"]


async def test_a_reply_means_that_we_go_on(story: Story) -> None:
    await story.customer("Reopen")
    await story.agent("Reply", "We look into it.")
    assert "m3ter Support" in story.card_view(Audience.CUSTOMER).text
    assert (await story.desk.ticket("ACME-1")).customers_turn is False
