"""The HTTP endpoint for Teams: checks a request, parses it, runs a turn and answers."""

from __future__ import annotations

import json

import structlog
from aiohttp import web
from botbuilder.core import InvokeResponse  # type: ignore[import-untyped]

from adapters.teams.auth import Forbidden, Identity, TokenValidator, Unauthorized, Unreachable
from adapters.teams.inbound.handler import NotStored, TeamsHandler
from adapters.teams.inbound.pipeline import Pipeline
from adapters.teams.payloads import Malformed, activity
from adapters.teams.rendering.text import Json
from bot.text import storable

log = structlog.get_logger(__name__)

TEAMS = "msteams"
_REFUSED = frozenset({"message", "messageUpdate", "messageDelete", "invoke"})
"""Kinds that are answered with 400 if they cannot be read. Any other is answered with 200: Teams stops
sending to a bot that keeps rejecting the platform's own activities."""


class Endpoint:
    """Receives all requests from Teams."""

    def __init__(self, validator: TokenValidator, pipeline: Pipeline, handler: TeamsHandler) -> None:
        self._validator, self._pipeline, self._handler = validator, pipeline, handler

    async def receive(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            return _refused(415, "send JSON")
        try:
            identity = await self._validator.validate(request.headers.get("Authorization"))
            answer = await self.take(identity, parsed(await request.read()))
        except Unauthorized as why:
            log.warning("teams request without a valid token", why=str(why))
            return _refused(401, "unauthorized")
        except Forbidden as why:
            log.warning("teams request that is not for us", why=str(why))
            return _refused(403, "forbidden")
        except Malformed as why:
            log.warning("malformed teams request", why=str(why)[:300])
            return _refused(400, "malformed request")
        except Unreachable as why:
            log.error("teams request could not be checked", why=str(why))
            return _refused(503, "try again")
        except NotStored:
            return web.Response(status=503)
        if answer is None or answer.body is None:
            return web.Response()
        return web.json_response(answer.body)

    async def take(self, identity: Identity | None, body: Json) -> InvokeResponse | None:
        """Returns the answer to an invoke, None for anything else. Raises Forbidden, Malformed, NotStored."""
        kind, service, channel = body.get("type"), body.get("serviceUrl"), body.get("channelId")
        if not isinstance(kind, str) or not kind or not isinstance(service, str):
            raise Malformed("no type, or no service address")
        self._validator.authorize(identity, service, channel if isinstance(channel, str) else "")
        if channel != TEAMS:
            log.info("activity of another channel", kind=kind[:80], channel=str(channel)[:80])
            return None
        try:
            read = activity(body)
        except Malformed as why:
            if kind in _REFUSED:
                raise
            log.warning("teams activity could not be read", kind=kind[:80], why=str(why)[:300])
            return None
        return await self._pipeline.run(read, identity, self._handler)


def parsed(raw: bytes) -> Json:
    """Parses a body and replaces characters that no database can store. Raises Malformed."""
    try:
        body = json.loads(raw)
        lowered = raw.lower()
        if b"\\ud" in lowered or b"\\u0000" in lowered:
            body = storable(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON ({type(error).__name__})") from None
    if not isinstance(body, dict):
        raise Malformed("not a JSON object")
    return body


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
