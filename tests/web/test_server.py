from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from io import BytesIO

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.web import WebFault, WebServer
from adapters.web.server import LARGEST
from tests.waiting import eventually, turns


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


@pytest.mark.parametrize(
    "begun", [b"", b"GET /heal", b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"]
)
async def test_a_connection_without_a_whole_request_is_closed(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.web.server.IDLE", 0.05)
    server = WebServer("127.0.0.1", 0, (), nothing_wrong)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.address.rpartition(":")[2]))
    writer.write(begun)
    with suppress(ConnectionResetError):
        said = await reader.read()
        assert said == b"" or b"408" in said.splitlines()[0] or b"405" in said.splitlines()[0]
    writer.close()
    await server.stop()


async def test_a_sender_who_leaves_before_the_end_is_one_line_in_the_log() -> None:
    server = WebServer("127.0.0.1", 0, [("POST", "/take", _never)], nothing_wrong)
    await server.start()
    with capture_logs() as lines:
        _, writer = await asyncio.open_connection("127.0.0.1", int(server.address.rpartition(":")[2]))
        writer.write(b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        await turns(20)
        writer.close()
        await eventually(lambda: lines)
    assert [(line["event"], line["log_level"]) for line in lines] == [("malformed HTTP request", "warning")]
    await server.stop()


@pytest.mark.parametrize("broken", [b"zz\r\nhello\r\n", b"5\r\nhelloXX", b"-5\r\nhello\r\n0\r\n\r\n"])
async def test_a_broken_chunk_is_refused_at_once(broken: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes after the handler has begun to wait for the body."""
    monkeypatch.setattr("adapters.web.server.IDLE", 600.0)
    server = WebServer("127.0.0.1", 0, [("POST", "/take", _never)], nothing_wrong)
    await server.start()
    with capture_logs() as lines:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.address.rpartition(":")[2]))
        writer.write(b"POST /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await turns(20)
        writer.write(broken)
        assert (await reader.readline()).split()[1] == b"400"
        await reader.read()
        writer.close()
    assert {(line["event"], line["log_level"]) for line in lines} == {("malformed HTTP request", "warning")}
    await server.stop()


async def test_a_compressed_or_enormous_body_is_refused_unread() -> None:
    server = WebServer("127.0.0.1", 0, [("POST", "/take", _never)], nothing_wrong)
    await server.start()
    async with aiohttp.ClientSession() as session:
        async with session.post(
            f"{server.address}/take", data=b"x", headers={"Content-Encoding": "gzip"}
        ) as a:
            assert (a.status, await a.json()) == (415, {"error": "send the body without compression"})
        async with session.post(f"{server.address}/take", data=BytesIO(b"x" * (LARGEST + 1))) as b:
            assert b.status == 413
    await server.stop()


async def _never(request: web.Request) -> web.Response:
    raise AssertionError("no handler sees such a request")


async def test_what_is_for_operators_can_have_an_address_of_its_own() -> None:
    public = WebServer("127.0.0.1", 0, (), nothing_wrong, for_operators=False)
    own = WebServer("127.0.0.1", 0, (), nothing_wrong)
    for server in (public, own):
        await server.start()
    async with aiohttp.ClientSession() as session:
        for path, at_public in (("healthz", 200), ("readyz", 404), ("metrics", 404)):
            async with session.get(f"{public.address}/{path}") as said:
                assert said.status == at_public
            async with session.get(f"{own.address}/{path}") as said:
                assert said.status == 200
    for server in (public, own):
        await server.stop()
