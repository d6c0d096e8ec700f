"""Teams' requests: botbuilder's stock adapter against ours, each in its own process, by turns.

`python -m bench.teams stock|ours|microsoft` runs such a process, which reports its URL.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.measure import Progress, Work, interleaved
from bench.report import Gate, Report, Table, compared

OURS, STOCK = "Frontline", "botbuilder CloudAdapter"
HOUSE = Path(__file__).resolve().parent.parent
APP, TENANT = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-0000000000aa"
ISSUER = "https://api.botframework.com"
AT_ONCE = 8
CALLS = 240
ROUNDS = 7
A_YEAR = 4 * 10**9
Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def run(progress: Progress) -> Report:
    progress.say("teams: starting the servers")
    with (
        child("microsoft") as microsoft,
        child("stock", microsoft) as stock,
        child("ours", microsoft) as ours,
    ):
        asks = {OURS: ours, STOCK: stock}
        unsigned = _table("inbound without reply, unsigned", asks, progress, microsoft, "/unsigned")
        signed = _table("inbound without reply, signed", asks, progress, microsoft, "/signed")
        replied = _table(
            "inbound with reply to a loopback connector, unsigned",
            asks,
            progress,
            microsoft,
            "/unsigned",
            True,
        )
    gates = []
    for name, table in (("without reply", signed), ("with reply", replied)):
        ratio = table.cost(STOCK) / table.cost(OURS)
        gates.append(Gate(f"inbound {name}: stock / ours", ratio, 5))
        gates.append(Gate(f"inbound {name}: stock / ours", ratio, 7, stretch=True))
    about = f"{CALLS} personal messages a pass, {AT_ONCE} at once on persistent connections"
    return Report("teams", about, (unsigned, signed, replied), tuple(gates), _NOTES)


_NOTES = (
    "stock: botbuilder-core's CloudAdapterBase and connector; the few lines of its aiohttp package are ours",
    "signed: an RS256 token is checked for each request, the keys read once; no token is fetched",
    "a reply counts when the connector has it; stock says one word, ours draws an Adaptive Card",
    "the caller runs on the same machine; its cost is in all figures and makes ratios smaller",
)


def _table(
    title: str, asks: dict[str, str], progress: Progress, microsoft: str, path: str, reply: bool = False
) -> Table:
    with asyncio.Runner() as runner:
        works: dict[str, Work] = {
            name: partial(_pass, runner, f"{url}{path}", microsoft, reply) for name, url in asks.items()
        }
        costs = interleaved(works, CALLS, progress, title, rounds=ROUNDS)
    notes = {name: f"{1e6 / cost:,.0f} a second" for name, cost in costs.items()}
    return compared(title, costs, OURS, notes)


def _pass(runner: asyncio.Runner, url: str, microsoft: str, reply: bool) -> None:
    runner.run(_burst(url, microsoft, reply))


async def _burst(url: str, microsoft: str, reply: bool) -> None:
    """Makes all calls and, with `reply`, waits for the last reply."""
    async with aiohttp.ClientSession() as session:
        token = await _text(session, f"{microsoft}/bearer")
        before = int(await _text(session, f"{microsoft}/count"))
        raw = _request(url, microsoft, token, "reply" if reply else "hello")
        await asyncio.gather(*(_caller(url, raw, CALLS // AT_ONCE) for _ in range(AT_ONCE)))
        if reply:
            await _text(session, f"{microsoft}/count?until={before + CALLS}")


async def _text(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as response:
        return await response.text()


def _request(url: str, microsoft: str, token: str, text: str) -> bytes:
    activity = {
        "type": "message",
        "id": "1700000000001",
        "timestamp": "2026-03-20T12:00:00.000Z",
        "localTimestamp": "2026-03-20T13:00:00.000+01:00",
        "channelId": "msteams",
        "serviceUrl": f"{microsoft}/",
        "from": {"id": "29:ann", "name": "Ann", "aadObjectId": "00000000-0000-0000-0000-0000000000a1"},
        "recipient": {"id": f"28:{APP}", "name": "Frontline"},
        "conversation": {"id": "a:ann", "conversationType": "personal", "tenantId": TENANT},
        "entities": [{"type": "clientInfo", "locale": "en-GB", "timezone": "Europe/London"}],
        "channelData": {"tenant": {"id": TENANT}},
        "textFormat": "plain",
        "locale": "en-GB",
        "text": text,
    }
    body, parts = json.dumps(activity).encode(), urlsplit(url)
    bearer = f"Authorization: Bearer {token}\r\n" if url.endswith("/signed") else ""
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{bearer}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _caller(url: str, raw: bytes, calls: int) -> None:
    """Calls over one connection, as cheaply as possible, since it shares the machine with the server."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for _ in range(calls):
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
                raise RuntimeError(f"{url} answered {head[:40]!r}")
            await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
    finally:
        writer.close()
        await writer.wait_closed()


