"""Where a request came from: each kind says it in other keys, and shared channels in other ones again."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.envelope import asked, kind, kind_of_event, team_of_actor
from adapters.slack.workspaces import Asked

COMMAND = {"command": "/support", "team_id": "T1", "enterprise_id": "E1", "channel_id": "C1", "user_id": "U1"}
PRESS = {
    "type": "block_actions",
    "team": {"id": "T1"},
    "enterprise": {"id": "E1"},
    "user": {"id": "U1", "team_id": "T2"},
    "channel": {"id": "C1"},
}
EVENT = {
    "type": "event_callback",
    "team_id": "T1",
    "event": {"type": "message", "channel": "C1", "user": "U1"},
}
SHARED = EVENT | {
    "team_id": "T2",
    "enterprise_id": "E2",
    "is_ext_shared_channel": True,
    "authorizations": [{"team_id": "T1", "enterprise_id": "E1", "is_enterprise_install": True}],
}


@pytest.mark.parametrize(
    ("body", "origin"),
    [
        (COMMAND, Asked("T1", "E1", channel="C1", user="U1")),
        (COMMAND | {"is_enterprise_install": "true"}, Asked("T1", "E1", True, "C1", "U1")),
        (PRESS, Asked("T1", "E1", channel="C1", user="U1")),
        (PRESS | {"team": None}, Asked("T2", "E1", channel="C1", user="U1")),
        (PRESS | {"view": {"app_installed_team_id": "T9"}}, Asked("T9", "E1", channel="C1", user="U1")),
        (EVENT, Asked("T1", channel="C1", user="U1")),
        (SHARED, Asked("T1", "E1", True, "C1", "U1")),
        (EVENT | {"event": {"item": {"channel": "C2"}, "user": "U2"}}, Asked("T1", channel="C2", user="U2")),
        (EVENT | {"event": {"channel": {"id": "C2"}}}, Asked("T1", channel="C2")),
        (EVENT | {"event": {"channel": "C1", "message": {"user": "U3"}}}, Asked("T1", "", False, "C1", "U3")),
        (EVENT | {"event": {"previous_message": {"user": "U4"}}}, Asked("T1", user="U4")),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
def test_the_installation_that_is_asked(body: dict[str, Any], origin: Asked) -> None:
    assert asked(body) == origin


def test_an_organisations_grant_without_a_workspace_names_none() -> None:
    """The rest of such an event may be about another company's workspace."""
    grant = {"team_id": None, "enterprise_id": "E1", "is_enterprise_install": True}
    assert asked(SHARED | {"authorizations": [grant]}) == Asked("", "E1", True, "C1", "U1")


@pytest.mark.parametrize("junk", [None, 7, "é", "\0", [], {}, {"id": 7}, [None], True], ids=repr)
def test_ids_that_are_none_are_none(junk: Any) -> None:
    keys = ("team", "team_id", "enterprise", "user", "channel", "authorizations", "view", "event")
    assert asked(dict.fromkeys(keys, junk)) == Asked()
    assert kind_of_event({"event": junk}) == ""


def author(event: dict[str, Any], **more: str) -> str:
    said = {"type": "message"} | event
    return team_of_actor({"type": "event_callback", "is_ext_shared_channel": True, "event": said} | more)


def test_in_a_shared_channel_the_author_is_of_the_workspace_that_the_event_names() -> None:
    assert author({"user_team": "T2", "team": "T1"}) == "T2"
    assert author({"team": "T2"}) == "T2"
    assert author({}) == ""


def test_an_organisation_stands_for_the_workspace_that_the_event_names_with_it() -> None:
    assert author({"user_team": "E1"}, enterprise_id="E1", team_id="T1") == "T1"
    assert author({"user_team": "E2"}, context_enterprise_id="E2", context_team_id="T2") == "T2"
    assert author({"user_team": "E3"}, enterprise_id="E1", team_id="T1") == ""


def test_a_mention_from_an_organisation_names_no_workspace() -> None:
    mention = {"type": "app_mention", "user_team": "E1", "team": "T1"}
    assert author(mention, enterprise_id="E1", team_id="T1") == ""
    assert author(mention | {"user_team": None}) == "T1"


def test_elsewhere_the_author_is_of_the_workspace_that_is_asked() -> None:
    assert team_of_actor(EVENT) == "T1"


@pytest.mark.parametrize(("body", "name"), [(COMMAND, "command"), (PRESS, "block_actions"), ({}, "")])
def test_kinds(body: dict[str, Any], name: str) -> None:
    assert kind(body) == name
