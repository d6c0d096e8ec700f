"""One listening address: the platforms' routes, and what a load balancer asks."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from aiohttp import web

from bot.ports import OperatorFault

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]
Ready = Callable[[], Awaitable[Sequence[str]]]
"""Why there is no use in sending us work; empty when there is."""

Measured = Callable[[], bytes]
"""What Prometheus reads."""
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

LARGEST = 2 * 2**20
"""Bytes of a request; Slack's largest are below 1 MiB."""
PATIENCE = 5.0
"""Seconds for requests under way when we stop; with the messages under way, ten in all."""
_ANSWER_BY = 5.0


class WebFault(OperatorFault):
    """Why we cannot listen, and the cure, in one line."""


class WebServer:
    """Listens from `start` until `stop`."""

    def __init__(
        self, host: str, port: int, routes: Iterable[Route], ready: Ready, measured: Measured = bytes
    ) -> None:
        self._host, self._port, self._ready, self._measured = host, port, ready, measured
        app = web.Application(client_max_size=LARGEST, middlewares=[_calmly])
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        for method, path, handler in routes:
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE)

    async def start(self) -> None:
        """Raises WebFault."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise WebFault(_fix(error, self._host, self._port)) from None
        log.info("listening", address=self.address)

    async def stop(self) -> None:
        """Takes no new requests and waits for those under way."""
        await self._runner.cleanup()

    @property
    def address(self) -> str:
        """Where we are reached; the port is the real one also where 0 was asked for."""
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._measured(), headers={"Content-Type": _PROMETHEUS})

    async def _readyz(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(_ANSWER_BY):
                reasons = list(await self._ready())
        except Exception as error:
            log.exception("readiness unknown")
            reasons = [f"readiness unknown: {type(error).__name__}"]
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)


@web.middleware
async def _calmly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A bug answers 500 without its traceback."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("request failed", method=request.method, path=request.path)
        return web.json_response({"error": "internal error"}, status=500)


def _fix(error: OSError | OverflowError, host: str, port: int) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop the other program, or set PORT to a free one"
    if code == errno.EACCES:
        return f"Port {port} is not ours to use: set PORT to one from 1024 on"
    if isinstance(error, socket.gaierror) or code == errno.EADDRNOTAVAIL:
        return f'"{host}" is no address of this machine: set HOST to one, such as 127.0.0.1 or 0.0.0.0'
    if isinstance(error, OverflowError):
        return f"{port} is no port: set PORT to a number from 1 to 65535"
    return f"Cannot listen on {host} port {port} ({error}): set HOST and PORT"
