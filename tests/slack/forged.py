"""Requests as Slack would sign them, saying what Slack would never say: for what must not get through."""

from __future__ import annotations

import itertools
import json
from typing import Any

from demo.slack import Ack, Person
from demo.slack.payloads import interaction
from tests.slack.desk_on_slack import DeskOnSlack

_COUNT = itertools.count(1)


def pressed(at: DeskOnSlack, who: Person, team: str, channel: str, action: str, value: str) -> dict[str, Any]:
    """A button on a message; `team` is the one that the person is said to be of."""
    world = at.slack.workspace
    payload = interaction(world, "block_actions", who.id, world.team_id)
    payload["user"]["team_id"] = team
    number = next(_COUNT)
    action_json = {"type": "button", "block_id": "b", "action_id": action, "value": value}
    return payload | {
        "actions": [action_json | {"action_ts": f"1.{number:06d}"}],
        "container": {"type": "message", "message_ts": "1.2", "channel_id": channel, "is_ephemeral": False},
        "channel": {"id": channel, "name": "somewhere"},
        "trigger_id": world.new_trigger(who.id),
        "response_url": world.new_response_url(who.id, channel, None),
    }


def on_home(at: DeskOnSlack, who: Person, payload: dict[str, Any], channel: str) -> dict[str, Any]:
    """The same button on the app's own page, which claims a channel."""
    del payload["channel"], payload["response_url"]
    view = {"id": "V0HOME", "type": "home", "private_metadata": channel, "team_id": who.team_id}
    return payload | {"container": {"type": "view", "view_id": "V0HOME"}, "view": view}


def sent(
    at: DeskOnSlack, who: Person, team: str, form: str, context: dict[str, str], values: dict[str, Any]
) -> dict[str, Any]:
    """A form with the given hidden values. A list is a choice."""
    world = at.slack.workspace
    payload = interaction(world, "view_submission", who.id, who.team_id)
    payload["user"]["team_id"] = team
    state: dict[str, Any] = {}
    for name, value in values.items():
        chosen = isinstance(value, list)
        entry = {"selected_options": [{"value": each} for each in value]} if chosen else {"value": value}
        state[name] = {name: {"type": "checkboxes" if chosen else "plain_text_input", **entry}}
    view = {
        "id": f"V{next(_COUNT):08d}",
        "type": "modal",
        "team_id": who.team_id,
        "callback_id": form,
        "hash": "1.x",
        "private_metadata": json.dumps({"context": context}),
        "blocks": [
            {"type": "input", "block_id": name, "element": {"type": "x", "action_id": name}}
            for name in values
        ],
        "state": {"values": state},
        "app_installed_team_id": world.team_id,
    }
    return payload | {"view": view, "trigger_id": world.new_trigger(who.id), "response_urls": []}


async def deliver(at: DeskOnSlack, payload: dict[str, Any]) -> Ack:
    ack = await at.slack._bot_client.interact(payload)
    await at.slack.settle()
    await at.ours.settle()
    return ack
