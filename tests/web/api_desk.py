"""A desk behind the API, with two accounts, on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from adapters.sql.store import SqlStore, connect
from adapters.web import WebServer
from adapters.web.api import ApiAccess, api_routes
from bot.clock import real_now
from bot.model.api_token import Scope, Token, digest_of, new_secret
from tests.harness import DESK_FILE, DeskInMemory, open_desk
from tests.scripted_desk import ready

FRIDAY = "2026-03-20T15:30:00Z"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def detail(self) -> str:
        """The sentences of a problem document."""
        assert self.headers["Content-Type"].startswith("application/problem+json")
        assert self.body["status"] == self.status
        return str(self.body["detail"])

    @property
    def errors(self) -> dict[str, str]:
        return {error["field"]: error["says"] for error in self.body["errors"]}


class ApiDesk:
    """The desk, its store, and requests to its API; `now` is what limits go by, in seconds."""

    def __init__(self, desk: DeskInMemory, store: SqlStore) -> None:
        self.desk, self.store, self.now, self.address = desk, store, 0.0, ""
        self.step = 0.0
        """Seconds that pass with each request."""
        self.session: aiohttp.ClientSession

    def monotonic(self) -> float:
        self.now += self.step
        return self.now

    async def token(self, name: str = "sync", scope: Scope = Scope.WRITE, *accounts: str, **more: Any) -> str:
        """Makes a token and returns its secret."""
        secret = new_secret()
        token = Token(name, scope, frozenset(accounts) or None, real_now(), **more)
        assert await self.store.add_token(token, digest_of(secret) or "")
        return secret

    async def get(self, path: str, token: str | None = None, **query: Any) -> Answer:
        return await self.request("GET", path, token, params=query)

    async def post(
        self, path: str, body: Any, token: str | None = None, once: str | None = None, **more: Any
    ) -> Answer:
        headers = {"Idempotency-Key": once} if once else {}
        given = more or {"json": body}
        answer = await self.request("POST", path, token, headers=headers, **given)
        await self.desk.deliver()
        return answer

    async def request(
        self, method: str, path: str, token: str | None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        given = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        url = f"{self.address}/api/v1/{path}"
        async with self.session.request(method, url, headers=given, **more) as got:
            is_json = "json" in got.content_type
            return Answer(
                got.status, got.headers, await (got.json(content_type=None) if is_json else got.text())
            )


@asynccontextmanager
async def api_desk(folder: Path, desk_file: str = DESK_FILE) -> AsyncIterator[ApiDesk]:
    async with connect("sqlite://") as store, aiohttp.ClientSession() as session:
        desk = await open_desk(folder, FRIDAY, desk_file, store)
        desk.desk.key_values = store
        found = ApiDesk(desk, store)
        access = ApiAccess(store, found.monotonic)
        server = WebServer("127.0.0.1", 0, api_routes(desk.desk, store, access), ready)
        await server.start()
        found.address, found.session = server.address, session
        try:
            yield found
        finally:
            await server.stop()
