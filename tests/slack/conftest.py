from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from adapters.slack import Slack
from adapters.slack.inbound import events
from adapters.slack.outbound import responder
from adapters.slack.workspaces import workspace as workspaces
from adapters.web import WebServer
from demo.slack import Ack, Channel, FakeSlack, Person
from tests.scripted_desk import ScriptedDesk, StoppedClock, ready

PATIENCE = 60.0
"""Seconds that anything may take on a busy machine. A test of a deadline sets its own."""


@pytest.fixture(autouse=True)
def _long_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (workspaces, events):
        monkeypatch.setattr(module, "LOOKUP_TIMEOUT", PATIENCE)
    monkeypatch.setattr(responder, "PROMPT_TIMEOUT", PATIENCE)
    monkeypatch.setattr(responder, "OPEN_TIMEOUT", PATIENCE)


@dataclass
class Workspace:
    slack: FakeSlack
    ours: Slack
    desk: ScriptedDesk
    alice: Person
    bob: Person
    ann: Person
    acme: Channel
    url: str


async def started(
    slack: FakeSlack, desk: ScriptedDesk, omits_unchanged: bool = False
) -> tuple[Slack, WebServer]:
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
    desk = ScriptedDesk()
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
    """Sends a signed body to a new bot, without an event loop, for tests that Hypothesis repeats."""
    with asyncio.Runner() as runner:
        desk = ScriptedDesk()
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
