"""What other systems call: monitoring and pagers, each with its secret of the desk's file."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal
from uuid import uuid4

import structlog
from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from adapters.web.server import Route
from bot.clock import real_now
from bot.config.alarms import AlarmFormat, AlarmSource
from bot.config.environment import value_of, variable
from bot.config.pagers import PAGERDUTY
from bot.config.settings import DeskSettings
from bot.logs import log_fault
from bot.model.inbound import AlarmChanged, Dispatch, Done, PagerAcknowledged
from bot.ports import Clock, RedeliverLater, StoreUnavailable
from bot.text import one_line

_PREFIX = "whsec_"


def standard_webhook(secret: str) -> Webhook:
    """Signs and verifies by Standard Webhooks. A secret without `whsec_` is used as it is written.

    Raises ValueError if what follows `whsec_` is not base64.
    """
    return Webhook(secret if secret.startswith(_PREFIX) else secret.encode())


def is_standard_webhook(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the body is signed with the secret, by Standard Webhooks, in the last five minutes."""
    try:
        standard_webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError, OverflowError):  # garbled signatures raise ValueError
        return False
    return True


def has_bearer_token(secret: str, headers: Mapping[str, str]) -> bool:
    """Whether the Authorization header carries the secret itself."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _equal(token.strip(), secret)


def is_from_pagerduty(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the signatures of a PagerDuty v3 webhook fits the body."""
    expected = f"v1={hmac.new(secret.encode(), body, sha256).hexdigest()}"
    given = headers.get("X-PagerDuty-Signature", "").split(",")
    return any(_equal(one.strip(), expected) for one in given)


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())


def hook_routes(settings: DeskSettings, dispatch: Dispatch, clock: Clock) -> list[Route]:
    """The hooks of `[[alerts]]` and `[[pagers]]`. Reads their secrets from the environment."""
    alert_secrets = {alert.name: variable(alert.secret) for alert in settings.alerts}
    secrets = {
        pager.name: PagerSecret(pager.kind, value_of(pager.secret))
        for pager in settings.pagers.values()
        if pager.secret
    }
    alerts = AlarmHooks(settings.alerts, alert_secrets, dispatch, clock)
    return [*alerts.routes(), *pager_routes(secrets, dispatch, real_now)]


log = structlog.get_logger(__name__)

PATH = "/hooks/alerts/{name}"
LARGEST = 256 * 2**10
"""The largest accepted notification in bytes."""
_LONGEST_ID = 2000
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Alertmanager writes the year 1 where an alert has no end."""


class NotUnderstood(ValueError):
    """What is wrong with a notification, in a sentence that names the field."""


class _Alert(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    status: Literal["firing", "resolved"]
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: str = ""
    ends_at: AwareDatetime | None = None
    fingerprint: str = ""
    generator_url: str = Field("", alias="generatorURL")


class _Alertmanager(BaseModel):
    """A notification of one group, version 4 of the webhook format."""

    model_config = ConfigDict(alias_generator=to_camel)

    version: Literal["4"]
    group_key: str = Field(min_length=1, max_length=_LONGEST_ID)
    status: Literal["firing", "resolved"]
    alerts: list[_Alert]
    common_labels: dict[str, str] = {}
    common_annotations: dict[str, str] = {}
    group_labels: dict[str, str] = {}
    truncated_alerts: int = 0


class _Json(BaseModel):
    id: str = Field(min_length=1, max_length=_LONGEST_ID)
    status: Literal["firing", "resolved"]
    summary: str = ""
    details: str = ""
    url: str = ""

    @model_validator(mode="after")
    def _says_what_fires(self) -> _Json:
        if self.status == "firing" and not self.summary.strip():
            raise ValueError("summary: is missing; say in a few words what is wrong")
        return self


def alarm_of(format: AlarmFormat, source: str, body: bytes, at: datetime, delivery: str = "") -> AlarmChanged:
    """Reads a notification. Its end is None if it does not say when it was. Raises NotUnderstood."""
    key = f"alerts/{source}/{delivery or uuid4().hex}"
    try:
        match format:
            case AlarmFormat.ALERTMANAGER:
                group = _Alertmanager.model_validate_json(body)
                firing = group.status == "firing"
                summary, details = (_summary(group), _details(group)) if firing else ("", "")
                ended_at = None if firing else _ended_at(group)
                return AlarmChanged(
                    key, at, source, group.group_key, firing, summary, details, ended_at, delivery
                )
            case AlarmFormat.JSON:
                alarm = _Json.model_validate_json(body)
                details = "\n".join(filter(None, (alarm.details.strip(), alarm.url.strip())))
                return AlarmChanged(
                    key,
                    at,
                    source,
                    alarm.id,
                    alarm.status == "firing",
                    alarm.summary,
                    details,
                    delivery=delivery,
                )
    except ValidationError as wrong:
        raise NotUnderstood(_sentence(wrong)) from None


def _sentence(wrong: ValidationError) -> str:
    if any(error["type"] == "json_invalid" for error in wrong.errors()):
        return "The body is not valid JSON."
    return f"{'; '.join(_fault(error) for error in wrong.errors())}."


def _fault(error: ErrorDetails) -> str:
    """One fault of a JSON body, for the program that sent it."""
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    match error["type"]:
        case "missing":
            says = "is missing"
        case "value_error":
            says = str(error["ctx"]["error"])
        case _:
            says = f"{error['msg'][0].lower()}{error['msg'][1:]}"
    return f"{key}: {says}" if key else says


def _summary(group: _Alertmanager) -> str:
    """The summary that all alerts share; else the alert's name, and the labels of the group."""
    if summary := group.common_annotations.get("summary", "").strip():
        return summary
    shared = group.common_labels | group.group_labels
    name = shared.get("alertname") or "Several alerts"
    labels = ", ".join(
        f"{label} {value}"
        for label, value in sorted(shared.items())
        if label not in ("alertname", "severity")
    )
    return f"{name} ({labels})" if labels else name


