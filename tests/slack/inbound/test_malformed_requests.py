"""Thousands of requests out of shape, signed as Slack signs: refused or taken, never a 5xx, nothing done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from random import Random
from typing import Any, cast

import aiohttp
import pytest
import structlog

from adapters.slack.inbound.app import BoltEndpoint, Listeners, bolt_app
from adapters.slack.inbound.socket_mode import SocketModeClient, _read
from bot.desk.routes import dispatch
from bot.model.forms import form_key
from bot.model.inbound import (
    AlarmChanged,
    Answer,
    ChannelChanged,
    Inbound,
    MessageChanged,
    PagerAcknowledged,
    Posted,
)
from sla_core.events import (
    Acknowledged,
    Alerted,
    Answered,
    Event,
    Held,
    Resolved,
    Resumed,
    SeverityChanged,
    Taken,
)
from tests.slack.day_of_requests import SECRET_WORDS, DayOfRequests, day_of_requests
from tests.slack.malformed import RequestStub, decode_payload, malformed, mutated

SEED = 20260320
COUNTS = [1_000, pytest.param(10_000, marks=pytest.mark.soak)]
OVER_SOCKET = 1_000
AGENTS = {"slack:T0VENDOR:U0BOB", "slack:T0VENDOR:U0DANA", "slack:T0VENDOR:U0TESS"}
OF_AGENTS = (Acknowledged, Taken, Answered, SeverityChanged, Held, Resumed, Resolved, Alerted)
_PASSING = frozenset({"draft", "carried", "writing"})
"""Topics of the key-value store: open forms, who has them open, and long texts by their hash."""


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Every line of the log, tracebacks in full."""
    lines: list[str] = []

    def keep(logger: Any, level: str, event: MutableMapping[str, Any]) -> Any:
        lines.append(repr(dict(event)))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.format_exc_info, keep])
    yield lines
    structlog.configure(**before)


@pytest.fixture
async def day(tmp_path: Path, logged: list[str]) -> AsyncIterator[DayOfRequests]:
    async with day_of_requests(tmp_path) as made:
        yield made
        complaints = made.at.slack.complaints
        assert all(told.startswith("reply to a missing message") for told in complaints), complaints
        complaints.clear()


class RecordingDesk:
    """The desk, and what it heard of one request; `done` are the acts that it has heard before."""

    def __init__(self, day: DayOfRequests) -> None:
        self.store = day.at.store
        self.acts: list[Inbound] = []
        self.done: set[object] = set()
        self._answer = dispatch(day.at.desk)

    async def __call__(self, act: Inbound) -> Answer:
        self.acts.append(act)
        sound(act)
        return await self._answer(act)

    def kept(self) -> tuple[Any, ...]:
        """Histories, inbox, outbox; last the key-value store."""
        histories = {key: len(ticket.events) for key, ticket in self.store.tickets_by_key.items()}
        pages = {topic: dict(notes) for topic, notes in self.store.topics.items()}
        return histories, dict(self.store.numbers), len(self.store.inbox), set(self.store.outbox), pages

    def judge(self, before: tuple[Any, ...], about: object) -> str:
        """Nothing changed unless it was an act, and one that was not done before."""
        after = self.kept()
        new = [act for act in self.acts if named(act) not in self.done]
        if not self.acts:
            assert after == before, about
        elif not new:
            assert lasting(after) == lasting(before), (about, self.acts)
        self.done.update(map(named, new))
        found = "done" if new else "again" if self.acts else "nothing"
        self.acts.clear()
        return found

    def events(self) -> Iterator[Event]:
        for ticket in self.store.tickets_by_key.values():
            yield from ticket.events


def named(act: Inbound) -> tuple[object, ...]:
    """What tells an act from its repetition: bent in its sender's team, it is another person's act.

    Without its thread, a reply is a message at the top of the channel, and so is a message that no longer
    asks for help. With another opening, it is another form.
    """
    asks = (getattr(act, "text", None) or "").startswith("support:")
    form = form_key(getattr(act, "context", {}))
    return (act.key, asks, form, *(getattr(act, name, None) for name in ("actor", "message", "thread")))


def lasting(kept: tuple[Any, ...]) -> tuple[Any, ...]:
    *rest, pages = kept
    return (*rest, {topic: notes for topic, notes in pages.items() if topic not in _PASSING})


