"""Socket Mode: Slack sends requests over connections that we open, so the desk needs no public address."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from random import Random
from typing import Any

import aiohttp
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from slack_bolt.response import BoltResponse

from adapters.slack.outbound.web_api import SlackApiError, SlackFault, SlackUnavailable, WebApi, is_loopback

log = structlog.get_logger(__name__)

HandleRequest = Callable[[dict[str, Any], Mapping[str, str]], Awaitable[BoltResponse]]
"""Takes a request's body and headers; its response becomes the acknowledgement."""

HEARTBEAT = 10.0
GREETING_TIMEOUT = 10.0
READY_GRACE = 10.0
"""Seconds without a connection after which we are not ready."""
FIRST_BACKOFF, MAX_BACKOFF = 0.5, 30.0
CLOSE_TIMEOUT = 5.0
MAX_MESSAGE_BYTES = 4 * 2**20
_DISABLED = frozenset({"link_disabled", "forbidden_team"})
_REPLACED = frozenset({"warning", "refresh_requested"})
_TOKEN_FIX = (
    "use an App-Level Token (xapp-…) with the scope connections:write, from the app's page Basic Information"
)


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: str
    envelope_id: str = ""
    payload: dict[str, Any] = {}
    accepts_response_payload: bool = False
    retry_attempt: int | None = None
    retry_reason: str | None = None
    reason: str = ""


