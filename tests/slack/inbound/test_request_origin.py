"""Where a request came from: each kind says it in other keys, and shared channels in other ones again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from adapters.slack.inbound.app import BoltEndpoint, Listeners, bolt_app
from adapters.slack.outbound.responder import Responder
from adapters.slack.outbound.web_api import WebApi
from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.workspaces.workspace import RequestOrigin
from tests.scripted_desk import ScriptedDesk
from tests.slack.conftest import Workspace
from tests.slack.inbound.test_requests import EVENT as WHOLE_EVENT
from tests.slack.inbound.test_requests import JSON, send

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


@dataclass
class Nowhere:
    """Workspaces without an installation; records which installation each request asks for."""

    url: str = "http://127.0.0.1:9/api/"
    asked_for: list[RequestOrigin] = field(default_factory=list)

    async def workspace_for(self, origin: RequestOrigin) -> None:
        self.asked_for.append(origin)

    async def hears(self, body: dict[str, Any]) -> int:
        """The status of the answer."""
        workspaces, renderer = cast(Any, self), MrkdwnRenderer()
        answers = Responder(WebApi("", self.url), renderer, omits_unchanged=False)
        door = BoltEndpoint(bolt_app(Listeners(ScriptedDesk(), workspaces, answers), workspaces, self.url))
        return (await door.handle_socket_request(body, {})).status


@pytest.mark.parametrize(
    ("body", "origin"),
    [
        (COMMAND, RequestOrigin("T1", "E1", channel="C1", user="U1")),
        (COMMAND | {"is_enterprise_install": "true"}, RequestOrigin("T1", "E1", True, "C1", "U1")),
        (PRESS, RequestOrigin("T1", "E1", channel="C1", user="U1")),
        (PRESS | {"team": None}, RequestOrigin("T2", "E1", channel="C1", user="U1")),
        (
            PRESS | {"view": {"app_installed_team_id": "T9"}},
            RequestOrigin("T9", "E1", channel="C1", user="U1"),
        ),
        (EVENT, RequestOrigin("T1", channel="C1", user="U1")),
        (SHARED, RequestOrigin("T1", "E1", True, "C1", "U1")),
        (
            EVENT | {"event": {"item": {"channel": "C2"}, "user": "U2"}},
            RequestOrigin("T1", channel="C2", user="U2"),
        ),
        (EVENT | {"event": {"channel": {"id": "C2"}}}, RequestOrigin("T1", channel="C2")),
        (
            EVENT | {"event": {"channel": "C1", "message": {"user": "U3"}}},
            RequestOrigin("T1", "", False, "C1", "U3"),
        ),
        (EVENT | {"event": {"previous_message": {"user": "U4"}}}, RequestOrigin("T1", user="U4")),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
async def test_the_installation_that_is_asked(body: dict[str, Any], origin: RequestOrigin) -> None:
    nowhere = Nowhere()
    await nowhere.hears(body)
    assert nowhere.asked_for == [origin]


async def test_an_organisations_grant_without_a_workspace_names_none() -> None:
    """The rest of such an event may be about another company's workspace."""
    nowhere = Nowhere()
    grant = {"team_id": None, "enterprise_id": "E1", "is_enterprise_install": True}
    await nowhere.hears(SHARED | {"authorizations": [grant]})
    assert nowhere.asked_for == [RequestOrigin("", "E1", True, "C1", "U1")]


@pytest.mark.parametrize("junk", [None, 7, "é", "\0", [], {}, {"id": 7}, [None], True], ids=repr)
@pytest.mark.parametrize(
    "key", ["team", "team_id", "enterprise", "user", "channel", "authorizations", "view", "event"]
)
async def test_ids_that_are_none_are_none(key: str, junk: Any) -> None:
    nowhere = Nowhere()
    assert await nowhere.hears({"type": "block_actions", key: junk}) == 400
    assert nowhere.asked_for in ([], [RequestOrigin()]), "what Bolt cannot read asks for nothing"


async def author(workspace: Workspace, event: dict[str, Any], **more: Any) -> str:
    """The home team of a person whom Slack does not know."""
    said = WHOLE_EVENT["event"] | {"user": "U0NOBODY"} | event
    envelope = WHOLE_EVENT | {"team_id": "T1", "enterprise_id": "E0", "event": said} | more
    assert (await send(workspace, json.dumps(envelope), JSON)).status == 200
    return str(workspace.desk.heard.pop().actor.user.home)


async def test_in_a_shared_channel_the_author_is_of_the_workspace_that_the_event_names(
    workspace: Workspace,
) -> None:
    assert await author(workspace, {"user_team": "T2", "team": "T1"}) == "T2"
    assert await author(workspace, {"team": "T2"}) == "T2"
    assert await author(workspace, {}) == ""


async def test_an_organisation_stands_for_the_workspace_that_the_event_names_with_it(
    workspace: Workspace,
) -> None:
    ours = {"enterprise_id": "E1", "team_id": "T1"}
    assert await author(workspace, {"user_team": "E1"}, **ours) == "T1"
    theirs = {"context_enterprise_id": "E2", "context_team_id": "T2"}
    assert await author(workspace, {"user_team": "E2"}, **theirs) == "T2"
    assert await author(workspace, {"user_team": "E3"}, **ours) == ""


async def test_a_mention_from_an_organisation_names_no_workspace(workspace: Workspace) -> None:
    mention = {"type": "app_mention", "user_team": "E1", "team": "T1"}
    assert await author(workspace, mention, enterprise_id="E1") == ""
    assert await author(workspace, mention | {"user_team": None}) == "T1"
    assert await author(workspace, mention | {"user_team": None, "team": "E1"}) == ""


async def test_elsewhere_the_author_is_of_the_workspace_that_is_asked(workspace: Workspace) -> None:
    assert await author(workspace, {}, is_ext_shared_channel=False) == "T0VENDOR"
