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
PROMISED = "Promised First response within 4 support hours M3 14"
WARNED = f"ACME 1 Warning first response is due Fri 20 Mar 2026 19 30 UTC {PROMISED}"
BREACHED = f"ACME 1 Breached first response was due Fri 20 Mar 2026 19 30 UTC {PROMISED}"
ABOUT = "Acme GmbH S2 Bills are slow Seen by Bob not taken yet"
REPLIED = "ACME 1 Bob replied We look into it"
RESOLVED = "ACME 1 Bob resolved this ticket The queue runs again"
IS_IT_SOLVED = "Is it solved Then press Close on the card otherwise Reopen"
CLOSED = "ACME 1 Alice closed this ticket"


async def the_story(desk: Story) -> None:
    """Open, acknowledge, a word in the thread, breach, the TAM's answer, reply, resolve, close."""
    await desk.opens("Alice", "Bills are slow")
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Add details", "Escalate", "Close")
    assert "less than 4 h left" in desk.card_view(Audience.CUSTOMER).text

    await desk.agent("Acknowledge")
    assert "seen by Bob, not taken yet" in desk.card_view(Audience.CUSTOMER).text
    await desk.writes("Alice", "It got *worse*.")

    await desk.wait(hours=5)
    assert "breached" in desk.card_view(Audience.CUSTOMER).text
    assert "You will not be reminded" in " ".join((await desk.tam("Acknowledge")).split())

    await desk.agent("Reply", "We look into it.")
    await desk.agent("Resolve", "The queue runs again.")
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Add details", "Close", "Reopen")
    await desk.customer("Close")
    assert desk.card_view(Audience.CUSTOMER).labels == ("Why?", "Reopen")
    assert desk.card_view(Audience.AGENTS).labels == ("Why?", "Reopen")
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


def heard(desk: Story, whose: str) -> list[str]:
    return [displayed.words for displayed in desk.told(whose)]


async def test_every_platform_gets_the_same_messages(played: StoryOn) -> None:
    desks = {name: await played(name) for name in PLATFORMS}
    for whose in AUDIENCES:
        on_slack, on_teams, on_console = (heard(desks[name], whose) for name in PLATFORMS)
        assert on_slack == on_teams == on_console


@pytest.mark.parametrize("name", PLATFORMS)
async def test_each_message_reaches_its_recipients(played: StoryOn, name: str) -> None:
    desk = await played(name)
    assert heard(desk, "/customer/") == [BREACHED, REPLIED, f"{RESOLVED} {IS_IT_SOLVED}", CLOSED]
    assert heard(desk, "/triage/") == [
        "ACME 1 Alice wrote It got worse",
        WARNED,
        BREACHED,
        "ACME 1 Dana has seen the direct message",
        REPLIED,
        RESOLVED,
        CLOSED,
    ]
    assert heard(desk, "/dm/") == [f"{WARNED} {ABOUT}", f"{BREACHED} {ABOUT}", RESOLVED, CLOSED]
    assert {displayed.labels for displayed in desk.told("/dm/")} == {()}, "no dead buttons, once it is closed"
    assert {displayed.place for displayed in desk.told("/dm/")} == {desk.refs("/dm/")[0].place.id}
    for whose, audience in (("/customer/", Audience.CUSTOMER), ("/triage/", Audience.AGENTS)):
        root = desk.card(audience)
        assert {displayed.thread for displayed in desk.told(whose)} == {root.id}
        assert {displayed.place for displayed in desk.told(whose)} == {root.place.id}
