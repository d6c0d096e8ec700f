"""What Slack's requests look like, as far as its documentation and its own SDKs promise it.

A shape is an example of the value, a list of one shape, or a mapping. Keys that end in `?` may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Null:
    """This, or nothing in its place."""

    shape: Any


TS = "1774000000.000100"
TEXT = {"type": "plain_text", "text": "Text", "emoji?": True}
TEAM = Null({"id": "T0VENDOR", "domain": "vendor", "enterprise_id?": "E0", "enterprise_name?": "E"})
USER = {"id": "U0INES", "username?": "ines", "name?": "ines", "team_id?": "T0VENDOR"}
INTERACTION = {
    "team": TEAM,
    "user": USER,
    "api_app_id": "A0FRONTLINE",
    "token": "legacy-token",
    "enterprise?": Null({"id": "E0", "name": "E"}),
    "is_enterprise_install?": False,
}
VIEW = {
    "id": "V0SAMPLE",
    "team_id": "T0VENDOR",
    "type": "modal",
    "blocks": [{"type": "section"}],
    "private_metadata": '{"context":{"place":"slack:C0ACME","ticket":"ACME-1","version":"1"}}',
    "callback_id": "add_details",
    "state?": {"values": {}},
    "hash": "1774000000.x",
    "title?": Null(TEXT),
    "close?": Null(TEXT),
    "submit?": Null(TEXT),
    "clear_on_close": False,
    "notify_on_close": False,
    "previous_view_id": Null("V0OTHER"),
    "root_view_id": Null("V0SAMPLE"),
    "app_id": "A0FRONTLINE",
    "external_id": "",
    "app_installed_team_id": "T0VENDOR",
    "bot_id": "B0FRONTLINE",
}
MESSAGE = {
    "type": "message",
    "user?": "U0INES",
    "bot_id?": "B0OTHER",
    "text": "words",
    "ts": TS,
    "team?": "T0VENDOR",
    "thread_ts?": TS,
    "blocks?": [{"type": "section"}],
}
ACTION = {
    "type": "button",
    "action_id": "why",
    "block_id": "b",
    "action_ts": TS,
    "value?": "ACME-1",
    "text?": TEXT,
}
_PRESS = INTERACTION | {"type": "block_actions", "trigger_id": "1.2.x", "actions": [ACTION]}

COMMAND = {
    "token": "legacy-token",
    "team_id": "T0VENDOR",
    "team_domain": "vendor",
    "enterprise_id?": "E0",
    "enterprise_name?": "E",
    "channel_id": "C0ACME",
    "channel_name": "acme",
    "user_id": "U0INES",
    "user_name": "ines",
    "command": "/support",
    "text": "",
    "api_app_id": "A0FRONTLINE",
    "is_enterprise_install?": "false",
    "response_url": "https://hooks.slack.com/commands/1",
    "trigger_id": "1.2.x",
}
INTERACTIONS: dict[str, Any] = {
    "block_actions on a message": _PRESS
    | {
        "container": {
            "type": "message",
            "message_ts": TS,
            "channel_id": "C0ACME",
            "is_ephemeral": False,
            "thread_ts?": TS,
        },
        "channel": {"id": "C0ACME", "name": "acme"},
        "message?": MESSAGE,
        "state?": {"values": {}},
        "response_url": "https://hooks.slack.com/actions/1",
    },
    "block_actions on a view": _PRESS | {"container": {"type": "view", "view_id": "V0SAMPLE"}, "view": VIEW},
    "view_submission": INTERACTION
    | {"type": "view_submission", "trigger_id?": "1.2.x", "view": VIEW, "response_urls?": []},
    "view_closed": INTERACTION | {"type": "view_closed", "view": VIEW, "is_cleared": False},
    "message_action": INTERACTION
    | {
        "type": "message_action",
        "callback_id": "ticket_about_message",
        "action_ts": TS,
        "trigger_id": "1.2.x",
        "response_url": "https://hooks.slack.com/app/1",
        "message_ts": TS,
        "channel": {"id": "C0ACME", "name": "acme"},
        "message": MESSAGE,
    },
    "shortcut": INTERACTION
    | {"type": "shortcut", "callback_id": "get_help", "action_ts": TS, "trigger_id": "1.2.x"},
}
ENVELOPE = {
    "token": "legacy-token",
    "team_id": "T0VENDOR",
    "enterprise_id?": "E0",
    "context_team_id?": Null("T0VENDOR"),
    "context_enterprise_id?": Null("E0"),
    "api_app_id": "A0FRONTLINE",
    "type": "event_callback",
    "event_id": "Ev0SAMPLE",
    "event_time": 1774000000,
    "authorizations?": [
        {
            "enterprise_id": Null("E0"),
            "team_id": Null("T0VENDOR"),
            "user_id": "U0FRONTLINE",
            "is_bot": True,
            "is_enterprise_install?": False,
        }
    ],
    "is_ext_shared_channel?": False,
    "event_context?": "4-x",
}
_SAID = {
    "user": "U0INES",
    "text": "words",
    "ts": TS,
    "channel": "C0ACME",
    "event_ts": TS,
    "team?": "T0VENDOR",
}
_FILE = {"id": "F0", "name?": Null("error.log"), "mode?": "hosted", "file_access?": "visible"}
EVENTS: dict[str, Any] = {
    "message": _SAID
    | {
        "type": "message",
        "channel_type": "channel",
        "subtype?": "file_share",
        "thread_ts?": TS,
        "parent_user_id?": "U0INES",
        "client_msg_id?": "x",
        "user_team?": "T0ACME",
        "source_team?": "T0ACME",
        "user_profile?": {"real_name?": Null("Ines"), "name?": "ines", "team?": "T0ACME"},
        "blocks?": [{"type": "rich_text"}],
        "files?": [_FILE],
        "upload?": False,
        "bot_id?": "B0OTHER",
        "app_id?": "A0OTHER",
    },
    "message_changed": {
        "type": "message",
        "subtype": "message_changed",
        "hidden?": True,
        "channel": "C0ACME",
        "ts": TS,
        "event_ts": TS,
        "channel_type?": "channel",
        "message": MESSAGE,
        "previous_message?": MESSAGE,
    },
    "message_deleted": {
        "type": "message",
        "subtype": "message_deleted",
        "hidden?": True,
        "channel": "C0ACME",
        "ts": TS,
        "event_ts": TS,
        "deleted_ts": TS,
        "channel_type?": "channel",
        "previous_message": MESSAGE,
    },
    "app_mention": _SAID | {"type": "app_mention", "thread_ts?": TS, "edited?": {"user": "U0INES", "ts": TS}},
    "reaction_added": {
        "type": "reaction_added",
        "user": "U0INES",
        "reaction": "ticket",
        "item_user?": "U0INES",
        "item": {"type": "message", "channel?": "C0ACME", "ts?": TS},
        "event_ts": TS,
    },
    "app_home_opened": {
        "type": "app_home_opened",
        "user": "U0INES",
        "channel": "D0INES",
        "tab": "home",
        "view?": VIEW,
        "event_ts": TS,
    },
    "member_joined_channel": {
        "type": "member_joined_channel",
        "user": "U0INES",
        "channel": "C0ACME",
        "channel_type": "C",
        "team": "T0VENDOR",
        "inviter?": "U0INES",
        "event_ts": TS,
    },
    "member_left_channel": {
        "type": "member_left_channel",
        "user": "U0INES",
        "channel": "C0ACME",
        "channel_type": "C",
        "team": "T0VENDOR",
        "event_ts": TS,
    },
    "channel_rename": {
        "type": "channel_rename",
        "channel": {"id": "C0ACME", "name": "acme", "created": 1},
        "event_ts?": TS,
    },
    "channel_archive": {"type": "channel_archive", "channel": "C0ACME", "user": "U0INES", "event_ts?": TS},
    "channel_unarchive": {
        "type": "channel_unarchive",
        "channel": "C0ACME",
        "user": "U0INES",
        "event_ts?": TS,
    },
    "channel_deleted": {"type": "channel_deleted", "channel": "C0ACME", "actor_id?": "U0", "event_ts?": TS},
    "channel_left": {"type": "channel_left", "channel": "C0ACME", "actor_id?": "U0INES", "event_ts?": TS},
    "channel_shared": {
        "type": "channel_shared",
        "connected_team_id": "T0ACME",
        "channel": "C0ACME",
        "event_ts": TS,
    },
    "channel_unshared": {
        "type": "channel_unshared",
        "previously_connected_team_id": "T0ACME",
        "channel": "C0ACME",
        "is_ext_shared": False,
        "event_ts": TS,
    },
    "channel_id_changed": {
        "type": "channel_id_changed",
        "old_channel_id": "C0DEN",
        "new_channel_id": "C0CAVE",
        "event_ts": TS,
    },
    "app_uninstalled": {"type": "app_uninstalled", "event_ts?": TS},
    "tokens_revoked": {
        "type": "tokens_revoked",
        "tokens": {"oauth?": ["U0INES"], "bot?": ["U0FRONTLINE"]},
        "event_ts?": TS,
    },
}
URL_VERIFICATION = {"token": "legacy-token", "challenge": "c", "type": "url_verification"}


def faults(shape: Any, value: Any, at: str = "") -> Iterator[str]:
    """The paths at which a value differs from its shape. Extra keys are allowed."""
    match shape:
        case Null(inner):
            if value is not None:
                yield from faults(inner, value, at)
        case Mapping():
            if not isinstance(value, dict):
                yield f"{at}: no object"
                return
            for key, inner in shape.items():
                name = key.removesuffix("?")
                if name in value:
                    yield from faults(inner, value[name], f"{at}/{name}")
                elif name == key:
                    yield f"{at}/{name}: missing"
        case list():
            if not isinstance(value, list):
                yield f"{at}: no list"
                return
            for index, each in enumerate(value if shape else []):
                yield from faults(shape[0], each, f"{at}/{index}")
        case _:
            if type(value) is not type(shape):
                yield f"{at}: {type(value).__name__}, not {type(shape).__name__}"


def least(shape: Any) -> Any:
    """The poorest value of a shape: no key that may be missing, null where that may be."""
    match shape:
        case Null():
            return None
        case Mapping():
            return {key: least(inner) for key, inner in shape.items() if not key.endswith("?")}
        case list():
            return [least(each) for each in shape]
        case _:
            return shape


def most(shape: Any) -> Any:
    """The richest: every key of it."""
    match shape:
        case Null(inner):
            return most(inner)
        case Mapping():
            return {key.removesuffix("?"): most(inner) for key, inner in shape.items()}
        case list():
            return [most(each) for each in shape]
        case _:
            return shape
