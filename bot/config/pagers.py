"""`[[pagers]]` of the desk's file: PagerDuty, or any service that takes Standard Webhooks, behind a role."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from bot.config.alarms import secret_fault
from sla_core.catalog.crosscheck import unknown
from sla_core.catalog.schema import Strict
from sla_core.oncall import ListRota, Rota

PAGERDUTY, WEBHOOK = "pagerduty", "webhook"
KINDS = (PAGERDUTY, WEBHOOK)
PAGERDUTY_EVENTS = "https://events.pagerduty.com/v2/enqueue"
ON_CALL_TEAM = "On-call team"
"""The name of the person who stands for a pager, where nobody of the desk's file holds its role."""
VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
NO_VARIABLE = "begins with $, but names no environment variable; write its name, such as $DANA_PAGER"
_VALUES = ("key", "secret", "url")


@dataclass(frozen=True, slots=True)
class Pager:
    """A pager behind a role. Key and secret are `$NAME`, an environment variable; the address may be one."""

    name: str
    kind: str
    role: str
    key: str = ""
    """PagerDuty's routing key."""
    secret: str = ""
    """Signs what a webhook gets, and verifies what either kind sends; empty: it sends nothing."""
    url: str = PAGERDUTY_EVENTS

    @property
    def values(self) -> Mapping[str, str]:
        """The values that may name variables, by their keys below `pagers.NAME`."""
        return {key: getattr(self, key) for key in _VALUES}


class PagerPart(Strict):
    """A `[[pagers]]` part as it is written."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,23}$")]
    kind: str
    role: str
    key: str = ""
    secret: str = ""
    url: str = ""


def pagers_of(parts: Sequence[PagerPart]) -> dict[str, Pager]:
    """The pagers by name. The parts must have no faults."""
    return {
        part.name: Pager(part.name, part.kind, part.role, part.key, part.secret, part.url or PAGERDUTY_EVENTS)
        for part in parts
    }


def pager_faults(parts: Sequence[PagerPart], people: Collection[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with them, whatever the policy says."""
    for part in parts:
        key = f"pagers.{part.name}"
        if part.name in people:
            yield f"{key}.name", f'"{part.name}" is a person\'s id too; choose another name'
        if part.kind not in KINDS:
            yield f"{key}.kind", unknown("kind", part.kind, KINDS)
            continue
        if part.kind == PAGERDUTY and not part.key:
            yield f"{key}.key", "is missing; write the routing key of PagerDuty's Events API v2"
        if part.kind == WEBHOOK:
            if part.key:
                yield f"{key}.key", f'belongs to kind "{PAGERDUTY}"; remove it'
            if not part.secret:
                yield f"{key}.secret", "is missing; it signs what the webhook gets"
            if not part.url:
                yield f"{key}.url", "is missing; write the address that gets the pages"
        for name in ("key", "secret"):
            if (value := getattr(part, name)) and not VARIABLE.fullmatch(value):
                says = "must not stand in this file; put it into an environment variable and write its name"
                yield f"{key}.{name}", f'{says}, such as "$PD_{name.upper()}"'
        if part.url.startswith("$"):
            if not VARIABLE.fullmatch(part.url):
                yield f"{key}.url", NO_VARIABLE
        elif part.url and (says := value_fault(part.kind, "url", part.url)):
            yield f"{key}.url", says


def value_fault(kind: str, name: str, value: str) -> str:
    """What is wrong with a value that is known, without the value; empty if nothing is."""
    if name == "url":
        try:
            parts = urlsplit(value)
        except ValueError:
            return "is not a web address; write https://…"
        is_web = parts.scheme in ("http", "https") and parts.hostname
        return "" if is_web else "is not a web address; write https://…"
    return secret_fault(value) or "" if name == "secret" and kind == WEBHOOK else ""


def pager_warnings(pagers: Collection[Pager]) -> Iterator[str]:
    for pager in pagers:
        if not pager.secret:
            yield (
                f"pagers.{pager.name}.secret: is not set, so acknowledgements in PagerDuty do not come back"
                f" to /hooks/pager/{pager.name}; write the secret of its webhook subscription"
            )


def rotas_with_pagers(rotas: Mapping[str, Rota], pagers: Collection[Pager]) -> dict[str, Rota]:
    """The rotas, and one of the pager itself for each role that has a pager and no people."""
    found = dict(rotas)
    for pager in pagers:
        if found.get(pager.role, ListRota(())) == ListRota(()):
            found[pager.role] = ListRota((pager.name,))
    return found
