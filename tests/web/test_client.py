"""Fetching a file: what went wrong is said without the address, which may be a secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from adapters.web import WebServer, client
from bot.ports import TemporaryFailure


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        match request.path:
            case "/secret/oncall.ics":
                return web.Response(text="BEGIN:VCALENDAR\r\n")
            case "/secret/moved":
                raise web.HTTPFound("/secret/oncall.ics")
            case "/secret/large":
                return web.Response(body=b"x" * 2_000)
            case "/secret/binary":
                return web.Response(body=b"\xff\xfe")
            case "/secret/slow":
                await ended.wait()
                raise web.HTTPGone
            case _:
                raise web.HTTPNotFound

    async def ready() -> list[str]:
        return []

    server = WebServer("127.0.0.1", 0, [("GET", "/secret/{file}", answer)], ready)
    await server.start()
    yield server
    ended.set()
    await server.stop()


async def test_a_file_is_fetched_also_where_it_moved(server: WebServer) -> None:
    for path in ("/secret/oncall.ics", "/secret/moved"):
        assert await client.fetch_text(f"{server.address}{path}") == "BEGIN:VCALENDAR\r\n"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/secret/nothing", "it answers with status 404"),
        ("/secret/large", "it has more than 1,000 bytes"),
        ("/secret/binary", "it is not text in UTF-8"),
        ("/secret/slow", "it does not answer within 0.2 seconds"),
    ],
)
async def test_what_went_wrong_is_said(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, path: str, says: str
) -> None:
    monkeypatch.setattr(client, "LARGEST", 1_000)
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    with pytest.raises(TemporaryFailure) as failed:
        await client.fetch_text(f"{server.address}{path}")
    assert str(failed.value) == says


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:9/secret", "it cannot be reached (ClientConnectorError)"),
        ("secret", "its address is not a web address; write https://…"),
        ("ftp://vendor.example/secret", "its address is not a web address; write https://…"),
        ("https://[secret", "its address is not a web address; write https://…"),
        ("", "its address is not a web address; write https://…"),
    ],
)
async def test_an_address_that_leads_nowhere(url: str, says: str) -> None:
    with pytest.raises(TemporaryFailure) as failed:
        await client.fetch_text(url)
    assert str(failed.value) == says
