"""`POST /hooks/pager/NAME`: what is accepted, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest

from adapters.web import WebServer
from adapters.web.hooks import LARGEST, LONGEST, PagerSecret, pager_routes
from bot.clock import real_now
from bot.model.inbound import Answer, Done, Inbound, PagerAcknowledged
from bot.ports import RedeliverLater, StoreUnavailable
from tests.pager.services import (
    PD_SECRET,
    WEBHOOK_SECRET,
    Json,
    Signed,
    acknowledged_by_webhook,
    acknowledged_in_pagerduty,
    signed_for_pagerduty,
    signed_webhook,
)
from tests.scripted_desk import ready

EVENT: Json = json.loads(acknowledged_in_pagerduty("ACME-1", "Bob")[0])["event"]


@dataclass
class Hooks:
    """The hooks of two pagers, before a desk that only listens."""

    url: str = ""
    acts: list[PagerAcknowledged] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def dispatch(self, act: Inbound) -> Answer:
        if self.failures:
            raise self.failures.pop(0)
        assert isinstance(act, PagerAcknowledged)
        self.acts.append(act)
        return Done()

    async def gets(self, name: str, signed: Signed) -> tuple[int, str]:
        """The status, and the sentence that goes with a refusal."""
        body, headers = signed
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/hooks/pager/{name}", data=body, headers=headers) as answer,
        ):
            return answer.status, (await answer.json()).get("error", "")


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    made = Hooks()
    secrets = {"pd": PagerSecret("pagerduty", PD_SECRET), "hook": PagerSecret("webhook", WEBHOOK_SECRET)}
    server = WebServer("127.0.0.1", 0, pager_routes(secrets, made.dispatch, real_now), ready)
    await server.start()
    made.url = server.address
    yield made
    await server.stop()


def event(**changes: object) -> Signed:
    """PagerDuty's event with some parts changed; None takes a part out."""
    changed = {key: value for key, value in (EVENT | changes).items() if value is not None}
    return signed_for_pagerduty(json.dumps({"event": changed}).encode())


async def test_pagerduty_says_who_acknowledged_which_ticket(hooks: Hooks) -> None:
    assert await hooks.gets("pd", acknowledged_in_pagerduty("ACME-1", " Bob\n")) == (202, "")
    assert await hooks.gets("pd", acknowledged_in_pagerduty("ACME-1/9", "Eve", "02F", "resolved")) == (
        202,
        "",
    )
    assert [act.incident for act in hooks.acts] == ["ACME-1", "ACME-1/9"]
    assert [(act.key, act.pager, act.ticket, act.by) for act in hooks.acts] == [
        ("pager/pd/01E", "pd", "ACME-1", "Bob"),
        ("pager/pd/02F", "pd", "ACME-1", "Eve"),
    ]


async def test_a_standard_webhook_says_it_too(hooks: Hooks) -> None:
    sent = acknowledged_by_webhook("ACME-1", "Bob", "msg_7", email="bob@vendor.example")
    assert await hooks.gets("hook", sent) == (202, "")
    (act,) = hooks.acts
    assert (act.key, act.pager, act.ticket) == ("pager/hook/msg_7", "hook", "ACME-1")
    assert (act.by, act.email) == ("Bob", "bob@vendor.example")


async def test_a_repetition_has_the_same_key(hooks: Hooks) -> None:
    """The desk knows by it that nothing is new."""
    for _ in range(2):
        await hooks.gets("pd", acknowledged_in_pagerduty("ACME-1", "Bob"))
    assert len({act.key for act in hooks.acts}) == 1


@pytest.mark.parametrize("name", ["old", "PD", "..pd", "pd%00"])
async def test_an_unknown_pager_is_not_found(hooks: Hooks, name: str) -> None:
    status, says = await hooks.gets(name, acknowledged_in_pagerduty("ACME-1", "Bob"))
    assert (status, says[:27]) == (404, "There is no pager of this n")
    assert hooks.acts == []


BODY = acknowledged_in_pagerduty("ACME-1", "Bob")[0]
FORGED: list[tuple[str, Callable[[], Signed]]] = [
    ("pd", lambda: (BODY, {})),
    ("pd", lambda: (BODY, {"X-PagerDuty-Signature": "v1=" + "0" * 64})),
    ("pd", lambda: (BODY, {"X-PagerDuty-Signature": "v1=ÄÖ"})),
    ("pd", lambda: signed_for_pagerduty(BODY, "another secret")),
    ("pd", lambda: (BODY + b" ", signed_for_pagerduty(BODY)[1])),
    ("pd", lambda: signed_webhook(BODY)),
    ("pd", lambda: (b"not JSON", {})),
    ("hook", lambda: (BODY, {})),
    ("hook", lambda: signed_for_pagerduty(BODY)),
    ("hook", lambda: signed_webhook(BODY, secret="whsec_AAAA")),
    ("hook", lambda: signed_webhook(BODY, age=301)),
    ("hook", lambda: signed_webhook(BODY, age=-301)),
    ("hook", lambda: (BODY, signed_webhook(BODY)[1] | {"webhook-id": "msg_2"})),
    ("hook", lambda: (BODY, signed_webhook(BODY)[1] | {"webhook-timestamp": "soon"})),
    ("hook", lambda: (BODY, signed_webhook(BODY)[1] | {"webhook-signature": "v1,%%%"})),
    ("hook", lambda: (b"\xff\xfe", signed_webhook(b"\xff\xfe")[1])),
]


