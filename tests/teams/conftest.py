from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import structlog

from adapters.teams.adapter import Teams
from adapters.teams.outbound import connector, conversations, responder
from adapters.web import WebServer
from bot.model.address import MessageRef
from tests.memory_store import MemoryStore
from tests.scripted_desk import ScriptedDesk, StoppedClock, ready
from tests.teams.fake_connector import FIRST, OURS, FakeMicrosoft, claims

Json = dict[str, Any]


@dataclass
class TeamsWithDesk:
    """Our adapter between a fake Microsoft on loopback and a scripted desk."""

    microsoft: FakeMicrosoft
    teams: Teams
    desk: ScriptedDesk
    key_values: MemoryStore
    tickets: dict[MessageRef, str]
    url: str
    session: aiohttp.ClientSession

    async def send(self, activity: Json, **how: Any) -> tuple[int, Any]:
        """Posts a signed activity; `how` replaces parts of the request. Returns the status and JSON."""
        token = how.pop("token", None) or FIRST.sign(**claims(self.microsoft.service))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers |= how.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        given: Json = how or {"json": activity}
        async with self.session.post(self.url, headers=headers, **given) as response:
            text = await response.text()
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else text or None

    async def settled(self) -> None:
        await self.teams._responder.settle()
        await self.teams._references.flush()


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    """Plain tracebacks: those with the values of every frame take seconds to draw."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timeouts that a busy machine does not miss."""
    monkeypatch.setattr(responder, "_PRIVATE_TIMEOUT", 60.0)
    monkeypatch.setattr(conversations, "LOOKUP_TIMEOUT", 60.0)
    monkeypatch.setattr(connector, "TIMEOUT", 60.0)


@pytest.fixture
async def microsoft() -> AsyncIterator[FakeMicrosoft]:
    microsoft = FakeMicrosoft()
    await microsoft.start()
    yield microsoft
    await microsoft.stop()


@pytest.fixture
async def teams_desk(microsoft: FakeMicrosoft) -> AsyncIterator[TeamsWithDesk]:
    desk, key_values, tickets = ScriptedDesk(), MemoryStore(), dict[MessageRef, str]()

    async def ticket_of(message: MessageRef) -> str | None:
        return tickets.get(message)

    teams = Teams(OURS, StoppedClock(), key_values, ticket_of, endpoints=microsoft.cloud)
    await teams.start()
    server = WebServer("127.0.0.1", 0, teams.routes(desk), ready)
    await server.start()
    async with aiohttp.ClientSession() as session:
        url = f"{server.address}/api/messages"
        yield TeamsWithDesk(microsoft, teams, desk, key_values, tickets, url, session)
    await teams.close()
    await server.stop()
