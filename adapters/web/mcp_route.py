"""`POST /mcp`: the route of the MCP server, whose SDK is loaded with the first request that has a token."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING

from aiohttp import web

from adapters.web.api import ApiAccess, ApiStore
from adapters.web.server import Route
from bot.desk.desk import Desk
from bot.model.api_token import Token

if TYPE_CHECKING:
    from adapters.web.mcp_server import McpServer

PATH = "/mcp"


class McpRoute:
    """Loading the SDK takes about a second of processor time, which a start of the desk does not wait for."""

    def __init__(self, desk: Desk, store: ApiStore, access: ApiAccess) -> None:
        self._desk, self._store, self._access = desk, store, access
        self._server: McpServer | None = None
        self._loading = asyncio.Lock()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> McpRoute:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def routes(self) -> list[Route]:
        """Only POST: no session is kept, and nothing is streamed."""
        return [("POST", PATH, self._access.guarded(self._answer))]

    async def _answer(self, request: web.Request, token: Token) -> web.Response:
        async with self._loading:
            if self._server is None:
                module = await asyncio.to_thread(import_module, "adapters.web.mcp_server")
                server: McpServer = module.McpServer(self._desk, self._store)
                await self._open.enter_async_context(server.running())
                self._server = server
        return await self._server.answer(request, token)
