"""Slack delivers everything four times, in any order, fifty at once: each act is done exactly once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast
from urllib.parse import urlencode

import pytest
import structlog

from adapters.sql.store import SqlStore, connect
from adapters.web.server import Handler
from bot.desk.routes import dispatch
from bot.model.address import MessageRef, Place
from bot.model.views import Audience
from bot.notify.message_factory import card_key
from demo.slack import Message
from demo.slack.actions.bot_client import FORM
from demo.slack.payloads import envelope, message_event
from sla_core.events import CustomerWrote, Event, Opened
from tests.platforms.desk_files import ON_SLACK
from tests.slack import forged
from tests.slack.desk_on_slack import ANSWERS, DeskOnSlack, desk_on_slack
from tests.slack.malformed import JSON, MalformedBody, RequestStub
from tests.sql.raw_sql import run

SEED = 20260320
TIMES, AT_ONCE = 4, 50
MOST_TRIES = 8
LONG = "x" * 3000
ANY_NUMBER_IN_AN_HOUR = "\n[limits]\nopens_per_person = 1_000_000\nopens_per_account = 1_000_000\n"
COUNTS = [100, pytest.param(10_000, marks=pytest.mark.soak)]


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Each request would be a line, each that is refused a hundred."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@dataclass
class Redeliveries:
    """What is sent, and what must come of it."""

    at: DeskOnSlack
    store: SqlStore
    receive: Handler
    bodies: list[MalformedBody] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    summaries: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)

    def event(self, body: dict[str, Any]) -> None:
        self.bodies.append(MalformedBody(json.dumps(body).encode(), JSON))

    def interaction(self, payload: dict[str, Any]) -> None:
        self.bodies.append(MalformedBody(urlencode({"payload": json.dumps(payload)}).encode(), FORM))

    def asks(self, number: int, version: str) -> None:
        """A form that opens a ticket."""
        context = {"place": "slack:C0ACME", "version": version}
        values = {"summary": f"Opened {number}", "request": ["incident"], "production": ["minor"]}
        values |= {"privacy": ["no"], "known": ["new"]}
        self.summaries.add(f"Opened {number}")
        who = self.at.people["external"]
        self.interaction(forged.sent(self.at, who, "T0ACME", "intake", context, values))

    def replies(self, root: Message, text: str) -> None:
        """In a ticket's thread."""
        world, who = self.at.slack.workspace, self.at.people["external"]
        said = Message(root.channel, world.next_ts(), who.id, text, thread_ts=root.ts)
        self.texts.append(text)
        self.event(envelope(world, message_event(world, said), who.id))

    def calls_us(self, text: str) -> None:
        """A mention in the channel, which is answered with an offer in its thread."""
        world, who = self.at.slack.workspace, self.at.people["external"]
        said = Message(self.at.acme.id, world.next_ts(), who.id, f"{self.at.slack.mention} {text}")
        world.add(said)
        self.mentions.add(said.ts)
        self.event(envelope(world, message_event(world, said, "app_mention"), who.id))

    def offers(self) -> Counter[str | None]:
        """How many replies each message has."""
        return Counter(m.thread_ts for m in self.at.ours_in(self.at.acme) if m.thread_ts in self.mentions)

    async def hears(self, body: MalformedBody, retry: int = 0) -> int:
        """The status that Slack gets for it."""
        headers = body.signed(self.at.slack.signing_secret)
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        response = await self.receive(cast(Any, RequestStub(body.body, headers)))
        return response.status

    async def breaks(self) -> None:
        """Each body so often, once without the header of a retry; in any order, and refused ones again."""
        waiting = [(body, retry) for body in self.bodies for retry in range(TIMES)]
        Random(SEED).shuffle(waiting)

        async def sender() -> None:
            while waiting:
                body, retry = waiting.pop()
                status = await self.hears(body, retry)
                if status == 503:
                    assert retry < MOST_TRIES
                    waiting.insert(0, (body, retry + 1))
                else:
                    assert status == 200

        await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
        await self.at.ours.settle()

    async def histories(self) -> dict[str, tuple[Event, ...]]:
        return {key: await self.store.load(key) for key in await self.store.tickets("acme")}


@asynccontextmanager
async def a_desk(tmp_path: Path) -> AsyncIterator[Redeliveries]:
    """Before the real tables."""
    file = f"{ON_SLACK}{ANY_NUMBER_IN_AN_HOUR}"
    async with desk_on_slack(tmp_path, file) as at, connect(f"sqlite:///{tmp_path}/storm.db") as store:
        at.desk.store = at.desk.key_values = store
        routes = {path: handler for _, path, handler in at.ours.routes(dispatch(at.desk))}
        yield Redeliveries(at, store, routes["/slack/events"])


