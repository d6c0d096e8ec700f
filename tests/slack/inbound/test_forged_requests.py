"""Every button, form and message, sent by every person from every channel, changes only what they may.

Each person sends a third of them in `make test`, and all in `make soak`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from bot.desk.intake.form import ACCOUNT, KNOWN, OFFERED, SUMMARY
from bot.desk.intake.form import FORM as INTAKE
from bot.desk.routes import ANYONE, BUTTONS, FORMS, PARTICIPANT, RECIPIENT
from bot.model.inbound import Answer, Done, Inbound
from demo.slack import Person
from sla_core.events import THE_CLOCK, Event
from tests.slack import forged
from tests.slack.day_of_requests import SECRET_WORDS, DayOfRequests, day_of_requests
from tests.slack.malformed import MalformedBody, RequestStub

KEY = "ACME-1"
CLAIMS = [
    # who, the workspace that the request claims they are of
    ("external", "T0ACME"),
    ("guest", "T0VENDOR"),
    ("internal", "T0VENDOR"),
    ("other", "T0BETA"),
    ("tess", "T0VENDOR"),
    ("bob", "T0VENDOR"),
    ("dana", "T0VENDOR"),
    # An agent's id from another workspace is another person.
    ("bob", "T0ACME"),
    ("dana", "E0MEGA"),
]
AGENTS = [("bob", "T0VENDOR"), ("dana", "T0VENDOR")]
PEOPLE_OF_THE_FILE = [*AGENTS, ("tess", "T0VENDOR")]
HERE = ["C0ACME", "C0BETA", "C0LOUNGE", "C0TRIAGE", "direct"]
FROM = [*((channel, False) for channel in HERE), ("C0ACME", True), ("C0TRIAGE", True)]
"""Channels, and the app's own page where it claims the channels that matter."""
one_in = pytest.mark.parametrize("one_in", [3, pytest.param(1, marks=pytest.mark.soak)])
"""Each claim tries a third of the requests, and the next claim another third; `make soak` takes all."""


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[DayOfRequests]:
    async with day_of_requests(tmp_path) as made:
        yield made
        made.at.slack.complaints.clear()


def may(who: str, claim: tuple[str, str], channel: str) -> bool:
    if who == ANYONE:
        return True
    if who == RECIPIENT:
        return claim in PEOPLE_OF_THE_FILE
    return claim in AGENTS or (who == PARTICIPANT and channel == "C0ACME")


def place_of(day: DayOfRequests, who: Person, channel: str) -> str:
    return day.at.slack.dm(who).id if channel == "direct" else channel


T = TypeVar("T")


def share(requests: Iterable[T], claim: tuple[str, str], one_in: int) -> Iterator[T]:
    # Otherwise each would always meet the same channels.
    assert all(len(channels) % one_in or one_in == 1 for channels in (FROM, HERE))
    return islice(requests, CLAIMS.index(claim) % one_in, None, one_in)


async def done_since(day: DayOfRequests, before: tuple[Event, ...]) -> list[Event]:
    after = await day.at.store.load(KEY)
    return [e for e in after[len(before) :] if getattr(e, "by", THE_CLOCK) != THE_CLOCK]


@one_in
@pytest.mark.parametrize("claim", CLAIMS, ids="-".join)
async def test_every_button_from_everywhere(day: DayOfRequests, claim: tuple[str, str], one_in: int) -> None:
    at, (name, team) = day.at, claim
    who = at.people[name]
    for (action, route), (channel, home) in share(product(BUTTONS.items(), FROM), claim, one_in):
        before = await at.store.load(KEY)
        where = place_of(day, who, channel)
        payload = forged.pressed(at, who, team, where, action, KEY)
        if home:
            payload = forged.on_home(at, who, payload, where)
        ack = await forged.deliver(at, payload)
        assert ack.status == 200
        done, asked = await done_since(day, before), at.slack.modal_of(who)
        if not may(route.who, claim, "" if home else channel):
            about = (action, channel, home)
            assert done == [], about
            assert asked is None or asked.callback_id == "", about
        while at.slack.modal_of(who):
            await at.slack.close_modal(who)
    events = await at.store.load(KEY)
    if claim in AGENTS:
        assert any(getattr(e, "by", THE_CLOCK).id.endswith(who.id) for e in events)


@one_in
@pytest.mark.parametrize("claim", CLAIMS, ids="-".join)
async def test_every_form_with_forged_memory(day: DayOfRequests, claim: tuple[str, str], one_in: int) -> None:
    at, (name, team) = day.at, claim
    who, version = at.people[name], (await at.store.load(KEY))[0].version  # type: ignore[union-attr]
    values = {"text": "words", "severity": ["S1"], "person": ["bob"], "because": ["workaround"], "next": "x"}
    for (form, route), channel in share(product(FORMS.items(), HERE), claim, one_in):
        before = await at.store.load(KEY)
        context = {"ticket": KEY, "place": f"slack:{place_of(day, who, channel)}", "version": version}
        ack = await forged.deliver(at, forged.sent(at, who, team, form, context, values))
        assert ack.status == 200
        if form == "reply" and claim in AGENTS:
            assert len(await done_since(day, before)) == 1, "who may, can"
        if form == INTAKE or not may(route.who, claim, channel):
            assert await done_since(day, before) == [], (form, channel)


