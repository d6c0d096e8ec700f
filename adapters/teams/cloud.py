"""Where Microsoft's services are, and who the app is to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

SCOPE = "https://api.botframework.com/.default"
ISSUER = "https://api.botframework.com"
SINGLE_TENANT, MULTI_TENANT = "SingleTenant", "MultiTenant"
_EVERYONES_TENANT = "botframework.com"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses; others than Microsoft's are for tests."""

    login: str = "https://login.microsoftonline.com"
    metadata: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    service: str = "https://smba.trafficmanager.net/teams/"
    """Where to speak to a conversation that has not written to us yet."""

    @property
    def is_local(self) -> bool:
        return is_loopback(self.login)


@dataclass(frozen=True, slots=True)
class BotRegistration:
    """The bot's registration. `tenant` is the vendor's own, whose people may be agents."""

    id: str
    password: str = field(repr=False)
    tenant: str
    kind: str = SINGLE_TENANT
    anonymous: bool = False
    """Requests are not signed and ours carry no token; services on this machine only."""

    @property
    def authority(self) -> str:
        """The tenant that gives us tokens."""
        return _EVERYONES_TENANT if self.kind == MULTI_TENANT else self.tenant


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_service(url: str) -> bool:
    """Whether a service address is one that a token may be sent to: encrypted, or on this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
        )
    except ValueError:
        return False
