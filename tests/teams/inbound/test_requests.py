"""Who gets in, and that nothing which comes in can make us answer 5xx. Numbers: platforms.md 2.9."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.teams import auth as fresh_keys
from adapters.teams.adapter import Teams
from adapters.teams.auth import (
    BotRegistration,
    Forbidden,
    Identity,
    SigningKeys,
    TokenValidator,
    Unauthorized,
    Unreachable,
    is_service,
)
from adapters.teams.errors import TeamsFault
from adapters.teams.inbound.handler import INVOKES
from bot.model.inbound import Command
from bot.ports import TemporaryFailure
from tests.memory_store import MemoryStore
from tests.scripted_desk import StoppedClock
from tests.teams.activities import activity, guest_tenant, invoke, mentioning, samples
from tests.teams.conftest import TeamsWithDesk
from tests.teams.fake_connector import (
    APP,
    ELSEWHERE,
    FIRST,
    OURS,
    SECOND,
    STRANGER,
    TENANT,
    FakeMicrosoft,
    claims,
)
from tests.waiting import turns

PRESS = {"action": "acknowledge", "value": "ACME-1"}
LATE = datetime(2020, 1, 1, tzinfo=UTC)
V1, V2 = f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Bearer a.b.c", "Basic dXNlcg==", "x" * 5000, "Bearer \xff.."]
)
async def test_a_malformed_token_is_401(teams_desk: TeamsWithDesk, header: str | None) -> None:
    """Number 1: botbuilder answers 500."""
    headers = {"Authorization": header}
    status, _ = await teams_desk.send(
        mentioning(teams_desk.microsoft.service, "hi"), headers=headers, token="-"
    )
    assert status == 401
    assert teams_desk.desk.heard == []
    assert teams_desk.microsoft.sent() == []


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"exp": LATE}, 401),
        ({"exp": None}, 403),
        ({"nbf": datetime.now(UTC) + timedelta(hours=1)}, 401),
        ({"exp": "soon"}, 401),
        ({"aud": "00000000-0000-0000-0000-00000000000c"}, 403),
        ({"aud": None}, 403),
        ({"iss": V1}, 403),
        ({"iss": V2}, 403),
        ({"iss": f"https://sts.windows.net/{ELSEWHERE}/"}, 403),
        ({"iss": "https://api.botframework.com.evil.example"}, 403),
        ({"iss": None}, 403),
        ({"serviceurl": "https://smba.trafficmanager.net/amer/"}, 403),
        ({"serviceurl": None}, 403),
        ({"kid": "unheard of"}, 401),
    ],
)
async def test_a_token_for_another_audience_is_refused(
    teams_desk: TeamsWithDesk, wrong: dict[str, Any], status: int
) -> None:
    """Expired, for another bot, of Entra's own issuers (ours, another tenant's), for another service."""
    token = FIRST.sign(**claims(teams_desk.microsoft.service, **wrong))
    found, _ = await teams_desk.send(mentioning(teams_desk.microsoft.service, "hi"), token=token)
    assert found == status
    assert teams_desk.desk.heard == []
    assert teams_desk.key_values.topics == {}


async def test_unknown_issuers_and_unsigned_tokens_are_refused(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    good = FIRST.sign(**claims(service))
    head, body, _ = good.split(".")
    for token in (STRANGER.sign(**claims(service)), f"{head}.{body}.", f"{head}.{body}.AAAA", f"{good}x"):
        assert (await teams_desk.send(mentioning(service, "hi"), token=token))[0] == 401
    assert teams_desk.desk.heard == []


async def test_a_key_without_the_teams_endorsement_is_refused(teams_desk: TeamsWithDesk) -> None:
    teams_desk.microsoft.keys = [FIRST.public(["webchat"])]
    assert (await teams_desk.send(mentioning(teams_desk.microsoft.service, "hi")))[0] == 403


async def test_activities_of_other_channels_are_refused(teams_desk: TeamsWithDesk) -> None:
    teams_desk.microsoft.keys = [FIRST.public(["msteams", "webchat"])]
    seen = mentioning(teams_desk.microsoft.service, "hi", channelId="webchat")
    assert (await teams_desk.send(seen))[0] == 200
    assert teams_desk.desk.heard == []


async def test_keys_roll_over(teams_desk: TeamsWithDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number 4: botbuilder answers 500 for up to a day."""
    service = teams_desk.microsoft.service
    assert (await teams_desk.send(mentioning(service, "one")))[0] == 200
    teams_desk.microsoft.keys = [SECOND.public()]
    new = SECOND.sign(**claims(service))
    assert (await teams_desk.send(mentioning(service, "two"), token=new))[0] == 401, "asked a moment ago"
    monkeypatch.setattr(fresh_keys, "REFETCH_AFTER", 0.0)
    assert (await teams_desk.send(mentioning(service, "three"), token=new))[0] == 200
    assert (await teams_desk.send(mentioning(service, "four")))[0] == 401, "the old key is gone"


