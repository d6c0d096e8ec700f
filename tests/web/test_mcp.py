"""The MCP server, with the SDK's own client: it lists, reads, explains and drafts, and sends nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from adapters.web import WebServer
from adapters.web.api import ApiAccess
from adapters.web.mcp_route import PATH, McpRoute
from bot.model.api_token import Scope
from bot.model.views import Audience
from tests.harness import ALICE, S1, S2, SILVER
from tests.scripted_desk import ready
from tests.web.api_desk import ApiDesk, api_desk


@asynccontextmanager
async def assistant(api: ApiDesk, token: str) -> AsyncIterator[Client]:
    """A client of the SDK on the desk's `/mcp`."""
    async with McpRoute(api.desk.desk, api.store, ApiAccess(api.store, api.monotonic)) as mcp:
        server = WebServer("127.0.0.1", 0, mcp.routes(), ready)
        await server.start()
        try:
            headers = {"Authorization": f"Bearer {token}"}
            async with create_mcp_http_client(headers=headers) as http:
                transport = streamable_http_client(f"{server.address}{PATH}", http_client=http)
                async with Client(transport) as client:
                    yield client
        finally:
            await server.stop()


def told(result: Any) -> Any:
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def test_an_assistant_lists_reads_explains_and_drafts(tmp_path: Path) -> None:
    async with api_desk(tmp_path) as api:
        key = await api.desk.submits(ALICE, "Bills are late", S2, details="Since noon")
        await api.desk.submits(ALICE, "All is down", S1, SILVER)
        async with assistant(api, await api.token("helper", Scope.WRITE, "acme")) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {"list_tickets", "read_ticket", "explain_ticket", "draft_reply"}
            listed = told(await client.call_tool("list_tickets", {"state": ["open"]}))
            assert [ticket["key"] for ticket in listed["tickets"]] == [key], "not the other account's"
            assert told(await client.call_tool("read_ticket", {"key": key}))["details"] == "Since noon"
            (clock,) = told(await client.call_tool("explain_ticket", {"key": key}))["clocks"]
            assert clock["due_at"] == "2026-03-20T19:30:00Z"
            assert clock["receipt"][0]["why"] == "open"

            before = [api.desk.thread(key), await api.desk.events(key)]
            draft = {"key": key, "text": "We found the cause."}
            assert "Nothing was sent" in told(await client.call_tool("draft_reply", draft))["says"]
            await client.call_tool("draft_reply", draft)
            await api.desk.deliver()
            assert [api.desk.thread(key), await api.desk.events(key)] == before
            (said,) = [s for s in api.desk.thread(key, Audience.AGENTS) if "drafted" in s]
            assert said.startswith("helper (API) drafted a reply to ACME-1:  “We found the cause.” ")

            for name, given, why in (
                ("read_ticket", {"key": "SILVERLINE-1"}, "There is no ticket SILVERLINE-1"),
                ("read_ticket", {"key": "ACME-99"}, "There is no ticket ACME-99"),
                ("read_ticket", {}, "key: is missing"),
                ("draft_reply", {"key": key, "text": " "}, "text: is empty"),
                ("close_ticket", {"key": key}, "There is no tool close_ticket"),
            ):
                refused: Any = await client.call_tool(name, given)
                assert refused.is_error
                assert refused.content[0].text.startswith(why)


async def test_an_assistant_that_may_only_read_drafts_nothing(tmp_path: Path) -> None:
    async with api_desk(tmp_path) as api:
        key = await api.desk.submits(ALICE, "Bills are late", S2)
        async with assistant(api, await api.token("reader", Scope.READ)) as client:
            refused: Any = await client.call_tool("draft_reply", {"key": key, "text": "Hello"})
            assert refused.content[0].text == "This token may only read."


def test_without_the_extra_nothing_of_it_is_imported() -> None:
    """Neither the API nor the composition root needs the SDK."""
    program = (
        "import sys; sys.modules['mcp'] = None; import adapters.web.api, bot.__main__;"
        " print(*(name for name in sys.modules if name.partition('.')[0] in ('mcp_types', 'starlette')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
