from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web

from adapters.web import WebFault, WebServer
from tests.waiting import turns


async def nothing_wrong() -> list[str]:
    return []


async def get(url: str) -> tuple[int, object]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json()


async def test_health_and_readiness_are_reported() -> None:
    reasons: list[str] = []

    async def ready() -> list[str]:
        if "bug" in reasons:
            raise RuntimeError("bug")
        return reasons

    server = WebServer("127.0.0.1", 0, (), ready)
    await server.start()
    assert await get(f"{server.address}/healthz") == (200, {"alive": True})
    assert await get(f"{server.address}/readyz") == (200, {"ready": True, "reasons": []})
    reasons.append("the database does not answer")
    assert await get(f"{server.address}/readyz") == (503, {"ready": False, "reasons": reasons})
    reasons.append("bug")
    status, body = await get(f"{server.address}/readyz")
    assert (status, body) == (503, {"ready": False, "reasons": ["readiness unknown: RuntimeError"]})
    await server.stop()


async def test_a_bug_in_a_route_shows_no_traceback() -> None:
    async def broken(request: web.Request) -> web.Response:
        raise RuntimeError("secret")

    server = WebServer("127.0.0.1", 0, [("GET", "/broken", broken)], nothing_wrong)
    await server.start()
    assert await get(f"{server.address}/broken") == (500, {"error": "internal error"})
    await server.stop()


async def test_stopping_waits_for_running_requests() -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        arrived.set()
        await go_on.wait()
        return web.json_response("done")

    server = WebServer("127.0.0.1", 0, [("GET", "/slow", slow)], nothing_wrong)
    await server.start()
    pending = asyncio.create_task(get(f"{server.address}/slow"))
    await arrived.wait()
    stopping = asyncio.create_task(server.stop())
    await turns(1)
    go_on.set()
    assert await pending == (200, "done")
    await stopping


async def test_a_port_in_use_is_reported_with_a_fix() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WebFault, match=f"Port {port} on 127.0.0.1 is in use: .* set PORT"):
            await WebServer("127.0.0.1", port, (), nothing_wrong).start()


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [("nowhere.invalid", 0, "set HOST"), ("192.0.2.1", 0, "set HOST"), ("127.0.0.1", 99999, "set PORT")],
)
async def test_an_invalid_address_is_reported(host: str, port: int, words: str) -> None:
    with pytest.raises(WebFault, match=words) as caught:
        await WebServer(host, port, (), nothing_wrong).start()
    assert "\n" not in str(caught.value)
