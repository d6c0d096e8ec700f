from __future__ import annotations

import io
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.model.inbound import Command, FormClosed, Posted, Press, Submission
from demo.slack import Ack
from demo.slack.actions.bot_client import FORM
from tests.slack.conftest import Workspace

JSON = "application/json"
USER = {"id": "U0BOB", "team_id": "T0VENDOR", "username": "bob", "name": "bob"}
SLASH = {
    "command": "/support",
    "text": "x",
    "trigger_id": "1.2.3",
    "user_id": "U0BOB",
    "user_name": "bob",
    "team_id": "T0VENDOR",
    "channel_id": "C0ACME",
}
PRESS: dict[str, Any] = {
    "type": "block_actions",
    "team": {"id": "T0VENDOR"},
    "user": USER,
    "container": {"type": "message", "message_ts": "1.2", "channel_id": "C0ACME", "is_ephemeral": False},
    "channel": {"id": "C0ACME", "name": "acme"},
    "actions": [{"type": "button", "action_id": "take", "block_id": "b", "value": "1", "action_ts": "1.3"}],
    "trigger_id": "1.2.3",
}
SUBMISSION: dict[str, Any] = {
    "type": "view_submission",
    "team": {"id": "T0VENDOR"},
    "user": USER,
    "view": {
        "id": "V1",
        "type": "modal",
        "callback_id": "intake",
        "hash": "1.x",
        "private_metadata": '{"context":{"a":"b"}}',
        "blocks": [
            {"type": "input", "block_id": "s", "element": {"type": "plain_text_input", "action_id": "s"}}
        ],
        "state": {"values": {"s": {"s": {"type": "plain_text_input", "value": "v"}}}},
    },
}
SHORTCUT: dict[str, Any] = {
    "type": "message_action",
    "callback_id": "ticket_about_message",
    "team": {"id": "T0VENDOR"},
    "user": USER,
    "trigger_id": "1.2.4",
    "channel": {"id": "C0ACME", "name": "acme"},
    "message": {"type": "message", "user": "U0BOB", "text": "x", "ts": "1.2"},
}
CLOSED = SUBMISSION | {"type": "view_closed"}
EVENT: dict[str, Any] = {
    "type": "event_callback",
    "team_id": "T0VENDOR",
    "event_id": "Ev1",
    "event": {"type": "message", "user": "U0BOB", "text": "x", "ts": "1.2", "channel": "C0ACME"},
    "authorizations": [{"team_id": "T0VENDOR", "enterprise_id": None}],
    "is_ext_shared_channel": True,
}
MENTION = EVENT | {"event": EVENT["event"] | {"type": "app_mention", "text": "<@U0FRONTLINE> x"}}
REACTION = EVENT | {
    "event": {
        "type": "reaction_added",
        "user": "U0BOB",
        "reaction": "ticket",
        "item": {"type": "message", "channel": "C0ACME", "ts": "1.2"},
    }
}


SAMPLES = [PRESS, SUBMISSION, CLOSED, SHORTCUT, EVENT, MENTION, REACTION, SLASH]


async def send(workspace: Workspace, body: str, kind: str) -> Ack:
    return await workspace.slack._bot_client.deliver(workspace.slack._bot_client.sign("raw", body, kind))


async def interact(workspace: Workspace, payload: object) -> Ack:
    return await send(workspace, urlencode({"payload": json.dumps(payload)}), FORM)


