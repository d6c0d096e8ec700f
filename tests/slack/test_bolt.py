"""Bolt carries every kind of request: take out one of its listeners, and nothing of that kind is heard."""

from __future__ import annotations

import json
from collections.abc import Callable
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