def sound(act: Inbound) -> None:
    """Such as any database takes."""
    assert not isinstance(act, AlarmChanged | PagerAcknowledged), "these do not come from a chat"
    if isinstance(act, ChannelChanged):
        texts = [act.key, act.place.id, act.name]
    else:
        texts = [act.key, act.actor.name, act.actor.user.id, act.actor.user.home]
    if isinstance(act, Posted | MessageChanged):
        texts += [act.text or "", act.message.id, act.place.id]
    for text in texts:
        text.encode()
        assert "\0" not in text


def nothing_leaked(logged: list[str]) -> None:
    """Neither words nor tracebacks."""
    assert [line[:2000] for line in logged if SECRET_WORDS in line] == []
    assert [line[-2000:] for line in logged if "Traceback" in line] == []


def only_agents_acted(ear: RecordingDesk) -> None:
    for event in ear.events():
        if isinstance(event, OF_AGENTS):
            assert event.by.id in AGENTS, event


@pytest.mark.parametrize("count", COUNTS)
async def test_thousands_of_malformed_requests_are_refused_without_errors(
    day: DayOfRequests, logged: list[str], count: int
) -> None:
    ear, secret = RecordingDesk(day), day.at.slack.signing_secret
    receive = {path: hear for _, path, hear in day.at.ours.routes(ear)}["/slack/events"]
    for request in day.requests:
        await receive(cast(Any, RequestStub(request.body.encode(), request.headers)))
    ear.judge(ear.kept(), "what was done already")
    chance, seen, before = Random(SEED), Counter[str](), ear.kept()
    for _ in range(count):
        wrong = malformed(chance.choice(day.requests), chance)
        response = cast(Any, await receive(cast(Any, RequestStub(wrong.body, wrong.signed(secret)))))
        await day.at.ours.settle()
        assert "Traceback" not in (response.text or ""), wrong
        match response.status:
            case 400:
                assert not ear.acts, wrong
                assert response.headers["X-Slack-No-Retry"] == "1"
            case 401:
                assert not ear.acts
                assert not wrong.is_text, "what is no text cannot be told to be signed"
            case 503:
                assert "to be delivered again" in logged[-1], "below a message that is on its way"
            case status:
                assert status == 200, wrong
        outcome = ear.judge(before, wrong)
        seen["refused" if response.status == 400 else outcome] += 1
        before = ear.kept()
    assert min(seen["refused"], seen["again"], seen["nothing"]) > count // 10, seen
    assert seen["done"] < count // 20, seen
    nothing_leaked(logged)
    only_agents_acted(ear)


class Line:
    """A connection that keeps what is said on it."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def send_str(self, text: str) -> None:
        self.said.append(json.loads(text))


async def test_malformed_socket_envelopes_are_acknowledged(day: DayOfRequests, logged: list[str]) -> None:
    ear, ours = RecordingDesk(day), day.at.ours
    url, listeners = day.at.slack.api_url, Listeners(ear, ours._workspaces, ours._fallback_responder)
    hear = BoltEndpoint(bolt_app(listeners, ours._workspaces, url)).handle_socket_request
    socket = SocketModeClient("xapp-1-frontline", url)
    kinds = {"command": "slash_commands"}
    chance, heard, before = Random(SEED), 0, None
    for number in range(OVER_SOCKET + len(day.requests)):
        bending = number >= len(day.requests)
        request = chance.choice(day.requests) if bending else day.requests[number]
        envelope: Any = {"envelope_id": str(number), "type": kinds.get(request.kind, "events_api")}
        envelope |= {"payload": decode_payload(request), "accepts_response_payload": True}
        text = json.dumps(mutated(envelope, chance) if bending else envelope)
        if chance.random() < 0.1 and bending:
            text = text[: chance.randrange(len(text))]
        read = _read(aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, None))
        line = Line()
        if read is not None:
            heard += 1
            await socket._handle(cast(Any, line), read, hear)
            await ours.settle()
            assert all(said["envelope_id"] == read.envelope_id for said in line.said)
            assert "Traceback" not in str(line.said)
        before = before if bending else ear.kept()
        ear.judge(before or ear.kept(), text)
        before = ear.kept()
    assert heard > OVER_SOCKET // 2
    nothing_leaked(logged)
    only_agents_acted(ear)
