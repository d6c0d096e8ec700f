"""Webhooks: a consumer that takes events, fails, hangs, returns, and stays away for too long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from adapters.pager import adapter
from adapters.pager.adapter import OneWay
from adapters.pager.webhooks import WebhookSender, WebhookTarget
from adapters.sql.store import SqlStore, connect
from adapters.web.hooks import standard_webhook
from bot.api.faults import ApiFault
from bot.api.webhooks import OFF_AFTER, ReplayBody, list_webhooks, replay
from bot.clock import real_now
from bot.config.settings import load_desk
from bot.model.api_token import Scope, Token
from sla_core.catalog.load import Faults
from tests.harness import ALICE, BOB, DESK_FILE, S1, S2, SILVER, TRIAGE, DeskInMemory, HeldClock, open_desk

AT = "2026-03-20T15:30:00Z"
SECRET = "a secret of the consumer"
WEBHOOKS = """
[[webhooks]]
name = "crm"
url = "https://crm.example/hook"
secret = "$CRM_SECRET"
accounts = ["acme"]
"""
OPERATOR = Token("ops", Scope.WRITE, None, real_now())


@dataclass
class Consumer:
    """A program behind a webhook. `answers` are its next statuses, then always 204."""

    answers: list[int] = field(default_factory=list)
    hangs: asyncio.Event | None = None
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        id_, stamp = (request.headers[f"webhook-{name}"] for name in ("id", "timestamp"))
        signed_at = datetime.fromtimestamp(int(stamp), UTC)
        expected = Webhook(SECRET.encode()).sign(id_, signed_at, body)
        assert request.headers["webhook-signature"] == expected
        if self.hangs is not None:
            await self.hangs.wait()
        status = self.answers.pop(0) if self.answers else 204
        if status == 204:
            self.got.append(json.loads(body))
            self.ids.append(request.headers["webhook-id"])
        return web.Response(status=status)

    @property
    def types(self) -> list[str]:
        return [said["type"] for said in self.got]


@dataclass
class Told:
    """A desk that tells a consumer of its events."""

    desk: DeskInMemory
    store: SqlStore
    consumer: Consumer
    clock: HeldClock
    """Real time, of delivery and of the webhook."""

    async def later(self, **length: float) -> None:
        self.clock.at += timedelta(**length)
        await self.desk.deliver()


@pytest_asyncio.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    consumer, clock = Consumer(), HeldClock(real_now().isoformat())
    app = web.Application()
    app.router.add_post("/", consumer.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    async with AsyncExitStack() as open_ones:
        await runner.setup()
        open_ones.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        store = await open_ones.enter_async_context(connect("sqlite://"))
        desk = await open_desk(tmp_path, AT, DESK_FILE + WEBHOOKS, store)
        desk.desk.key_values = store
        desk.delivery.clock = clock
        target = WebhookTarget(url, standard_webhook(SECRET).sign)
        sender = OneWay("webhook", WebhookSender({"crm": target}, store, [TRIAGE], real_now))
        sender.sender._now = clock.now  # type: ignore[attr-defined]
        await sender.start()
        open_ones.push_async_callback(sender.close)
        desk.desk.platforms["webhook"] = sender
        yield Told(desk, store, consumer, clock)


async def test_a_consumer_gets_each_event_once_in_order_and_signed(told: Told) -> None:
    key = await told.desk.submits(ALICE, "Bills are late", S2)
    await told.desk.submits_form(BOB, "Reply", key, text="On it")
    await told.desk.submits(ALICE, "Not for them", S1, SILVER)
    assert told.consumer.types == ["ticket.opened", "ticket.answered"]
    opened, answered = told.consumer.got
    assert opened["timestamp"] == AT
    assert opened["data"]["ticket"]["key"] == key
    assert opened["data"]["ticket"]["owner"] is None
    assert (answered["data"]["seq"], answered["data"]["event"]["text"]) == (2, "On it")
    assert answered["data"]["ticket"]["owner"] == "Bob"
    assert len(set(told.consumer.ids)) == 2


async def test_a_consumer_that_fails_hangs_and_returns_misses_nothing(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.consumer.answers = [500, 410, 302]
    key = await told.desk.submits(ALICE, "Bills are late", S2)
    await told.desk.submits_form(BOB, "Reply", key, text="On it")
    assert (told.consumer.got, told.desk.thread(key) != []) == ([], True), "nobody else waits for it"
    (state,) = (await list_webhooks(told.desk.desk, OPERATOR)).webhooks
    assert state.failing_since is not None
    await told.later(minutes=2)
    await told.later(minutes=2)
    assert told.consumer.got == []

    told.consumer.hangs = asyncio.Event()
    sender = told.desk.desk.platforms["webhook"]
    assert isinstance(sender, OneWay)
    assert adapter.TIMEOUT < 4, "shorter than delivery waits"
    session = sender.sender._session  # type: ignore[attr-defined]
    monkeypatch.setattr(session, "_timeout", type(session.timeout)(total=0.2))
    await told.later(minutes=2)
    assert told.consumer.got == []

    told.consumer.hangs.set()
    told.consumer.hangs = None
    await told.later(minutes=2)
    by_id = dict(zip(told.consumer.ids, told.consumer.types, strict=True))
    assert [*by_id.values()] == ["ticket.opened", "ticket.answered"], "the one that hung may come twice"
    (state,) = (await list_webhooks(told.desk.desk, OPERATOR)).webhooks
    assert (state.failing_since, state.switched_off_at) == (None, None)


async def test_a_consumer_that_stays_away_is_switched_off_and_gets_what_it_missed(told: Told) -> None:
    """Triage is told once; a replay switches it on, and events keep their ids."""
    told.consumer.answers = [503] * 2000
    key = await told.desk.submits(ALICE, "Bills are late", S2)
    await told.later(minutes=2)
    await told.desk.submits_form(BOB, "Reply", key, text="On it")
    assert not [said for said in told.desk.heard(TRIAGE) if "webhook" in said]
    told.clock.at += OFF_AFTER  # the desk was stopped, so nothing is known of this day
    await told.later(minutes=2)
    assert not [said for said in told.desk.heard(TRIAGE) if "webhook" in said]
    for _ in range(OFF_AFTER // timedelta(minutes=9) + 2):
        await told.later(minutes=9)
    (said,) = [said for said in told.desk.heard(TRIAGE) if "webhook" in said]
    assert said.startswith("The webhook crm has failed since ")
    assert told.consumer.got == []
    assert await told.desk.events(key) == ["Opened", "Answered"], "no ticket is told of it"
    (state,) = (await list_webhooks(told.desk.desk, OPERATOR)).webhooks
    assert state.switched_off_at is not None

    told.consumer.answers.clear()
    await told.desk.submits_form(BOB, "Resolve", key, text="Restarted")
    assert told.consumer.got == []
    body = ReplayBody.model_validate({"since": AT})
    done = await replay(told.desk.desk, told.store, OPERATOR, "crm", body)
    assert done.queued == 3
    await told.later(seconds=1)
    assert told.consumer.types == ["ticket.opened", "ticket.answered", "ticket.resolved"]
    before = [*told.consumer.ids]
    await replay(told.desk.desk, told.store, OPERATOR, "crm", body)
    await told.later(seconds=1)
    assert told.consumer.ids == before * 2


async def test_who_may_replay(told: Told) -> None:
    limited = Token("acme", Scope.WRITE, frozenset({"acme"}), real_now())
    body = ReplayBody(since=datetime.fromisoformat(AT).isoformat())
    with pytest.raises(ApiFault, match="limited to accounts"):
        await replay(told.desk.desk, told.store, limited, "crm", body)
    with pytest.raises(ApiFault, match="limited to accounts"):
        await list_webhooks(told.desk.desk, limited)
    with pytest.raises(ApiFault, match="There is no webhook erp"):
        await replay(told.desk.desk, told.store, OPERATOR, "erp", body)


def test_what_is_wrong_in_the_desks_file(tmp_path: Path) -> None:
    wrong = WEBHOOKS.replace("https:", "ftp:").replace("$CRM_SECRET", "plain").replace("acme", "globex")
    path = tmp_path / "frontline.toml"
    path.write_text(DESK_FILE + wrong + 'events = ["ticket.sold"]\n' + WEBHOOKS, encoding="utf-8")
    with pytest.raises(Faults) as found:
        load_desk(path)
    said = {fault.key: fault.says for fault in found.value.faults}
    assert said.keys() == {
        "webhooks",
        "webhooks.crm.secret",
        "webhooks.crm.url",
        "webhooks.crm.events",
        "webhooks.crm.accounts",
    }
    assert said["webhooks.crm.events"].startswith('there is no event "ticket.sold"; known are ticket.')
