"""Slack's requests as it documents them: the local Slack sends them so, and we take them so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.model.inbound import (
    ChannelChanged,
    Command,
    FormChanged,
    FormClosed,
    HomeOpened,
    MessageChanged,
    Posted,
    Press,
    Submission,
)
from demo.slack import Ack
from demo.slack.actions.bot_client import FORM
from tests.slack import shapes
from tests.slack.conftest import Workspace
from tests.slack.day_of_requests import day_of_requests
from tests.slack.malformed import JSON, decode_payload

Fill = Callable[[Any], Any]
HEARD = {
    "block_actions on a message": Press,
    "view_submission": Submission,
    "view_closed": FormClosed,
    "message_action": Command,
    "shortcut": Command,
    "message": Posted,
    "app_mention": Command,
    "reaction_added": Command,
    "app_home_opened": HomeOpened,
}
TURNS = {name for name in shapes.EVENTS if name.startswith("channel_")}


def shape_of(payload: dict[str, Any]) -> Any:
    """The shape that a request of the local Slack is to have."""
    match payload.get("type"):
        case None:
            return shapes.COMMAND
        case "url_verification":
            return shapes.URL_VERIFICATION
        case "event_callback":
            event = payload["event"]
            later = event.get("subtype") in ("message_changed", "message_deleted")
            return shapes.ENVELOPE | {"event": shapes.EVENTS[event["subtype"] if later else event["type"]]}
        case "block_actions":
            surface = "a view" if payload["container"]["type"] == "view" else "a message"
            return shapes.INTERACTIONS[f"block_actions on {surface}"]
        case kind:
            return shapes.INTERACTIONS[str(kind)]


async def test_the_local_slack_sends_what_slack_would(tmp_path: Path) -> None:
    seen = set()
    async with day_of_requests(tmp_path) as day:
        for request in day.requests:
            payload = decode_payload(request)
            shape = shape_of(payload)
            assert list(shapes.faults(shape, payload)) == [], request.kind
            seen.add(json.dumps(shapes.most(shape), sort_keys=True))
    known = [shapes.COMMAND, shapes.URL_VERIFICATION, *shapes.INTERACTIONS.values()]
    known += [shapes.ENVELOPE | {"event": event} for event in shapes.EVENTS.values()]
    left = [shape for shape in known if json.dumps(shapes.most(shape), sort_keys=True) not in seen]
    assert left == [], "a shape that the local Slack never sends"


def test_what_is_of_another_shape_is_told() -> None:
    whole = shapes.most(shapes.EVENTS["message"])
    assert list(shapes.faults(shapes.EVENTS["message"], whole)) == []
    del whole["text"]
    wrong = whole | {"files": {}, "user": 7, "blocks": ["x"], "team": None}
    assert sorted(shapes.faults(shapes.EVENTS["message"], wrong)) == [
        "/blocks/0: no object",
        "/files: no list",
        "/team: NoneType, not str",
        "/text: missing",
        "/user: int, not str",
    ]


async def interact(workspace: Workspace, payload: Any) -> Ack:
    wire = workspace.slack._bot_client
    return await wire.deliver(wire.sign("raw", urlencode({"payload": json.dumps(payload)}), FORM))


async def event(workspace: Workspace, shape: Any, fill: Fill) -> Ack:
    body = fill(shapes.ENVELOPE) | {"event": fill(shape)}
    wire = workspace.slack._bot_client
    return await wire.deliver(wire.sign("raw", json.dumps(body), JSON))


@pytest.mark.parametrize("fill", [shapes.least, shapes.most], ids=["least", "most"])
async def test_a_command_of_that_shape_is_heard(workspace: Workspace, fill: Fill) -> None:
    wire = workspace.slack._bot_client
    ack = await wire.deliver(wire.sign("raw", urlencode(fill(shapes.COMMAND)), FORM))
    assert ack.status == 200
    assert isinstance(workspace.desk.heard[-1], Command)


@pytest.mark.parametrize("fill", [shapes.least, shapes.most], ids=["least", "most"])
@pytest.mark.parametrize("name", sorted(shapes.INTERACTIONS))
async def test_interactions_of_that_shape_are_heard(workspace: Workspace, name: str, fill: Fill) -> None:
    payload = fill(shapes.INTERACTIONS[name])
    payload["user"]["id"] = "U0BOB"
    assert (await interact(workspace, payload)).status == 200
    if name in HEARD:
        assert [type(act) for act in workspace.desk.heard] == [HEARD[name]]
        assert workspace.desk.heard[0].actor.user.id == "U0BOB"


@pytest.mark.parametrize("fill", [shapes.least, shapes.most], ids=["least", "most"])
@pytest.mark.parametrize("name", sorted(shapes.EVENTS))
async def test_events_of_that_shape_are_heard(workspace: Workspace, name: str, fill: Fill) -> None:
    shape = {key: value for key, value in shapes.EVENTS[name].items() if key != "bot_id?"}
    assert (await event(workspace, shape, fill)).status == 200
    kinds = [type(act) for act in workspace.desk.heard]
    if name in TURNS:
        assert kinds == [ChannelChanged]
    elif name == "reaction_added" and fill is shapes.least:
        assert kinds == [], "on something that is no message"
    elif name in HEARD:
        assert kinds == [HEARD[name]]


async def test_a_choice_in_a_form_of_that_shape_is_heard(workspace: Workspace) -> None:
    payload = shapes.least(shapes.INTERACTIONS["block_actions on a view"])
    payload["actions"][0]["type"] = "radio_buttons"
    assert (await interact(workspace, payload)).status == 200
    assert [type(act) for act in workspace.desk.heard] == [FormChanged]


async def test_an_edit_of_that_shape_is_heard(workspace: Workspace) -> None:
    reply = {"user": "U0BOB", "ts": shapes.TS, "thread_ts": "1.2", "type": "message"}
    parts = {"message": {**reply, "text": "new"}, "previous_message": {**reply, "text": "old"}}
    for name in ("message_changed", "message_deleted"):
        told = shapes.least(shapes.EVENTS[name]) | parts
        assert (await event(workspace, told, shapes.least)).status == 200
    assert [type(act) for act in workspace.desk.heard] == [MessageChanged, MessageChanged]