class Library:
    """Keys at a clock that we hold."""

    def __init__(self) -> None:
        self.now, self.reads, self.names = 0.0, 0, ["first"]
        self.keys = SigningKeys("metadata", self.fetch, lambda: self.now)

    async def fetch(self, url: str) -> dict[str, Any]:
        await turns(1)
        if url == "metadata":
            return {"jwks_uri": "keys"}
        self.reads += 1
        if not self.names:
            raise Unreachable("down")
        junk = [None, {"kid": 1}, {"kid": "ec", "kty": "EC"}, {"kid": "bad", "kty": "RSA", "n": "!"}]
        return {"keys": [*junk, *({**FIRST.public(), "kid": name} for name in self.names)]}


async def test_unknown_keys_are_fetched_at_most_once_per_interval() -> None:
    library = Library()
    found = await asyncio.gather(*(library.keys.find("first") for _ in range(20)))
    assert all(found)
    assert library.reads == 1, "one at a time"
    for _ in range(50):
        assert await library.keys.find("made up") is None
    library.now += fresh_keys.REFETCH_AFTER
    assert await library.keys.find("made up") is None
    assert library.reads == 2
    library.names = ["second"]
    library.now += fresh_keys.REFETCH_AFTER
    assert await library.keys.find("second")
    assert library.reads == 3


async def test_cached_keys_survive_an_outage_of_microsoft() -> None:
    library = Library()
    assert await library.keys.find("first")
    library.names = []
    library.now += fresh_keys.FRESH_FOR + 1
    for _ in range(3):
        assert await library.keys.find("first")
    assert library.reads == 2
    empty = Library()
    empty.names = []
    for _ in range(3):
        with pytest.raises(Unreachable):
            await empty.keys.find("first")
    assert empty.reads == 1
    empty.names, empty.now = ["first"], fresh_keys.RETRY_AFTER
    assert await empty.keys.find("first")


async def test_without_keys_every_request_is_refused(teams_desk: TeamsWithDesk) -> None:
    teams_desk.microsoft.keys = []
    assert (await teams_desk.send(mentioning(teams_desk.microsoft.service, "hi")))[0] == 503
    assert teams_desk.desk.heard == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 20_000, b"1" * 5000],
    ids=lambda body: repr(body[:6]),
)
async def test_a_body_that_is_not_a_json_object_is_400(teams_desk: TeamsWithDesk, body: bytes) -> None:
    """Number 1: botbuilder answers 500."""
    assert (await teams_desk.send({}, data=body))[0] == 400


@pytest.mark.parametrize("leaf", ["x", "\0"])
async def test_a_body_nested_too_deeply_is_400(teams_desk: TeamsWithDesk, leaf: str) -> None:
    """Some of it is JSON to Python, and yet too deep for botbuilder, or for what mends text."""
    answers = []
    for depth in range(100, 1200, 10):
        nested = "[" * depth + json.dumps(leaf) + "]" * depth
        seen = invoke(teams_desk.microsoft.service, "task/fetch", {"data": {**PRESS, "more": "HERE"}})
        status, _ = await teams_desk.send({}, data=json.dumps(seen).replace('"HERE"', nested).encode())
        answers.append(status)
    assert set(answers) == {200, 400}
    assert len(teams_desk.desk.heard) == answers.count(200)


