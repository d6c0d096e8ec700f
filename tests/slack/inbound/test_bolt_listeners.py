"""Bolt carries every kind of request: take out one of its listeners, and nothing of that kind is heard."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from slack_bolt.async_app import AsyncApp
from structlog.testing import capture_logs

from adapters.slack.inbound import events
from adapters.slack.inbound.app import Listeners, bolt_app
from adapters.slack.outbound.responder import SORRY, Responder
from adapters.slack.reader import Reader
from adapters.slack.workspaces.workspace import UserNames
from adapters.web import WebServer
from bot.desk.desk import InMemoryKeyValueStore
from bot.model.inbound import Command, FormClosed, Inbound, Posted, Press, Submission
from bot.ports import StoreUnavailable, TemporaryFailure
from demo.slack import Ack, FakeSlack
from demo.slack.actions.bot_client import FORM
from tests.scripted_desk import ready
from tests.slack.conftest import Workspace
from tests.slack.inbound.test_requests import CLOSED, EVENT, JSON, PRESS, SHORTCUT, SLASH, SUBMISSION, send
from tests.slack.installable_desk import opened

GLOBAL_SHORTCUT = {name: SHORTCUT[name] for name in ("callback_id", "team", "user", "trigger_id")}
KINDS: dict[str, tuple[str, str, str, type[Inbound]]] = {
    "a command": ("command", urlencode(SLASH), FORM, Command),
    "a button": ("block_action", urlencode({"payload": json.dumps(PRESS)}), FORM, Press),
    "a form": ("view_submission", urlencode({"payload": json.dumps(SUBMISSION)}), FORM, Submission),
    "a closed form": ("view_closed", urlencode({"payload": json.dumps(CLOSED)}), FORM, FormClosed),
    "a message": ("event", json.dumps(EVENT), JSON, Posted),
    "a shortcut on a message": ("shortcut", urlencode({"payload": json.dumps(SHORTCUT)}), FORM, Command),
    "a shortcut": (
        "shortcut",
        urlencode({"payload": json.dumps(GLOBAL_SHORTCUT | {"type": "shortcut"})}),
        FORM,
        Command,
    ),
}
UNHEARD = {
    name: (200, False) if registration in ("command", "event") else (400, True)
    for name, (registration, *_) in KINDS.items()
}
"""The status, and whether the answer asks Slack not to retry, without a listener for the kind."""


def unregistered(app: AsyncApp, *constraints: Any) -> Callable[..., None]:
    """Takes a listener and does nothing with it."""
    return lambda *listeners: None


async def sent_without(
    workspace: Workspace, patched: pytest.MonkeyPatch, registration: str | None, body: str, kind: str
) -> Ack:
    """To a door whose Bolt app was built without that kind of listener; None: with all of them."""
    with patched.context() as built:
        if registration is not None:
            built.setattr(AsyncApp, registration, unregistered)
        routes = workspace.ours.routes(workspace.desk)
    server = WebServer("127.0.0.1", 0, routes, ready)
    await server.start()
    workspace.slack.bot_url = f"{server.address}/slack/events"
    try:
        return await send(workspace, body, kind)
    finally:
        await server.stop()


@pytest.mark.parametrize("name", KINDS)
async def test_each_kind_is_received_through_its_bolt_listener(workspace: Workspace, name: str) -> None:
    _, body, kind, act = KINDS[name]
    assert (await send(workspace, body, kind)).status == 200
    assert [type(heard) for heard in workspace.desk.heard] == [act]


@pytest.mark.parametrize("name", KINDS)
async def test_without_its_bolt_listener_no_kind_is_received(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    registration, body, kind, _ = KINDS[name]
    ack = await sent_without(workspace, monkeypatch, registration, body, kind)
    assert (ack.status, ack.no_retry) == UNHEARD[name]
    assert workspace.desk.heard == []


@pytest.mark.parametrize("name", KINDS)
async def test_with_every_listener_each_kind_is_received(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _, body, kind, act = KINDS[name]
    assert (await sent_without(workspace, monkeypatch, None, body, kind)).status == 200
    assert [type(heard) for heard in workspace.desk.heard] == [act]


@pytest.mark.parametrize("part", ["posting_workspace", "with_name_in_event", "to_event"])
async def test_slack_delivers_an_event_again_that_fails_unexpectedly(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    owner = {
        "posting_workspace": type(workspace.ours._workspaces),
        "with_name_in_event": UserNames,
        "to_event": Responder,
    }[part]
    monkeypatch.setattr(owner, part, fails)
    ack = await send(workspace, json.dumps(EVENT), JSON)
    assert (ack.status, ack.no_retry) == (503, False)
    said = capsys.readouterr().out
    assert "event failed" in said
    assert "RuntimeError: the disk is full" in said


@pytest.mark.parametrize("name", KINDS)
async def test_a_failure_of_slack_or_of_the_database_is_one_line_in_the_log(
    workspace: Workspace, name: str
) -> None:
    _, body, kind, _ = KINDS[name]
    for fault in (TemporaryFailure("no answer"), StoreUnavailable("no answer")):
        workspace.desk.answer = fault
        with capture_logs() as lines:
            assert (await send(workspace, body, kind)).status in (200, 503)
        failed = [line for line in lines if "failed" in line["event"]]
        assert [(line["log_level"], line["why"]) for line in failed] == [("warning", "no answer")]
        assert "exc_info" not in failed[0]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("command", "a command"),
        ("press", "a button"),
        ("submission", "a form"),
        ("form_closed", "a closed form"),
    ],
)
async def test_an_unexpected_error_in_the_reader_is_an_apology(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, part: str, name: str
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(Reader, part, fails)
    _, body, kind, _ = KINDS[name]
    ack = await send(workspace, body, kind)
    assert (ack.status, ack.no_retry) == (200, False)
    assert workspace.desk.heard == []
    assert (SORRY in ack.body) == (name in ("a command", "a form"))


async def test_slack_shows_its_own_error_for_a_shortcut_that_cannot_be_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(events, "read_shortcut", fails)
    _, body, kind, _ = KINDS["a shortcut"]
    assert (await send(workspace, body, kind)).status == 500


VARIABLES = (
    "SLACK_CLIENT_ID",
    "SLACK_CLIENT_SECRET",
    "SLACK_VERIFICATION_TOKEN",
    "SLACK_REDIRECT_URI",
    "SLACK_BOT_TOKEN",
)


async def test_bolt_takes_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "https://example.com/from-the-environment")
    async with FakeSlack(bot_token="") as slack, opened(slack, InMemoryKeyValueStore()) as installable:
        app = bolt_app(
            Listeners(installable.desk, installable.workspaces, installable.ours._fallback_responder),
            installable.workspaces,
            slack.api_url,
        )
        assert app.oauth_flow is None
        assert app.installation_store is None
        assert "redirect_uri" not in await installable.authorize_url()
        async with installable.browser.post(
            f"{installable.url}/slack/events", data={"ssl_check": "1"}
        ) as answer:
            assert answer.status == 200
    assert {name: os.environ[name] for name in VARIABLES} == dict.fromkeys(
        VARIABLES, "https://example.com/from-the-environment"
    )


async def test_a_body_with_a_type_is_not_a_command(workspace: Workspace) -> None:
    ack = await send(workspace, json.dumps(SLASH | {"type": "no_such_thing"}), JSON)
    assert (ack.status, ack.no_retry) == (400, True)
    assert workspace.desk.heard == []


async def test_bolt_ignores_headers_that_control_it(workspace: Workspace) -> None:
    """Slack signs the body only, and with this one Bolt would answer 200 and tell no listener."""
    request = workspace.slack._bot_client.sign("raw", urlencode(SLASH), FORM)
    orders = {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "on_command"}
    ack = await workspace.slack._bot_client.deliver(replace(request, headers=request.headers | orders))
    assert ack.status == 200
    assert len(workspace.desk.heard) == 1