def _details(group: _Alertmanager) -> str:
    """The firing alerts, longest firing first, so that the text changes only if they do."""
    firing = [alert for alert in group.alerts if alert.status == "firing"]
    firing.sort(key=lambda alert: (alert.starts_at, alert.fingerprint, sorted(alert.labels.items())))
    more = [f"{group.truncated_alerts} more alerts are not listed."] if group.truncated_alerts > 0 else []
    return "\n\n".join((*(_alert(alert) for alert in firing), *more))


def _alert(alert: _Alert) -> str:
    labels = ", ".join(f"{label} {value}" for label, value in sorted(alert.labels.items()))
    says = [alert.annotations.get(each, "").strip() for each in ("summary", "description")]
    lines = [*says, labels, alert.generator_url.strip()]
    return "\n".join(filter(None, lines))


def _ended_at(group: _Alertmanager) -> datetime | None:
    """When the last of the alerts ended; None if no end is a time that there is in UTC."""
    ends = [alert.ends_at for alert in group.alerts if alert.ends_at and alert.ends_at > _NO_TIME]
    try:
        return max(ends).astimezone(UTC) if ends else None
    except OverflowError:
        return None


class AlarmHooks:
    """The hooks of the desk's `[[alerts]]`. `secrets` are their values, by name."""

    def __init__(
        self,
        sources: Iterable[AlarmSource],
        secrets: Mapping[str, str],
        dispatch: Dispatch,
        clock: Clock,
    ) -> None:
        self._sources = {source.name: source for source in sources}
        self._secrets, self._dispatch, self._clock = secrets, dispatch, clock

    def routes(self) -> list[Route]:
        return [("POST", PATH, self._handle)] if self._sources else []

    async def _handle(self, request: web.Request) -> web.Response:
        source = self._sources.get(request.match_info["name"])
        if source is None:
            return _refused(404, "No [[alerts]] of this name is in frontline.toml.")
        body = await request.read()
        if len(body) > LARGEST:
            return _refused(413, f"A notification has at most {LARGEST // 2**10} KiB.")
        secret = self._secrets.get(source.name, "")
        is_signed = bool(secret) and is_standard_webhook(secret, request.headers, body)
        if not is_signed and not (secret and has_bearer_token(secret, request.headers)):
            return _refused(401, "The request is not signed with the secret of this hook.")
        delivery = request.headers.get("Webhook-Id", "") if is_signed else ""
        try:
            alarm = alarm_of(source.format, source.name, body, self._clock.now(), delivery)
        except NotUnderstood as why:
            return _refused(400, str(why))
        try:
            answer = await self._dispatch(alarm)
        except Exception:
            log_fault(log, "an alarm could not be recorded", source=source.name)
            return _refused(503, "The notification could not be recorded now. Please send it again.")
        if not isinstance(answer, Done):
            log.error("an alarm was refused", source=source.name, answer=answer)
            return _refused(503, "The notification could not be recorded now. Please send it again.")
        return web.json_response({"tickets": [answer.ticket] if answer.ticket else []}, status=202)


def _refused(status: int, says: str) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return web.json_response({"error": says}, status=status, headers=headers)


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
