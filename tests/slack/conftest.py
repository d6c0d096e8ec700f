from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.slack import Slack
from adapters.slack.inbound import events
from adapters.slack.outbound import responder
from adapters.slack.workspaces import workspace as workspaces
from adapters.web import WebServer
from bot.model.inbound import Answer, Done, Inbound
from demo.slack import Ack, Channel, FakeSlack, Person

PATIENCE = 60.0
"""Seconds for whatever is to happen at all, on a busy machine; a test of a deadline sets its own."""
NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _long_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (workspaces, events):
        monkeypatch.setattr(module, "LOOKUP_TIMEOUT", PATIENCE)
    monkeypatch.setattr(responder, "PROMPT_TIMEOUT", PATIENCE)
    monkeypatch.setattr(responder, "OPEN_TIMEOUT", PATIENCE)


class StoppedClock:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOON

    async def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("an adapter does not sleep")


@dataclass
class Desk:
    """Hears every act and gives the answer that was laid ready."""

    heard: list[Any] = field(default_factory=list)
    answer: Answer | Exception | Callable[[Inbound], Awaitable[Answer]] = field(default_factory=Done)

    async def __call__(self, inbound: Inbound) -> Answer:
        self.heard.append(inbound)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, Done) or not callable(self.answer):
            return self.answer
        return await self.answer(inbound)


@dataclass
class Workspace:
    slack: FakeSlack
    ours: Slack
    desk: Desk
    alice: Person
    bob: Person
    ann: Person
    acme: Channel
    url: str


async def ready() -> list[str]:
    return []


async def started(slack: FakeSlack, desk: Desk, omits_unchanged: bool = False) -> tuple[Slack, WebServer]:
    ours = Slack(
        slack.bot_token,
        slack.signing_secret,
        StoppedClock(),
        api_url=slack.api_url,
        omits_unchanged=omits_unchanged,
    )
    await ours.start()
    server = WebServer("127.0.0.1", 0, ours.routes(desk), ready)
    await server.start()
    slack.bot_url = f"{server.address}/slack/events"
    return ours, server


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    desk = Desk()
    async with FakeSlack(deadline=PATIENCE) as slack:
        ours, server = await started(slack, desk)
        alice, bob = slack.person("Alice"), slack.person("Bob", real_name="Bob Miller")
        ann = slack.person("Ann", team="T0ACME", real_name="Ann Acme")
        acme = slack.channel("acme", [alice, bob, ann])
        yield Workspace(slack, ours, desk, alice, bob, ann, acme, slack.bot_url)
        await slack.settle()
        await ours.close()
        await server.stop()
        assert slack.complaints == []


@pytest.fixture
def workspace_runner() -> Iterator[Callable[[str, str], Ack]]:
    """Sends one signed body to a bot of its own; for tests that Hypothesis runs many times."""
    with asyncio.Runner() as runner:
        desk = Desk()
        slack = FakeSlack()

        async def begin() -> tuple[Slack, WebServer]:
            await slack.__aenter__()
            return await started(slack, desk)

        async def end() -> None:
            await ours.close()
            await server.stop()
            await slack.__aexit__(None, None, None)

        ours, server = runner.run(begin())
        yield lambda body, kind: runner.run(
            slack._bot_client.deliver(slack._bot_client.sign("raw", body, kind))
        )
        runner.run(end())