class SocketModeClient:
    """Keeps one connection open, and a second one while Slack replaces the first.

    Each process has its own connection, and Slack sends each request to one of them. If it is not
    acknowledged in time, Slack sends it again, to any connection that is open then.

    Requests go to the same Bolt app as over HTTP; we manage the connection ourselves. The SDK's client closes
    the old connection before it opens the next one. If that fails, it retries the same address forever,
    though an address is good for one connection, and only logs the failure.
    """

    def __init__(
        self,
        app_token: str,
        url: str,
        *,
        elapsed: Callable[[], float] = time.monotonic,
        first_backoff: float = FIRST_BACKOFF,
    ) -> None:
        """`elapsed` returns seconds on a monotonic clock."""
        self._token = app_token.strip()
        self._api = WebApi(self._token, url)
        self._elapsed, self._first_backoff = elapsed, first_backoff
        self._random = Random()
        self._session: aiohttp.ClientSession | None = None
        self._address = ""
        self.live: set[aiohttp.ClientWebSocketResponse] = set()
        """Connections that received `hello` and are still open."""
        self._closing: set[aiohttp.ClientWebSocketResponse] = set()
        self._down_since = elapsed()
        self._failures = 0
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._handling: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Gets an address from Slack, which also checks the token. Raises SlackFault."""
        if not self._token.startswith("xapp-"):
            raise SlackFault(f"SLACK_APP_TOKEN is not an app-level token: {_TOKEN_FIX}")
        self._api.connect()
        try:
            self._address = await self._new_address()
        except SlackApiError as refusal:
            await self._api.close()
            raise SlackFault(
                f"Slack refuses SLACK_APP_TOKEN ({refusal.error}): {_fix(refusal.error)}"
            ) from None
        except SlackUnavailable as unavailable:
            await self._api.close()
            raise SlackFault(
                f"Slack cannot be reached at {self._api.url} ({unavailable}):"
                " check the network and SLACK_API_URL"
            ) from None
        self._session = aiohttp.ClientSession(trust_env=not is_loopback(self._api.url))

    def listen(self, handle: HandleRequest) -> None:
        """Starts receiving requests; `close` stops it."""
        self._down_since = self._elapsed()
        self._start(self._keep_connected(handle))

    async def close(self) -> None:
        """Stops taking requests, and answers pending ones before it disconnects."""
        self._stopping = True
        if self._handling:
            await asyncio.wait(self._handling, timeout=CLOSE_TIMEOUT)
        for task in [*self._tasks, *self._handling]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._handling, return_exceptions=True)
        if self._session:
            await self._session.close()
        await self._api.close()

    def readiness_faults(self) -> list[str]:
        """Returns why no request can reach us, for /readyz."""
        down = self._elapsed() - self._down_since
        if self.live or down <= READY_GRACE:
            return []
        return [f"Slack's socket has been down for {down:.0f} s"]

    async def _keep_connected(self, handle: HandleRequest) -> None:
        while not self._stopping:
            self._failures += 1
            try:
                await self._connection(handle)
            except SlackUnavailable as unavailable:
                await self._back_off(str(unavailable), unavailable.after)
            except SlackApiError as refusal:
                log.error("slack opens no socket", why=refusal.error, fix=_fix(refusal.error))
                await self._back_off(refusal.error, MAX_BACKOFF)
            except (aiohttp.ClientError, OSError) as error:
                await self._back_off(str(error) or type(error).__name__)
            except Exception as bug:  # the desk must stay reachable after any error
                log.exception("socket failed")
                await self._back_off(type(bug).__name__)

    async def _connection(self, handle: HandleRequest) -> None:
        """Serves one connection until Slack replaces it; its remaining messages are then read in parallel."""
        assert self._session, "not open"
        # An address is good for one connection, and only for a short time.
        address, self._address = self._address or await self._new_address(), ""
        async with asyncio.timeout(GREETING_TIMEOUT):
            socket = await self._session.ws_connect(
                address, heartbeat=HEARTBEAT, max_msg_size=MAX_MESSAGE_BYTES
            )
            try:
                greeting = _read(await socket.receive())
                if greeting is None or greeting.type != "hello":
                    raise SlackUnavailable("no hello message")
            except BaseException:
                await socket.close()
                raise
        self.live.add(socket)
        self._failures = 0
        log.info("slack's socket is open")
        replaced = asyncio.get_running_loop().create_future()
        self._start(self._read_all(socket, handle, replaced))
        if why := await replaced:
            raise SlackUnavailable(why)

    async def _read_all(
        self, socket: aiohttp.ClientWebSocketResponse, handle: HandleRequest, replaced: asyncio.Future[str]
    ) -> None:
        """Sets `replaced` when the next connection is due: "" if Slack asked for it, else the reason."""
        try:
            while True:
                message = await socket.receive()
                if message.type in _ENDS:
                    return
                envelope = _read(message)
                if envelope is None:
                    log.warning("malformed message on slack's socket")
                elif envelope.type == "disconnect":
                    if envelope.reason in _DISABLED:
                        log.error("slack closes the socket", why=envelope.reason, fix=_fix(envelope.reason))
                    self._closing.add(socket)
                    if not replaced.done():
                        replaced.set_result("" if envelope.reason in _REPLACED else envelope.reason)
                elif envelope.envelope_id and not self._stopping:
                    self._handling.add(task := asyncio.create_task(self._handle(socket, envelope, handle)))
                    task.add_done_callback(self._handling.discard)
        finally:
            self.live.discard(socket)
            self._closing.discard(socket)
            if not self.live:
                self._down_since = self._elapsed()
            if not replaced.done():
                replaced.set_result("the connection was lost")
            await socket.close()

    async def _handle(
        self, socket: aiohttp.ClientWebSocketResponse, envelope: _Envelope, handle: HandleRequest
    ) -> None:
        """Handles a request, then acknowledges it. If we reject it, Slack sends it again."""
        headers = {}
        # A first delivery has 0 and "".
        if envelope.retry_attempt is not None and envelope.retry_attempt > 0:
            headers["x-slack-retry-num"] = str(envelope.retry_attempt)
        if envelope.retry_reason:
            headers["x-slack-retry-reason"] = envelope.retry_reason
        try:
            answer = await handle(envelope.payload, headers)
        except Exception:
            log.exception("request over the socket failed", kind=envelope.type)
            return
        if answer.status >= 500:
            return
        said: dict[str, Any] = {"envelope_id": envelope.envelope_id}
        if envelope.accepts_response_payload and answer.status == 200 and answer.body:
            said["payload"] = _payload(answer.body)
        # Any of our connections can carry the acknowledgement, in case this one is closing.
        lines = {socket, *self.live}
        for line in sorted(lines, key=lambda line: (line in self._closing, line is not socket)):
            try:
                await line.send_str(json.dumps(said))
            except (aiohttp.ClientError, OSError) as error:
                log.debug("connection closed during an acknowledgement", why=str(error))
            else:
                return
        log.warning("acknowledgement lost: slack sends the request again", kind=envelope.type)

    async def _new_address(self) -> str:
        return str((await self._api.request("apps.connections.open", {}))["url"])

    async def _back_off(self, why: str, after: float | None = None) -> None:
        doubled = min(self._first_backoff * 2 ** min(max(self._failures - 1, 0), 10), MAX_BACKOFF)
        seconds = (doubled if after is None else after) * self._random.uniform(1.0, 1.2)
        log.warning("slack's socket is down", why=why, again_in=round(seconds, 1))
        await asyncio.sleep(seconds)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()):
            log.error("socket failed", exc_info=bug)


_ENDS = frozenset(
    {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
)


def _read(message: aiohttp.WSMessage) -> _Envelope | None:
    if message.type != aiohttp.WSMsgType.TEXT:
        return None
    try:
        return _Envelope.model_validate_json(message.data)
    except ValidationError:
        return None


def _payload(body: str) -> Any:
    """Converts an answer for the socket, which always carries an object."""
    return json.loads(body) if body.startswith("{") else {"text": body}


def _fix(error: str) -> str:
    if error in _DISABLED:
        return "turn Socket Mode on, on the app's page Socket Mode"
    return _TOKEN_FIX
