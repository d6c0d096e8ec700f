"""Which of botbuilder's methods handles each activity, and what the desk receives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from botbuilder.core import ActivityHandler  # type: ignore[import-untyped]
from botbuilder.core.teams import TeamsActivityHandler  # type: ignore[import-untyped]
from msrest.service_client import _ServiceClientCore
from msrest.universal_http.requests import ClientRetryPolicy

from adapters.teams.inbound.handler import INVOKES, TeamsHandler
from bot.model.inbound import ChannelChanged
from tests.teams.activities import BOT, activity, event, invoke, mentioning, personal, samples
from tests.teams.conftest import Json, TeamsWithDesk

PRESS = {"action": "acknowledge", "value": "ACME-1"}
US, ANN = [{"id": BOT}], [{"id": "29:ann"}]
HERE = "http://127.0.0.1/"


def of(kind: str, event_type: str = "", **more: Any) -> Json:
    about = {"channelData": event(event_type)} if event_type else {}
    return activity(HERE, kind, **about, **more)


MESSAGES = [
    ("to us", mentioning(HERE, "support"), "on_message_activity", "Command"),
    ("in a thread", activity(HERE, text="news?"), "on_message_activity", "Posted"),
    ("to us alone", personal(HERE, text="help"), "on_message_activity", "Command"),
    ("of a button", activity(HERE, text="", value=PRESS), "on_message_activity", "Press"),
    ("edited", of("messageUpdate", "editMessage", text="x"), "on_message_update_activity", "MessageChanged"),
    (
        "restored",
        of("messageUpdate", "undeleteMessage", text="x"),
        "on_message_update_activity",
        "MessageChanged",
    ),
    ("changed", of("messageUpdate", text="x"), "on_message_update_activity", "MessageChanged"),
    ("deleted", of("messageDelete", "softDeleteMessage"), "on_message_delete_activity", "MessageChanged"),
    ("gone", of("messageDelete"), "on_message_delete_activity", "MessageChanged"),
]
UPDATES = [
    ("", {}, "on_conversation_update_activity", ""),
    ("teamMemberAdded", {"membersAdded": US}, "on_teams_members_added", "joined"),
    ("teamMemberAdded", {"membersAdded": ANN}, "on_teams_members_added", ""),
    ("teamMemberRemoved", {"membersRemoved": US}, "on_teams_members_removed", "left"),
    ("teamMemberRemoved", {"membersRemoved": ANN}, "on_teams_members_removed", ""),
    ("channelCreated", {}, "on_teams_channel_created", ""),
    ("channelRenamed", {}, "on_teams_channel_renamed", "renamed"),
    ("channelDeleted", {}, "on_teams_channel_deleted", "deleted"),
    ("channelRestored", {}, "on_teams_channel_restored", "unarchived"),
    ("channelShared", {}, "on_conversation_update_activity", "shared"),
    ("channelUnshared", {}, "on_conversation_update_activity", "unshared"),
    ("teamRenamed", {}, "on_teams_team_renamed_activity", ""),
    ("teamArchived", {}, "on_teams_team_archived", "archived"),
    ("teamUnarchived", {}, "on_teams_team_unarchived", "unarchived"),
    ("teamDeleted", {}, "on_teams_team_deleted", "deleted"),
    ("teamHardDeleted", {}, "on_teams_team_hard_deleted", "deleted"),
    ("teamRestored", {}, "on_teams_team_restored", "unarchived"),
]
INSTALLATIONS = [
    ("add", "on_installation_update_add", "joined"),
    ("add-upgrade", "on_installation_update_add", ""),
    ("remove", "on_installation_update_remove", "left"),
    ("remove-upgrade", "on_installation_update_remove", ""),
]
INVOKED = [
    ("adaptiveCard/action", "on_adaptive_card_invoke", "Press"),
    ("task/fetch", "on_teams_task_module_fetch", "Press"),
    ("task/submit", "on_teams_task_module_submit", "Press"),
    ("composeExtension/fetchTask", "on_teams_messaging_extension_fetch_task", "Command"),
    ("composeExtension/submitAction", "on_teams_messaging_extension_submit_action", "Press"),
    ("composeExtension/query", "on_invoke_activity", ""),
    ("signin/verifyState", "on_invoke_activity", ""),
]
IGNORED = [
    ("messageReaction", "on_message_reaction_activity"),
    ("event", "on_event_activity"),
    ("typing", "on_typing_activity"),
    ("endOfConversation", "on_end_of_conversation_activity"),
    ("handoff", "on_unrecognized_activity_type"),
]
VALUE = {"data": PRESS, "action": {"type": "Action.Execute", "data": PRESS}, "commandId": "support"}
ACTIVITIES: list[tuple[str, Json, str, str]] = [
    *((f"message {what}", seen, method, act) for what, seen, method, act in MESSAGES),
    *(
        (f"conversationUpdate {kind} {act}", of("conversationUpdate", kind, **more), method, act)
        for kind, more, method, act in UPDATES
    ),
    *(
        (f"installationUpdate {action}", of("installationUpdate", action=action), method, act)
        for action, method, act in INSTALLATIONS
    ),
    *((f"invoke {name}", invoke(HERE, name, VALUE), method, act) for name, method, act in INVOKED),
    *((kind, of(kind), method, "") for kind, method in IGNORED),
]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The handler's methods that botbuilder called, in order."""
    names: list[str] = []

    def recorded(name: str) -> Callable[..., Awaitable[object]]:
        method = getattr(TeamsHandler, name)

        async def record(self: TeamsHandler, *arguments: object) -> object:
            names.append(name)
            found: object = await method(self, *arguments)
            return found

        return record

    for name in dir(TeamsHandler):
        if name.startswith("on_"):
            monkeypatch.setattr(TeamsHandler, name, recorded(name))
    return names


