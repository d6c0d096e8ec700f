"""Monitoring alarms before real adapters: from Alertmanager's request to the page and back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from adapters.web import WebServer
from adapters.web.hooks import AlarmHooks
from bot.desk.routes import dispatch
from bot.model.views import Audience
from tests.desk_file import ROTAS, SLACK, TEAMS, TEAMS_ACME, account, desk_file
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.conftest import OpenWorkplace
from tests.platforms.story import Story, open_story
from tests.scripted_desk import ready
from tests.web.test_alert_hooks import alertmanager

CHATS = ("slack", "teams")
SATURDAY_NIGHT = "2026-03-21T01:30:00Z"
"""Nobody's hours are open."""
SECRET = "a secret of the operator"
VENDORS = {
    "m3ter": ("gold", "S1", ROTAS),
    "monetate": ("europe", "S1", {"on_call": ["bob", "eve"], "leadership": ["mia"]}),
    "monta": ("partner", "P1", {"partner_support": ["bob"], "support_24_7": ["eve"], "leadership": ["mia"]}),
}


def file_of(platform: str, vendor: str) -> str:
    """A desk of the vendor with one source of alarms."""
    plan, severity, rotas = VENDORS[vendor]
    channel = "slack:C0ACME" if platform == "slack" else f"teams:{TEAMS_ACME}"
    alerts = (
        f'\n[[alerts]]\nname = "prod"\nformat = "alertmanager"\naccount = "acme"\n'
        f'severity = "{severity}"\nsecret = "$ALERTS_SECRET"\n'
    )
    return (
        desk_file(
            vendor,
            chats=[SLACK if platform == "slack" else TEAMS],
            platforms=[platform],
            rotas=rotas,
            accounts=[account(plan=plan, channel=channel)],
        )
        + alerts
    )


@dataclass
class Watched:
    """A desk whose customer's systems are watched by an Alertmanager."""

    story: Story
    address: str

    async def notifies(
        self, status: str = "firing", summary: str = "The API is down", group: str = "api"
    ) -> str:
        """Alertmanager sends a notification of a group. The ticket that it leads to."""
        said = alertmanager(status, groupKey=group, commonAnnotations={"summary": summary})
        token = {"Authorization": f"Bearer {SECRET}"}
        url = f"{self.address}/hooks/alerts/prod"
        body = json.dumps(said)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=token) as answered,
        ):
            assert answered.status == 202
            (ticket,) = (await answered.json())["tickets"]
        await self.story.deliver()
        return str(ticket)

    def last(self, whose: str) -> str:
        return self.story.words(whose)[-1]


Opens = Callable[[str, str], Awaitable[Watched]]


@pytest.fixture
async def watched(open_workplace: OpenWorkplace, tmp_path: Path) -> AsyncIterator[Opens]:
    async with AsyncExitStack() as open_ones:

        async def opens(platform: str, vendor: str) -> Watched:
            clock, store = HeldClock(SATURDAY_NIGHT), MemoryStore()
            store.clock = clock
            workplace = await open_workplace(platform, clock, store)
            story = await open_story(tmp_path, file_of(platform, vendor), clock, store, [workplace])
            story.desk.key_values = store
            sources = story.desk.directory.settings.alerts
            hooks = AlarmHooks(sources, {"prod": SECRET}, dispatch(story.desk), clock)
            server = WebServer("127.0.0.1", 0, hooks.routes(), ready)
            await server.start()
            open_ones.push_async_callback(server.stop)
            return Watched(story, server.address)

        yield opens


@pytest.mark.parametrize("platform", CHATS)
@pytest.mark.parametrize("vendor", ["m3ter", "monetate"])
async def test_an_alarm_at_night_pages_the_on_call(watched: Opens, platform: str, vendor: str) -> None:
    """MON-33, M3-25: the emergency is proposed, Bob is paged, and his answer ends the pages."""
    at = await watched(platform, vendor)
    assert await at.notifies() == "ACME-1"
    story = at.story
    (page,) = [story.agents.displayed(ref) for ref in story.refs("/page/bob")]
    assert "S1 for Acme GmbH The API is down Reported Sat 21 Mar 2026 01 30 UTC" in page.words
    assert page.labels == ("Acknowledge", "I'll call", "Delegate", "Snooze")
    card = story.card_view(Audience.AGENTS)
    assert "S1 proposed" in card.words
    assert "opened by prod monitoring" in card.words
    assert "node 1 answers 5xx" in card.words
    assert "The API is down" in story.card_view(Audience.CUSTOMER).words
    await story.agents.presses("Bob", "Acknowledge", story.refs("/page/bob")[-1])
    await story.deliver()
    before = len(story.refs("/page"))
    await story.wait(minutes=30)
    assert len(story.refs("/page")) == before


@pytest.mark.parametrize("platform", CHATS)
async def test_an_alarm_again_over_and_back(watched: Opens, platform: str) -> None:
    """M3-25: nothing is repeated, agents read what changes, and the customer reads none of it."""
    at = await watched(platform, "m3ter")
    story = at.story
    for _ in range(3):
        await at.notifies()
    told, customer = len(story.refs("/triage/")), len(story.refs("/customer/"))
    await at.notifies(summary="The API and the console are down")
    assert at.last("/triage/").startswith("ACME 1 prod monitoring Firing The API and the console are down")
    await at.notifies("resolved")
    assert at.last("/triage/") == (
        "ACME 1 prod monitoring the alarm ended at Sat 21 Mar 2026 01 20 UTC The ticket stays open"
    )
    await at.notifies("resolved")
    assert len(story.refs("/triage/")) == told + 2
    await at.notifies()
    assert at.last("/triage/").startswith("ACME 1 prod monitoring Firing again The API is down")
    assert at.last("/triage/").endswith("Bob"), "somebody has to look"
    assert len(story.refs("/customer/")) == customer
    assert await story.desk.store.tickets("acme") == ["ACME-1"]
    await story.agent("Resolve", "A node was replaced.")
    assert await at.notifies() == "ACME-2"


@pytest.mark.parametrize("platform", CHATS)
async def test_a_second_emergency_in_a_quarter_reaches_leadership(watched: Opens, platform: str) -> None:
    """MTA-17: Mia reads it directly, with the key of the first one and a link. The TAM gets nothing."""
    at = await watched(platform, "monta")
    await at.notifies()
    await at.notifies(group="db", summary="The database is down")
    (ref,) = at.story.refs("/dm/mia")
    said = at.story.agents.displayed(ref)
    assert said.words.startswith(
        "ACME 2 This is the customer s P1 number 2 this quarter after ACME 1 the policy expects at most 1 "
        "This is for your information you do not need to do anything Acme GmbH P1 The database is down "
        "Owner unassigned"
    )
    assert said.words.endswith("Open ACME 2 Open ACME 1")
    assert said.labels == ()
    assert at.story.refs("/dm/dana") == []
