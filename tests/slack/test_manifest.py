"""The app that people install is the app that the code is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.slack.inbound import events
from adapters.slack.inbound.events import READERS
from adapters.slack.outbound import web_api
from demo.slack.web_api.server import FORM_ONLY, METHODS
from tests.slack.conftest import Workspace

REPOSITORY = Path(__file__).resolve().parents[2]
MANIFEST: dict[str, Any] = yaml.safe_load((REPOSITORY / "manifest.yml").read_text("utf-8"))
BOT_URL = "https://YOUR-ADDRESS/slack/events"


def called() -> set[str]:
    """Every Web API method that the adapter's source names in a call."""
    found = set()
    for path in (REPOSITORY / "adapters" / "slack").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                if name in ("request", "call", "_send", "_called", "_pages"):
                    # The method; before it perhaps a channel, a person or the API.
                    first = (arg for arg in node.args[:2] if isinstance(arg, ast.Constant))
                    found |= {str(arg.value) for arg in first}
    return found


def test_scopes_are_those_of_what_we_call_and_hear() -> None:
    assert called() == web_api.METHODS.keys()
    assert MANIFEST["oauth_config"]["scopes"] == {"bot": sorted(web_api.SCOPES)}
    assert MANIFEST["settings"]["event_subscriptions"]["bot_events"] == sorted(web_api.EVENTS)


def test_methods_are_known_to_the_strict_slack_with_the_same_scope() -> None:
    for method, needs in web_api.METHODS.items():
        _, scope = METHODS[method]
        assert {scope} - {""} <= needs
        assert (method in FORM_ONLY) == (method in web_api.FORM_METHODS)


def test_the_manifest_lists_what_the_code_handles() -> None:
    settings, features = MANIFEST["settings"], MANIFEST["features"]
    heard = {event.partition(".")[0] for event in settings["event_subscriptions"]["bot_events"]}
    assert heard == READERS.keys() | events.UNINSTALL_EVENTS
    assert {entry["type"] for entry in features["shortcuts"]} == {"global", "message"}
    assert {"name": "Send to customer", "callback_id": events.SEND_TO_CUSTOMER}.items() <= dict(
        next(entry for entry in features["shortcuts"] if entry["name"].startswith("Send"))
    ).items()
    assert [entry["command"] for entry in features["slash_commands"]] == ["/support"]
    assert all(entry["should_escape"] for entry in features["slash_commands"])
    assert settings["interactivity"] == {"is_enabled": True, "request_url": BOT_URL}
    assert settings["event_subscriptions"]["request_url"] == BOT_URL
    assert {entry["url"] for entry in features["slash_commands"]} == {BOT_URL}
    assert features["app_home"]["home_tab_enabled"]
    assert features["app_home"]["messages_tab_enabled"]
    assert not features["app_home"]["messages_tab_read_only_enabled"]
    assert not settings["socket_mode_enabled"]
    assert not settings["token_rotation_enabled"]
    assert not settings["org_deploy_enabled"]


def test_every_address_is_one_we_serve(workspace: Workspace) -> None:
    assert [path for _, path, _ in workspace.ours.routes(workspace.desk)] == ["/slack/events"]
    for url in re.findall(r"https://\S+", (REPOSITORY / "manifest.yml").read_text("utf-8")):
        assert url == BOT_URL


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (MANIFEST["display_information"]["name"], 1, 35),
        (MANIFEST["display_information"]["description"], 1, 140),
        (MANIFEST["display_information"]["long_description"], 175, 4000),
        (MANIFEST["features"]["bot_user"]["display_name"], 1, 80),
        *((entry["command"], 2, 32) for entry in MANIFEST["features"]["slash_commands"]),
        *((entry["description"], 1, 2000) for entry in MANIFEST["features"]["slash_commands"]),
        *((entry["usage_hint"], 1, 1000) for entry in MANIFEST["features"]["slash_commands"]),
        (MANIFEST["features"]["slash_commands"], 1, 50),
        *((entry["name"], 1, 24) for entry in MANIFEST["features"]["shortcuts"]),
        *((entry["description"], 1, 150) for entry in MANIFEST["features"]["shortcuts"]),
        *((entry["callback_id"], 1, 255) for entry in MANIFEST["features"]["shortcuts"]),
        (MANIFEST["features"]["shortcuts"], 1, 10),
        (MANIFEST["settings"]["event_subscriptions"]["bot_events"], 1, 100),
        (MANIFEST["oauth_config"]["scopes"]["bot"], 1, 255),
    ],
)
def test_texts_fit_the_lengths_of_slack(value: str | list[str], least: int, most: int) -> None:
    assert least <= len(value) <= most


def test_the_manifest_has_the_required_shape() -> None:
    assert MANIFEST["_metadata"] == {"major_version": 1, "minor_version": 1}
    parts = {"_metadata", "display_information", "features", "oauth_config", "settings"}
    assert MANIFEST.keys() == parts
    assert re.fullmatch(r"#[0-9a-fA-F]{6}", MANIFEST["display_information"]["background_color"])
    assert all(entry["command"].startswith("/") for entry in MANIFEST["features"]["slash_commands"])