@pytest.mark.parametrize(("name", "sent"), FORGED)
async def test_what_is_not_signed_is_refused_before_it_is_read(
    hooks: Hooks, name: str, sent: Callable[[], Signed]
) -> None:
    """Forged, replayed with another time or ID, or signed for another kind of pager."""
    status, says = await hooks.gets(name, sent())
    assert (status, says.split(".")[0]) == (401, "The signature is missing, wrong or too old")
    assert hooks.acts == []


GARBLED: list[tuple[bytes, str]] = [
    (b"", "The body is not JSON."),
    (b"{", "The body is not JSON."),
    (b"[" * 200_000, "The body is not JSON."),
    (b"\xff\xfe", "The body is not JSON."),
    (b"[]", "The body is not a JSON object."),
    (b"{}", '"event" is missing or is no JSON object.'),
    (b'{"event": 7}', '"event" is missing or is no JSON object.'),
    (event(event_type=None)[0], '"event_type" is missing or is no text.'),
    (event(event_type=["incident.acknowledged"])[0], '"event_type" is missing or is no text.'),
    (event(id=None)[0], '"id" is missing or is no text.'),
    (event(id=" ")[0], "The event has no ID."),
    (event(data=None)[0], '"data" is missing or is no JSON object.'),
    (event(data={"incident_key": 1})[0], '"incident_key" is missing or is no text.'),
    (event(agent={"type": "user_reference"})[0], '"summary" is missing or is no text.'),
    (event(agent={"summary": "\u202e\x00"})[0], "The event does not say who acknowledged."),
]


@pytest.mark.parametrize(("body", "says"), GARBLED)
async def test_what_is_not_understood_is_answered_with_a_sentence(
    hooks: Hooks, body: bytes, says: str
) -> None:
    assert await hooks.gets("pd", signed_for_pagerduty(body)) == (400, says)
    assert hooks.acts == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, '"type" is missing or is no text.'),
        ({"type": "page.acknowledged"}, '"data" is missing or is no JSON object.'),
        ({"type": "page.acknowledged", "data": {"by": "Bob"}}, '"ticket" is missing or is no text.'),
        ({"type": "page.acknowledged", "data": {"ticket": "ACME-1"}}, '"by" is missing or is no text.'),
    ],
)
async def test_a_webhook_that_is_not_understood_too(hooks: Hooks, body: Json, says: str) -> None:
    assert await hooks.gets("hook", signed_webhook(json.dumps(body).encode())) == (400, says)
    assert hooks.acts == []


OURS = {"type": "inbound_integration_reference", "summary": "Events API V2"}
OTHERS: list[tuple[str, Callable[[], Signed]]] = [
    ("pd", lambda: event(event_type="incident.triggered")),
    (
        "pd",
        lambda: event(event_type="pagey.ping", data={"message": "Hello from your friend Pagey!"}, agent=None),
    ),
    ("pd", lambda: event(agent=None)),
    ("pd", lambda: event(agent=OURS)),
    ("pd", lambda: event(data={"incident_key": None})),
    ("pd", lambda: event(data={"incident_key": "disk full on db-7"})),
    ("pd", lambda: event(data={"incident_key": "ACME-1\x00'; DROP"})),
    ("hook", lambda: signed_webhook(b'{"type": "page.snoozed"}')),
    ("hook", lambda: acknowledged_by_webhook("not a ticket", "Bob")),
]


@pytest.mark.parametrize(("name", "sent"), OTHERS)
async def test_what_does_not_concern_us_is_accepted(
    hooks: Hooks, name: str, sent: Callable[[], Signed]
) -> None:
    """A pager stops sending to an address that keeps refusing. What no person did answers nothing."""
    assert await hooks.gets(name, sent()) == (202, "")
    assert hooks.acts == []


@pytest.mark.parametrize("name", ["pd", "hook"])
async def test_what_is_too_large_is_refused_unread(hooks: Hooks, name: str) -> None:
    fits, more = b" " * (LARGEST - len(BODY)) + BODY, b" " * (LARGEST + 1)
    assert (await hooks.gets("pd", signed_for_pagerduty(fits)))[0] == 202
    assert await hooks.gets(name, (more, {})) == (413, f"The request has more than {LARGEST} bytes.")
    assert len(hooks.acts) == 1


async def test_names_are_cut_and_cleaned(hooks: Hooks) -> None:
    await hooks.gets("pd", acknowledged_in_pagerduty("ACME-1", "B\ud800o\x00b " + "x" * 5000))
    (act,) = hooks.acts
    assert act.by.startswith("Bob xxx")
    assert len(act.by) == LONGEST


async def test_a_compressed_body_is_refused(hooks: Hooks) -> None:
    body, headers = acknowledged_in_pagerduty("ACME-1", "Bob")
    status, says = await hooks.gets("pd", (body, headers | {"Content-Encoding": "gzip"}))
    assert (status, says) == (415, "send the body without compression")
    assert hooks.acts == []


@pytest.mark.parametrize(
    "failure", [StoreUnavailable("the database is away"), RedeliverLater("busy"), RuntimeError("a bug")]
)
async def test_what_cannot_be_stored_is_asked_for_again(hooks: Hooks, failure: Exception) -> None:
    hooks.failures = [failure]
    sent = acknowledged_in_pagerduty("ACME-1", "Bob")
    assert (await hooks.gets("pd", sent))[0] == 503
    assert (await hooks.gets("pd", sent))[0] == 202
    assert len(hooks.acts) == 1


async def test_without_a_secret_there_is_no_hook() -> None:
    assert pager_routes({}, Hooks().dispatch, real_now) == []


def test_the_secret_is_not_printed() -> None:
    assert PD_SECRET not in repr(PagerSecret("pagerduty", PD_SECRET))
