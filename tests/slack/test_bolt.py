"""Bolt carries every kind of request: take out one of its listeners, and nothing of that kind is heard."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from slack_bolt.async_app import AsyncApp

from adapters.web import WebServer
from bot.exchange import Command, Inbound, Left, Posted, Press, Submission
from demo.slack import Ack
from demo.slack.wire import FORM
from tests.slack.conftest import Workspace, ready
from tests.slack.test_requests import CLOSED, EVENT, JSON, PRESS, SHORTCUT, SLASH, SUBMISSION, send

HOUSE = Path(__file__).resolve().parents[2]
GLOBAL_SHORTCUT = {name: SHORTCUT[name] for name in ("callback_id", "team", "user", "trigger_id")}
KINDS: dict[str, tuple[str, str, str, type[Inbound]]] = {
    "a command": ("command", urlencode(SLASH), FORM, Command),
    "a button": ("block_action", urlencode({"payload": json.dumps(PRESS)}), FORM, Press),
    "a form": ("view_submission", urlencode({"payload": json.dumps(SUBMISSION)}), FORM, Submission),
    "a closed form": ("view_closed", urlencode({"payload": json.dumps(CLOSED)}), FORM, Left),
    "a message": ("event", json.dumps(EVENT), JSON, Posted),
    "a shortcut on a message": ("shortcut", urlencode({"payload": json.dumps(SHORTCUT)}), FORM, Command),
    "a shortcut": (
        "shortcut",
        urlencode({"payload": json.dumps(GLOBAL_SHORTCUT | {"type": "shortcut"})}),
        FORM,
        Command,
    ),
}


def unregistered(app: AsyncApp, *constraints: Any) -> Callable[..., None]:
    """Takes a listener and does nothing with it."""
    return lambda *listeners: None


async def sent_without(
    workspace: Workspace, patched: pytest.MonkeyPatch, registration: str, body: str, kind: str
) -> Ack:
    """To a door whose Bolt app was built without that kind of listener."""
    with patched.context() as built:
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
async def test_each_kind_is_heard_through_its_listener_of_bolts(workspace: Workspace, name: str) -> None:
    _, body, kind, act = KINDS[name]
    assert (await send(workspace, body, kind)).status == 200
    assert [type(heard) for heard in workspace.desk.heard] == [act]


@pytest.mark.parametrize("name", KINDS)
async def test_without_its_listener_of_bolts_no_kind_is_heard(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    registration, body, kind, _ = KINDS[name]
    await sent_without(workspace, monkeypatch, registration, body, kind)
    assert workspace.desk.heard == []


async def test_what_has_a_type_is_no_command(workspace: Workspace) -> None:
    ack = await send(workspace, json.dumps(SLASH | {"type": "no_such_thing"}), JSON)
    assert (ack.status, ack.no_retry) == (400, True)
    assert workspace.desk.heard == []


async def test_bolt_takes_no_orders_from_headers(workspace: Workspace) -> None:
    """Slack signs the body only, and with this one Bolt would answer 200 and tell no listener."""
    request = workspace.slack._wire.sign("raw", urlencode(SLASH), FORM)
    orders = {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "on_command"}
    ack = await workspace.slack._wire.deliver(replace(request, headers=request.headers | orders))
    assert ack.status == 200
    assert len(workspace.desk.heard) == 1


def test_bolt_is_imported_by_the_slack_adapter_only() -> None:
    """So that commands which serve no Slack never load it."""
    found = {
        path.relative_to(HOUSE).parts[:2]
        for folder in ("sla_core", "bot", "adapters", "demo")
        for path in (HOUSE / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom) and "slack_bolt" in ast.unparse(node)
    }
    assert found == {("adapters", "slack")}
