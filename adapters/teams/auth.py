"""Authentication: accepts activities only from Bot Framework's service, signed for this bot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
import structlog

from adapters.teams.errors import TeamsFault
from bot.ports import TemporaryFailure

ALGORITHMS = ("RS256", "RS384", "RS512")
LEEWAY = 300.0
"""Seconds by which the two clocks may differ."""


class Unauthorized(Exception):
    """401: no token, or not one from Bot Framework."""


class Forbidden(Exception):
    """403: a valid token, but not for this bot or this activity."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The claims of a token, and the channels whose activities its key may sign."""

    claims: Mapping[str, Any]
    endorsements: frozenset[str] = frozenset()

    @property
    def service_url(self) -> str:
        return str(self.claims.get("serviceurl") or self.claims.get("serviceUrl") or "")


class TokenValidator:
    """Rejects unsigned requests, and tokens issued by Entra itself (for the emulator or other bots)."""

    def __init__(self, app: BotRegistration, keys: SigningKeys, *, loopback_only: bool = False) -> None:
        """`loopback_only`: service addresses on this machine only."""
        self._app, self._keys = app, keys
        self._loopback_only = loopback_only

    async def validate(self, header: str | None) -> Identity | None:
        """Returns None if requests need no token. Raises Unauthorized, Forbidden, Unreachable."""
        if self._app.anonymous:
            return None
        if not self._app.id:
            raise Unauthorized("no app id is configured to check a token against")
        scheme, _, token = (header or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("no bearer token")
        return await self._identity(token.strip())

    async def _identity(self, token: str) -> Identity:
        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise Unauthorized(f"not a token: {error}") from None
        name = head.get("kid")
        if head.get("alg") not in ALGORITHMS or not isinstance(name, str):
            raise Unauthorized("the token is not from Bot Framework")
        key = await self._keys.find(name)
        if key is None:
            raise Unauthorized("the token's key is not Bot Framework's")
        try:
            claims = jwt.decode(
                token,
                key.public,
                algorithms=list(ALGORITHMS),
                audience=self._app.id,
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud"], "verify_iat": False},
            )
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError, jwt.MissingRequiredClaimError) as error:
            raise Forbidden(str(error)) from None
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Unauthorized(str(error)) from None
        return Identity(claims, key.endorsements)

    def authorize(self, identity: Identity | None, service_url: str, channel: str) -> None:
        """Checks that the token was issued for this activity. Raises Forbidden."""
        if not is_service(service_url) or (self._loopback_only and not is_loopback(service_url)):
            raise Forbidden("this bot does not use the service address")
        if identity is None:
            return
        if identity.service_url.rstrip("/") != service_url.rstrip("/"):
            raise Forbidden("the token is for another service address")
        if identity.endorsements and channel not in identity.endorsements:
            raise Forbidden("the key may not sign for this channel")


log = structlog.get_logger(__name__)

Fetch = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Fetches one JSON document; raises Unreachable."""

FRESH_FOR = 24 * 3600.0
REFETCH_AFTER = 60.0
"""Minimum seconds between two fetches caused by unknown keys: anybody can send an unknown key."""

RETRY_AFTER = 5.0
"""Seconds between retries while we have no keys."""


class Unreachable(Exception):
    """The keys cannot be fetched right now, so no token can be checked."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`endorsements` are the channels whose requests it may sign; empty: all."""

    public: Any
    endorsements: frozenset[str]


class SigningKeys:
    """The signing keys from one OpenID metadata document."""

    def __init__(self, url: str, fetch: Fetch, now: Callable[[], float] = time.monotonic) -> None:
        self._url, self._fetch, self._now = url, fetch, now
        self._keys: dict[str, SigningKey] | None = None
        self._loaded_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, name: str) -> SigningKey | None:
        """Returns the key with this id, or None. Raises Unreachable while no keys are known."""
        if self._keys is None or self._now() - self._loaded_at > FRESH_FOR or name not in self._keys:
            await self._refresh()
        if self._keys is None:
            raise Unreachable(f"the keys at {self._url} cannot be read")
        return self._keys.get(name)

    async def _refresh(self) -> None:
        asked_at = self._now()
        async with self._fetching:
            if self._tried_at >= asked_at:
                return
            if self._now() - self._tried_at < (RETRY_AFTER if self._keys is None else REFETCH_AFTER):
                return
            try:
                self._keys = await self._read()
                self._loaded_at = self._now()
            except Unreachable as why:
                log.error(
                    "microsoft's keys cannot be read", url=self._url, why=str(why), have=bool(self._keys)
                )
            finally:
                self._tried_at = self._now()

    async def _read(self) -> dict[str, SigningKey]:
        metadata = await self._fetch(self._url)
        found = await self._fetch(str(metadata.get("jwks_uri") or ""))
        listed = found.get("keys")
        keys = dict(filter(None, map(_key, listed if isinstance(listed, list) else ())))
        if not keys:
            raise Unreachable("the answer contains no keys")
        return keys


