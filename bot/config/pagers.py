"""`[[pagers]]` of the desk's file: PagerDuty, or any service that takes Standard Webhooks, behind a role."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from sla_core.catalog.crosscheck import unknown
from sla_core.catalog.schema import Strict
from sla_core.oncall import ListRota, Rota

PAGERDUTY, WEBHOOK = "pagerduty", "webhook"
KINDS = (PAGERDUTY, WEBHOOK)
PAGERDUTY_EVENTS = "https://events.pagerduty.com/v2/enqueue"
ON_CALL_TEAM = "On-call team"
"""The name of the person who stands for a pager, where nobody of the desk's file holds its role."""
_STANDARD_SECRET = "whsec_"
_VALUES = ("key", "secret", "url")


@dataclass(frozen=True, slots=True)
class Pager:
    """A pager behind a role. Each of its values may be `$NAME`: that environment variable."""

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
        for name in _VALUES:
            value = getattr(part, name)
            if value and not value.startswith("$") and (says := value_fault(part.kind, name, value)):
                yield f"{key}.{name}", says


def value_fault(kind: str, name: str, value: str) -> str:
    """What is wrong with a value that is known, without the value; empty if nothing is."""
    if name == "url":
        try:
            parts = urlsplit(value)
        except ValueError:
            return "is not a web address; write https://…"
        is_web = parts.scheme in ("http", "https") and parts.hostname
        return "" if is_web else "is not a web address; write https://…"
    if name == "secret" and kind == WEBHOOK and value.startswith(_STANDARD_SECRET):
        encoded = value.removeprefix(_STANDARD_SECRET).rstrip("=")
        try:
            is_known = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True) != b""
        except ValueError:
            is_known = False
        return "" if is_known else "begins with whsec_, but base64 does not follow; copy it as a whole"
    return ""


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