async def test_the_samples_themselves_are_heard(workspace: Workspace) -> None:
    await send(workspace, urlencode(SLASH), FORM)
    for payload in (PRESS, SUBMISSION, CLOSED):
        await interact(workspace, payload)
    await interact(workspace, SHORTCUT)
    for event in (EVENT, MENTION, REACTION):
        await send(workspace, json.dumps(event), JSON)
    kinds = [type(inbound) for inbound in workspace.desk.heard]
    assert kinds == [Command, Press, Submission, FormClosed, Command, Posted, Command, Command]


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """One of the samples with a few places deleted or replaced by something else."""
    sample = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(1, 3))):
        at, path = sample, []
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            path.append((at, draw(st.sampled_from(keys))))
            at = path[-1][0][path[-1][1]]
            if not isinstance(at, (dict, list)) or not at or draw(st.booleans()):
                break
        if path:
            holder, key = path[-1]
            if draw(st.booleans()):
                holder[key] = draw(anything)
            else:
                del holder[key]
    return sample


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(st.data())
def test_broken_requests_are_refused_without_errors(workspace_runner: Any, data: st.DataObject) -> None:
    payload = data.draw(broken() | anything)
    as_json = data.draw(st.booleans())
    body = json.dumps(payload) if as_json else urlencode({"payload": json.dumps(payload)})
    ack = workspace_runner(body, JSON if as_json else FORM)
    assert ack.status in (200, 400)
    if ack.status == 400:
        assert ack.no_retry


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(st.dictionaries(st.sampled_from(sorted(SLASH)), st.text(max_size=20)), st.booleans())
def test_broken_commands_are_refused_without_errors(
    workspace_runner: Any, fields: dict[str, str], whole: bool
) -> None:
    assert workspace_runner(urlencode((SLASH | fields) if whole else fields), FORM).status in (200, 400)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", FORM),
        ("", JSON),
        ("{", JSON),
        ("[]", JSON),
        ("null", JSON),
        ('"x"', JSON),
        ("7", JSON),
        ("[" * 100_000, JSON),
        ("payload=", FORM),
        ("payload=%7B", FORM),
        ("payload=[]", FORM),
        ("payload=%ff%fe", FORM),
        ("payload=" + "x" * 300_000, FORM),
        ("command=/support", FORM),
        ("command=%00&trigger_id=%00&user_id=%00&channel_id=%00", FORM),
        ("ssl_check=2", FORM),
        ('{"type":"event_callback","event":7}', JSON),
        ('{"type":"event_callback","event":{"type":["message"]}}', JSON),
        ('{"type":"event_callback","authorizations":{"a":1},"event":{"type":"message"}}', JSON),
        ('{"type":"url_verification"}', JSON),
        ('{"type":"block_actions","actions":[]}', JSON),
        ('{"type":"block_actions","actions":{}}', JSON),
        ('{"type":"view_submission","view":{}}', JSON),
        ('{"type":"view_submission","view":{"callback_id":7}}', JSON),
        ('{"type":"view_submission","view":{"callback_id":"x"}}', JSON),
        ('{"type":"view_submission","view":{"callback_id":"x","type":"workflow_step"}}', JSON),
        ('{"type":"dialog_submission","callback_id":"x"}', JSON),
        ('{"type":"block_suggestion","action_id":"x"}', JSON),
        ('{"type":"no_such_thing"}', JSON),
        ('{"type":"event_callback","event":{"type":"message","text":"\\ud800"}}', JSON),
    ],
)
async def test_malformed_bodies_are_refused(workspace: Workspace, body: str, kind: str) -> None:
    ack = await send(workspace, body, kind)
    assert ack.status in (200, 400)
    assert workspace.desk.heard == []


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-tar", "", "application/json; charset=nonsense"]
)
async def test_other_content_types_are_refused(workspace: Workspace, kind: str) -> None:
    assert (await send(workspace, json.dumps(EVENT), kind or FORM)).status in (200, 400)


@pytest.mark.parametrize("metadata", ["{", "[]", "7", '{"context":[]}', '{"context":{"a":1}}', "null"])
async def test_a_form_of_another_app_is_refused(workspace: Workspace, metadata: str) -> None:
    payload = SUBMISSION | {"view": SUBMISSION["view"] | {"private_metadata": metadata}}
    assert (await interact(workspace, payload)).status == 400
    assert workspace.desk.heard == []


async def post(url: str, body: bytes | io.BytesIO, headers: dict[str, str]) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status, await response.text()


FAULTS = ["unsigned", "forged", "old", "no number", "no moment", "odd letters", "other secret"]


@pytest.mark.parametrize(
    "body", [urlencode(SLASH), "payload={", "[" * 100_000, '{"ssl_check":["1"]}', "\udcff"]
)
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_unsigned_request_is_refused(workspace: Workspace, body: str, fault: str) -> None:
    raw = body.encode("utf-8", "surrogateescape")
    kind = JSON if body.startswith(("[", "{")) else FORM
    wire = workspace.slack._bot_client
    good = wire.sign("raw", body, kind).headers if body.isascii() else {}
    stamp = str(int(time.time()))
    headers = {
        "unsigned": {},
        "forged": {"X-Slack-Signature": "v0=" + "0" * 64, "X-Slack-Request-Timestamp": stamp},
        "old": good | {"X-Slack-Request-Timestamp": str(int(stamp) - 301)},
        "no number": good | {"X-Slack-Request-Timestamp": "now"},
        "no moment": good | {"X-Slack-Request-Timestamp": "9" * 400},
        "odd letters": {"X-Slack-Signature": "v0=ü", "X-Slack-Request-Timestamp": stamp},
        "other secret": {"X-Slack-Signature": "v0=" + "a" * 64, "X-Slack-Request-Timestamp": stamp},
    }[fault]
    status, answer = await post(workspace.url, raw, headers | {"Content-Type": kind})
    assert status == 401
    assert json.loads(answer) == {"error": "invalid request"}
    assert workspace.desk.heard == []


async def test_an_ssl_check_is_answered(workspace: Workspace) -> None:
    status, answer = await post(workspace.url, b"ssl_check=1&token=x", {"Content-Type": FORM})
    assert (status, answer) == (200, "")


async def test_fields_named_like_our_settings_are_harmless(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"):
        monkeypatch.setenv(name, "from the environment")
    from adapters.web import WebServer
    from tests.scripted_desk import ready

    server = WebServer("127.0.0.1", 0, workspace.ours.routes(workspace.desk), ready)
    await server.start()
    workspace.slack.bot_url = f"{server.address}/slack/events"
    assert (await workspace.slack.command(workspace.bob, workspace.acme, "/support")).status == 200
    assert len(workspace.desk.heard) == 1
    await server.stop()
