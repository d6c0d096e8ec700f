"""Pages to pagers: PagerDuty's Events API v2, and signed webhooks (Standard Webhooks)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from yarl import URL

from adapters.pager.adapter import TIMEOUT
from bot.clock import real_now
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Link, Notice
from bot.ports import PermanentFailure, TemporaryFailure, trace_id
from bot.runtime.doctor import Finding, Health
from bot.text import UTC_ZONE, plain_text
from sla_core.promise import Tone

TRIGGERED, ACKNOWLEDGED, RESOLVED = "triggered", "acknowledged", "resolved"
_PAGERDUTY_ACTIONS = {TRIGGERED: "trigger", ACKNOWLEDGED: "acknowledge", RESOLVED: "resolve"}
LONGEST_SUMMARY = 1024
"""Characters, of PagerDuty and of GoAlert."""
LONGEST_WAIT = 60.0
"""Seconds; a pager that asks for more is asked again after this."""

Json = dict[str, Any]
Sign = Callable[[str, datetime, str], str]
"""Signs a webhook's ID, instant and body."""


@dataclass(frozen=True, slots=True)
class PagerTarget:
    """Where a pager is reached: PagerDuty with a routing key, a webhook with a signature."""

    role: str
    url: str = field(repr=False)
    key: str = field(default="", repr=False)
    sign: Sign | None = None
    listens: bool = True
    """Whether its acknowledgements come back."""


class Pagers:
    """Sends to pagers by their names. A message's id is the key of its incident in the pager."""

    def __init__(self, targets: Mapping[str, PagerTarget]) -> None:
        self._targets = targets
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=True)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, to: Place | UserRef, notice: Notice, key: str) -> MessageRef:
        incident = incident_of(key)
        await self._tell(to.id, incident, TRIGGERED, notice, key)
        return MessageRef(Place(to.platform, to.id), incident)

    async def edit(self, message: MessageRef, notice: Notice) -> None:
        state = RESOLVED if notice.tone is Tone.DONE else ACKNOWLEDGED
        await self._tell(message.place.id, message.id, state, notice, f"{message.id}/{state}")

    def examine(self) -> Iterator[Finding]:
        for name, target in self._targets.items():
            about = f"pager {name}"
            if target.listens:
                says = f"pages {target.role}; its acknowledgements come to /hooks/pager/{name}"
                yield Finding(Health.OK, about, says)
            else:
                says = f"pages {target.role}; its acknowledgements do not come back: set pagers.{name}.secret"
                yield Finding(Health.WARNING, about, says)

    async def _tell(self, name: str, incident: str, state: str, notice: Notice, key: str) -> None:
        target = self._targets.get(name)
        if target is None:
            raise PermanentFailure("this pager is no longer in the desk's file")
        if target.sign is None:
            body, headers = json.dumps(_event(target.key, incident, state, notice)), {}
        else:
            now = real_now()
            body = json.dumps(_webhook(name, incident, state, notice, now))
            id_ = f"msg_{trace_id(f'{name}/{key}')}"
            headers = {
                "webhook-id": id_,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": target.sign(id_, now, body),
            }
        await self._post(target.url, body.encode(), {**headers, "Content-Type": "application/json"})

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        assert self._session is not None, "start was not called"
        try:
            # A redirect could lead the key elsewhere.
            async with self._session.post(
                URL(url), data=body, headers=headers, allow_redirects=False
            ) as answer:
                status, wait = answer.status, answer.headers.get("Retry-After")
        except TimeoutError:
            raise TemporaryFailure("the pager does not answer in time", maybe_delivered=True) from None
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            raise PermanentFailure("the pager's address is not a web address") from None
        except aiohttp.ClientError as error:
            raise TemporaryFailure(
                f"the pager cannot be reached ({type(error).__name__})", maybe_delivered=True
            ) from None
        if status == 429:
            raise TemporaryFailure("the pager asks to wait (status 429)", _seconds(wait))
        if status >= 500:
            raise TemporaryFailure(f"the pager answers with status {status}")
        if not 200 <= status < 300:
            raise PermanentFailure(f"the pager answers with status {status}; check its key and address")


def incident_of(key: str) -> str:
    """The key of a page's incident: the ticket's, or a new one once an earlier one was acknowledged."""
    ticket, number, what, *_ = (*key.split("/"), "", "")
    return f"{ticket}/{number}" if what == "pager-again" else ticket


def _event(routing_key: str, incident: str, state: str, notice: Notice) -> Json:
    """An event for PagerDuty."""
    event: Json = {
        "routing_key": routing_key,
        "event_action": _PAGERDUTY_ACTIONS[state],
        "dedup_key": incident,
    }
    if state != TRIGGERED:
        return event
    text = _words(notice)
    return event | {
        "client": "Frontline",
        "payload": {
            "summary": text[:LONGEST_SUMMARY],
            "source": "Frontline",
            "severity": "critical",
            "custom_details": {"text": text},
        },
        "links": [{"href": link.url, "text": link.text} for link in _links(notice)],
    }


def _webhook(name: str, incident: str, state: str, notice: Notice, now: datetime) -> Json:
    """A webhook's body. GoAlert's generic API reads the keys beside `data`."""
    text, url = _words(notice), next((link.url for link in _links(notice)), "")
    body: Json = {
        "type": f"page.{state}",
        "timestamp": now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": {
            "ticket": incident.partition("/")[0],
            "incident": incident,
            "pager": name,
            "summary": text[:LONGEST_SUMMARY],
            "url": url,
        },
        "summary": text[:LONGEST_SUMMARY],
        "details": f"{text} {url}".strip(),
        "dedup": incident,
    }
    return body | {"action": "close"} if state == RESOLVED else body


def _words(notice: Notice) -> str:
    return plain_text(tuple(part for part in notice.text if not isinstance(part, Link)), UTC_ZONE)


def _links(notice: Notice) -> list[Link]:
    return [part for part in notice.text if isinstance(part, Link)]


def _seconds(wait: str | None) -> float | None:
    """A Retry-After header in seconds, at most LONGEST_WAIT; None if it names no time."""
    try:
        seconds = float(wait or "")
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(wait or "") - real_now()).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(0.0, seconds), LONGEST_WAIT)
