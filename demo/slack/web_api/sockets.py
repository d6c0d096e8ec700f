"""Socket Mode: the bot opens connections, and each request goes through one of them."""

import asyncio
import itertools
import json
import uuid
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from demo.slack.elements import Json
from demo.slack.state import Workspace


class Sockets:
    """Each address accepts one connection; requests go through the connections in turn."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.live: list[web.WebSocketResponse] = []
        self.opened = 0
        self.sends_hello = True
        """Whether to send `hello` on new connections, as Slack does."""
        self._tickets: set[str] = set()
        self._turn = itertools.count()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self.envelopes: list[Json] = []

    def new_address(self) -> str:
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return f"{self.workspace.base_url.replace('http', 'ws', 1)}/link/?ticket={ticket}"

    async def accept(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.json_response({"ok": False, "error": "invalid_ticket"}, status=408)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.sends_hello:
            info = {"app_id": self.workspace.app_id}
            await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": info})
        self.live.append(socket)
        self.opened += 1
        self.workspace.touch()
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._acknowledged(json.loads(message.data))
        finally:
            if socket in self.live:
                self.live.remove(socket)
            self.workspace.touch()
        return socket

    def _acknowledged(self, ack: Json) -> None:
        if waiting := self._waiting.pop(str(ack.get("envelope_id")), None):
            if not waiting.done():
                waiting.set_result(ack)
        else:
            self.workspace.complain(f"acknowledged an unknown envelope {ack.get('envelope_id')}")

    async def deliver(self, body: str, content_type: str, headers: dict[str, str]) -> tuple[int, str]:
        """Sends a request through a connection; returns status and body. Raises ConnectionError."""
        envelope = _envelope(body, content_type)
        if envelope["type"] == "events_api":
            envelope["retry_attempt"] = int(headers.get("X-Slack-Retry-Num", 0))
            envelope["retry_reason"] = headers.get("X-Slack-Retry-Reason", "")
        if not self.live:
            raise ConnectionError("no socket is open")
        socket = self.live[next(self._turn) % len(self.live)]
        self.envelopes.append(envelope)
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope["envelope_id"]] = waiting
        await socket.send_json(envelope)
        try:
            ack = await waiting
        finally:
            self._waiting.pop(envelope["envelope_id"], None)
        payload = ack.get("payload")
        if payload is not None and not envelope["accepts_response_payload"]:
            self.workspace.complain(f"an answer to {envelope['type']}, which accepts none")
        return 200, "" if payload is None else json.dumps(payload)

    async def replace(self, socket: web.WebSocketResponse, reason: str = "refresh_requested") -> None:
        """Announces the end of a connection, and closes it once the bot has opened another one."""
        before = self.opened
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "local"}})
        await self.workspace.until(lambda: self.opened > before and not self._waiting, 60.0)
        await socket.close()

    def cut(self) -> None:
        """Breaks all connections without a close frame."""
        for socket in list(self.live):
            if (transport := socket.get_extra_info("socket")) is not None:
                transport.shutdown(SHUT_RDWR)

    async def close(self) -> None:
        for socket in list(self.live):
            await socket.close()


def _envelope(body: str, content_type: str) -> Json:
    if content_type == "application/json":
        payload, kind, answered = json.loads(body), "events_api", False
    else:
        fields = dict(parse_qsl(body, keep_blank_values=True))
        command = "payload" not in fields
        payload = fields if command else json.loads(fields["payload"])
        kind, answered = ("slash_commands" if command else "interactive"), True
    return {
        "envelope_id": str(uuid.uuid4()),
        "type": kind,
        "payload": payload,
        "accepts_response_payload": answered,
    }
