"""Alarms over HTTP: who may send them, what is understood, and what each refusal says."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.web import WebServer
from adapters.web.hooks import LARGEST, AlarmHooks, NotUnderstood, alarm_of
from bot.config.alarms import AlarmFormat, AlarmSource
from bot.model.inbound import AlarmChanged, Answer, Done, Inbound, Show
from bot.model.views import Notice
from bot.ports import StoreUnavailable
from tests.harness import HeldClock
from tests.scripted_desk import ready
from tests.web.test_signatures import SECRETS, signed

NOW = "2026-03-21T01:30:00Z"
SIGNED, PLAIN = SECRETS
SOURCES = [
    AlarmSource("prod", AlarmFormat.ALERTMANAGER, "acme", "S1", "$PROD"),
    AlarmSource("app", AlarmFormat.JSON, "acme", "S1", "$APP"),
]
FIRING = {"id": "db-1", "status": "firing", "summary": "Database is down", "details": "No leader."}


def alertmanager(status: str = "firing", **changed: Any) -> dict[str, Any]:
    """A notification as Alertmanager sends it, of two alerts of one group."""

    def alert(instance: str, since: str) -> dict[str, Any]:
        return {
            "status": status,
            "labels": {"alertname": "HighErrors", "instance": instance, "severity": "critical"},
            "annotations": {"description": f"{instance} answers 5xx"},
            "startsAt": since,
            "endsAt": "2026-03-21T01:20:00.5Z" if status == "resolved" else "0001-01-01T00:00:00Z",
            "generatorURL": f"https://prometheus.example/graph?{instance}",
            "fingerprint": instance,
        }

    return {
        "version": "4",
        "groupKey": '{}:{alertname="HighErrors"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "frontline",
        "groupLabels": {"alertname": "HighErrors"},
        "commonLabels": {"alertname": "HighErrors", "severity": "critical", "job": "api"},
        "commonAnnotations": {},
        "externalURL": "https://alertmanager.example",
        "alerts": [
            alert("node-2", "2026-03-21T01:10:00Z"),
            alert("node-1", "2026-03-21T01:05:00Z"),
        ],
        **changed,
    }


@dataclass
class Hooks:
    """The hooks on a port of their own, and what arrived behind them."""

    answers: Callable[[], Answer] = lambda: Done(ticket="ACME-7")
    arrived: list[AlarmChanged] = field(default_factory=list)
    address: str = ""

    async def dispatch(self, inbound: Inbound) -> Answer:
        assert isinstance(inbound, AlarmChanged)
        self.arrived.append(inbound)
        return self.answers()

    async def post(
        self, name: str, body: bytes | dict[str, Any], headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the answer. Without headers, the request has the secret as its token."""
        secret = SIGNED if name == "prod" else PLAIN
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {secret}"} if headers is None else headers
        url = f"{self.address}/hooks/alerts/{name}"
        async with aiohttp.ClientSession() as session, session.post(url, data=raw, headers=given) as got:
            return got.status, await got.json()


@asynccontextmanager
async def listening(hooks: Hooks) -> AsyncIterator[Hooks]:
    made = AlarmHooks(SOURCES, {"prod": SIGNED, "app": PLAIN}, hooks.dispatch, HeldClock(NOW))
    server = WebServer("127.0.0.1", 0, made.routes(), ready)
    await server.start()
    hooks.address = server.address
    try:
        yield hooks
    finally:
        await server.stop()


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    async with listening(Hooks()) as made:
        yield made


# What is understood -------------------------------------------------------------------------------


async def test_a_group_of_alertmanager_is_one_alarm(hooks: Hooks) -> None:
    """MON-33, M3-25: the group's key names the alarm, its firing alerts are listed, longest firing first."""
    assert await hooks.post("prod", alertmanager()) == (202, {"tickets": ["ACME-7"]})
    (alarm,) = hooks.arrived
    assert (alarm.source, alarm.id, alarm.firing) == ("prod", '{}:{alertname="HighErrors"}', True)
    assert alarm.summary == "HighErrors (job api)"
    assert alarm.details == (
        "node-1 answers 5xx\n"
        "alertname HighErrors, instance node-1, severity critical\n"
        "https://prometheus.example/graph?node-1\n\n"
        "node-2 answers 5xx\n"
        "alertname HighErrors, instance node-2, severity critical\n"
        "https://prometheus.example/graph?node-2"
    )
    assert (alarm.at.isoformat(), alarm.delivery) == ("2026-03-21T01:30:00+00:00", "")


async def test_the_common_summary_comes_first(hooks: Hooks) -> None:
    said = alertmanager(commonAnnotations={"summary": "The API is down"}, truncatedAlerts=3)
    await hooks.post("prod", said)
    assert hooks.arrived[0].summary == "The API is down"
    assert hooks.arrived[0].details.endswith("\n\n3 more alerts are not listed.")


