"""Who may send us activities: Bot Framework's own service, in its own name, for this bot; else nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from adapters.teams.cloud import ISSUER, BotRegistration, is_loopback, is_service
from adapters.teams.keys import SigningKeys

ALGORITHMS = ("RS256", "RS384", "RS512")
LEEWAY = 300.0
"""Seconds that the two clocks may differ."""


class Unauthorized(Exception):
    """401: no token, or none of Bot Framework's."""


class Forbidden(Exception):
    """403: a real token, but not for this bot or this activity."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The claims of a token, and the channels whose activities its key may sign."""

    claims: Mapping[str, Any]
    endorsements: frozenset[str] = frozenset()

    @property
    def service_url(self) -> str:
        return str(self.claims.get("serviceurl") or self.claims.get("serviceUrl") or "")


class TokenValidator:
    """Refuses what is not signed. Tokens of Entra itself (the emulator's, other bots') are none of ours."""

    def __init__(self, app: BotRegistration, keys: SigningKeys, *, loopback_only: bool = False) -> None:
        """`loopback_only`: service addresses on this machine only."""
        self._app, self._keys = app, keys
        self._loopback_only = loopback_only

    async def validate(self, header: str | None) -> Identity | None:
        """Whose token it is; None when requests need none. Raises Unauthorized, Forbidden, Unreachable."""
        if self._app.anonymous:
            return None
        if not self._app.id:
            raise Unauthorized("there is no app id to check a token against")
        scheme, _, token = (header or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthorized("no bearer token")
        return await self._identity(token.strip())

    async def _identity(self, token: str) -> Identity:
        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise Unauthorized(f"no token: {error}") from None
        name = head.get("kid")
        if head.get("alg") not in ALGORITHMS or not isinstance(name, str):
            raise Unauthorized("a token that Bot Framework does not make")
        key = await self._keys.find(name)
        if key is None:
            raise Unauthorized("signed with a key that is not Bot Framework's")
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
        """Whether the token was made for this activity. Raises Forbidden."""
        if not is_service(service_url) or (self._loopback_only and not is_loopback(service_url)):
            raise Forbidden("a service address that this bot does not speak to")
        if identity is None:
            return
        if identity.service_url.rstrip("/") != service_url.rstrip("/"):
            raise Forbidden("the token is for another service address")
        if identity.endorsements and channel not in identity.endorsements:
            raise Forbidden("the key may not sign for this channel")