@contextmanager
def child(role: str, *arguments: str) -> Iterator[str]:
    """Starts a process of this module and yields its URL."""
    command = [sys.executable, "-m", "bench.teams", role, *arguments]
    process = subprocess.Popen(
        command, cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    try:
        address = process.stdout.readline().strip()
        if not address:
            raise RuntimeError(f"the {role} process did not start")
        yield address
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@asynccontextmanager
async def ours(microsoft: str) -> AsyncIterator[dict[str, Handler]]:
    from adapters.teams.adapter import Teams
    from adapters.teams.auth import BotRegistration, Endpoints
    from bot.clock import WallClock
    from bot.model.inbound import Answer, Command, Done, Inbound, Show
    from bot.model.views import Notice

    async def desk(inbound: Inbound) -> Answer:
        replies = isinstance(inbound, Command) and inbound.text == "reply"
        return Show(Notice(("ok",))) if replies else Done()

    async def nobody(message: object) -> None:
        return None

    cloud = Endpoints(microsoft, f"{microsoft}/metadata", f"{microsoft}/")
    made = {
        "/unsigned": BotRegistration(APP, "", "", anonymous=True),
        "/signed": BotRegistration(APP, "secret", TENANT),
    }
    found = {path: Teams(app, WallClock(), Pages(), nobody, endpoints=cloud) for path, app in made.items()}
    for teams in found.values():
        await teams.start()
    yield {path: teams.routes(desk)[0][2] for path, teams in found.items()}
    for teams in found.values():
        await teams.close()


@dataclass
class Pages:
    """A key-value store that stores nothing, since no store is measured here."""

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        pass

    async def get(self, topic: str, key: str) -> str | None:
        return None

    async def get_all(self, topic: str) -> dict[str, str]:
        return {}

    async def delete(self, topic: str, key: str) -> None:
        pass

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        return True

    async def unlock(self, name: str, holder: str) -> None:
        pass


@asynccontextmanager
async def stock(microsoft: str) -> AsyncIterator[dict[str, Handler]]:
    from botbuilder.core import CloudAdapterBase, TurnContext  # type: ignore[import-untyped]
    from botbuilder.schema import Activity  # type: ignore[import-untyped]
    from botframework.connector.auth import (  # type: ignore[import-untyped]
        BotFrameworkAuthenticationFactory,
        PasswordServiceClientCredentialFactory,
    )

    unsigned = BotFrameworkAuthenticationFactory.create(
        credential_factory=PasswordServiceClientCredentialFactory("", "")
    )
    signed = BotFrameworkAuthenticationFactory.create(
        validate_authority=True,
        to_channel_from_bot_login_url="https://login.microsoftonline.com/botframework.com",
        to_channel_from_bot_oauth_scope=ISSUER,
        to_bot_from_channel_token_issuer=ISSUER,
        oauth_url=ISSUER,
        to_bot_from_channel_open_id_metadata_url=f"{microsoft}/metadata",
        to_bot_from_emulator_open_id_metadata_url=f"{microsoft}/metadata",
        caller_id="urn:botframework:azure",
        credential_factory=PasswordServiceClientCredentialFactory(APP, "secret"),
    )

    async def bot(context: TurnContext) -> None:
        if context.activity.text == "reply":
            await context.send_activity("ok")

    def handler(adapter: Any) -> Handler:
        async def receive(request: web.Request) -> web.Response:
            activity = Activity().deserialize(await request.json())
            await adapter.process_activity(request.headers.get("Authorization", ""), activity, bot)
            return web.Response(status=201)

        return receive

    yield {"/unsigned": handler(CloudAdapterBase(unsigned)), "/signed": handler(CloudAdapterBase(signed))}


@asynccontextmanager
async def microsoft() -> AsyncIterator[dict[str, Handler]]:
    """Signing keys, a Bot Framework token, and a connector that counts."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": "first"}
    said, arrived = 0, asyncio.Condition()

    async def metadata(request: web.Request) -> web.Response:
        return web.json_response({"jwks_uri": f"http://{request.host}/keys"})

    async def keys(request: web.Request) -> web.Response:
        return web.json_response({"keys": [{**public, "endorsements": ["msteams"]}]})

    async def bearer(request: web.Request) -> web.Response:
        claims = {"iss": ISSUER, "aud": APP, "exp": A_YEAR, "serviceurl": f"http://{request.host}/"}
        return web.Response(text=jwt.encode(claims, key, algorithm="RS256", headers={"kid": "first"}))

    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": "token", "expires_in": 3600})

    async def count(request: web.Request) -> web.Response:
        async with arrived:
            await arrived.wait_for(lambda: said >= int(request.query.get("until", "0")))
        return web.Response(text=str(said))

    async def say(request: web.Request) -> web.Response:
        nonlocal said
        await request.read()
        async with arrived:
            said += 1
            arrived.notify_all()
        return web.json_response({"id": str(said)}, status=201)

    yield {
        "GET /metadata": metadata,
        "GET /keys": keys,
        "GET /bearer": bearer,
        "GET /count": count,
        "/{tenant}/oauth2/v2.0/token": token,
        "/v3/conversations/{rest:.*}": say,
    }


async def _serve(role: str, arguments: list[str]) -> None:
    roles: dict[str, Callable[..., AbstractAsyncContextManager[dict[str, Handler]]]]
    roles = {"ours": ours, "stock": stock, "microsoft": microsoft}
    async with roles[role](*arguments) as handlers:
        app = web.Application()
        for where, handler in handlers.items():
            method, _, path = where.rpartition(" ")
            app.router.add_route(method or "POST", path, handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2:]))
