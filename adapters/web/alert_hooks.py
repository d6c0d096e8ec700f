"""Monitoring alarms over HTTP: Prometheus' Alertmanager, and any system that can send small JSON objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

import structlog
from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from adapters.web.server import Route
from adapters.web.signatures import has_bearer_token, is_standard_webhook
from bot.config.alerts import AlertFormat, AlertSource
from bot.fault_log import log_fault
from bot.model.inbound import AlarmChanged, Dispatch, Done
from bot.ports import Clock

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


def alarm_of(format: AlertFormat, source: str, body: bytes, at: datetime, delivery: str = "") -> AlarmChanged:
    """Reads a notification. Its end is None if it does not say when it was. Raises NotUnderstood."""
    key = f"alerts/{source}/{delivery or uuid4().hex}"
    try:
        match format:
            case AlertFormat.ALERTMANAGER:
                group = _Alertmanager.model_validate_json(body)
                firing = group.status == "firing"
                summary, details = (_summary(group), _details(group)) if firing else ("", "")
                ended_at = None if firing else _ended_at(group)
                return AlarmChanged(
                    key, at, source, group.group_key, firing, summary, details, ended_at, delivery
                )
            case AlertFormat.JSON:
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


class AlertHooks:
    """The hooks of the desk's `[[alerts]]`. `secrets` are their values, by name."""

    def __init__(
        self,
        sources: Iterable[AlertSource],
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