async def tickets(redeliveries: Redeliveries, many: int) -> dict[str, Message]:
    """As many, each with its card on record in the customer's channel."""
    at = redeliveries.at
    ines = at.people["internal"]
    for number in range(many):
        await at.slack.command(ines, at.acme, "/support", f"Ticket {number}")
        assert (await at.slack.submit(ines, ANSWERS)).sent
    roots = {}
    for key in sorted(await redeliveries.store.tickets("acme")):
        roots[key] = Message(at.acme.id, at.slack.workspace.next_ts(), at.slack.bot.id, key)
        at.slack.workspace.add(roots[key])
        ref = MessageRef(Place("slack", at.acme.id), roots[key].ts)
        await redeliveries.store.sent(card_key(key, Audience.CUSTOMER), ref)
    return roots


def version_of(redeliveries: Redeliveries) -> str:
    """Of the policy that a ticket is opened under today."""
    at = redeliveries.at
    return at.desk.directory.policy_on(at.clock.now().date()).version


def gather(redeliveries: Redeliveries, roots: dict[str, Message], count: int) -> None:
    """Replies in threads, forms, new tickets, mentions."""
    xenia = redeliveries.at.people["external"]
    keys, version = list(roots), version_of(redeliveries)
    for number in range(count):
        key, text = keys[number % len(keys)], f"words {number}"
        match number % 10:
            case 0:
                redeliveries.calls_us(text)
            case 1:
                redeliveries.asks(number, version)
            case 2 | 3:
                context = {"place": "slack:C0ACME", "ticket": key}
                redeliveries.texts.append(text)
                redeliveries.interaction(
                    forged.sent(redeliveries.at, xenia, "T0ACME", "add_details", context, {"text": text})
                )
            case _:
                redeliveries.replies(roots[key], text)


@pytest.mark.parametrize("count", COUNTS)
async def test_each_act_is_done_once(tmp_path: Path, count: int) -> None:
    async with a_desk(tmp_path) as redeliveries:
        gather(redeliveries, await tickets(redeliveries, max(3, count // 10)), count)
        await redeliveries.breaks()
        events = [event for history in (await redeliveries.histories()).values() for event in history]
        wrote = Counter(event.text for event in events if isinstance(event, CustomerWrote))
        opened = Counter(event.summary for event in events if isinstance(event, Opened))
        assert wrote == Counter(redeliveries.texts)
        assert {name: times for name, times in opened.items() if name.startswith("Opened")} == dict.fromkeys(
            redeliveries.summaries, 1
        )
        assert redeliveries.offers() == Counter(redeliveries.mentions)


@pytest.mark.parametrize("count", COUNTS)
async def test_each_form_is_one_ticket(tmp_path: Path, count: int) -> None:
    """engine.md 6: as many tickets as there were forms, numbered without a gap."""
    async with a_desk(tmp_path) as redeliveries:
        version = version_of(redeliveries)
        for number in range(count):
            redeliveries.asks(number, version)
        await redeliveries.breaks()
        histories = await redeliveries.histories()
        assert set(histories) == {f"ACME-{number}" for number in range(1, count + 1)}
        opened = [event for history in histories.values() for event in history if isinstance(event, Opened)]
        assert Counter(event.summary for event in opened) == Counter(redeliveries.summaries)


async def test_an_offer_whose_answer_was_lost_is_made_once(tmp_path: Path) -> None:
    """Even where the event comes again as if for the first time."""
    async with a_desk(tmp_path) as redeliveries:
        redeliveries.calls_us("It is slow")
        redeliveries.at.slack.fail_next("chat.postMessage", accept_then_drop=True)
        assert [await redeliveries.hears(redeliveries.bodies[0]) for _ in range(3)] == [503, 200, 200]
        assert redeliveries.offers() == Counter(redeliveries.mentions)


async def test_what_a_full_disk_does_not_take_is_not_acknowledged(tmp_path: Path) -> None:
    """engine.md 5: Slack sends it again, and when there is space it is kept once."""
    async with a_desk(tmp_path) as redeliveries:

        async def limit(pages: int) -> None:
            await run(redeliveries.store, f"PRAGMA max_page_count={pages}")

        async def texts() -> Counter[str]:
            events = [event for history in (await redeliveries.histories()).values() for event in history]
            return Counter(event.text for event in events if isinstance(event, CustomerWrote))

        (root,) = (await tickets(redeliveries, 1)).values()
        for number in range(4):
            redeliveries.replies(root, f"{number} {LONG}")
        ((pages,),) = await run(redeliveries.store, "PRAGMA page_count")
        await limit(pages)
        statuses = [await redeliveries.hears(body) for body in redeliveries.bodies]
        assert statuses.count(503) >= 3
        taken = [text for text, status in zip(redeliveries.texts, statuses, strict=True) if status == 200]
        assert await texts() == Counter(taken)

        await limit(100_000)
        assert [await redeliveries.hears(body, retry=1) for body in redeliveries.bodies] == [200] * 4
        assert await texts() == Counter(redeliveries.texts)
