"""`[[alerts]]` of the desk's file: the monitoring systems whose alarms open tickets."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from sla_core.catalog.crosscheck import unknown
from sla_core.events import Who
from sla_core.policy import Policy

_NAME = re.compile(r"[a-z][a-z0-9-]{0,23}")
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_BASE64_FOLLOWS = "whsec_"
_MONITORING = "alerts::"
"""The beginning of the address of a source, which has the form of a person's on a platform."""


class AlarmFormat(StrEnum):
    """How a monitoring system writes its notifications."""

    ALERTMANAGER = "alertmanager"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class AlarmSource:
    """A monitoring system. `secret` names the environment variable, as in `$ALERTS_SECRET`."""

    name: str
    format: AlarmFormat
    account: str
    severity: str
    secret: str

    @property
    def who(self) -> Who:
        """The actor of what it reports. No platform has this address, so nobody is mentioned for it."""
        return Who(f"{_MONITORING}{self.name}", f"{self.name} monitoring")


def is_monitoring(who: Who) -> bool:
    """Whether this is a source of alarms, also one that the desk's file no longer has."""
    return who.id.startswith(_MONITORING)


class AlertsFile(BaseModel):
    """One `[[alerts]]`. Its values are checked by `alert_faults`, all at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    format: str
    account: str
    severity: str
    secret: str

    @property
    def source(self) -> AlarmSource:
        return AlarmSource(self.name, AlarmFormat(self.format), self.account, self.severity, self.secret)


def alert_faults(
    alerts: Iterable[AlertsFile], accounts: Collection[str], policy: Policy | None
) -> Iterator[tuple[str, str]]:
    """What is wrong, by key. Without a policy, severities are not checked."""
    alerts = list(alerts)
    for name, count in Counter(alert.name for alert in alerts).items():
        if count > 1:
            yield "alerts", f'"{name}" is there more than once; keep one of them'
    for alert in alerts:
        key = f"alerts.{alert.name}"
        if not _NAME.fullmatch(alert.name):
            yield f"{key}.name", "is part of an address; write up to 24 of a-z, 0-9 and -, such as prod"
        if alert.format not in tuple(AlarmFormat):
            yield f"{key}.format", unknown("format", alert.format, tuple(AlarmFormat))
        if alert.account not in accounts:
            yield f"{key}.account", unknown("account", alert.account, accounts)
        if policy is not None and alert.severity not in policy.severities:
            yield f"{key}.severity", unknown("severity", alert.severity, policy.severities)
        if not _VARIABLE.fullmatch(alert.secret):
            yield (
                f"{key}.secret",
                (
                    "must not stand in this file; put it into an environment variable, and write its name "
                    'here, such as "$ALERTS_SECRET"'
                ),
            )


def secret_fault(secret: str) -> str | None:
    """Why a request cannot be signed with this secret; None if it can."""
    if not secret.startswith(_BASE64_FOLLOWS):
        return None
    text = secret.removeprefix(_BASE64_FOLLOWS)
    try:
        found = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        found = b""
    return None if found else "begins with whsec_, which base64 must follow; copy the whole secret"
