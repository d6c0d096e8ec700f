"""Sends signed requests to the bot, with Slack's deadline and retries."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp

from demo.slack.elements import Json
from demo.slack.state import Workspace
from demo.slack.web_api.sockets import Sockets

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """One signed request, which can be sent again byte for byte."""

    kind: str
    body: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    retry: int = 0


@dataclass(frozen=True)
class Ack:
    """The bot's answer to one request, and how long it took."""

    request: Request
    status: int | None
    body: str
    seconds: float
    reason: str = ""
    no_retry: bool = False

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def timed_out(self) -> bool:
        return self.reason == "http_timeout"

    @property
    def kind(self) -> str:
        return self.request.kind

    def json(self) -> Any:
        """Returns the body as JSON, or None if it is empty or not JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


class BotClient:
    def __init__(
        self, workspace: Workspace, url: str, secret: str, deadline: float, retry_delays: Sequence[float]
    ) -> None:
        self.workspace, self.url, self.secret = workspace, url, secret
        self.deadline, self.retry_delays = deadline, retry_delays
        self.acks: list[Ack] = []
        self.sockets: Sockets | None = None
        """Set if requests go through sockets that the bot opens."""
        self._session: aiohttp.ClientSession | None = None
        self._background: set[asyncio.Task[Ack]] = set()

    async def close(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def settle(self) -> None:
        """Waits for pending events."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    def sign(self, kind: str, body: str, content_type: str, retry: int = 0, reason: str = "") -> Request:
        stamp = str(int(time.time()))
        digest = hmac.new(self.secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": reason}
        return Request(kind, body, headers, retry)

    async def deliver(self, request: Request) -> Ack:
        """Sends a request unchanged."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        start = time.monotonic()
        status, body, reason, no_retry = None, "", "", False
        try:
            if self.sockets:
                async with asyncio.timeout(self.deadline):
                    kind = request.headers["Content-Type"]
                    status, body = await self.sockets.deliver(request.body, kind, request.headers)
                return self._acked(Ack(request, status, body, time.monotonic() - start))
            async with (
                asyncio.timeout(self.deadline),
                self._session.post(
                    self.url, data=request.body.encode(), headers=request.headers, allow_redirects=False
                ) as response,
            ):
                status, body = response.status, await response.text()
                no_retry = response.headers.get("X-Slack-No-Retry") == "1"
                reason = "" if 200 <= status < 300 else "http_error"
        except TimeoutError:
            status, reason = None, "http_timeout"
        except (aiohttp.ClientError, ConnectionError):
            status, reason = None, "connection_failed"
        return self._acked(Ack(request, status, body, time.monotonic() - start, reason, no_retry))

    def _acked(self, ack: Ack) -> Ack:
        self.acks.append(ack)
        self.workspace.touch()
        return ack

    async def form(self, kind: str, fields: dict[str, str]) -> Ack:
        return await self.deliver(self.sign(kind, urlencode(fields), FORM))

    async def interact(self, payload: Json) -> Ack:
        return await self.form(payload["type"], {"payload": json.dumps(payload)})

    async def event(self, envelope: Json) -> Ack:
        """Sends an event, and retries until the bot accepts it."""
        kind, body = envelope.get("event", envelope)["type"], json.dumps(envelope)
        ack = await self.deliver(self.sign(kind, body, "application/json"))
        for number, delay in enumerate(self.retry_delays, 1):
            if ack.ok or ack.no_retry:
                break
            await asyncio.sleep(delay)
            ack = await self.deliver(self.sign(kind, body, "application/json", number, ack.reason))
        return ack

    def event_later(self, envelope: Json) -> None:
        task = asyncio.create_task(self.event(envelope))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