@pytest.mark.parametrize("name", sorted(INVOKES))
@pytest.mark.parametrize(
    "value",
    [
        "x",
        5,
        [],
        {"action": 5},
        {"action": {"type": "Action.Submit", "data": PRESS}},
        {"data": PRESS, "context": 5},
        {"data": PRESS, "botMessagePreviewAction": "edit"},
        {"messagePayload": {"body": 5}},
    ],
    ids=repr,
)
async def test_an_invoke_that_botbuilder_cannot_parse_is_not_a_500(
    teams_desk: TeamsWithDesk, name: str, value: Any
) -> None:
    """Left alone it raises DeserializationError or AttributeError, or answers 501."""
    status, _ = await teams_desk.send(invoke(teams_desk.microsoft.service, name, value))
    assert status in (200, 400)
    assert status == 200 or teams_desk.desk.heard == []


async def test_another_content_type_is_415_and_a_missing_one_is_400(teams_desk: TeamsWithDesk) -> None:
    """Number 1."""
    service = teams_desk.microsoft.service
    assert (await teams_desk.send({}, data=b"hi", headers={"Content-Type": "text/plain"}))[0] == 415
    for kind in ("", None, 5, ["message"]):
        assert (await teams_desk.send(activity(service, type=kind)))[0] == 400
    assert (await teams_desk.send({"serviceUrl": service}))[0] == 400
    assert (await teams_desk.send({"type": "message"}))[0] == 400


async def test_without_an_app_id_every_request_is_refused(microsoft: FakeMicrosoft) -> None:
    """Number 2: botbuilder takes unsigned requests then. Number 3: no type is MultiTenant to it."""

    async def never(message: object) -> None:
        return None

    for app in (BotRegistration("", "", ""), BotRegistration(APP, "", TENANT), BotRegistration(APP, "x", "")):
        with pytest.raises(TeamsFault, match="MICROSOFT_APP_ID"):
            await Teams(app, StoppedClock(), MemoryStore(), never, endpoints=microsoft.cloud).start()
        with pytest.raises(Unauthorized):
            await TokenValidator(BotRegistration("", "", ""), Library().keys).validate(
                f"Bearer {FIRST.sign(**claims('x', aud=''))}"
            )
    assert BotRegistration(APP, "x", TENANT).authority == TENANT
    assert BotRegistration(APP, "x", TENANT, "MultiTenant").authority == "botframework.com"
    assert "x" * 9 not in repr(BotRegistration(APP, "x" * 9, TENANT))


def test_unsigned_requests_are_accepted_from_loopback_only() -> None:
    anonymous = TokenValidator(
        BotRegistration("", "", "", anonymous=True), Library().keys, loopback_only=True
    )
    anonymous.authorize(None, "http://localhost:56150/_connector", "msteams")
    for url in ("https://smba.trafficmanager.net/emea/", "http://10.0.0.1/", "", "http://localhost.evil/"):
        with pytest.raises(Forbidden):
            anonymous.authorize(None, url, "msteams")


def test_on_a_simulated_clock_only_local_services_are_accepted() -> None:
    validator = TokenValidator(OURS, Library().keys, loopback_only=True)
    for url, fine in (("https://smba.trafficmanager.net/emea/", False), ("http://127.0.0.1:1/", True)):
        if fine:
            validator.authorize(Identity({"serviceurl": url}), url, "msteams")
        else:
            with pytest.raises(Forbidden):
                validator.authorize(Identity({"serviceurl": url}), url, "msteams")


def test_tokens_are_sent_to_safe_addresses_only() -> None:
    assert is_service("https://smba.trafficmanager.net/emea/")
    for url in ("http://smba.example/", "ftp://x", "https://", "https://[", "https://x:99999/", "x", "//x"):
        assert not is_service(url), url


