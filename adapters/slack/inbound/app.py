"""The endpoint for Slack's requests: a few checks, then a Bolt app that sorts them, over HTTP or a socket."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import web
from pydantic_core import from_json
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from yarl import URL

from adapters.slack.inbound.listeners import WORKSPACE_KEY, Listeners, request_origin
from adapters.slack.outbound.web_api import client
from adapters.slack.payloads import slack_id
from adapters.slack.workspaces.oauth import without_slack_variables
from adapters.slack.workspaces.workspace import Workspaces

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_HEADER = "X-Slack-Retry-Num"
_HANDLED_TYPES = frozenset({"block_actions", "message_action", "shortcut", "view_closed", "view_submission"})
"""Kinds that have a listener. If no listener takes such a request, it lacks keys that Slack always sends."""


def bolt_app(listeners: Listeners, workspaces: Workspaces, url: str) -> AsyncApp:
    """Returns the app with its listeners. It never calls Slack itself: answers go through our own client."""
    # Bolt's warnings repeat our own logs and quote whole requests.
    logger = logging.getLogger("slack_bolt")
    logger.setLevel(logging.ERROR)
    with without_slack_variables():
        app = AsyncApp(
            name="frontline",
            logger=logger,
            client=client(None, url, None),
            signing_secret="",
            authorize=_authorization(workspaces),
            # Answer after the desk has decided. Otherwise Bolt acknowledges events before they are stored.
            process_before_response=True,
            # BoltEndpoint has already checked the signature, before parsing anything.
            request_verification_enabled=False,
            # Otherwise Bolt drops the event that one of our messages was deleted.
            ignoring_self_events_enabled=False,
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
            raise_error_for_unhandled_request=True,
        )
    app.error(_on_unhandled)
    listeners.register(app)
    return app


def _authorization(workspaces: Workspaces) -> Callable[[AsyncBoltContext], Awaitable[AuthorizeResult]]:
    async def authorize(context: AsyncBoltContext) -> AuthorizeResult:
        """Finds our workspace for the listeners.

        Returns a result even where we are not installed: without one, Bolt answers 200 with its own text,
        and Slack never delivers the event again.
        """
        origin = request_origin(context)
        try:
            workspace = await workspaces.workspace_for(origin)
        except Exception:
            log.exception("the workspace of a request could not be looked up", team=origin.team)
            workspace = None
        context[WORKSPACE_KEY] = workspace
        return AuthorizeResult(
            enterprise_id=origin.enterprise,
            team_id=origin.team,
            bot_user_id=workspace.identity.bot_user if workspace else None,
            bot_id=workspace.identity.bot_id if workspace else None,
            bot_token=workspace.api.token if workspace else None,
        )

    return authorize


async def _on_unhandled(error: Exception, body: dict[str, Any]) -> BoltResponse:
    """Answers requests that no listener takes, and those that Bolt or a listener cannot read."""
    kind = slack_id(body.get("type"))
    if isinstance(error, BoltUnhandledRequestError) and kind not in _HANDLED_TYPES:
        log.info("unhandled slack request", kind=kind[:80] or "unknown")
        return BoltResponse(status=200)
    return _malformed(error)


class BoltEndpoint:
    """Receives all requests from Slack.

    On its own, Bolt answers unsigned nonsense with 400 or 500, fails on a signature that is not ASCII and on
    JSON that is not an object, and takes ten times as long to parse a form. So this class checks and parses
    first, and hands Bolt the parsed body in its socket mode.
    """

    def __init__(self, app: AsyncApp) -> None:
        self._app = app

    def http_handler(self, secret: str) -> Handler:
        """Returns a handler for HTTP requests that Slack signs with this secret."""
        signature = SignatureVerifier(secret)

        async def receive(request: web.Request) -> web.Response:
            raw = await request.read()
            if raw.startswith(b"ssl_check=1"):
                return await to_aiohttp_response(await self._dispatch({"ssl_check": "1"}, {}))
            if not _is_signed(signature, raw, request.headers):
                return web.json_response({"error": "invalid request"}, status=401)
            try:
                body = _parsed(raw)
            except (ValueError, RecursionError) as error:
                return await to_aiohttp_response(_malformed(error))
            # Headers are not signed, and some change what Bolt does, so pass only this one.
            retried = {RETRY_HEADER: request.headers[RETRY_HEADER]} if RETRY_HEADER in request.headers else {}
            return await to_aiohttp_response(await self._dispatch(body, retried))

        return receive

    async def handle_socket_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> BoltResponse:
        """Handles a request from a socket that we opened."""
        return await self._dispatch(body, headers)

    async def _dispatch(self, body: dict[str, Any], headers: Mapping[str, str]) -> BoltResponse:
        try:
            # In this mode Bolt takes a body that is parsed already. It does not matter how the request came.
            request = AsyncBoltRequest(body=body, headers={**headers}, mode="socket_mode")
            return await self._app.async_dispatch(request)
        except Exception as error:
            # Bolt fails on malformed requests when it reads them, and again in its error handler.
            return _malformed(error)


def _is_signed(signature: SignatureVerifier, body: bytes, headers: Mapping[str, str]) -> bool:
    """Returns whether the signature is valid. The names in `headers` may be in any case."""
    stamp, signed = headers.get("X-Slack-Request-Timestamp"), headers.get("X-Slack-Signature")
    try:
        return signature.is_valid(body, stamp or "0", signed or "")
    except (ValueError, TypeError, OverflowError):
        return False


def _parsed(raw: bytes) -> dict[str, Any]:
    """Parses a body: JSON, or a form, whose `payload` field is JSON if present.

    Raises ValueError, and RecursionError if it is nested too deeply.
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
        # from_json is faster, but rejects half an emoji, which a client that cuts a text may send.
        found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _malformed(error: Exception) -> BoltResponse:
    log.warning("malformed slack request", why=str(error)[:300], kind=type(error).__name__)
    return BoltResponse(status=400, body={"error": "malformed request"}, headers={"x-slack-no-retry": "1"})
