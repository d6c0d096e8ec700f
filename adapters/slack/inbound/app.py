"""The endpoint for Slack's requests: a few checks, then a Bolt app with one listener for each kind.

A listener reads the request, asks the desk, then answers, over HTTP or a socket.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

import structlog
from aiohttp import web
from pydantic_core import from_json
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from yarl import URL

from adapters.slack.inbound import events
from adapters.slack.inbound.events import READERS, home_opened_by_press
from adapters.slack.outbound.responder import REDELIVER_STATUS, Responder
from adapters.slack.outbound.web_api import client
from adapters.slack.payloads import (
    BlockActions,
    Malformed,
    ModalBlockActions,
    Shortcut,
    SlashCommand,
    ViewSubmission,
    parse,
    slack_id,
)
from adapters.slack.workspaces.oauth import without_slack_variables
from adapters.slack.workspaces.workspace import RequestOrigin, Workspace, Workspaces, with_file_names
from bot.clock import real_now
from bot.logs import log_fault
from bot.model.inbound import Dispatch, Done, Press
from bot.ports import KeyValueStore, RedeliverLater
from bot.runtime.doctor import Finding, Health
from bot.text import storable

log = structlog.get_logger(__name__)

Body = dict[str, Any]
RETRY_HEADER = "X-Slack-Retry-Num"
WORKSPACE_KEY = "workspace"
"""The key in a request's context of the workspace that answers it; None if we are not installed there."""
_ANY = re.compile("")


def request_origin(context: AsyncBoltContext) -> RequestOrigin:
    """Returns where a request came from, as Bolt reads it. Bolt does not check that ids are text."""
    return RequestOrigin(
        team=slack_id(context.team_id),
        enterprise=slack_id(context.enterprise_id),
        org_wide=bool(context.is_enterprise_install),
        channel=slack_id(context.channel_id),
        user=slack_id(context.user_id),
    )


def actor_team(context: AsyncBoltContext) -> str:
    """Returns the actor's workspace, or "" if the request does not name it.

    For a mention by a member of an organisation, Bolt gives no workspace or the organisation's id.
    """
    team = slack_id(context.actor_team_id)
    return team if team.startswith("T") else ""