async def test_forms_of_other_versions_and_of_nobodys(day: DayOfRequests) -> None:
    at, xenia = day.at, day.at.people["external"]
    before = [len(ticket.events) for ticket in at.store.tickets_by_key.values()]
    contexts = [
        {},
        {"ticket": KEY},
        {"place": "slack:C0ACME"},
        {"place": "nowhere", "ticket": KEY, "version": "x"},
        {"place": ":", "ticket": KEY, "version": "x"},
        {"place": "slack:C0ACME", "ticket": "NOBODY-7", "version": "1999-01-01"},
        {"place": "slack:C0ACME", "ticket": "", "version": ""},
    ]
    for form in (*FORMS, "no_such_form"):
        for context in contexts:
            ack = await forged.deliver(
                at, forged.sent(at, xenia, "T0ACME", form, context, {"text": "words", "summary": "words"})
            )
            assert ack.status == 200
            assert "response_action" in ack.body, "it is told"
    assert [len(ticket.events) for ticket in at.store.tickets_by_key.values()] == before


async def test_options_that_were_never_offered(day: DayOfRequests) -> None:
    at, bob = day.at, day.at.people["bob"]
    before = {key: len(ticket.events) for key, ticket in at.store.tickets_by_key.items()}
    version = (await at.store.load(KEY))[0].version  # type: ignore[union-attr]
    triage = {"ticket": KEY, "place": "slack:C0TRIAGE", "version": version}
    for form, values in (
        ("severity", {"severity": ["S9"], "text": "words"}),
        ("alert_delegate", {"person": ["nobody"]}),
        (INTAKE, {ACCOUNT: ["nobody"], SUMMARY: "words"}),
        (INTAKE, {ACCOUNT: ["acme"], SUMMARY: "words", "request": ["no such"], KNOWN: ["BETA-1"]}),
    ):
        await forged.deliver(at, forged.sent(at, bob, "T0VENDOR", form, triage, values))
    beta = {"place": "slack:C0BETA", "version": version, OFFERED: KEY}
    otto, choice = at.people["other"], {SUMMARY: "words", KNOWN: [KEY]}
    await forged.deliver(at, forged.sent(at, otto, "T0BETA", INTAKE, beta, choice))
    assert {key: len(ticket.events) for key, ticket in at.store.tickets_by_key.items()} == before


@pytest.mark.parametrize("name", ["external", "guest", "internal", "other", "tess"])
async def test_words_about_a_ticket_in_foreign_channels(day: DayOfRequests, name: str) -> None:
    at, who = day.at, day.at.people[name]
    at.lounge.members += [each.id for each in at.people.values() if each.id not in at.lounge.members]
    day.beta.members += [each.id for each in at.people.values() if each.id not in day.beta.members]
    before = await at.store.load(KEY)
    seen = [*at.slack.ephemerals(who), *at.slack.dms(who)]
    for words in (f"close {KEY}", f"status {KEY}", f"Close {KEY.lower()}."):
        for channel in (at.lounge, day.beta):
            if name in ("guest", "internal", "tess"):
                await at.slack.command(who, channel, "/support", words)
            await at.slack.say(who, channel, f"{at.slack.mention} {words}")
            await at.slack.say(who, channel, f"support: {words}")
            await at.settle()
        if name in ("other", "tess"):
            await at.slack.say(who, at.slack.dm(who), words)
            await at.settle()
    assert await done_since(day, before) == []
    answers = [m for m in (*at.slack.ephemerals(who), *at.slack.dms(who)) if m not in seen]
    told = "".join(map(at.slack.text_of, answers))
    assert f"You cannot see {KEY} from here." in told
    assert SECRET_WORDS not in told, "nothing of it is told"


async def test_a_press_that_comes_again_does_nothing_more(day: DayOfRequests) -> None:
    at = day.at
    before = {key: ticket.events[:] for key, ticket in at.store.tickets_by_key.items()}
    outbox, said = set(at.store.outbox), len(at.ours_in(at.acme))
    for request in day.requests:
        ack = await at.slack.redeliver(request, retry=request.kind not in ("command",))
        assert ack.status == 200
    await at.settle()
    assert {key: ticket.events for key, ticket in at.store.tickets_by_key.items()} == before
    assert set(at.store.outbox) == outbox
    assert len(at.ours_in(at.acme)) == said


async def test_the_signature_of_another_body_or_hour_signs_nothing(day: DayOfRequests) -> None:
    at, secret = day.at, day.at.slack.signing_secret
    acts: list[Inbound] = []

    async def hear(act: Inbound) -> Answer:
        acts.append(act)
        return Done()

    receive = {path: hears for _, path, hears in at.ours.routes(hear)}["/slack/events"]
    for request in day.requests:
        body = MalformedBody(request.body.encode(), request.headers["Content-Type"])
        longer = MalformedBody(body.body + b" ", body.kind)
        wrong = [
            longer.signed(secret),
            body.signed(secret, time.time() - 301),
            body.signed(secret, time.time() + 301),
            body.signed("another secret"),
            body.signed(secret) | {"X-Slack-Request-Timestamp": str(int(time.time()) - 1)},
        ]
        for headers in wrong:
            response = await receive(cast(Any, RequestStub(body.body, headers)))
            assert response.status == 401
    assert acts == []
