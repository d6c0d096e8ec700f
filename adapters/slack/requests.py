"""Slack's requests: checked, sorted by Bolt, handed to the desk, answered after it has decided."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from yarl import URL

from adapters.slack import doors, farewells, files
from adapters.slack.answers import Answers, acknowledged
from adapters.slack.events import READERS
from adapters.slack.home import looked_again
from adapters.slack.payloads import Filled, Malformed, Pressed, Shortcut, Slash, Submitted, read
from adapters.slack.socket import Hear
from adapters.slack.web_api import client, quiet
from adapters.slack.workspaces import NOBODY, Asked, Workspace, Workspaces
from bot.exchange import Dispatch, Done, Press
from bot.ports import NotYet

log = structlog.get_logger(__name__)

_ANY = re.compile("")
_AT = "frontline_workspace"


class Requests:
    """Everything Slack sends to one address."""

    def __init__(self, *, secret: str, url: str, workspaces: Workspaces, nowhere: Answers) -> None:
        """`nowhere` answers where we are not installed any more, as far as that needs no token."""
        self._secret, self._url = secret, url
        self._workspaces, self._nowhere = workspaces, nowhere

    def over_socket(self, dispatch: Dispatch) -> Hear:
        """For requests that came through a socket of ours, so that their sender is known."""
        app = self._app(dispatch)

        async def hear(body: dict[str, Any], headers: Mapping[str, str]) -> BoltResponse:
            try:
                asked = AsyncBoltRequest(body=body, headers=dict(headers), mode="socket_mode")
                return await app.async_dispatch(asked)
            except Exception as error:
                return _malformed(error)

        return hear

    def handler(self, dispatch: Dispatch) -> Callable[[web.Request], Any]:
        app = self._app(dispatch)

        async def receive(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            headers: dict[str, str | Sequence[str]] = dict(request.headers)
            if raw.startswith(b"ssl_check=1"):
                return web.Response()
            if not self._is_signed(raw, request.headers):
                return web.json_response({"error": "invalid request"}, status=401)
            try:
                # Bolt is told that it need not check the sender again: we have, and read forms much faster.
                asked = AsyncBoltRequest(body=_body(raw), headers=headers, mode="socket_mode")
                answer = await app.async_dispatch(asked)
            except Exception as error:
                answer = _malformed(error)
            return await to_aiohttp_response(answer)

        return receive

    def _app(self, dispatch: Dispatch) -> AsyncApp:
        async def authorize(context: AsyncBoltContext) -> AuthorizeResult:
            at = context[_AT] = await self._workspace(context)
            us = at.us if at else NOBODY
            return AuthorizeResult(
                enterprise_id=context.enterprise_id,
                team_id=us.team,
                bot_id=us.bot_id,
                bot_user_id=us.bot_user,
            )

        app = AsyncApp(
            name="frontline",
            logger=quiet("frontline.bolt"),
            signing_secret=self._secret,
            client=client(None, self._url, None),
            authorize=authorize,
            # Else Bolt polls for the ack every 10 ms, and acks events before we have kept them.
            process_before_response=True,
            raise_error_for_unhandled_request=True,
            # Bolt takes the deletion of a message of ours for our own act.
            ignoring_self_events_enabled=False,
        )
        self._listen(app, dispatch)
        return app

    def _listen(self, app: AsyncApp, dispatch: Dispatch) -> None:
        nowhere = self._nowhere

        async def on_command(body: dict[str, Any], context: AsyncBoltContext) -> BoltResponse:
            slash, at = read(Slash, body), _at(context)
            if at is None:
                return nowhere.sorry_for_command()
            try:
                return await at.answers.to_command(slash, await dispatch(at.reader.command(slash)))
            except Exception:
                log.exception("command failed", command=slash.command)
                return nowhere.sorry_for_command()

        async def on_press(body: dict[str, Any], context: AsyncBoltContext) -> BoltResponse:
            if _in_a_form(body):
                return await on_filling(body, context)
            pressed, at = read(Pressed, body), _at(context)
            if at is None:
                return nowhere.sorry_for_press(pressed)
            press = at.reader.press(pressed)
            if press is None:
                return acknowledged()
            try:
                act = await at.names.known(press)
                answer = await dispatch(act)
                told = await at.answers.to_press(pressed, answer)
            except Exception:
                log.exception("press failed", action=press.action)
                return at.answers.sorry_for_press(pressed)
            if pressed.on_home and isinstance(answer, Done):
                await redraw_home(at, act)
            return told

        async def redraw_home(at: Workspace, press: Press) -> None:
            """What was done on a page is seen there; next time it is opened at the latest."""
            act = looked_again(press)
            try:
                await at.answers.to_event(act, await dispatch(act))
            except Exception:
                log.exception("home tab not redrawn")

        async def on_submission(body: dict[str, Any], context: AsyncBoltContext) -> BoltResponse:
            submitted, at = read(Submitted, body), _at(context)
            if at is None:
                return nowhere.sorry_for_submission(submitted)
            try:
                submission = at.reader.submission(submitted)
            except ValueError:
                raise Malformed("private_metadata: not ours") from None
            try:
                named = await at.names.known(submission)
                return at.answers.to_submission(submitted, await dispatch(named))
            except Exception:
                log.exception("submission failed", form=submission.form)
                return nowhere.sorry_for_submission(submitted)

        async def on_filling(body: dict[str, Any], context: AsyncBoltContext) -> BoltResponse:
            filled, at = read(Filled, body), _at(context)
            if at is None or filled.actions[0].type == "button":
                return acknowledged()
            try:
                filling = at.reader.filling(filled)
            except ValueError:
                raise Malformed("private_metadata: not ours") from None
            try:
                return at.answers.to_filling(filled, await dispatch(filling))
            except Exception:
                # The form stays as it is, and is looked at as a whole when it is sent.
                log.exception("form not drawn anew", form=filling.form)
                return acknowledged()

        async def on_closed(body: dict[str, Any], context: AsyncBoltContext) -> BoltResponse:
            closed, at = read(Submitted, body), _at(context)
            if at is None or not closed.view.private_metadata:
                return acknowledged()
            try:
                left = at.reader.left(closed)
            except ValueError:
                raise Malformed("private_metadata: not ours") from None
            try:
                await dispatch(left)
            except Exception:
                log.exception("closing failed", form=left.form)
            return acknowledged()

        async def on_event(
            body: dict[str, Any], context: AsyncBoltContext, request: AsyncBoltRequest
        ) -> BoltResponse:
            if _kind(body) in farewells.KINDS:
                return await self._farewell(body, context)
            reads, at = READERS.get(_kind(body)), _at(context)
            if reads is None:
                return acknowledged()
            if at is None:
                return acknowledged(status=503)
            heard, at = at, self._workspaces.speaking(_text(context.channel_id), at)
            reader = replace(at.reader, alias=heard.us.bot_user)
            act = reads(reader, body, _text(context.actor_team_id))
            if act is None:
                return acknowledged()
            try:
                act = await doors.quoted(act, reader, at.api)
                act = await files.known(at.api, act, body)
                answer = await dispatch(await at.names.known_in_event(act))
            except NotYet as early:
                log.info("event to be delivered again", kind=_kind(body), why=str(early))
                return acknowledged(status=503)
            except Exception:
                # Slack delivers an event again that was not taken, and nobody waits for an answer.
                log.exception("event failed", kind=_kind(body))
                return acknowledged(status=503)
            return await at.answers.to_event(act, answer, again=_again(body, request))

        async def on_shortcut(body: dict[str, Any], context: AsyncBoltContext) -> BoltResponse:
            called_up, at = read(Shortcut, body), _at(context)
            if at is None:
                return acknowledged()
            act = doors.shortcut(at.reader, called_up)
            try:
                return await at.answers.to_shortcut(act, called_up.trigger_id, await dispatch(act))
            except Exception:
                log.exception("shortcut failed", shortcut=called_up.callback_id)
                return at.answers.sorry_for_shortcut(act)

        app.command(_ANY)(on_command)
        app.block_action(_ANY)(on_press)
        app.view_submission(_ANY)(on_submission)
        app.view_closed(_ANY)(on_closed)
        app.event(_ANY)(on_event)
        app.shortcut(_ANY)(on_shortcut)
        app.error(self._on_error())

    async def _workspace(self, context: AsyncBoltContext) -> Workspace | None:
        try:
            return await self._workspaces.asked(_asked(context))
        except Exception:
            log.exception("no telling where a request came from", team=context.team_id)
            return None

    async def _farewell(self, body: dict[str, Any], context: AsyncBoltContext) -> BoltResponse:
        try:
            await farewells.hear(body, _asked(context), self._workspaces)
        except Malformed:
            raise
        except Exception:
            log.exception("event failed", kind=_kind(body))
            return acknowledged(status=503)
        return acknowledged()

    def _on_error(self) -> Callable[..., Any]:
        async def on_error(error: Exception, request: AsyncBoltRequest) -> BoltResponse:
            if isinstance(error, BoltUnhandledRequestError):
                log.info("slack request that nobody handles", kind=_kind(request.body))
                return acknowledged()
            return _malformed(error)

        return on_error

    def _is_signed(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """`headers` by name in any case."""
        stamp, signature = headers.get("X-Slack-Request-Timestamp"), headers.get("X-Slack-Signature")
        try:
            return SignatureVerifier(self._secret).is_valid(body, stamp or "0", signature or "")
        except (ValueError, TypeError):
            return False


def _body(raw: bytes) -> dict[str, Any]:
    """What was sent, as JSON or as a form, whose `payload` is JSON where it has one. Raises ValueError."""
    text = raw.decode()
    if not text.startswith("{"):
        form = URL.build(path="/", query_string=text, encoded=True).query
        if "payload" not in form:
            return dict(form)
        text = form["payload"]
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _again(body: Mapping[str, Any], request: AsyncBoltRequest) -> bool:
    """Whether the event was delivered before, or is about a message that was heard of in another one."""
    return "x-slack-retry-num" in request.headers or bool(body.get("event", {}).get("edited"))


def _malformed(error: Exception) -> BoltResponse:
    log.warning("malformed slack request", why=str(error)[:300], kind=type(error).__name__)
    again: dict[str, str | Sequence[str]] = {"x-slack-no-retry": "1"}
    return BoltResponse(status=400, body={"error": "malformed request"}, headers=again)


def _in_a_form(body: Mapping[str, Any]) -> bool:
    view = body.get("view")
    return isinstance(view, dict) and view.get("type") == "modal"


def _at(context: AsyncBoltContext) -> Workspace | None:
    found: Workspace | None = context.get(_AT)
    return found


def _asked(context: AsyncBoltContext) -> Asked:
    return Asked(
        team=_text(context.team_id),
        enterprise=_text(context.enterprise_id),
        everywhere=bool(context.is_enterprise_install),
        channel=_text(context.channel_id),
        user=_text(context.user_id),
    )


def _text(value: object) -> str:
    """Ids as Slack writes them: text of plain letters."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def _kind(body: object) -> str:
    if not isinstance(body, dict):
        return "unknown"
    event = body.get("event")
    kind = event.get("type") if isinstance(event, dict) else body.get("type")
    return str(kind)[:80]
