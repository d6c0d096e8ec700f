"""Speaking first: where it goes, and what each refusal means. Numbers: platforms.md 2.9."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from email.utils import format_datetime

import pytest
from structlog.testing import capture_logs

from adapters.teams.adapter import Teams
from adapters.teams.auth import BotRegistration
from adapters.teams.errors import TeamsFault, seconds
from adapters.teams.outbound.conversations import CONVERSATIONS, PEOPLE
from adapters.teams.outbound.sender import charges
from bot.clock import real_now
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice
from bot.ports import PermanentFailure, TemporaryFailure
from tests.memory_store import MemoryStore
from tests.scripted_desk import StoppedClock
from tests.teams.activities import (
    ANN,
    BOB,
    BOT,
    CHANNEL,
    CHAT,
    TEAM,
    activity,
    guest_tenant,
    person,
    personal,
)
from tests.teams.conftest import TeamsWithDesk
from tests.teams.fake_connector import (
    ELSEWHERE,
    OURS,
    PASSWORD,
    TENANT,
    FakeMicrosoft,
    Refusal,
)
from tests.waiting import PATIENCE

ACME = Place("teams", CHANNEL)
HELLO = Notice(("hello",))
ESCAPED = "19%3Aacme%40thread.tacv2"
DANA = UserRef("teams", "", ANN)


async def test_posts_to_a_channel_and_to_its_threads(teams_desk: TeamsWithDesk) -> None:
    root = await teams_desk.teams.post(ACME, HELLO, None)
    reply = await teams_desk.teams.post(ACME, HELLO, root)
    await teams_desk.teams.update(root, HELLO)
    first, second, third = teams_desk.microsoft.sent()
    assert (first.method, first.path) == ("POST", f"v3/conversations/{ESCAPED}/activities")
    assert second.path == f"v3/conversations/{ESCAPED}%3Bmessageid%3D{root.id}/activities"
    assert (third.method, third.path) == ("PUT", f"v3/conversations/{ESCAPED}/activities/{root.id}")
    assert third.body["id"] == root.id
    assert (root.place, reply.place) == (ACME, ACME)
    assert first.body["summary"] == "hello"
    assert "text" not in first.body, "it would stand above the card"


async def test_a_group_chat_has_no_threads(teams_desk: TeamsWithDesk) -> None:
    """Botbuilder's proactive replies go to a made-up activity; a group chat has no threads at all."""
    group = activity(teams_desk.microsoft.service, "conversationUpdate")
    group["conversation"] = {"id": "19:x@thread.v2", "conversationType": "groupChat", "tenantId": TENANT}
    await teams_desk.send(group)
    place = Place("teams", "19:x@thread.v2")
    await teams_desk.teams.post(place, HELLO, MessageRef(place, "17"))
    assert teams_desk.microsoft.sent()[-1].path == "v3/conversations/19%3Ax%40thread.v2/activities"


async def test_a_service_address_is_remembered_and_refreshed(
    teams_desk: TeamsWithDesk, microsoft: FakeMicrosoft
) -> None:
    await teams_desk.send(activity(microsoft.service, "conversationUpdate", membersAdded=[{"id": BOT}]))
    kept = json.loads(teams_desk.key_values.topics[CONVERSATIONS][CHANNEL])
    where = {"service": microsoft.service, "tenant": TENANT, "bot": BOT, "kind": "channel"}
    assert kept == where | {"team": TEAM, "name": ""}

    async def ticket_of(message: object) -> None:
        return None

    other = Teams(OURS, StoppedClock(), teams_desk.key_values, ticket_of, endpoints=microsoft.cloud)
    await other.start()
    assert await other.places_of(DANA) == frozenset()
    assert microsoft.calls[-1].path == f"v3/conversations/{ESCAPED}/members/{ANN}"
    await other.close()


