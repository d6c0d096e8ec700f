"""Slack's requests: checked by Bolt, read, handed to the desk, answered after it has decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from adapters.slack.answers import Answers, acknowledged
from adapters.slack.events import READERS
from adapters.slack.inbound import Reader
from adapters.slack.names import Names
from adapters.slack.payloads import Malformed, Pressed, Slash, Submitted, read
from adapters.slack.web_api import client, quiet
from bot.exchange import Dispatch

log = structlog.get_logger(__name__)

_ANY = re.compile("")


class Requests:
    """Everything Slack sends to one address."""

    def __init__(
        self, *, secret: str, url: str, reader: Callable[[], Reader], answers: Answers, names: Names
    ) -> None:
        self._secret, self._url = secret, url
        self._reader, self._answers, self._names = reader, answers, names

    def handler(self, dispatch: Dispatch) -> Callable[[web.Request], Any]:
        app = self._app(dispatch)

        async def receive(request: web.Request) -> web.StreamResponse:
            raw, headers = await request.read(), dict(request.headers)
            try:
                asked = AsyncBoltRequest(body=raw.decode(), query=request.query_string, headers=dict(headers))
                answer = await app.async_dispatch(asked)
            except Exception as error:
                # Bolt parses before it checks the signature, and its own error handling parses once more:
                # what either raises would be a 500.
                answer = self._senseless(raw, headers, error)
            return await to_aiohttp_response(answer)

        return receive

    def _app(self, dispatch: Dispatch) -> AsyncApp:
        reader = self._reader

        async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
            us = reader().us
            return AuthorizeResult(
                enterprise_id=enterprise_id,
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
        )
        self._listen(app, dispatch)
        return app

    def _listen(self, app: AsyncApp, dispatch: Dispatch) -> None:
        reader, answers, names = self._reader, self._answers, self._names

        async def on_command(body: dict[str, Any]) -> BoltResponse:
            slash = read(Slash, body)
            try:
                return await answers.to_command(slash, await dispatch(reader().command(slash)))
            except Exception:
                log.exception("command failed", command=slash.command)
                return answers.sorry_for_command()

        async def on_press(body: dict[str, Any]) -> BoltResponse:
            pressed = read(Pressed, body)
            press = reader().press(pressed)
            if press is None:
                return acknowledged()
            try:
                return await answers.to_press(pressed, await dispatch(await names.known(press)))
            except Exception:
                log.exception("press failed", action=press.action)
                return answers.sorry_for_press(pressed)

        async def on_submission(body: dict[str, Any]) -> BoltResponse:
            submitted = read(Submitted, body)
            try:
                submission = reader().submission(submitted)
            except ValueError:
                raise Malformed("private_metadata: not ours") from None
            try:
                return answers.to_submission(submitted, await dispatch(await names.known(submission)))
            except Exception:
                log.exception("submission failed", form=submission.form)
                return answers.sorry_for_submission(submitted)

        async def on_closed() -> BoltResponse:
            return acknowledged()

        async def on_event(body: dict[str, Any], context: dict[str, Any]) -> BoltResponse:
            reads = READERS.get(_kind(body))
            act = reads(reader(), body, str(context.get("actor_team_id") or "")) if reads else None
            if act is None:
                return acknowledged()
            try:
                answer = await dispatch(await names.known_in_event(act))
            except Exception:
                # Slack delivers an event again that was not taken, and nobody waits for an answer.
                log.exception("event failed", kind=_kind(body))
                return acknowledged(status=503)
            return await answers.to_event(act, answer)

        app.command(_ANY)(on_command)
        app.block_action(_ANY)(on_press)
        app.view_submission(_ANY)(on_submission)
        app.view_closed(_ANY)(on_closed)
        app.event(_ANY)(on_event)
        app.error(self._on_error())

    def _on_error(self) -> Callable[..., Any]:
        async def on_error(error: Exception, request: AsyncBoltRequest) -> BoltResponse:
            if isinstance(error, BoltUnhandledRequestError):
                log.info("slack request that nobody handles", kind=_kind(request.body))
                return acknowledged()
            headers = {name: values[0] for name, values in request.headers.items()}
            return self._senseless(request.raw_body.encode("utf-8", "surrogatepass"), headers, error)

        return on_error

    def _senseless(self, body: bytes, headers: dict[str, str], error: Exception) -> BoltResponse:
        if not self._is_signed(body, headers):
            return BoltResponse(status=401, body={"error": "invalid request"})
        log.warning("malformed slack request", why=str(error)[:300], kind=type(error).__name__)
        again: dict[str, str | Sequence[str]] = {"x-slack-no-retry": "1"}
        return BoltResponse(status=400, body={"error": "malformed request"}, headers=again)

    def _is_signed(self, body: bytes, headers: dict[str, str]) -> bool:
        named = {name.lower(): value for name, value in headers.items()}
        stamp, signature = named.get("x-slack-request-timestamp"), named.get("x-slack-signature")
        try:
            return SignatureVerifier(self._secret).is_valid(body, stamp or "0", signature or "")
        except (ValueError, TypeError):
            return False


def _kind(body: object) -> str:
    if not isinstance(body, dict):
        return "unknown"
    event = body.get("event")
    kind = event.get("type") if isinstance(event, dict) else body.get("type")
    return str(kind)[:80]
