"""Slack delivers everything four times, in any order, fifty at once: each act is done exactly once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from bot.address import MessageRef, Place
from bot.desk.routes import dispatch
from bot.ports import Card
from bot.views import Audience
from demo.slack import Message
from demo.slack.payloads import envelope, message_event
from demo.slack.wire import FORM
from sla_core.events import CustomerWrote, Opened
from tests.slack import forged
from tests.slack.bent import JSON, Bent, Raw
from tests.slack.shop import ANSWERS, Shop, shop

SEED = 20260320
TIMES, AT_ONCE = 4, 50
MOST_TRIES = 8


@dataclass
class Storm:
    """What is sent, and what must come of it."""

    at: Shop
    bodies: list[Bent] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    summaries: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)

    def event(self, body: dict[str, Any]) -> None:
        self.bodies.append(Bent(json.dumps(body).encode(), JSON))

    def interaction(self, payload: dict[str, Any]) -> None:
        self.bodies.append(Bent(urlencode({"payload": json.dumps(payload)}).encode(), FORM))


async def tickets(at: Shop, many: int) -> list[str]:
    """As many, each with its card on record in the customer's channel."""
    ines = at.people["internal"]
    for number in range(many):
        await at.slack.command(ines, at.acme, "/support", f"Ticket {number}")
        assert (await at.slack.submit(ines, ANSWERS)).sent
    for said in list(at.store.outbox.values()):
        card = said.message
        if isinstance(card.say, Card) and card.say.audience is Audience.CUSTOMER and not card.edits:
            root = Message(at.acme.id, at.slack.world.next_ts(), at.slack.bot.id, card.ticket)
            at.slack.world.add(root)
            await at.store.sent(card.key, MessageRef(Place("slack", at.acme.id), root.ts))
    return sorted(at.store.by_key)


def gather(at: Shop, keys: list[str], count: int) -> Storm:
    """Replies in threads, forms, new tickets, mentions."""
    storm, world = Storm(at), at.slack.world
    xenia, acme = at.people["external"], at.acme
    roots = {m.text: m for m in acme.messages if m.user == at.slack.bot.id and m.text in keys}
    version = cast(Opened, at.store.by_key[keys[0]].events[0]).version
    for number in range(count):
        key, text = keys[number % len(keys)], f"words {number}"
        match number % 10:
            case 0:
                said = Message(acme.id, world.next_ts(), xenia.id, f"{at.slack.mention} {text}")
                world.add(said)
                storm.mentions.add(said.ts)
                storm.event(envelope(world, message_event(world, said, "app_mention"), xenia.id))
            case 1:
                context = {"place": "slack:C0ACME", "version": version}
                values = {"summary": f"Opened {number}", "request": ["incident"], "production": ["minor"]}
                values |= {"privacy": ["no"], "known": ["new"]}
                storm.summaries.add(f"Opened {number}")
                storm.interaction(forged.sent(at, xenia, "T0ACME", "intake", context, values))
            case 2 | 3:
                context = {"place": "slack:C0ACME", "ticket": key}
                storm.texts.add(text)
                storm.interaction(forged.sent(at, xenia, "T0ACME", "add_details", context, {"text": text}))
            case _:
                said = Message(acme.id, world.next_ts(), xenia.id, text, thread_ts=roots[key].ts)
                world.add(said)
                storm.texts.add(text)
                storm.event(envelope(world, message_event(world, said), xenia.id))
    return storm


@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_each_act_is_done_once(tmp_path: Path, count: int) -> None:
    async with shop(tmp_path) as at:
        storm = gather(at, await tickets(at, max(3, count // 10)), count)
        receive = {path: hear for _, path, hear in at.ours.routes(dispatch(at.desk))}["/slack/events"]
        chance, secret = Random(SEED), at.slack.signing_secret
        waiting = [(body, retry) for body in storm.bodies for retry in range(TIMES)]
        chance.shuffle(waiting)

        async def sender() -> None:
            while waiting:
                body, retry = waiting.pop()
                headers = body.signed(secret)
                if retry:
                    headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
                response = await receive(cast(Any, Raw(body.body, headers)))
                if response.status == 503:
                    assert retry < MOST_TRIES
                    waiting.insert(0, (body, retry + 1))
                else:
                    assert response.status == 200

        await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
        await at.ours.settle()
        events = [event for ticket in at.store.by_key.values() for event in ticket.events]
        wrote = Counter(event.text for event in events if isinstance(event, CustomerWrote))
        opened = Counter(event.summary for event in events if isinstance(event, Opened))
        assert wrote == Counter(storm.texts)
        assert {name: times for name, times in opened.items() if name.startswith("Opened")} == dict.fromkeys(
            storm.summaries, 1
        )
        offers = Counter(m.thread_ts for m in at.ours_in(at.acme) if m.thread_ts in storm.mentions)
        assert offers == Counter(storm.mentions)