async def test_the_order_of_alerts_and_a_resolved_one_change_nothing(hooks: Hooks) -> None:
    """Otherwise a repeated notification would be news."""
    first, *_ = alertmanager()["alerts"]
    await hooks.post("prod", alertmanager())
    await hooks.post("prod", alertmanager(alerts=list(reversed(alertmanager()["alerts"]))))
    over = {**first, "status": "resolved", "fingerprint": "node-0"}
    await hooks.post("prod", alertmanager(alerts=[over, *alertmanager()["alerts"]]))
    assert len({alarm.details for alarm in hooks.arrived}) == 1


async def test_a_resolved_group_says_when(hooks: Hooks) -> None:
    await hooks.post("prod", alertmanager("resolved"))
    (alarm,) = hooks.arrived
    assert not alarm.firing
    assert alarm.ended_at == datetime(2026, 3, 21, 1, 20, 0, 500000, tzinfo=UTC)


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
async def test_an_end_that_is_no_time_is_left_out(hooks: Hooks, end: str) -> None:
    await hooks.post("prod", alertmanager("resolved", alerts=[{"status": "resolved", "endsAt": end}]))
    assert hooks.arrived[0].ended_at is None


async def test_small_json(hooks: Hooks) -> None:
    await hooks.post("app", {**FIRING, "url": "https://grafana.example/d/1"})
    await hooks.post("app", {"id": "db-1", "status": "resolved"})
    fired, ended = hooks.arrived
    assert (fired.id, fired.firing, fired.summary) == ("db-1", True, "Database is down")
    assert fired.details == "No leader.\nhttps://grafana.example/d/1"
    assert (ended.id, ended.firing, ended.ended_at) == ("db-1", False, None)


async def test_an_alarm_without_a_ticket_is_accepted() -> None:
    async with listening(Hooks(lambda: Done())) as hooks:
        assert await hooks.post("app", {"id": "db-1", "status": "resolved"}) == (202, {"tickets": []})


# Who may send -------------------------------------------------------------------------------------


async def test_a_standard_webhook_signature_counts_as_well(hooks: Hooks) -> None:
    body = json.dumps(FIRING).encode()
    assert (await hooks.post("app", body, signed(PLAIN, body)))[0] == 202
    assert hooks.arrived[0].delivery == "msg_1"
    group = json.dumps(alertmanager()).encode()
    assert (await hooks.post("prod", group, signed(SIGNED, group)))[0] == 202


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {SIGNED}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {PLAIN}"},
        signed(SIGNED, json.dumps(FIRING).encode()),
        signed(PLAIN, b"{}"),
        signed(PLAIN, json.dumps(FIRING).encode(), at=datetime.now(UTC) - timedelta(minutes=6)),
        signed(PLAIN, json.dumps(FIRING).encode()) | {"Webhook-Id": "msg_2"},
        signed(PLAIN, json.dumps(FIRING).encode()) | {"Webhook-Signature": "v1,%%%"},
    ],
)
async def test_forged_and_old_requests_are_refused(hooks: Hooks, headers: dict[str, str]) -> None:
    status, said = await hooks.post("app", FIRING, headers)
    assert (status, said) == (401, {"error": "The request is not signed with the secret of this hook."})
    assert hooks.arrived == []


async def test_what_is_not_signed_is_not_read(hooks: Hooks) -> None:
    """Garbage of a stranger gets the same answer as everything else of theirs."""
    assert (await hooks.post("app", b"\xff{", {}))[0] == 401


async def test_a_hook_without_a_secret_accepts_nobody() -> None:
    made = AlarmHooks(SOURCES, {}, Hooks().dispatch, HeldClock(NOW))
    server = WebServer("127.0.0.1", 0, made.routes(), ready)
    await server.start()
    hooks = Hooks(address=server.address)
    assert (await hooks.post("app", FIRING, {"Authorization": "Bearer "}))[0] == 401
    await server.stop()


async def test_without_sources_there_is_no_hook() -> None:
    assert AlarmHooks([], {}, Hooks().dispatch, HeldClock(NOW)).routes() == []


# What is refused, and why -------------------------------------------------------------------------


async def test_an_unknown_name(hooks: Hooks) -> None:
    status, said = await hooks.post("nope", FIRING)
    assert status == 404
    assert "[[alerts]]" in said["error"]


