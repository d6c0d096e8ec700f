"""A Microsoft on loopback: keys, tokens, and a connector service that refuses when it is told to.

Botbuilder's TestAdapter models no HTTP and no refusal (number 9 of platforms.md 2.9), so it cannot judge us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.teams.auth import ISSUER, BotRegistration, Endpoints

Json = dict[str, Any]

APP = "00000000-0000-0000-0000-00000000000a"
TENANT = "00000000-0000-0000-0000-0000000000aa"
ELSEWHERE = "00000000-0000-0000-0000-0000000000bb"
PASSWORD = "5ecre7-of-the-bot"
OURS = BotRegistration(APP, PASSWORD, TENANT)


class Signer:
    """A key with a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public(self, endorsements: list[str] | None = None) -> Json:
        found: Json = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {**found, "kid": self.name, "endorsements": endorsements or ["msteams"]}

    def sign(self, **claims: Any) -> str:
        head = {"kid": claims.pop("kid", self.name)}
        return jwt.encode(claims, self._key, algorithm="RS256", headers=head)


FIRST, SECOND, STRANGER = Signer("first"), Signer("second"), Signer("first")


def claims(service: str, **other: Any) -> Json:
    now = datetime.now(UTC)
    good = {"iss": ISSUER, "aud": APP, "serviceurl": service, "nbf": now, "exp": now + timedelta(hours=1)}
    return {name: value for name, value in {**good, **other}.items() if value is not None}


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    token: str

    @property
    def card(self) -> Json:
        found: Json = self.body["attachments"][0]["content"]
        return found


@dataclass
class Refusal:
    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass
class FakeMicrosoft:
    """`refuse` holds what the next calls of the connector are answered with, in order; None lets one pass."""

    keys: list[Json] = field(default_factory=lambda: [FIRST.public()])
    calls: list[Call] = field(default_factory=list)
    refuse: list[Refusal | None] = field(default_factory=list)
    members: dict[str, list[Json]] = field(default_factory=dict)
    channels: dict[str, list[str]] = field(default_factory=dict)
    """The channels of each team."""
    tokens: int = 0
    """How many were given out."""
    key_reads: int = 0
    good: set[str] = field(default_factory=set)
    token_refusal: tuple[int, Json] | None = None
    url: str = ""
    page: int = 2
    _runner: web.AppRunner | None = None

    @property
    def cloud(self) -> Endpoints:
        return Endpoints(self.url, f"{self.url}/metadata", self.service)

    @property
    def service(self) -> str:
        return f"{self.url}/emea/"

    def sent(self) -> list[Call]:
        return [call for call in self.calls if call.method in ("POST", "PUT")]

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/metadata", self._metadata)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_route("*", "/emea/{rest:.*}", self._connector)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _metadata(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": ISSUER, "jwks_uri": f"{self.url}/keys"})

    async def _keys(self, request: web.Request) -> web.Response:
        self.key_reads += 1
        if not self.keys:
            return web.Response(status=500, text="<html>down</html>")
        return web.json_response({"keys": self.keys})

    async def _token(self, request: web.Request) -> web.Response:
        asked = await request.post()
        assert request.match_info["tenant"] == TENANT
        assert asked["scope"] == "https://api.botframework.com/.default"
        if self.token_refusal:
            status, body = self.token_refusal
            return web.json_response(body, status=status)
        assert (asked["client_id"], asked["client_secret"]) == (APP, PASSWORD)
        self.tokens += 1
        token = f"token-{self.tokens}"
        self.good.add(token)
        return web.json_response({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    async def _connector(self, request: web.Request) -> web.Response:
        raw = await request.read()
        path = request.rel_url.raw_path.removeprefix("/emea/")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        call = Call(request.method, path, request.query, json.loads(raw) if raw else None, token)
        self.calls.append(call)
        refusal = self.refuse.pop(0) if self.refuse else None
        if refusal is None and token not in self.good:
            refusal = Refusal(401, "Unauthorized")
        if refusal is not None:
            error = json.dumps({"error": {"code": refusal.code, "message": f"no: {refusal.code}"}})
            text = error if refusal.body is None else refusal.body
            return web.Response(status=refusal.status, text=text, headers=refusal.headers)
        return self._answer(call)

    def _answer(self, call: Call) -> web.Response:
        parts = call.path.split("/")
        if call.path == "v3/conversations":
            return web.json_response({"id": f"a:{call.body['members'][0]['id']}"}, status=201)
        if parts[1] == "teams":
            listed = self.channels.get(unquote(parts[2]), [])
            return web.json_response({"conversations": [{"id": channel} for channel in listed]})
        people = self.members.get(parts[2].replace("%3A", ":").replace("%40", "@"), [])
        if parts[3] == "pagedmembers":
            start = int(call.query.get("continuationToken", "0"))
            more = start + self.page
            page = {"members": people[start:more]}
            token = {"continuationToken": str(more)} if more < len(people) else {}
            return web.json_response(page | token)
        if parts[3] == "members":
            found = [p for p in people if parts[4].replace("%3A", ":") in (p["id"], p["aadObjectId"])]
            if found:
                return web.json_response(found[0])
            return web.json_response({"error": {"code": "MemberNotFoundInConversation"}}, status=404)
        return web.json_response({"id": f"17000{len(self.calls)}"}, status=201)
