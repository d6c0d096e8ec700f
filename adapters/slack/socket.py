"""Socket Mode: Slack's requests over connections that we open, for a desk without a public address."""

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

from adapters.slack.web_api import Refused, SlackFault, Unheard, WebApi, is_here

log = structlog.get_logger(__name__)

Hear = Callable[[dict[str, Any], Mapping[str, str]], Awaitable[BoltResponse]]
"""Takes a request's body and headers; what it answers is the acknowledgement."""

HEARTBEAT = 10.0
GREETING_BY = 10.0
SILENT = 10.0
"""Seconds without a connection after which we are not ready."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LAST_WORDS = 5.0
LARGEST = 4 * 2**20
_OFF = frozenset({"link_disabled", "forbidden_team"})
_REPLACED = frozenset({"warning", "refresh_requested"})
_TOKEN = (
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


class Socket:
    """One connection at a time, and a second one while Slack replaces the first.

    Of several processes each has its own; Slack gives each request to any of them. What is not acknowledged
    in time Slack sends again, to whoever is connected then.

    Requests go to the same Bolt app as over HTTP; the connection is ours. The SDK's client closes the old
    connection before it opens the next one. If that fails it tries the same address for ever, though an
    address is good for one connection, and reports it to the log only.
    """

    def __init__(
        self,
        app_token: str,
        url: str,
        *,
        elapsed: Callable[[], float] = time.monotonic,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """`elapsed` tells the seconds, from any beginning."""
        self._token = app_token.strip()
        self._api = WebApi(self._token, url)
        self._elapsed, self._first_pause = elapsed, first_pause
        self._random = Random()
        self._session: aiohttp.ClientSession | None = None
        self._address = ""
        self.live: set[aiohttp.ClientWebSocketResponse] = set()
        """Connections that were greeted and have not ended."""
        self._leaving: set[aiohttp.ClientWebSocketResponse] = set()
        self._down_since = elapsed()
        self._failures = 0
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._hearing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Asks Slack for an address, and so whether the token is good. Raises SlackFault."""
        if not self._token.startswith("xapp-"):
            raise SlackFault(f"SLACK_APP_TOKEN is no app-level token: {_TOKEN}")
        self._api.connect()
        try:
            self._address = await self._ask()
        except Refused as refusal:
            await self._api.close()
            raise SlackFault(
                f"Slack refuses SLACK_APP_TOKEN ({refusal.error}): {_cure(refusal.error)}"
            ) from None
        except Unheard as silence:
            await self._api.close()
            raise SlackFault(
                f"Slack cannot be reached at {self._api.url} ({silence}): check the network and SLACK_API_URL"
            ) from None
        self._session = aiohttp.ClientSession(trust_env=not is_here(self._api.url))

    def listen(self, hear: Hear) -> None:
        """From now on until `close`."""
        self._down_since = self._elapsed()
        self._start(self._keep_connected(hear))

    async def close(self) -> None:
        """Takes no new requests; those under way are answered first."""
        self._stopping = True
        if self._hearing:
            await asyncio.wait(self._hearing, timeout=LAST_WORDS)
        for task in [*self._tasks, *self._hearing]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._hearing, return_exceptions=True)
        if self._session:
            await self._session.close()
        await self._api.close()

    def troubles(self) -> list[str]:
        """Why nothing reaches us, for /readyz."""
        down = self._elapsed() - self._down_since
        if self.live or down <= SILENT:
            return []
        return [f"Slack's socket has been down for {down:.0f} s"]

    async def _keep_connected(self, hear: Hear) -> None:
        while not self._stopping:
            self._failures += 1
            try:
                await self._connection(hear)
            except Unheard as silence:
                await self._pause(str(silence), silence.after)
            except Refused as refusal:
                log.error("slack opens no socket", why=refusal.error, cure=_cure(refusal.error))
                await self._pause(refusal.error, LONGEST_PAUSE)
            except (aiohttp.ClientError, OSError) as error:
                await self._pause(str(error) or type(error).__name__)
            except Exception as bug:  # whatever it was, the desk must stay reachable
                log.exception("socket failed")
                await self._pause(type(bug).__name__)

    async def _connection(self, hear: Hear) -> None:
        """From greeting until Slack means to replace it; then its rest is heard beside the next one."""
        assert self._session, "not open"
        # An address is good for one connection, soon after it was given.
        address, self._address = self._address or await self._ask(), ""
        async with asyncio.timeout(GREETING_BY):
            socket = await self._session.ws_connect(address, heartbeat=HEARTBEAT, max_msg_size=LARGEST)
            try:
                greeting = _read(await socket.receive())
                if greeting is None or greeting.type != "hello":
                    raise Unheard("no greeting")
            except BaseException:
                await socket.close()
                raise
        self.live.add(socket)
        self._failures = 0
        log.info("slack's socket is open")
        leaving = asyncio.get_running_loop().create_future()
        self._start(self._read_all(socket, hear, leaving))
        if why := await leaving:
            raise Unheard(why)

    async def _read_all(
        self, socket: aiohttp.ClientWebSocketResponse, hear: Hear, leaving: asyncio.Future[str]
    ) -> None:
        """Sets `leaving` once another connection is due: empty when Slack asks for it, else to the reason."""
        try:
            while True:
                message = await socket.receive()
                if message.type in _ENDS:
                    return
                envelope = _read(message)
                if envelope is None:
                    log.warning("senseless message on slack's socket")
                elif envelope.type == "disconnect":
                    if envelope.reason in _OFF:
                        log.error("slack closes the socket", why=envelope.reason, cure=_cure(envelope.reason))
                    self._leaving.add(socket)
                    if not leaving.done():
                        leaving.set_result("" if envelope.reason in _REPLACED else envelope.reason)
                elif envelope.envelope_id and not self._stopping:
                    self._hearing.add(task := asyncio.create_task(self._hear(socket, envelope, hear)))
                    task.add_done_callback(self._hearing.discard)
        finally:
            self.live.discard(socket)
            self._leaving.discard(socket)
            if not self.live:
                self._down_since = self._elapsed()
            if not leaving.done():
                leaving.set_result("the connection was lost")
            await socket.close()

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse, envelope: _Envelope, hear: Hear) -> None:
        """Acknowledged after it was taken; what was not taken is left to Slack to send again."""
        headers = {}
        # A first delivery says 0 and "".
        if envelope.retry_attempt is not None and envelope.retry_attempt > 0:
            headers["x-slack-retry-num"] = str(envelope.retry_attempt)
        if envelope.retry_reason:
            headers["x-slack-retry-reason"] = envelope.retry_reason
        try:
            answer = await hear(envelope.payload, headers)
        except Exception:
            log.exception("request over the socket failed", kind=envelope.type)
            return
        if answer.status >= 500:
            return
        said: dict[str, Any] = {"envelope_id": envelope.envelope_id}
        if envelope.accepts_response_payload and answer.status == 200 and answer.body:
            said["payload"] = _payload(answer.body)
        # Any of our connections will do, should this one be about to end.
        lines = {socket, *self.live}
        for line in sorted(lines, key=lambda line: (line in self._leaving, line is not socket)):
            try:
                await line.send_str(json.dumps(said))
            except (aiohttp.ClientError, OSError) as error:
                log.debug("connection ended under an acknowledgement", why=str(error))
            else:
                return
        log.warning("acknowledgement lost: slack sends the request again", kind=envelope.type)

    async def _ask(self) -> str:
        return str((await self._api.ask("apps.connections.open", {}))["url"])

    async def _pause(self, why: str, after: float | None = None) -> None:
        doubled = min(self._first_pause * 2 ** min(max(self._failures - 1, 0), 10), LONGEST_PAUSE)
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
    """An answer as a socket carries it: always an object."""
    return json.loads(body) if body.startswith("{") else {"text": body}


def _cure(error: str) -> str:
    if error in _OFF:
        return "turn Socket Mode on, on the app's page Socket Mode"
    return _TOKEN
