"""A desk that workspaces install by themselves, on a local Slack with several of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from adapters.slack import Slack
from adapters.slack.workspaces.installation_store import Installation
from adapters.slack.workspaces.oauth import OAuthSettings
from adapters.slack.workspaces.registry import WorkspaceRegistry
from adapters.slack.workspaces.token_rotation import AppCredentials
from adapters.web import WebServer
from bot.clock import real_now
from bot.desk.desk import InMemoryKeyValueStore
from bot.ports import KeyValueStore
from demo.slack import FakeSlack
from tests.scripted_desk import ScriptedDesk, StoppedClock, ready

KEY = b64encode(b"k" * 32).decode()
OTHER_KEY = b64encode(b"o" * 32).decode()
ORG = {"id": "E0MEGA", "name": "Mega"}


@dataclass
class RealClockAhead:
    """Real time, as far as a test wants it to go by."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return real_now() + self.ahead

    async def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing sleeps")


@dataclass
class InstallableDesk:
    slack: FakeSlack
    ours: Slack
    desk: ScriptedDesk
    url: str
    browser: aiohttp.ClientSession
    notes: InMemoryKeyValueStore
    clock: RealClockAhead

    @property
    def workspaces(self) -> WorkspaceRegistry:
        found = self.ours._workspaces
        assert isinstance(found, WorkspaceRegistry)
        return found

    async def refresh(self) -> None:
        """What is done once a minute."""
        await self.workspaces.refresh()

    async def stored(self, id: str = "T0VENDOR") -> Installation:
        found = await self.workspaces._store.find(id)
        assert found is not None
        return found

    async def authorize_url(self) -> str:
        """Slack's page that the link leads to."""
        async with self.browser.get(f"{self.url}/slack/install", allow_redirects=False) as answer:
            assert answer.status == 302
            return answer.headers["Location"]

    async def callback(self, given: dict[str, str]) -> tuple[int, str]:
        """What a person sees after returning from Slack: the page, or the address that it redirects to."""
        where = f"{self.url}/slack/oauth_redirect"
        async with self.browser.get(where, params=given, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def install(self, workspace: FakeSlack, **how: Any) -> tuple[int, str]:
        agreed = workspace.apps.authorize(await self.authorize_url(), workspace.workspace, **how)
        return await self.callback(agreed)


def oauth_settings(
    notes: KeyValueStore, clock: RealClockAhead, key: str = KEY, triage: str = "C0TRIAGE"
) -> OAuthSettings:
    return OAuthSettings(AppCredentials("1.2", "client-secret"), key, notes, triage, clock)


@asynccontextmanager
async def opened(
    slack: FakeSlack, notes: InMemoryKeyValueStore, key: str = KEY
) -> AsyncIterator[InstallableDesk]:
    """Another process on the same key-value store is another of these."""
    clock, desk = RealClockAhead(), ScriptedDesk()
    ours = Slack(
        "",
        slack.signing_secret,
        StoppedClock(),
        api_url=slack.api_url,
        oauth_settings=oauth_settings(notes, clock, key),
    )
    await ours.start()
    server = WebServer("127.0.0.1", 0, ours.routes(desk), ready)
    await server.start()
    # Browsers keep cookies of an address in numbers too.
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            yield InstallableDesk(slack, ours, desk, server.address, browser, notes, clock)
    finally:
        await slack.settle()
        await ours.close()
        await server.stop()
