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
from adapters.slack.installed import InstalledWorkspaces
from adapters.slack.offices import Sharing
from adapters.slack.workspaces.installation_store import Installation
from adapters.slack.workspaces.token_rotation import App
from adapters.web import WebServer
from bot.clock import real_now
from bot.pad import Pad
from bot.ports import Notebook
from demo.slack import FakeSlack
from tests.slack.conftest import Desk, Stopped, ready

KEY = b64encode(b"k" * 32).decode()
OTHER_KEY = b64encode(b"o" * 32).decode()
ORG = {"id": "E0MEGA", "name": "Mega"}


@dataclass
class Real:
    """Real time, as far as a test wants it to go by."""

    gone_by: timedelta = timedelta(0)

    def now(self) -> datetime:
        return real_now() + self.gone_by

    async def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing sleeps")


@dataclass
class Office:
    slack: FakeSlack
    ours: Slack
    desk: Desk
    url: str
    browser: aiohttp.ClientSession
    notes: Pad
    clock: Real

    @property
    def workspaces(self) -> InstalledWorkspaces:
        found = self.ours._workspaces
        assert isinstance(found, InstalledWorkspaces)
        return found

    async def look(self) -> None:
        """What is done once a minute."""
        await self.workspaces.look()

    async def stored(self, id: str = "T0VENDOR") -> Installation:
        found = await self.workspaces._store.find(id)
        assert found is not None
        return found

    async def begun(self) -> str:
        """Slack's page that the link leads to."""
        async with self.browser.get(f"{self.url}/slack/install", allow_redirects=False) as answer:
            assert answer.status == 302
            return answer.headers["Location"]

    async def returned(self, given: dict[str, str]) -> tuple[int, str]:
        """What somebody sees who comes back from Slack: the page, or where it leads."""
        where = f"{self.url}/slack/oauth_redirect"
        async with self.browser.get(where, params=given, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def install(self, workspace: FakeSlack, **how: Any) -> tuple[int, str]:
        agreed = workspace.apps.agree(await self.begun(), workspace.world, **how)
        return await self.returned(agreed)


def sharing(notes: Notebook, clock: Real, key: str = KEY, triage: str = "C0TRIAGE") -> Sharing:
    return Sharing(App("1.2", "client-secret"), key, notes, triage, clock)


@asynccontextmanager
async def opened(slack: FakeSlack, notes: Pad, key: str = KEY) -> AsyncIterator[Office]:
    """Another process on the same notebook is another of these."""
    clock, desk = Real(), Desk()
    ours = Slack(
        "", slack.signing_secret, Stopped(), api_url=slack.api_url, sharing=sharing(notes, clock, key)
    )
    await ours.start()
    server = WebServer("127.0.0.1", 0, ours.routes(desk), ready)
    await server.start()
    # Browsers keep cookies of an address in numbers too.
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            yield Office(slack, ours, desk, server.address, browser, notes, clock)
    finally:
        await slack.settle()
        await ours.close()
        await server.stop()
