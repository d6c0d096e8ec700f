"""Slack's requests: checked, sorted by kind, handed to the desk, answered after it has decided."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import web
from pydantic_core import from_json
from slack_sdk.signature import SignatureVerifier
from yarl import URL

from adapters.slack.ack import Ack, acknowledged
from adapters.slack.answers import Answers
from adapters.slack.ears import Ears, Heard
from adapters.slack.envelope import asked, kind
from adapters.slack.socket import Hear
from adapters.slack.workspaces import Workspaces
from bot.exchange import Dispatch

log = structlog.get_logger(__name__)

RETRIED = "X-Slack-Retry-Num"


class Requests:
    """Everything Slack sends to one address."""

    def __init__(self, *, secret: str, workspaces: Workspaces, nowhere: Answers) -> None:
        """`nowhere` answers where we are not installed any more, as far as that needs no token."""
        self._secret = secret
        self._workspaces, self._nowhere = workspaces, nowhere

    def over_socket(self, dispatch: Dispatch) -> Hear:
        """For requests that came through a socket of ours, so that their sender is known."""
        hear = self._sorter(dispatch)

        async def receive(body: dict[str, Any], headers: Mapping[str, str]) -> Ack:
            return await hear(body, RETRIED.lower() in headers)

        return receive

    def handler(self, dispatch: Dispatch) -> Callable[[web.Request], Awaitable[web.Response]]:
        hear, signature = self._sorter(dispatch), SignatureVerifier(self._secret)

        async def receive(request: web.Request) -> web.Response:
            raw = await request.read()
            if raw.startswith(b"ssl_check=1"):
                return web.Response()
            if not _is_signed(signature, raw, request.headers):
                return web.json_response({"error": "invalid request"}, status=401)
            try:
                body = _body(raw)
            except (ValueError, RecursionError) as senseless:
                return _response(_malformed(senseless))
            return _response(await hear(body, RETRIED in request.headers))

        return receive

    def _sorter(self, dispatch: Dispatch) -> Callable[[dict[str, Any], bool], Awaitable[Ack]]:
        ears = Ears(dispatch, self._workspaces, self._nowhere)

        async def hear(body: dict[str, Any], again: bool) -> Ack:
            hears = ears.by_kind.get(kind(body))
            if hears is None:
                log.info("slack request that nobody handles", kind=kind(body) or "unknown")
                return acknowledged()
            origin = asked(body)
            try:
                return await hears(Heard(body, origin, await ears.at(origin), again))
            except Exception as error:
                return _malformed(error)

        return hear


def _is_signed(signature: SignatureVerifier, body: bytes, headers: Mapping[str, str]) -> bool:
    """`headers` by name in any case."""
    stamp, signed = headers.get("X-Slack-Request-Timestamp"), headers.get("X-Slack-Signature")
    try:
        return signature.is_valid(body, stamp or "0", signed or "")
    except (ValueError, TypeError, OverflowError):
        return False


def _body(raw: bytes) -> dict[str, Any]:
    """What was sent, as JSON or as a form, whose `payload` is JSON where it has one.

    Raises ValueError, and RecursionError for what is nested without end.
    """
    text = raw.decode()
    if not text.startswith("{"):
        form = URL.build(path="/", query_string=text, encoded=True).query
        if "payload" not in form:
            return dict(form)
        text = form["payload"]
    try:
        found = from_json(text)
    except ValueError:
        # It is the quicker one, and takes no half of an emoji, which a client that cuts a text may send.
        found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _response(ack: Ack) -> web.Response:
    if isinstance(ack.body, str):
        return web.Response(status=ack.status, text=ack.body, headers=ack.headers)
    body = json.dumps(ack.body).encode()
    return web.Response(status=ack.status, body=body, content_type="application/json", headers=ack.headers)


def _malformed(error: Exception) -> Ack:
    log.warning("malformed slack request", why=str(error)[:300], kind=type(error).__name__)
    return Ack(400, {"error": "malformed request"}, {"x-slack-no-retry": "1"})