def _key(raw: object) -> tuple[str, SigningKey] | None:
    """Returns None if we cannot use the key."""
    if not isinstance(raw, dict) or not isinstance(raw.get("kid"), str) or raw.get("kty") != "RSA":
        return None
    try:
        public = jwt.PyJWK.from_dict(raw, algorithm="RS256").key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    endorsed = raw.get("endorsements")
    return raw["kid"], SigningKey(
        public, frozenset(map(str, endorsed)) if isinstance(endorsed, list) else frozenset()
    )


SCOPE = "https://api.botframework.com/.default"
ISSUER = "https://api.botframework.com"
SINGLE_TENANT, MULTI_TENANT = "SingleTenant", "MultiTenant"
_EVERYONES_TENANT = "botframework.com"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Microsoft's addresses; tests set others."""

    login: str = "https://login.microsoftonline.com"
    metadata: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    service: str = "https://smba.trafficmanager.net/teams/"
    """The service address for a conversation that has not written to us yet."""

    @property
    def is_local(self) -> bool:
        return is_loopback(self.login)


@dataclass(frozen=True, slots=True)
class BotRegistration:
    """The bot's registration. `tenant` is the vendor's, whose people may be agents."""

    id: str
    password: str = field(repr=False)
    tenant: str
    kind: str = SINGLE_TENANT
    anonymous: bool = False
    """Neither requests nor our calls carry a token; only for services on this machine."""

    @property
    def authority(self) -> str:
        """The tenant that issues our tokens."""
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
    """Returns whether we may send a token to a service address: HTTPS, or on this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
        )
    except ValueError:
        return False


MARGIN = 300.0
"""Seconds before its expiry when we stop using a token."""
_WHERE = "see Certificates & secrets of the app's registration in Entra"
_FIXES = {
    "AADSTS7000215": f"MICROSOFT_APP_PASSWORD is not this app's secret (its value, not its id): {_WHERE}",
    "AADSTS7000222": f"MICROSOFT_APP_PASSWORD has expired: make a new secret, {_WHERE}",
    "AADSTS700016": "MICROSOFT_APP_ID is not known in MICROSOFT_APP_TENANT_ID: check both",
    "AADSTS90002": "MICROSOFT_APP_TENANT_ID is no tenant: copy the Directory (tenant) ID of the app",
}


class Credentials:
    """Gets tokens by client credentials; an anonymous app has none."""

    def __init__(self, app: BotRegistration, login: str, now: Callable[[], float] = time.monotonic) -> None:
        self._app, self._now = app, now
        self._url = f"{login.rstrip('/')}/{app.authority}/oauth2/v2.0/token"
        self._token = ""
        self._good_until = float("-inf")
        self._lock = asyncio.Lock()

    async def token(self, session: aiohttp.ClientSession, instead_of: str | None = None) -> str:
        """Returns a token other than `instead_of`; "" if anonymous. Raises TemporaryFailure, TeamsFault."""
        if self._app.anonymous:
            return ""
        if self._is_good(instead_of):
            return self._token
        async with self._lock:
            if not self._is_good(instead_of):
                self._token, lasts = await self._request_token(session)
                self._good_until = self._now() + max(lasts - MARGIN, lasts / 2)
            return self._token

    def _is_good(self, instead_of: str | None) -> bool:
        return bool(self._token) and self._token != instead_of and self._now() < self._good_until

    async def _request_token(self, session: aiohttp.ClientSession) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._app.id,
            "client_secret": self._app.password,
            "scope": SCOPE,
        }
        try:
            async with session.post(self._url, data=form, allow_redirects=False) as response:
                status, answer = response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise TemporaryFailure(f"no token from Microsoft ({type(error).__name__})") from None
        found = answer if isinstance(answer, dict) else {}
        token, lasts = found.get("access_token"), found.get("expires_in")
        if status == 200 and isinstance(token, str) and token:
            return token, _seconds(lasts)
        raise _refused(status, found)


def _seconds(lasts: Any) -> float:
    try:
        return max(float(lasts), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _refused(status: int, answer: dict[str, Any]) -> TemporaryFailure | TeamsFault:
    says = str(answer.get("error_description") or "")
    code = next((code for code in _FIXES if code in says), "")
    what = str(answer.get("error") or "")[:80]
    if status >= 500 or status == 429:
        return TemporaryFailure(f"Microsoft issues no token right now (HTTP {status} {what})")
    log.error("microsoft refuses the app's secret", status=status, error=what, code=code)
    return TeamsFault(
        _FIXES.get(code)
        or f"Microsoft issues no token (HTTP {status} {what}): check MICROSOFT_APP_ID,"
        " MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID"
    )
