"""`POST /hooks/pager/{name}`: acknowledgements from pagers, signed with the pager's secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web

from adapters.web.server import Route
from adapters.web.signatures import is_from_pagerduty, is_standard_webhook
from bot.config.pagers import PAGERDUTY
from bot.fault_log import log_fault
from bot.model.inbound import Dispatch, PagerAcknowledged
from bot.ports import RedeliverLater, StoreUnavailable
from bot.text import one_line

log = structlog.get_logger(__name__)

LARGEST = 256 * 1024
"""The largest accepted request in bytes."""
LONGEST = 200
"""Characters of a name, an address or an event's ID."""
_TICKET = re.compile(r"[A-Z][A-Z0-9-]{0,23}-[0-9]{1,9}")
_ANSWERS = ("incident.acknowledged", "incident.resolved")
"""Who resolves an incident has seen it."""
_SEND_AGAIN = "The desk cannot store this now. Please send it again."
_NOT_PEOPLE = ("integration_reference", "service_reference")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PagerSecret:
    """What verifies a pager's requests."""

    kind: str
    secret: str = field(repr=False)

    def has_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        is_signed = is_from_pagerduty if self.kind == PAGERDUTY else is_standard_webhook
        return is_signed(self.secret, headers, body)


class _NotUnderstood(ValueError):
    """What is wrong with a signed request, in a sentence."""


def pager_routes(
    pagers: Mapping[str, PagerSecret], dispatch: Dispatch, now: Callable[[], datetime]
) -> list[Route]:
    """The route of all pagers that have a secret, by their names; none if no pager has one."""

    async def acknowledged(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        pager = pagers.get(name)
        if pager is None:
            return _answer(404, "There is no pager of this name, or it has no secret in the desk's file.")
        body = await request.read()
        if len(body) > LARGEST:
            return _answer(413, f"The request has more than {LARGEST} bytes.")
        if not pager.has_signed(request.headers, body):
            return _answer(401, "The signature is missing, wrong or too old. Check the secret and the clock.")
        try:
            act = _read(name, pager.kind, request.headers, body, now())
        except _NotUnderstood as wrong:
            return _answer(400, str(wrong))
        if act is not None:
            try:
                await dispatch(act)
            except (StoreUnavailable, RedeliverLater) as busy:
                log.warning("an acknowledgement will be sent again", pager=name, why=str(busy))
                return _answer(503, _SEND_AGAIN)
            except Exception:
                log_fault(log, "an acknowledgement could not be recorded", pager=name)
                return _answer(503, _SEND_AGAIN)
        return web.json_response({"accepted": True}, status=202)

    return [("POST", "/hooks/pager/{name}", acknowledged)] if pagers else []


def _answer(status: int, says: str) -> web.Response:
    return web.json_response({"error": says}, status=status)


def _read(
    name: str, kind: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> PagerAcknowledged | None:
    """The acknowledgement; None if the event is another one, or nobody's act. Raises _NotUnderstood."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise _NotUnderstood("The body is not JSON.") from None
    if not isinstance(said, dict):
        raise _NotUnderstood("The body is not a JSON object.")
    read = _of_pagerduty(said) if kind == PAGERDUTY else _of_webhook(said, headers)
    if read is None:
        return None
    id_, incident, by, email = (one_line(text)[:LONGEST] for text in read)
    if not id_:
        raise _NotUnderstood("The event has no ID.")
    if not by:
        raise _NotUnderstood("The event does not say who acknowledged.")
    ticket = incident.partition("/")[0]
    if not _TICKET.fullmatch(ticket):
        return None
    return PagerAcknowledged(f"pager/{name}/{id_}", now, name, ticket, by, email, incident)


def _of_pagerduty(said: Json) -> tuple[str, str, str, str] | None:
    """ID, incident, name and address in a V3 webhook. None for an event that no person caused."""
    event = _object(said, "event")
    if _text(event, "event_type") not in _ANSWERS:
        return None
    agent = event.get("agent")
    if not isinstance(agent, dict) or str(agent.get("type", "")).endswith(_NOT_PEOPLE):
        return None  # such as our own edit of the incident, or one that PagerDuty resolved after a time
    incident = _text(_object(event, "data"), "incident_key", required=False)
    return _text(event, "id"), incident, _text(agent, "summary"), ""


def _of_webhook(said: Json, headers: Mapping[str, str]) -> tuple[str, str, str, str] | None:
    """The same in a Standard Webhook."""
    if _text(said, "type") != "page.acknowledged":
        return None
    data = _object(said, "data")
    email = _text(data, "email", required=False)
    incident = _text(data, "incident", required=False) or _text(data, "ticket")
    return headers.get("webhook-id", ""), incident, _text(data, "by"), email


def _object(parent: Json, key: str) -> Json:
    found = parent.get(key)
    if not isinstance(found, dict):
        raise _NotUnderstood(f'"{key}" is missing or is no JSON object.')
    return found


def _text(parent: Json, key: str, *, required: bool = True) -> str:
    found = parent.get(key)
    if found is None and not required:
        return ""
    if not isinstance(found, str):
        raise _NotUnderstood(f'"{key}" is missing or is no text.')
    return found
