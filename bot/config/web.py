"""`[web]` and `[[webhooks]]` of the desk's file: the address for browsers, and who is sent events."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Annotated, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.config.pagers import NO_VARIABLE, VARIABLE, WEBHOOK, value_fault
from sla_core.catalog.crosscheck import unknown
from sla_core.catalog.schema import Strict
from sla_core.events import Event


def host_of(url: str) -> str:
    """The host of a URL; empty unless it is an http or https URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _origin(url: str) -> str:
    """The address without a slash at the end. Raises ValueError that says what to write."""
    host, plain = host_of(url), url.strip().removesuffix("/")
    example = 'write "https://" and the name, such as "https://desk.example"'
    if not host or plain.count("/") > 2 or any(mark in plain for mark in "?#@ "):
        raise ValueError(f'"{url}" is not the address of a site; {example}')
    if plain.startswith("http:") and not is_loopback(host):
        raise ValueError(f'"{url}" is not encrypted; {example}')
    return plain


class WebPart(BaseModel):
    """Where browsers reach the desk. Without it, the desk has no page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_origin)]


PLATFORM = "webhook"
"""The platform of the addresses of webhooks."""


@cache
def type_of(kind: str) -> str:
    """What a webhook calls events of the class of this name: `ticket.severity_changed`."""
    return "ticket." + re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()


EVENT_TYPES: tuple[str, ...] = tuple(type_of(each.__name__) for each in get_args(Event))
_OF_THE_DESK = frozenset(map(type_of, ("Called", "Handover", "Notified", "PageAccepted", "Reminded")))
"""Sent only to webhooks that name them: they say who was notified, not what became of the ticket."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A program that is told of events. `secret` names a variable; `url` may name one."""

    name: str
    url: str
    secret: str
    events: frozenset[str]
    """The types that it gets."""
    accounts: frozenset[str] | None = None
    """The accounts whose tickets it is told of; None: all of them."""

    def wants(self, account: str, kind: str) -> bool:
        """Whether it is told of events of this class, by its name, of this account's tickets."""
        reaches = self.accounts is None or account in self.accounts
        return reaches and type_of(kind) in self.events


class WebhookPart(Strict):
    """A `[[webhooks]]` part as it is written."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
    url: str
    secret: str
    events: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


def webhooks_of(parts: Sequence[WebhookPart]) -> tuple[Webhook, ...]:
    """The webhooks. The parts must have no faults."""
    return tuple(
        Webhook(
            part.name,
            part.url,
            part.secret,
            frozenset(part.events) or frozenset(EVENT_TYPES) - _OF_THE_DESK,
            frozenset(part.accounts) or None,
        )
        for part in parts
    )


def webhook_faults(parts: Sequence[WebhookPart], accounts: Collection[str]) -> Iterator[tuple[str, str]]:
    names = [part.name for part in parts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield "webhooks", f'"{name}" is there more than once; keep one of them'
    for part in parts:
        key = f"webhooks.{part.name}"
        if not VARIABLE.fullmatch(part.secret):
            says = "must not stand in this file; put it into an environment variable and write its name"
            yield f"{key}.secret", f'{says}, such as "$CRM_SECRET"'
        if part.url.startswith("$"):
            if not VARIABLE.fullmatch(part.url):
                yield f"{key}.url", NO_VARIABLE
        elif says := value_fault(WEBHOOK, "url", part.url):
            yield f"{key}.url", says
        for name in part.events:
            if name not in EVENT_TYPES:
                yield f"{key}.events", unknown("event", name, EVENT_TYPES)
        for name in part.accounts:
            if name not in accounts:
                yield f"{key}.accounts", unknown("account", name, accounts)


def webhook_variables(webhooks: Sequence[Webhook]) -> Iterator[tuple[str, str, str]]:
    """Each value that names a variable: its key in the desk's file, `url` or `secret`, and the value."""
    for webhook in webhooks:
        for name, value in (("url", webhook.url), ("secret", webhook.secret)):
            if value.startswith("$"):
                yield f"webhooks.{webhook.name}.{name}", name, value