async def test_too_large(hooks: Hooks) -> None:
    """By its declared length, and in pieces without one."""
    status, said = await hooks.post("app", b"x" * (LARGEST + 1))
    assert (status, said) == (413, {"error": "A notification has at most 256 KiB."})

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * (LARGEST // 4)

    url = f"{hooks.address}/hooks/alerts/app"
    async with aiohttp.ClientSession() as session, session.post(url, data=pieces()) as got:
        assert got.status == 413
    assert hooks.arrived == []
    assert (await hooks.post("app", {**FIRING, "details": "x" * (LARGEST - 200)}))[0] == 202


async def test_a_compressed_body_is_refused(hooks: Hooks) -> None:
    token = {"Authorization": f"Bearer {PLAIN}", "Content-Encoding": "gzip"}
    for body in (b"no gzip", gzip.compress(b" " * 1000)):
        assert (await hooks.post("app", body, token))[0] == 415


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("app", b"{", "The body is not valid JSON."),
        ("app", b"\xff", "The body is not valid JSON."),
        ("app", b"[" * 100_000, "The body is not valid JSON."),
        ("app", b'{"id": "\\ud800", "status": "firing"}', "The body is not valid JSON."),
        ("app", b"[]", "input should be an object."),
        ("app", {"status": "firing", "summary": "Down"}, "id: is missing."),
        ("app", {**FIRING, "id": 7}, "id: input should be a valid string."),
        ("app", {**FIRING, "id": ""}, "id: string should have at least 1 character."),
        ("app", {**FIRING, "status": "on"}, "status: input should be 'firing' or 'resolved'."),
        ("app", {**FIRING, "summary": " "}, "summary: is missing; say in a few words what is wrong."),
        ("prod", {**alertmanager(), "version": "3"}, "version: input should be '4'."),
        ("prod", {**alertmanager(), "groupKey": None}, "groupKey: input should be a valid string."),
        ("prod", {**alertmanager(), "alerts": {}}, "alerts: input should be a valid array."),
        (
            "prod",
            alertmanager(alerts=[{"status": "firing", "labels": {"a": 1}}, {}]),
            "alerts.1.labels.a: input should be a valid string; alerts.2.status: is missing.",
        ),
        ("prod", alertmanager(alerts=[{"status": "firing", "endsAt": "soon"}]), "alerts.1.endsAt: "),
    ],
)
async def test_what_is_not_understood_names_the_field(
    hooks: Hooks, name: str, body: bytes | dict[str, Any], says: str
) -> None:
    status, said = await hooks.post(name, body)
    assert status == 400
    assert says in said["error"] if says.endswith(": ") else said["error"].endswith(says), said
    assert hooks.arrived == []


def _store_is_away() -> Answer:
    raise StoreUnavailable("the database does not answer")


def _bug() -> Answer:
    raise RuntimeError("secret")


@pytest.mark.parametrize("answers", [_store_is_away, _bug, lambda: Show(Notice(("Nothing was changed.",)))])
async def test_what_cannot_be_recorded_now_is_asked_for_again(answers: Callable[[], Answer]) -> None:
    """Alertmanager repeats a notification after an answer of 5xx."""
    async with listening(Hooks(answers)) as hooks:
        status, said = await hooks.post("app", FIRING)
    assert (status, said["error"].endswith("Please send it again.")) == (503, True)


# Fuzz ---------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_INSTANTS = st.sampled_from(
    ["", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1e9", 7, None]
)
_STATUS = st.sampled_from(["firing", "resolved"])
_ALERTS = st.fixed_dictionaries(
    {"status": _STATUS},
    optional={
        "labels": st.dictionaries(st.text(), st.text(), max_size=2) | _JSON,
        "annotations": st.dictionaries(st.sampled_from(["summary", "description"]), st.text()) | _JSON,
        "startsAt": _INSTANTS | _JSON,
        "endsAt": _INSTANTS,
        "fingerprint": st.text() | _JSON,
        "generatorURL": st.text(),
    },
)
_GROUPS = st.fixed_dictionaries(
    {
        "version": st.just("4"),
        "groupKey": st.text(),
        "status": _STATUS,
        "alerts": st.lists(_ALERTS, max_size=3),
    },
    optional={
        "commonLabels": st.dictionaries(st.text(), st.text(), max_size=2) | _JSON,
        "commonAnnotations": st.dictionaries(st.just("summary"), st.text()) | _JSON,
        "truncatedAlerts": st.integers() | _JSON,
    },
)
_SMALL = st.fixed_dictionaries(
    {"id": st.text() | _JSON, "status": _STATUS | _JSON},
    optional={"summary": st.text() | _JSON, "details": st.text() | _JSON, "url": st.text() | _JSON},
)
_BODIES = st.binary() | (_JSON | _GROUPS | _SMALL).map(lambda value: json.dumps(value).encode())


@given(_BODIES, st.sampled_from(AlarmFormat))
def test_no_body_breaks_a_parser(body: bytes, format: AlarmFormat) -> None:
    """Either an alarm that any store takes, or a sentence."""
    says = ""
    try:
        alarm = alarm_of(format, "prod", body, datetime.fromisoformat(NOW))
    except NotUnderstood as why:
        says = str(why)
    if says:
        assert says.endswith(".")
        return
    assert alarm.id
    for text in (alarm.id, alarm.summary, alarm.details):
        text.encode()
    assert not alarm.firing or alarm.summary
    assert alarm.ended_at is None or alarm.ended_at.utcoffset() == timedelta(0)
