"""One story, played through each platform's own entry points: all get the same messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.model.views import Audience
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import FRIDAY_AFTERNOON, PLATFORMS, OpenWorkplace
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.story import Story, open_story

StoryOn = Callable[[str], Awaitable[Story]]

AUDIENCES = ("/customer/", "/triage/", "/dm/")
WARNED = "ACME 1 Warning first response is due Fri 20 Mar 2026 19 30 UTC"
ADVICE = "Please press Reply on the ticket s card"
BREACHED = (
    "ACME 1 We missed the 4 hour first response due Fri 20 Mar 2026 19 30 UTC"
    " The on call agent and Dana have been alerted"
)
BREACHED_TO_HER = BREACHED.replace("The on call agent and Dana have", "The on call agent has")
BREACHED_TO_CUSTOMER = BREACHED.replace("Dana", "your account manager Dana") + " They will answer you here"
ABOUT = "Acme GmbH S2 Bills are slow Owner unassigned seen by Bob"
REPLIED = "ACME 1 Bob replied We look into it"
RESOLVED = "ACME 1 Bob resolved this ticket The queue runs again"
CLOSED = "ACME 1 Alice closed this ticket"
LINK = {"slack": "Open ACME 1", "teams": "Open ACME 1", "console": "Its card is in triage"}
"""A terminal has no addresses, so it names the channel."""


async def the_story(desk: Story) -> None:
    """Open, acknowledge, a word in the thread, breach, the TAM's answer, reply, resolve, close."""
    await desk.opens("Alice", "Bills are slow")
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Add details", "Escalate", "Close")
    assert "less than 4 h left" in desk.card_view(Audience.CUSTOMER).text

    await desk.agent("Acknowledge")
    assert "unassigned, seen by Bob" in desk.card_view(Audience.CUSTOMER).text
    await desk.writes("Alice", "It got *worse*.")

    await desk.wait(hours=5)
    assert "breached" in desk.card_view(Audience.CUSTOMER).text
    assert "We will not remind you" in " ".join((await desk.tam("Acknowledge")).split())

    await desk.agent("Reply", "We look into it.")
    await desk.agent("Resolve", "The queue runs again.")
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Add details", "Close", "Reopen")
    await desk.customer("Close")
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Reopen")
    assert desk.card_view(Audience.AGENTS).labels == ("Reopen", "Why?")
    assert "closed" in desk.card_view(Audience.AGENTS).text


@pytest.fixture
def played(open_workplace: OpenWorkplace, tmp_path: Path) -> StoryOn:
    async def on(name: str) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(
            tmp_path, ON_TEAMS if name == "teams" else ON_SLACK, clock, store, [workplace]
        )
        await the_story(desk)
        return desk

    return on


async def test_every_platform_gets_the_same_messages(played: StoryOn) -> None:
    desks = {name: await played(name) for name in PLATFORMS}
    for whose in AUDIENCES:
        on_slack, on_teams, on_console = (desks[name].words(whose) for name in PLATFORMS)
        assert on_slack == on_teams
        assert [text.replace(LINK["slack"], LINK["console"]) for text in on_slack] == on_console


@pytest.mark.parametrize("name", PLATFORMS)
async def test_each_message_reaches_its_recipients(played: StoryOn, name: str) -> None:
    desk = await played(name)
    assert desk.words("/customer/") == [
        f"{BREACHED_TO_CUSTOMER} Alice",
        f"{REPLIED} Alice",
        f"{RESOLVED} Alice",
        CLOSED,
    ]
    assert desk.words("/triage/") == [
        "ACME 1 New ticket from Acme GmbH S2 proposed Bob",
        "ACME 1 Alice wrote It got worse Bob",
        f"{WARNED} {ADVICE} Bob",
        f"{BREACHED} Bob",
        "ACME 1 Dana acknowledged the alert",
        REPLIED,
        RESOLVED,
        CLOSED,
    ]
    told = (f"{WARNED} {ABOUT}", f"{BREACHED_TO_HER} {ABOUT}", RESOLVED, CLOSED)
    to_dana = desk.words("/dm/dana")
    firsts = [next(words for words in to_dana if words.startswith(text)) for text in told]
    assert firsts == sorted(firsts, key=to_dana.index), "in this order, with those that came again between"
    assert {words.endswith(LINK[name]) for words in desk.words("/dm/")} == {True}
    assert {displayed.labels for displayed in desk.told("/dm/")} == {()}, "no dead buttons, once it is closed"
    assert {displayed.place for displayed in desk.told("/dm/dana")} == {desk.refs("/dm/")[0].place.id}
    for whose, audience in (("/customer/", Audience.CUSTOMER), ("/triage/", Audience.AGENTS)):
        root = desk.card(audience)
        assert {displayed.thread for displayed in desk.told(whose)} == {root.id}
        assert {displayed.place for displayed in desk.told(whose)} == {root.place.id}


@pytest.mark.parametrize("name", ["slack", "teams"])
async def test_a_name_at_the_end_notifies_its_person(played: StoryOn, name: str) -> None:
    """contract.md, Who is mentioned: a name typed as plain text would notify nobody."""
    desk = await played(name)
    for whose, who, lines in (("/customer/", "Alice", 3), ("/triage/", "Bob", 4)):
        call = {"slack": f"<@{desk.customers.user(who).id}>", "teams": f"mentions 29:{who.lower()}"}[name]
        calls = [[part for part in told.live if part == call] for told in desk.told(whose)]
        assert [len(each) for each in calls] == [told.words.endswith(who) for told in desk.told(whose)]
        assert sum(map(len, calls)) == lines