@pytest.mark.parametrize(
    ("seen", "method", "act"), [pytest.param(*rest, id=name) for name, *rest in ACTIVITIES]
)
async def test_botbuilder_dispatches_every_activity(
    teams_desk: TeamsWithDesk, passed: list[str], seen: Json, method: str, act: str
) -> None:
    status, _ = await teams_desk.send({**seen, "serviceUrl": teams_desk.microsoft.service})
    await teams_desk.settled()
    assert status == 200
    assert passed, "it did not come through botbuilder"
    assert (passed[0], passed[-1]) == ("on_turn", method)
    heard = [
        one.change if isinstance(one, ChannelChanged) else type(one).__name__ for one in teams_desk.desk.heard
    ]
    assert heard == ([act] if act else [])


def test_the_handler_keeps_botbuilders_dispatch_and_tests_every_method() -> None:
    assert TeamsHandler.on_turn is ActivityHandler.on_turn
    assert TeamsHandler.__bases__ == (TeamsActivityHandler,)
    ours = {name for name in vars(TeamsHandler) if name.startswith("on_")}
    through = {method for _, _, method, _ in ACTIVITIES}
    assert ours - through == {"on_installation_update"}, "which hands on to what it became"
    assert {name for name, *_ in INVOKED} > INVOKES


async def test_botbuilders_own_client_is_never_made(
    teams_desk: TeamsWithDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It blocks threads and repeats calls by itself (numbers 4 and 7)."""

    def never(self: object, *arguments: object, **more: object) -> None:
        pytest.fail(f"{type(self).__name__} was made")

    for client in (_ServiceClientCore, ClientRetryPolicy):
        monkeypatch.setattr(client, "__init__", never)
    for seen in (*samples(teams_desk.microsoft.service), *(seen for _, seen, _, _ in ACTIVITIES)):
        status, _ = await teams_desk.send({**seen, "serviceUrl": teams_desk.microsoft.service})
        assert status == 200
    await teams_desk.settled()
    asked = [call.path for call in teams_desk.microsoft.calls if call.method == "GET"]
    assert [path for path in asked if not path.startswith("v3/teams/")] == [], "no roster was asked"


LIGHT = "bot.__main__, adapters.teams.auth, adapters.teams.errors, adapters.teams.manifest"


def loaded(modules: str) -> set[str]:
    """What of botbuilder is loaded with these modules, in a process of its own."""
    code = f"import sys, {modules}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {"botbuilder", "botframework", "msrest"} & {*found.stdout.split()}


def test_botbuilder_is_loaded_only_where_teams_is_configured() -> None:
    assert loaded(LIGHT) == set()
    assert loaded("adapters.teams.adapter") == {"botbuilder", "botframework", "msrest"}
