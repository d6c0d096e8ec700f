"""A customer's way up on real adapters: what Escalate tells her, and a call that somebody makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.desk import routes
from bot.model.address import Actor
from bot.model.inbound import Ask, Command, Submission
from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS, monetate_desk, vendor_desk
from tests.platforms.story import Story, open_story
from tests.platforms.test_silence import CHATS, opens_emergency
from tests.platforms.workplace import Answers

Opened = Callable[[str], Awaitable[Story]]
Placed = Callable[[str, str], Awaitable[Story]]
GOLD_NUMBER = 'phones = { gold = "+44 20 7946 0000" }'
MONTA_P1: Answers = {
    "audience": "partner",
    "topic": "outage",
    "revenue": "critical",
    "users": "all",
    "workaround": "no",
}


@pytest.fixture
def placed(open_workplace: OpenWorkplace, tmp_path: Path) -> Placed:
    """A desk with this file, and no ticket yet."""

    async def on(name: str, file: str) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(tmp_path, file, clock, store, [workplace])
        desk.desk.key_values = store
        return desk

    return on


@pytest.fixture
def opened(placed: Placed) -> Opened:
    """A desk with a Monetate emergency of Alice's."""

    async def on(name: str) -> Story:
        desk = await placed(name, monetate_desk(name))
        await opens_emergency(desk)
        return desk

    return on


async def opens_with(desk: Story, answers: Answers) -> None:
    """Alice sends the form, whose questions may depend on one another, without drawing it."""
    actor = Actor(desk.customers.user("Alice"), "", "Alice")
    place, dispatch = desk.customers.channel, routes.dispatch(desk.desk)
    asked = await dispatch(Command("asks", desk.clock.now(), actor, place, "/support", "Nothing charges"))
    assert isinstance(asked, Ask)
    given = {field: (value,) for field, value in answers.items()} | {"summary": ("Nothing charges",)}
    sent = Submission("sends", desk.clock.now(), actor, asked.form.id, given, asked.form.context)
    assert not isinstance(await dispatch(sent), Ask)
    await desk.deliver()


@pytest.mark.parametrize("name", CHATS)
async def test_escalate_says_who_was_told_and_the_card_who_knows(opened: Opened, name: str) -> None:
    """MON-19, MON-21: never refused in the worst class, with names, the next step and what is due."""
    desk = await opened(name)
    await desk.customer("Escalate", "The sale starts in an hour")
    told = desk.words("/customer/")[-1]
    assert "The on call agent and your account manager Dana have been alerted" in told
    assert "Next we decide who else is needed and answer you here by" in told
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


@pytest.mark.parametrize("name", CHATS)
async def test_gold_has_a_number_and_no_calls_on_request(placed: Placed, name: str) -> None:
    """M3-5: the desk's own number, in Why?; the card has the four buttons of before."""
    gold = (ON_TEAMS if name == "teams" else ON_SLACK).replace("\n", f"\n{GOLD_NUMBER}\n", 1)
    desk = await placed(name, gold)
    await desk.opens("Alice", "Bills are slow")
    told = await desk.customer("Why?")
    assert "You can also call us: +44 20 7946 0000. Source: m3ter Support" in told.replace("\\", "")
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Add details", "Escalate", "Close")


@pytest.mark.parametrize("name", CHATS)
async def test_calling_is_recommended_for_an_outage(placed: Placed, name: str) -> None:
    """MTA-20: on the card of a P1, with where the number is."""
    rotas = {"partner_support": ["bob"], "support_24_7": ["eve"], "leadership": ["mia"]}
    desk = await placed(name, vendor_desk(name, "monta", "partner", rotas))
    await opens_with(desk, MONTA_P1)
    card = desk.card_view(Audience.CUSTOMER)
    assert "We recommend calling the partner phone line open at any hour" in card.words
    assert "Request a call" not in card.labels


@pytest.mark.parametrize("name", CHATS)
async def test_the_account_manager_calls_a_merchant(placed: Placed, name: str) -> None:
    """CUP-17: asked by a direct message; the merchant reads who calls."""
    rotas = {"support": ["bob"], "engineering": ["kim"]}
    desk = await placed(name, vendor_desk(name, "commerceup", "standard", rotas))
    await opens_with(desk, {"type": "issue", "impact": "function"})
    await desk.customer("Request a call", "Today at five")
    assert "asks for a call When it suits them Today at five" in desk.words("/dm/dana")[-1]
    await desk.tam("I'll call")
    assert desk.words("/customer/")[-1].startswith("ACME 1 Dana will call you")