class Listeners:
    """Every listener raises Malformed for an invalid request, and answers any other exception itself."""

    def __init__(self, dispatch: Dispatch, workspaces: Workspaces, fallback_responder: Responder) -> None:
        """`fallback_responder` has no token: it answers where the app is not installed, and by ack alone."""
        self._dispatch, self._workspaces, self._fallback_responder = dispatch, workspaces, fallback_responder

    def register(self, app: AsyncApp) -> None:
        """Registers the listeners. Bolt asks them in order, so those that people wait for come first."""
        app.command(_ANY)(self.on_command)
        app.view_submission(_ANY)(self.on_submission)
        app.block_action(_ANY)(self.on_press)
        app.event(_ANY)(self.on_event)
        app.view_closed(_ANY)(self.on_form_closed)
        app.shortcut(_ANY)(self.on_shortcut)

    async def on_command(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        if "type" in body:
            raise Malformed("type: a command must not have one")
        slash, workspace = parse(SlashCommand, body), _workspace(context)
        if workspace is None:
            return await self._fallback_responder.command_failed(ack)
        try:
            act = await workspace.user_names.with_mentioned_names(workspace.reader.command(slash))
            return await workspace.responder.to_command(ack, slash, await self._dispatch(act))
        except Malformed:
            raise
        except Exception:
            log_fault(log, "command failed", command=slash.command)
            return await self._fallback_responder.command_failed(ack)

    async def on_press(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        view = body.get("view")
        if isinstance(view, dict) and view.get("type") == "modal":
            return await self._on_form_changed(ack, body, context)
        pressed, workspace = parse(BlockActions, body), _workspace(context)
        if workspace is None:
            return await self._fallback_responder.press_failed(ack, pressed)
        try:
            press = workspace.reader.press(pressed)
            if press is None:
                return await ack()
            act = await workspace.user_names.with_name(press)
            answer = await self._dispatch(act)
            response = await workspace.responder.to_press(ack, pressed, answer)
        except Malformed:
            raise
        except Exception:
            log_fault(log, "press failed", action=pressed.actions[0].action_id)
            return await workspace.responder.press_failed(ack, pressed)
        if pressed.on_home and isinstance(answer, Done):
            await self._redraw_home(workspace, act)
        return response

    async def _redraw_home(self, workspace: Workspace, press: Press) -> None:
        """Shows the result of a press on the Home tab. If this fails, the next opening redraws it."""
        act = home_opened_by_press(press)
        try:
            workspace.responder.to_home(act, await self._dispatch(act))
        except Exception:
            log_fault(log, "home tab not redrawn")

    async def on_submission(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        submitted, workspace = parse(ViewSubmission, body), _workspace(context)
        if workspace is None:
            return await self._fallback_responder.submission_failed(ack, submitted)
        try:
            named = await workspace.user_names.with_name(workspace.reader.submission(submitted))
            return await workspace.responder.to_submission(ack, submitted, await self._dispatch(named))
        except Malformed:
            raise
        except Exception:
            log_fault(log, "submission failed", form=submitted.view.callback_id)
            return await self._fallback_responder.submission_failed(ack, submitted)

    async def _on_form_changed(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        changed, workspace = parse(ModalBlockActions, body), _workspace(context)
        if workspace is None or changed.actions[0].type == "button":
            return await ack()
        try:
            workspace.responder.to_form_change(
                changed, await self._dispatch(workspace.reader.form_changed(changed))
            )
        except Malformed:
            raise
        except Exception:
            # The form stays as it is, and is validated as a whole on submit.
            log_fault(log, "form not redrawn", form=changed.view.callback_id)
        return await ack()

    async def on_form_closed(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        closed, workspace = parse(ViewSubmission, body), _workspace(context)
        if workspace is None or not closed.view.private_metadata:
            return await ack()
        try:
            await self._dispatch(workspace.reader.form_closed(closed))
        except Malformed:
            raise
        except Exception:
            log_fault(log, "closing failed", form=closed.view.callback_id)
        return await ack()

    async def on_event(
        self, ack: AsyncAck, body: Body, event: Body, context: AsyncBoltContext, request: AsyncBoltRequest
    ) -> BoltResponse:
        kind, receiving_workspace = slack_id(event.get("type")), _workspace(context)
        if kind in events.UNINSTALL_EVENTS:
            return await self._on_uninstall(ack, kind, body, context)
        read_event = READERS.get(kind)
        if read_event is None:
            return await ack()
        if receiving_workspace is None:
            return BoltResponse(status=REDELIVER_STATUS)
        try:
            workspace = self._workspaces.posting_workspace(slack_id(context.channel_id), receiving_workspace)
            reader = replace(workspace.reader, alias=receiving_workspace.identity.bot_user)
            act = read_event(reader, body, actor_team(context))
            if act is None:
                return await ack()
            act = await events.with_quoted_message(act, reader, workspace.api)
            act = await with_file_names(workspace.api, act, body)
            act = await workspace.user_names.with_mentioned_names(act)
            answer = await self._dispatch(await workspace.user_names.with_name_in_event(act))
            # Slack sends an edited mention again, as a new event: we may have answered it before the edit.
            redelivered = RETRY_HEADER.lower() in request.headers or bool(event.get("edited"))
            return await workspace.responder.to_event(ack, act, answer, redelivered=redelivered)
        except Malformed:
            raise
        except RedeliverLater as early:
            log.info("event to be delivered again", kind=kind, why=str(early))
            return BoltResponse(status=REDELIVER_STATUS)
        except Exception:
            # Slack redelivers an event that we reject, and nobody waits for an answer.
            log_fault(log, "event failed", kind=kind)
            return BoltResponse(status=REDELIVER_STATUS)

    async def _on_uninstall(
        self, ack: AsyncAck, kind: str, body: Body, context: AsyncBoltContext
    ) -> BoltResponse:
        try:
            await events.handle_uninstall(body, request_origin(context), self._workspaces)
        except Malformed:
            raise
        except Exception:
            log_fault(log, "event failed", kind=kind)
            return BoltResponse(status=REDELIVER_STATUS)
        return await ack()

    async def on_shortcut(self, ack: AsyncAck, body: Body, context: AsyncBoltContext) -> BoltResponse:
        request, workspace = parse(Shortcut, body), _workspace(context)
        if workspace is None:
            return await ack()
        act = None
        try:
            act = events.read_shortcut(workspace.reader, request)
            act = await workspace.user_names.with_mentioned_names(act)
            answer = await self._dispatch(act)
            return await workspace.responder.to_shortcut(ack, act, request.trigger_id, answer)
        except Malformed:
            raise
        except Exception:
            log_fault(log, "shortcut failed", shortcut=request.callback_id)
            # Without an act we do not know who to answer; Slack then shows its own error.
            return await workspace.responder.shortcut_failed(ack, act) if act else BoltResponse(status=500)


def _workspace(context: AsyncBoltContext) -> Workspace | None:
    found: Workspace | None = context.get(WORKSPACE_KEY)
    return found


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

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
            log_fault(log, "the workspace of a request could not be looked up", team=origin.team)
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

    def http_handler(self, signatures: Signatures) -> Handler:
        """Returns a handler for HTTP requests that Slack signs."""

        async def receive(request: web.Request) -> web.Response:
            raw = await request.read()
            if raw.startswith(b"ssl_check=1"):
                return await to_aiohttp_response(await self._dispatch({"ssl_check": "1"}, {}))
            if not signatures.is_valid(raw, request.headers):
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
        found = storable(json.loads(text))
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _malformed(error: Exception) -> BoltResponse:
    log.warning("malformed slack request", why=str(error)[:300], kind=type(error).__name__)
    return BoltResponse(status=400, body={"error": "malformed request"}, headers={"x-slack-no-retry": "1"})


TOPIC, GOOD = "slack-signatures", "good"
KEPT_FOR = timedelta(hours=1)
_FRESH = 300
"""Seconds: the age up to which Slack's requests are accepted."""
_LOOKS_SIGNED = re.compile(r"v0=[0-9a-f]{64}")


class Signatures:
    """Checks requests with the signing secret. Counts are stored by `store`, about once a minute."""

    def __init__(self, secret: str, key_values: KeyValueStore | None) -> None:
        self._secret, self._key_values = secret, key_values
        self._bad, self._good = 0, False

    @cached_property
    def _verifier(self) -> SignatureVerifier:
        return SignatureVerifier(self._secret)

    def is_valid(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the signature is valid. The names in `headers` may be in any case."""
        stamp = headers.get("X-Slack-Request-Timestamp") or "0"
        signature = headers.get("X-Slack-Signature") or ""
        try:
            valid = self._verifier.is_valid(body, stamp, signature)
            fresh = abs(real_now().timestamp() - int(stamp)) <= _FRESH
        except (ValueError, TypeError, OverflowError):
            return False
        self._good = self._good or valid
        # Only Slack's own requests look like this; the rest of the Internet sends other things.
        self._bad += not valid and fresh and _LOOKS_SIGNED.fullmatch(signature) is not None
        return valid

    async def store(self) -> None:
        """Stores what was counted since the last time."""
        if self._key_values is None:
            return
        bad, good, until = self._bad, self._good, real_now() + KEPT_FOR
        self._bad, self._good = 0, False
        if bad:
            await self._key_values.put(TOPIC, uuid4().hex, str(bad), until)
        if good:
            await self._key_values.put(TOPIC, GOOD, "1", until)

    async def findings(self) -> list[Finding]:
        """Whether the secret seems to be wrong; empty if nothing says so."""
        counts = await self._key_values.get_all(TOPIC) if self._key_values else {}
        bad = sum(int(count) for key, count in counts.items() if key != GOOD)
        if not bad or GOOD in counts:
            return []
        came = "1 request with a wrong signature" if bad == 1 else f"{bad} requests with a wrong signature"
        says = (
            f"{came} came in the last hour, and none with a good one: SLACK_SIGNING_SECRET is probably"
            " another app's; copy it from the app's page Basic Information"
        )
        return [Finding(Health.FAULT, "signing secret", says)]
