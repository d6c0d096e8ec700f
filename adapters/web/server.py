"""Serves the platforms' routes, health checks and metrics on one address."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from bot import spans
from bot.faults import OperatorFault

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]
Ready = Callable[[], Awaitable[Sequence[str]]]
"""Why this process cannot take work; empty if it can."""

Measured = Callable[[], bytes]
"""The metrics in Prometheus' text format."""
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

LARGEST = 2**20
"""The largest accepted request in bytes. Slack's are smaller, and Teams' far smaller."""
PATIENCE = 5.0
"""Seconds that running requests have to end when we stop. With running deliveries, ten in total."""
_ANSWER_BY = 5.0
IDLE = 10.0
"""Seconds that a connection may stay open without a request, and that a request's body may take."""
BACKLOG = 128
_PROBES = ("/healthz", "/readyz", "/metrics")


class WebFault(OperatorFault):
    """Why we cannot listen and how to fix it, in one line."""


async def readiness_of(ready: Ready) -> list[str]:
    """Why the desk is not ready; one reason as well if that cannot be found out in time."""
    try:
        async with asyncio.timeout(_ANSWER_BY):
            return list(await ready())
    except Exception as fault:
        log.exception("readiness unknown")
        return [f"readiness unknown: {type(fault).__name__}"]


class WebServer:
    """Listens between `start` and `stop`."""

    def __init__(
        self,
        host: str,
        port: int,
        routes: Iterable[Route],
        ready: Ready,
        measured: Measured = bytes,
        *,
        for_operators: bool = True,
    ) -> None:
        """Without `for_operators`, it answers /healthz and the routes, but not /readyz and /metrics."""
        self._host, self._port, self._ready, self._measured = host, port, ready, measured
        app = web.Application(client_max_size=LARGEST, middlewares=[_traced, _without_traceback, _read_whole])
        app.router.add_get("/healthz", self._healthz)
        if for_operators:
            app.router.add_get("/readyz", self._readyz)
            app.router.add_get("/metrics", self._metrics)
        for method, path, handler in routes:
            app.router.add_route(method, path, handler)
        # A compressed body costs a second of the loop before its signature is checked, and no platform
        # sends one.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_http_logger(),
            shutdown_timeout=PATIENCE,
            auto_decompress=False,
            lingering_time=0,
        )
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Starts to listen. Raises WebFault."""
        await self._runner.setup()
        serve = self._runner.server
        assert serve is not None
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: _Connection(serve()), self._host, self._port, backlog=BACKLOG
            )
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise WebFault(_advice(error, self._host, self._port)) from None
        log.info("listening", address=self.address)

    async def stop(self) -> None:
        """Refuses new requests and waits for running ones."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()

    @property
    def address(self) -> str:
        """The URL we listen on, with the real port if port 0 was requested."""
        assert self._listener is not None
        host, port = self._listener.sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._measured(), headers={"Content-Type": _PROMETHEUS})

    async def _readyz(self, request: web.Request) -> web.Response:
        reasons = await readiness_of(self._ready)
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)


@web.middleware
async def _traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A span around each request to a route of ours, except for probes. No path, query or body is in it."""
    resource = request.match_info.route.resource
    if resource is None or resource.canonical in _PROBES:
        return await handler(request)
    known: spans.Known = {spans.METHOD: request.method, spans.ROUTE: resource.canonical}
    known |= spans.about(request.match_info.get("key"))
    with spans.span(spans.Work.REQUEST, f"{request.method} {resource.canonical}", known):
        try:
            answer = await handler(request)
        except web.HTTPException as refusal:
            spans.note(spans.STATUS, refusal.status)
            raise
        spans.note(spans.STATUS, answer.status)
        return answer


@web.middleware
async def _without_traceback(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers 500, without a traceback, if a handler raises."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("request failed", method=request.method, path=request.path)
        return web.json_response({"error": "internal error"}, status=500)


@web.middleware
async def _read_whole(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Reads the body, which handlers then get at once, so that a slow sender occupies nothing else."""
    transport = request.transport
    connection = transport.get_protocol() if transport else None
    if not isinstance(connection, _Connection):
        return await handler(request)
    connection.request_began(request.content)
    try:
        if (request.content_length or 0) > LARGEST:
            raise web.HTTPRequestEntityTooLarge(max_size=LARGEST, actual_size=request.content_length or 0)
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return web.json_response({"error": "send the body without compression"}, status=415)
        try:
            async with asyncio.timeout(IDLE):
                await request.read()
        except TimeoutError:
            return web.json_response({"error": "the body took too long"}, status=408)
        except (ConnectionError, HttpProcessingError, web.RequestPayloadError) as fault:
            log.warning("malformed HTTP request", why=type(fault).__name__)
            return web.json_response({"error": "the body is incomplete"}, status=400)
        return await handler(request)
    finally:
        connection.request_ended()


def _http_logger() -> logging.Logger:
    """Logs what aiohttp reports. A request that is not HTTP is the sender's fault: one line, no traceback."""

    def concerns_us(record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, HttpProcessingError | ConnectionError):
            log.warning("malformed HTTP request", why=type(fault).__name__)
            return False
        return True

    logger = logging.getLogger("aiohttp.server")
    logger.filters[:] = [concerns_us]
    return logger


class _Connection(asyncio.Protocol):
    """Closes a connection that sends no whole request within IDLE. aiohttp itself waits for ever."""

    def __init__(self, http: asyncio.Protocol) -> None:
        self._http = http
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._body: StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._http.connection_made(transport)
        self.request_ended()

    def request_began(self, body: StreamReader) -> None:
        self._wait_no_longer()
        self._body = body

    def request_ended(self) -> None:
        self._wait_no_longer()
        self._body = None
        if self._transport is not None:
            self._idle = asyncio.get_running_loop().call_later(IDLE, self._transport.abort)

    def connection_lost(self, why: Exception | None) -> None:
        self._transport = self._body = None
        self._wait_no_longer()
        self._http.connection_lost(why)

    def data_received(self, data: bytes) -> None:
        self._http.data_received(data)
        body = self._body
        # aiohttp queues the fault of a broken chunk behind the request, which would wait for its body.
        if body is not None and not body.is_eof() and getattr(self._http, "_messages", None):
            body.set_exception(web.RequestPayloadError("the body is malformed"))

    def _wait_no_longer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()


def _advice(error: OSError | OverflowError, host: str, port: int) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop the other program, or set PORT to a free one"
    if code == errno.EACCES:
        return f"Port {port} needs more privileges: set PORT to 1024 or higher"
    if isinstance(error, socket.gaierror) or code == errno.EADDRNOTAVAIL:
        return f'"{host}" is not an address of this machine: set HOST to one, such as 127.0.0.1 or 0.0.0.0'
    if isinstance(error, OverflowError):
        return f"{port} is not a port: set PORT to a number from 1 to 65535"
    return f"Cannot listen on {host} port {port} ({error}): set HOST and PORT"
