"""Socket Mode: the same doors, without a public address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from adapters.slack import Slack, SlackFault
from adapters.slack.inbound.socket_mode import SocketModeClient
from bot.model.forms import Form, TextField
from bot.model.inbound import Answer, Ask, Command, Done, Inbound, Posted, Press, Show, Submission
from bot.model.views import Button, Notice
from demo.slack import Channel, FakeSlack, Person
from sla_core.promise import Tone
from tests.scripted_desk import ScriptedDesk, StoppedClock
from tests.waiting import eventually, turns

APP_TOKEN = "xapp-1-frontline"
FORM = Form("intake", "Get help", "Open ticket", (TextField("summary", "Summary", limit=150),))


@dataclass
class Line:
    slack: FakeSlack
    ours: Slack
    desk: ScriptedDesk
    alice: Person
    ann: Person
    acme: Channel


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    desk = ScriptedDesk()
    async with FakeSlack(over_socket=True) as slack:
        ours = Slack(slack.bot_token, "", StoppedClock(), api_url=slack.api_url, app_token=APP_TOKEN)
        await ours.start()
        assert ours.routes(desk) == [], "nothing is to be reached from outside"
        await slack.until(lambda: slack.sockets.live)
        alice, ann = slack.person("Alice"), slack.person("Ann", team="T0ACME")
        yield Line(slack, ours, desk, alice, ann, slack.channel("acme", [alice, ann]))
        await slack.settle()
        await ours.close()
        assert slack.complaints == []


async def test_every_entry_point_works_as_over_http(line: Line) -> None:
    slack, desk = line.slack, line.desk
    desk.answer = Show(Notice(("Hello.",), Tone.CALM))
    assert "Hello." in (await slack.command(line.alice, line.acme, "/support", "it broke")).shown

    desk.answer = Ask(FORM)
    await slack.command(line.alice, line.acme, "/support")
    desk.answer = Ask(FORM.rejected({"summary": ("x",)}, {"summary": "Say more."}))
    reply = await slack.submit(line.alice, {"Summary": "x"})
    assert list(reply.errors.values()) == ["Say more."]
    desk.answer = Done()
    assert (await slack.submit(line.alice, {"Summary": "The printer burns"})).closed

    place = desk.heard[0].place
    asking = Notice(("Take it?",), Tone.CALM, (Button("take", "Take it", "ACME-7"),))
    posted = await line.ours.post(place, asking, None)
    [card] = [m for m in slack.messages(line.acme) if m.ts == posted.id]
    assert (await slack.press(line.ann, card, "Take it")).ok
    await slack.say(line.ann, line.acme, "and now?", card)
    kinds = [type(heard) for heard in desk.heard]
    assert kinds == [Command, Command, Submission, Submission, Press, Posted]


async def test_an_envelope_is_acknowledged_after_it_is_stored(line: Line) -> None:
    taken: list[bool] = []

    async def decide(inbound: Inbound) -> Answer:
        taken.append(line.slack.acks == [])
        return Done()

    line.desk.answer = decide
    assert (await line.slack.command(line.alice, line.acme, "/support")).status == 200
    assert taken == [True]


async def test_an_event_that_was_not_stored_is_redelivered_as_a_retry(line: Line) -> None:
    line.desk.answer = RuntimeError("the database is away")
    line.slack._bot_client.deadline = 0.2

    async def mended(inbound: Inbound) -> Answer:
        return Done()

    saying = asyncio.create_task(line.slack.say(line.ann, line.acme, "hello"))
    await line.slack.until(lambda: line.slack.acks)
    line.desk.answer = mended
    await saying
    assert [ack.reason for ack in line.slack.acks] == ["http_timeout", ""]
    first, second = line.slack.sockets.envelopes
    assert second["retry_attempt"] == 1
    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    assert len({heard.key for heard in line.desk.heard}) == 1


async def test_news_that_comes_for_the_first_time_is_not_looked_for(line: Line) -> None:
    """Slack marks it as attempt 0, so it cannot have been answered before."""
    line.desk.answer = Ask(FORM, Notice(("What is it about?",), Tone.CALM))
    await line.slack.say(line.ann, line.acme, "it broke")
    await line.slack.until(lambda: line.slack.calls_to("chat.postMessage"))
    first = line.slack.sockets.envelopes[0]
    assert (first["retry_attempt"], first["retry_reason"]) == (0, "")
    assert line.slack.calls_to("conversations.replies") == []


async def test_a_malformed_envelope_is_acknowledged_and_not_sent_again(line: Line) -> None:
    wire = line.slack._bot_client
    ack = await wire.deliver(wire.sign("raw", '{"type": "event_callback", "event": 7}', "application/json"))
    assert ack.ok
    assert line.desk.heard == []


async def test_slack_replaces_the_connection_and_nothing_is_missed(line: Line) -> None:
    [first] = line.slack.sockets.live
    held, go = asyncio.Event(), asyncio.Event()

    async def slowly(inbound: Inbound) -> Answer:
        held.set()
        await go.wait()
        return Done()

    line.desk.answer = slowly
    under_way = asyncio.create_task(line.slack.command(line.alice, line.acme, "/support"))
    await held.wait()
    replacing = asyncio.create_task(line.slack.sockets.replace(first))
    await line.slack.until(lambda: line.slack.sockets.opened == 2)
    go.set()
    assert (await under_way).status == 200, "acknowledged, over whichever connection it came"
    await replacing
    line.desk.answer = Done()
    assert (await line.slack.command(line.alice, line.acme, "/support")).status == 200
    assert line.ours.readiness_faults() == []


async def test_a_broken_connection_is_reopened(line: Line) -> None:
    line.slack.fail_next("apps.connections.open", status=503)
    line.slack.sockets.cut()
    await line.slack.until(lambda: line.slack.sockets.opened == 2)
    assert (await line.slack.command(line.alice, line.acme, "/support")).status == 200
    assert len(line.slack.calls_to("apps.connections.open")) == 3


async def test_several_desks_share_the_requests(line: Line) -> None:
    other = ScriptedDesk()
    second = Slack(line.slack.bot_token, "", StoppedClock(), api_url=line.slack.api_url, app_token=APP_TOKEN)
    await second.start()
    second.routes(other)
    await line.slack.until(lambda: len(line.slack.sockets.live) == 2)
    for _ in range(4):
        assert (await line.slack.command(line.alice, line.acme, "/support")).status == 200
    assert (len(line.desk.heard), len(other.heard)) == (2, 2)
    await second.close()
    await line.slack.until(lambda: len(line.slack.sockets.live) == 1)
    assert (await line.slack.command(line.alice, line.acme, "/support")).status == 200


async def test_stopping_answers_requests_in_progress(line: Line) -> None:
    held, go = asyncio.Event(), asyncio.Event()

    async def slowly(inbound: Inbound) -> Answer:
        held.set()
        await go.wait()
        return Done()

    line.desk.answer = slowly
    under_way = asyncio.create_task(line.slack.command(line.alice, line.acme, "/support"))
    await held.wait()
    closing = asyncio.create_task(line.ours.close())
    await turns(1)
    go.set()
    assert (await under_way).status == 200
    await closing


@dataclass
class Watch:
    seconds: float = 0.0
    laps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.seconds


async def nothing(body: object, headers: object) -> object:
    raise AssertionError("nothing is sent")


async def test_a_silent_connection_is_not_ready() -> None:
    watch = Watch()
    async with FakeSlack(over_socket=True) as slack:
        socket = SocketModeClient(APP_TOKEN, slack.api_url, elapsed=watch, first_backoff=0.01)
        await socket.open()
        slack.fail_next("apps.connections.open", error="internal_error", times=1)
        socket.listen(nothing)  # type: ignore[arg-type]
        assert await eventually(lambda: socket.live)
        watch.seconds = 1000.0
        assert socket.readiness_faults() == []
        slack.fail_next("apps.connections.open", status=503, times=1000)
        slack.sockets.cut()
        assert await eventually(lambda: not socket.live)
        watch.seconds = 1010.0
        assert socket.readiness_faults() == []
        watch.seconds = 1011.0
        assert socket.readiness_faults() == ["Slack's socket has been down for 11 s"]
        slack._failures.planned.clear()
        await slack.until(lambda: slack.sockets.live)
        assert await eventually(lambda: socket.readiness_faults() == [])
        await socket.close()


@pytest.mark.parametrize(
    ("token", "error", "words"),
    [
        ("xoxb-1", None, "SLACK_APP_TOKEN is not an app-level token: use an App-Level Token"),
        ("xapp-other", None, r"refuses SLACK_APP_TOKEN \(invalid_auth\): use an App-Level Token"),
        (APP_TOKEN, "missing_scope", r"refuses SLACK_APP_TOKEN \(missing_scope\): .* connections:write"),
    ],
)
async def test_a_wrong_token_raises(token: str, error: str | None, words: str) -> None:
    async with FakeSlack() as slack:
        if error:
            slack.fail_next("apps.connections.open", error=error)
        ours = Slack(slack.bot_token, "", StoppedClock(), api_url=slack.api_url, app_token=token)
        with pytest.raises(SlackFault, match=words) as caught:
            await ours.start()
        assert token not in str(caught.value)


async def test_a_connection_without_a_greeting_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.slack.inbound.socket_mode.GREETING_TIMEOUT", 0.05)
    async with FakeSlack(over_socket=True) as slack:
        slack.sockets.sends_hello = False
        socket = SocketModeClient(APP_TOKEN, slack.api_url, first_backoff=0.01)
        await socket.open()
        socket.listen(nothing)  # type: ignore[arg-type]
        await slack.until(lambda: slack.sockets.opened > 1)
        slack.sockets.sends_hello = True
        assert await eventually(lambda: socket.live)
        await socket.close()
