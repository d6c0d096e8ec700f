"""The public keys that Microsoft signs with, fetched without blocking, fresh enough to survive a rollover."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import structlog

log = structlog.get_logger(__name__)

Fetch = Callable[[str], Awaitable[Mapping[str, Any]]]
"""One JSON document; raises Unreachable."""

FRESH_FOR = 24 * 3600.0
REFETCH_AFTER = 60.0
"""Seconds between two fetches that were asked for by keys we do not know: anybody can name such keys."""

RETRY_AFTER = 5.0
"""Seconds after which they are asked for again while there are none."""


class Unreachable(Exception):
    """The keys cannot be had just now, so nothing can be checked."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`endorsements` are the channels whose requests it may sign; none: all."""

    public: Any
    endorsements: frozenset[str]


class SigningKeys:
    """The keys of one OpenID metadata document."""

    def __init__(self, url: str, fetch: Fetch, now: Callable[[], float] = time.monotonic) -> None:
        self._url, self._fetch, self._now = url, fetch, now
        self._keys: dict[str, SigningKey] | None = None
        self._loaded_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, name: str) -> SigningKey | None:
        """The key of this name, if Microsoft has it. Raises Unreachable while there are none at all."""
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
            raise Unreachable("there are none in the answer")
        return keys


def _key(raw: object) -> tuple[str, SigningKey] | None:
    """None for what is no key that we can use."""
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
