"""The services behind pages, on loopback: they keep what they get, and answer as they are told."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks.webhooks import Webhook

from adapters.pager.adapter import OneWay
from adapters.pager.webhooks import one_way
from adapters.web.hooks import standard_webhook
from bot.clock import real_now
from bot.config.settings import DeskSettings
from bot.ports import ChatPlatform
from tests.memory_store import MemoryStore

Json = dict[str, Any]
ROUTING_KEY, PD_SECRET = "R0UTING-KEY-0123456789", "secret-of-the-subscription"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VARIABLES = {
    "PD_ROUTING_KEY": ROUTING_KEY,
    "PD_WEBHOOK_SECRET": PD_SECRET,
    "HOOK_SECRET": WEBHOOK_SECRET,
}
"""The environment that the desk's file of these tests needs."""


@dataclass(frozen=True)
class Received:
    """A request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


@dataclass
class Services:
    """PagerDuty at /pagerduty, a webhook at /webhook, ntfy at /, JSON at /json; mail on another port."""

    address: str = ""
    smtp_port: int = 0
    requests: list[Received] = field(default_factory=list)
    mail: list[EmailMessage] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    """By path, what the next requests are answered with; the last one goes on."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of those answers."""
    hold: asyncio.Event | None = None
    """Answers wait for it."""

    @property
    def host(self) -> str:
        return self.address.removeprefix("http://")

    @property
    def ntfy(self) -> str:
        return f"ntfy://{self.host}/dana-phone"

    @property
    def mailto(self) -> str:
        to = "to=dana@vendor.example&from=desk@vendor.example"
        return f"mailto://127.0.0.1:{self.smtp_port}?smtp=127.0.0.1&mode=insecure&{to}"

    @property
    def json_address(self) -> str:
        return f"json://{self.host}/json"

    def at(self, path: str) -> list[Received]:
        return [each for each in self.requests if each.path == path]

    def pagerduty(self) -> list[tuple[str, str]]:
        """What PagerDuty was told: action and incident."""
        return [(each.json["event_action"], each.json["dedup_key"]) for each in self.at("/pagerduty")]

    def webhook(self) -> list[tuple[str, str]]:
        """What the webhook was told: type and incident."""
        return [(each.json["type"], each.json["dedup"]) for each in self.at("/webhook")]

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(Received(request.path, dict(request.headers), await request.read()))
        if self.hold is not None:
            await self.hold.wait()
        statuses = self.statuses.get(request.path, [202 if request.path == "/pagerduty" else 200])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        return web.json_response({}, status=status, headers=self.headers)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mail.append(message_from_bytes(envelope.content, EmailMessage, policy=policy.default))
        return "250 OK"

    def pagers(self, first_line: Sequence[str] = ("pd", "hook")) -> str:
        """The `[[pagers]]` of a desk's file: those named, both behind the first line."""
        parts = {
            "pd": f'kind = "pagerduty"\nkey = "$PD_ROUTING_KEY"\nsecret = "$PD_WEBHOOK_SECRET"\n'
            f'url = "{self.address}/pagerduty"',
            "hook": f'kind = "webhook"\nsecret = "$HOOK_SECRET"\nurl = "{self.address}/webhook"',
        }
        return "".join(f'\n[[pagers]]\nname = "{n}"\nrole = "first_line"\n{parts[n]}\n' for n in first_line)


@asynccontextmanager
async def running() -> AsyncIterator[Services]:
    services = Services()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", services.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    services.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    mail = await asyncio.get_running_loop().create_server(lambda: SMTP(services), "127.0.0.1", 0)
    services.smtp_port = mail.sockets[0].getsockname()[1]
    try:
        yield services
    finally:
        if services.hold is not None:
            services.hold.set()
        mail.close()
        await mail.wait_closed()
        await runner.cleanup()


def services_of(settings: DeskSettings) -> list[OneWay]:
    """The services of a desk's file, as `frontline serve` has them."""
    return list(one_way(settings, MemoryStore(), lambda secret: standard_webhook(secret).sign))


@asynccontextmanager
async def connected(settings: DeskSettings) -> AsyncIterator[dict[str, ChatPlatform]]:
    """The phones and pagers of a desk's file, as `frontline serve` connects them."""
    platforms = services_of(settings)
    for platform in platforms:
        await platform.start()
    yield {platform.name: platform for platform in platforms}
    for platform in platforms:
        await platform.close()


def with_pages(file: str, person: str, addresses: Sequence[str], *more: str) -> str:
    """The desk's file with `page` addresses, and further lines, of a person."""
    listed = ", ".join(f'"{address}"' for address in addresses)
    lines = "\n".join([f'id = "{person}"', f"page = [{listed}]", *more])
    assert f'id = "{person}"' in file
    return file.replace(f'id = "{person}"', lines)


Signed = tuple[bytes, dict[str, str]]
"""The body and headers of a request."""


def signed_for_pagerduty(body: bytes, secret: str = PD_SECRET) -> Signed:
    return body, {"X-PagerDuty-Signature": f"v1={hmac.new(secret.encode(), body, sha256).hexdigest()}"}


def signed_webhook(body: bytes, id: str = "msg_1", secret: str = WEBHOOK_SECRET, age: int = 0) -> Signed:
    at = real_now() - timedelta(seconds=age)
    signature = Webhook(secret).sign(id, at, body.decode(errors="replace"))
    stamp = str(int(at.timestamp()))
    return body, {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature}


def acknowledged_in_pagerduty(incident: str, by: str, id: str = "01E", kind: str = "acknowledged") -> Signed:
    """A V3 webhook of PagerDuty."""
    event = {
        "id": id,
        "event_type": f"incident.{kind}",
        "resource_type": "incident",
        "occurred_at": "2026-03-20T15:31:00.000Z",
        "agent": {"id": "P1", "type": "user_reference", "summary": by, "html_url": None},
        "client": None,
        "data": {"id": "Q1", "type": "incident", "status": kind, "incident_key": incident},
    }
    return signed_for_pagerduty(json.dumps({"event": event}).encode())


def acknowledged_by_webhook(ticket: str, by: str, id: str = "msg_1", **more: str) -> Signed:
    """A Standard Webhook of another pager."""
    body = {"type": "page.acknowledged", "data": {"ticket": ticket, "by": by, **more}}
    return signed_webhook(json.dumps(body).encode(), id)