async def test_tenant_and_targeting_are_read_from_the_activity(teams_desk: TeamsWithDesk) -> None:
    """Numbers 5 and 6: botbuilder looks for `tenantID`, and loses `isTargeted`."""
    service = teams_desk.microsoft.service
    seen = activity(service, text="help me", recipient={"id": "28:x", "isTargeted": True})
    del seen["channelData"]
    assert (await teams_desk.send(seen))[0] == 200
    command = teams_desk.desk.heard[-1]
    assert isinstance(command, Command)
    assert (command.text, command.actor.user.home, command.actor.team) == ("help me", TENANT, TENANT)
    await teams_desk.send(mentioning(service, "hi", **{"from": guest_tenant()}))
    assert teams_desk.desk.heard[-1].actor.user.home == ELSEWHERE
    assert teams_desk.desk.heard[-1].actor.team == TENANT


@pytest.mark.parametrize("name", ["composeExtension/query", "signin/verifyState", "made/up", "", None])
async def test_unknown_invokes_are_acknowledged(teams_desk: TeamsWithDesk, name: str) -> None:
    assert await teams_desk.send(invoke(teams_desk.microsoft.service, name, {"x": [1]})) == (200, {})
    assert teams_desk.desk.heard == []


@pytest.mark.parametrize(
    "strange",
    [
        {"type": "handoff", "from": "nobody"},
        {"type": "messageReaction"},
        {"type": "conversationUpdate", "conversation": None},
        {"type": "conversationUpdate", "membersAdded": "all"},
        {"type": "installationUpdate", "action": "remove"},
        {"type": "message", "entities": [{"type": "made up", "x": {}}, 5, None, {"type": "mention"}]},
        {"type": "message", "entities": {"type": "mention"}},
        {"type": "message", "text": None},
        {"type": "message", "value": "x", "text": "words"},
        {"type": "message", "value": {"who": "knows"}, "text": ""},
        {"type": "event", "name": "application/vnd.microsoft.meetingStart"},
    ],
)
async def test_unknown_activities_and_entities_are_ignored(
    teams_desk: TeamsWithDesk, strange: dict[str, Any]
) -> None:
    assert (await teams_desk.send({**activity(teams_desk.microsoft.service), **strange}))[0] == 200


async def test_a_success_is_200(teams_desk: TeamsWithDesk) -> None:
    for sample in samples(teams_desk.microsoft.service):
        status, _ = await teams_desk.send(sample)
        assert status == 200, sample
    await teams_desk.settled()


async def test_text_that_a_database_cannot_store_is_cleaned(teams_desk: TeamsWithDesk) -> None:
    raw = mentioning(teams_desk.microsoft.service, "x", id="1")
    raw["text"] = "<at>Frontline</at> a\0b \ud800 c"
    assert (await teams_desk.send(raw))[0] == 200
    command = teams_desk.desk.heard[-1]
    assert isinstance(command, Command)
    command.text.encode()
    assert "\0" not in command.text


async def test_a_failure_of_the_desk_is_not_a_500(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = RuntimeError("bug")
    again = []
    for sample in samples(teams_desk.microsoft.service):
        status, _ = await teams_desk.send(sample)
        assert status in (200, 503)
        again += [sample["type"]] if status == 503 else []
    # What was written in a thread has to come again, and what became of it, and of the channel.
    updates = ["conversationUpdate", "conversationUpdate", "installationUpdate"]
    assert sorted(again) == [*updates, "message", "message", "messageDelete", "messageUpdate"]
    await teams_desk.settled()


async def test_a_failure_of_teams_is_one_line_in_the_log(teams_desk: TeamsWithDesk) -> None:
    teams_desk.desk.answer = TemporaryFailure("no answer")
    with capture_logs() as lines:
        for sample in samples(teams_desk.microsoft.service):
            await teams_desk.send(sample)
        await teams_desk.settled()
    failed = [line for line in lines if line.get("why") == "no answer"]
    assert len(failed) > 5
    assert {line["log_level"] for line in failed} == {"warning"}
    assert not [line for line in lines if "exc_info" in line]
