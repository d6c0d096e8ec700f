"""The token that our own calls carry: asked for once at a time, kept until shortly before its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import structlog

from adapters.teams.cloud import SCOPE, BotRegistration
from adapters.teams.errors import TeamsFault
from bot.ports import TemporaryFailure

log = structlog.get_logger(__name__)

MARGIN = 300.0
"""Seconds before its end from which a token is not used any more."""
_WHERE = "see Certificates & secrets of the app's registration in Entra"
_FIXES = {
    "AADSTS7000215": f"MICROSOFT_APP_PASSWORD is not this app's secret (its value, not its id): {_WHERE}",
    "AADSTS7000222": f"MICROSOFT_APP_PASSWORD has expired: make a new secret, {_WHERE}",
    "AADSTS700016": "MICROSOFT_APP_ID is not known in MICROSOFT_APP_TENANT_ID: check both",
    "AADSTS90002": "MICROSOFT_APP_TENANT_ID is no tenant: copy the Directory (tenant) ID of the app",
}


class Credentials:
    """By client credentials. Without a token at all for an anonymous app."""

    def __init__(self, app: BotRegistration, login: str, now: Callable[[], float] = time.monotonic) -> None:
        self._app, self._now = app, now
        self._url = f"{login.rstrip('/')}/{app.authority}/oauth2/v2.0/token"
        self._token = ""
        self._good_until = float("-inf")
        self._lock = asyncio.Lock()

    async def token(self, session: aiohttp.ClientSession, instead_of: str | None = None) -> str:
        """A good token, other than `instead_of`; empty for an anonymous app. Raises TemporaryFailure, TeamsFault."""
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
            raise TemporaryFailure(f"no token of Microsoft's ({type(error).__name__})") from None
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
        return TemporaryFailure(f"Microsoft gives no token just now (HTTP {status} {what})")
    log.error("microsoft refuses the app's secret", status=status, error=what, code=code)
    return TeamsFault(
        _FIXES.get(code)
        or f"Microsoft gives no token (HTTP {status} {what}): check MICROSOFT_APP_ID,"
        " MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID"
    )