class Slow(MemoryStore):
    """A key-value store that waits, or breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on, self.writes, self.broken = asyncio.Event(), 0, False

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        self.writes += 1
        await self.go_on.wait()
        if self.broken:
            raise OSError("disk full")
        await super().put(topic, key, value, expires_at)


async def test_only_an_update_waits_for_the_key_value_store(
    teams_desk: TeamsWithDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    references = teams_desk.teams._references
    slow = references._key_values = Slow()
    written, waits = references.flush, asyncio.Event()

    async def watched() -> None:
        waits.set()
        await written()

    monkeypatch.setattr(references, "flush", watched)
    service = teams_desk.microsoft.service
    async with asyncio.timeout(PATIENCE):
        assert (await teams_desk.send(activity(service, text="hi")))[0] == 200
    assert slow.topics == {}
    assert not waits.is_set()
    update = asyncio.create_task(teams_desk.send(activity(service, "conversationUpdate")))
    waiting = asyncio.create_task(waits.wait())
    done, _ = await asyncio.wait({update, waiting}, return_when=asyncio.FIRST_COMPLETED)
    slow.go_on.set()
    assert done == {waiting}
    assert (await update)[0] == 200
    assert slow.topics.keys() == {CONVERSATIONS, PEOPLE}
    writes = slow.writes
    for _ in range(3):
        await teams_desk.send(activity(service, text="again"))
        await teams_desk.send(activity(service, "conversationUpdate"))
    assert slow.writes == writes, "nothing changed"


async def test_a_reference_that_could_not_be_stored_is_stored_next_time(teams_desk: TeamsWithDesk) -> None:
    slow = teams_desk.teams._references._key_values = Slow()
    slow.go_on.set()
    slow.broken = True
    update = activity(teams_desk.microsoft.service, "conversationUpdate")
    assert (await teams_desk.send(update))[0] == 503
    slow.broken = False
    assert (await teams_desk.send(update))[0] == 200
    assert CHANNEL in slow.topics[CONVERSATIONS]


async def test_a_direct_message_makes_its_conversation_once(teams_desk: TeamsWithDesk) -> None:
    await asyncio.gather(*(teams_desk.teams.post(DANA, HELLO, None) for _ in range(5)))
    said = await teams_desk.teams.post(DANA, HELLO, None)
    creates = [call for call in teams_desk.microsoft.sent() if call.path == "v3/conversations"]
    assert len(creates) == 1
    assert said.place == Place("teams", f"a:{ANN}", direct=True)
    assert creates[0].body["channelData"] == {"tenant": {"id": TENANT}}, "number 5"
    assert creates[0].body["bot"] == {"id": BOT}
    await teams_desk.settled()
    assert json.loads(teams_desk.key_values.topics[PEOPLE][ANN])["chat"] == f"a:{ANN}"


async def test_the_conversation_of_a_person_who_wrote_is_used(teams_desk: TeamsWithDesk) -> None:
    await teams_desk.send(personal(teams_desk.microsoft.service, text="hi"))
    said = await teams_desk.teams.post(DANA, HELLO, None)
    assert said.place.id == CHAT
    (call,) = teams_desk.microsoft.sent()
    assert call.body["channelData"]["notification"] == {"alert": True}


async def test_a_deleted_conversation_is_created_again(teams_desk: TeamsWithDesk) -> None:
    await teams_desk.send(personal(teams_desk.microsoft.service, text="hi"))
    teams_desk.microsoft.refuse = [Refusal(404, "ConversationNotFound")]
    said = await teams_desk.teams.post(DANA, HELLO, None)
    assert said.place.id == "a:29:ann"
    assert teams_desk.microsoft.sent()[1].body["members"] == [{"id": "29:ann"}]


async def test_people_of_another_organisation_get_no_direct_message(teams_desk: TeamsWithDesk) -> None:
    eli = guest_tenant()["aadObjectId"]
    with pytest.raises(PermanentFailure, match="another organisation"):
        await teams_desk.teams.post(UserRef("teams", ELSEWHERE, eli), HELLO, None)
    await teams_desk.send(activity(teams_desk.microsoft.service, text="hi", **{"from": guest_tenant()}))
    with pytest.raises(PermanentFailure, match="another organisation"):
        await teams_desk.teams.post(UserRef("teams", "", eli), HELLO, None)
    with pytest.raises(PermanentFailure, match="not on Teams"):
        await teams_desk.teams.post(UserRef("slack", "T", "U"), HELLO, None)
    assert teams_desk.microsoft.sent() == []


@pytest.mark.parametrize(
    ("refusal", "after"),
    [
        (Refusal(429, "Throttled", {"Retry-After": "7"}), 7.0),
        (Refusal(429, "Throttled"), None),
        (Refusal(429, "Throttled", {"Retry-After": "soon"}), None),
        (Refusal(412, "PreconditionFailed"), None),
        (Refusal(500, "ServiceError"), None),
        (Refusal(502, body="<html>bad gateway</html>"), None),
        (Refusal(503, headers={"Retry-After": "2"}), 2.0),
        (Refusal(504, body="[" * 20_000), None),
    ],
)
async def test_a_temporary_failure_is_raised_after_one_call(
    teams_desk: TeamsWithDesk, refusal: Refusal, after: float | None
) -> None:
    """Number 7: botbuilder repeats a PUT three times by itself, and sleeps in a thread meanwhile."""
    for call in (
        teams_desk.teams.post(ACME, HELLO, None),
        teams_desk.teams.update(MessageRef(ACME, "1"), HELLO),
    ):
        teams_desk.microsoft.calls.clear()
        teams_desk.microsoft.refuse = [refusal]
        with pytest.raises(TemporaryFailure) as caught:
            await call
        assert caught.value.retry_after == after
        assert len(teams_desk.microsoft.calls) == 1, "tried once"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "MessageWritesBlocked", "has blocked the bot"),
        (403, "BotNotInConversationRoster", "add the app to the team"),
        (403, "BotDisabledByAdmin", "administrator"),
        (403, "", "does not let the bot in"),
        (404, "ConversationNotFound", "conversation was deleted"),
        (404, "ActivityNotFoundInConversation", "the message was deleted"),
        (413, "MessageSizeTooBig", "too large"),
        (400, "BadSyntax", "no: BadSyntax"),
        (302, "", "no:"),
    ],
)
async def test_a_permanent_failure_is_raised_after_one_call(
    teams_desk: TeamsWithDesk, status: int, code: str, words: str
) -> None:
    teams_desk.microsoft.refuse = [Refusal(status, code)]
    with pytest.raises(PermanentFailure, match=words) as caught:
        await teams_desk.teams.post(ACME, HELLO, None)
    assert "\n" not in str(caught.value)
    assert len(teams_desk.microsoft.calls) == 1


async def test_a_rejected_token_is_renewed_once(teams_desk: TeamsWithDesk) -> None:
    assert teams_desk.microsoft.tokens == 1
    teams_desk.microsoft.good.clear()
    await teams_desk.teams.post(ACME, HELLO, None)
    assert [call.token for call in teams_desk.microsoft.sent()] == ["token-1", "token-2"]
    teams_desk.microsoft.refuse = [Refusal(401), Refusal(401)]
    with capture_logs() as logs, pytest.raises(TemporaryFailure, match="does not take the bot's token"):
        await teams_desk.teams.post(ACME, HELLO, None)
    assert [log["log_level"] for log in logs] == ["error"]
    assert teams_desk.microsoft.tokens == 3


async def test_concurrent_calls_fetch_one_token(teams_desk: TeamsWithDesk) -> None:
    teams_desk.microsoft.good.clear()
    await asyncio.gather(*(teams_desk.teams.post(ACME, HELLO, None) for _ in range(20)))
    assert teams_desk.microsoft.tokens == 2


async def test_an_unreachable_service_is_a_temporary_failure(teams_desk: TeamsWithDesk) -> None:
    await teams_desk.microsoft.stop()
    with pytest.raises(TemporaryFailure, match="send: not reached"):
        await teams_desk.teams.post(ACME, HELLO, None)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "AADSTS7000215: Invalid client secret", "MICROSOFT_APP_PASSWORD is not"),
        (401, "AADSTS7000222: expired", "has expired"),
        (400, "AADSTS700016: not found", "MICROSOFT_APP_ID is not known"),
        (400, "AADSTS90002: Tenant", "MICROSOFT_APP_TENANT_ID is no tenant"),
        (400, "", "check MICROSOFT_APP_ID"),
        (503, "", "cannot be reached"),
    ],
)
async def test_a_startup_error_says_how_to_fix_it(
    microsoft: FakeMicrosoft, status: int, code: str, words: str
) -> None:
    microsoft.token_refusal = (status, {"error": "invalid_client", "error_description": code})

    async def ticket_of(message: object) -> None:
        return None

    teams = Teams(OURS, StoppedClock(), MemoryStore(), ticket_of, endpoints=microsoft.cloud)
    with capture_logs() as logs, pytest.raises(TeamsFault, match=words) as caught:
        await teams.start()
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value) + str(logs)


async def test_no_secret_is_logged(teams_desk: TeamsWithDesk) -> None:
    with capture_logs() as logs:
        teams_desk.microsoft.refuse = [Refusal(401), Refusal(401), Refusal(400, "BadSyntax")]
        for _ in range(2):
            with pytest.raises((TemporaryFailure, PermanentFailure)):
                await teams_desk.teams.post(ACME, HELLO, None)
        await teams_desk.send(
            activity(teams_desk.microsoft.service), headers={"Authorization": "Bearer s3cret"}
        )
    assert logs
    assert not any(secret in str(logs) for secret in (PASSWORD, "s3cret", "token-"))


async def test_unsigned_or_simulated_desks_send_to_loopback_only(
    microsoft: FakeMicrosoft,
) -> None:
    key_values = MemoryStore()
    away = {
        "service": "https://smba.trafficmanager.net/emea/",
        "tenant": TENANT,
        "bot": BOT,
        "kind": "channel",
    }
    await key_values.put(CONVERSATIONS, CHANNEL, json.dumps(away))

    async def ticket_of(message: object) -> None:
        return None

    for app in (OURS, BotRegistration("", "", "", anonymous=True)):
        teams = Teams(
            app, StoppedClock(), key_values, ticket_of, endpoints=microsoft.cloud, loopback_only=True
        )
        await teams.start()
        with pytest.raises(PermanentFailure, match="on this machine"):
            await teams.post(ACME, HELLO, None)
        await teams.close()
    silent = Teams(
        OURS, StoppedClock(), MemoryStore(), ticket_of, endpoints=microsoft.cloud, loopback_only=True
    )
    await silent.start()
    with pytest.raises(TemporaryFailure, match="has not written"):
        await silent.post(ACME, HELLO, None)
    await silent.close()
    assert microsoft.calls == []


async def test_an_unseen_conversation_uses_the_known_service_address(microsoft: FakeMicrosoft) -> None:
    async def ticket_of(message: object) -> None:
        return None

    key_values = MemoryStore()
    here = {"service": microsoft.service, "tenant": TENANT, "bot": BOT, "kind": "channel"}
    await key_values.put(CONVERSATIONS, "19:other@thread.tacv2", json.dumps(here))
    await key_values.put(CONVERSATIONS, "19:broken@thread.tacv2", "{")
    microsoft.good.add("")
    teams = Teams(
        BotRegistration("", "", "", anonymous=True),
        StoppedClock(),
        key_values,
        ticket_of,
        endpoints=microsoft.cloud,
    )
    await teams.start()
    assert (await teams.post(ACME, HELLO, None)).place == ACME
    assert microsoft.calls[-1].token == "", "unsigned"
    await teams.close()


async def test_members_of_a_channel_are_listed(teams_desk: TeamsWithDesk) -> None:
    everyone = [person(f"P{n}", f"user-{n}", tenantId=TENANT, userRole="user") for n in range(5)]
    others = [
        person("Gil", "guest", tenantId=TENANT, userRole="guest"),
        person("Eli", "external", tenantId=ELSEWHERE),
        person("Nil", "unknown"),
    ]
    teams_desk.microsoft.members = {CHANNEL: [*everyone, *others], "19:b@thread.tacv2": others}
    with pytest.raises(PermanentFailure, match="does not know"):
        await teams_desk.teams.members("19:none@thread.tacv2")
    await teams_desk.send(activity(teams_desk.microsoft.service, "conversationUpdate"))
    assert teams_desk.teams.is_group(CHANNEL)
    assert not teams_desk.teams.is_group(BOB)
    assert await teams_desk.teams.members(CHANNEL) == {
        UserRef("teams", TENANT, f"user-{n}") for n in range(5)
    }


async def test_places_of_a_person_are_listed(teams_desk: TeamsWithDesk) -> None:
    service = teams_desk.microsoft.service
    teams_desk.microsoft.members = {CHANNEL: [person()]}
    await teams_desk.send(personal(service, text="hi"))
    for place in (CHANNEL, "19:b@thread.tacv2"):
        seen = activity(service, "conversationUpdate")
        await teams_desk.send({**seen, "conversation": {**seen["conversation"], "id": place}})
    for _ in range(2):
        assert await teams_desk.teams.places_of(DANA) == {ACME}
    assert len([call for call in teams_desk.microsoft.calls if call.method == "GET"]) == 2
    teams_desk.microsoft.refuse = [Refusal(429)]
    with pytest.raises(TemporaryFailure):
        await teams_desk.teams.places_of(UserRef("teams", "", BOB))


def test_retry_after() -> None:
    assert seconds("3") == 3.0
    assert seconds("-3") == 0.0
    assert seconds("1e9") == 3600.0
    assert seconds("nan") is None
    assert seconds(None) is None
    later = seconds(format_datetime(real_now(), usegmt=True))
    assert later == 0.0


def test_charges_stay_within_every_rate_limit() -> None:
    limits = {"burst": [(7, 1), (8, 2), (60, 30)], "hour": [(1800, 3600)], "tenant": [(30, 1)]}
    for charge in charges("tenant-1", "19:x"):
        for calls, period in next(found for name, found in limits.items() if name in charge.bucket):
            at_most = charge.burst + period / charge.every.total_seconds()
            assert at_most <= calls, f"{charge.bucket}: {at_most} in {period} s"
