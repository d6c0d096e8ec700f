"""API tokens: who uses the API, how much they may do, and for which accounts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from secrets import token_urlsafe
from typing import Protocol

API = "api"
"""The platform of the addresses under which tokens act."""
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
PREFIX = "frontline_"
"""Begins every secret, so that scanners for leaked secrets find it."""
_SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class Scope(StrEnum):
    """What a token may do: read, or also act as an agent."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token. Its secret is stored only as a hash."""

    name: str
    scope: Scope
    accounts: frozenset[str] | None
    """The accounts that it reaches; None: all of them."""
    made_at: datetime
    expires_at: datetime | None = None
    """In real time; None: never."""

    def reaches(self, account: str) -> bool:
        """Whether it may know of this account and its tickets."""
        return self.accounts is None or account in self.accounts

    def may_act(self, account: str | None) -> bool:
        """Whether it may act as an agent of this account; None: of any account."""
        if self.scope is not Scope.WRITE:
            return False
        return self.accounts is None or (account is not None and account in self.accounts)

    def reached(self, accounts: Iterable[str]) -> list[str]:
        """Those of `accounts` that it reaches, in their order."""
        return [account for account in accounts if self.reaches(account)]

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class TokenStore(Protocol):
    """Where tokens are stored, each under the digest of its secret. Each method is one transaction."""

    async def add_token(self, token: Token, digest: str) -> bool:
        """Stores a token. Returns False, and changes nothing, if there is one of its name."""
        ...

    async def tokens(self) -> list[Token]:
        """All tokens, by name, also expired ones."""
        ...

    async def token_of(self, digest: str) -> Token | None:
        """The token with this digest, also if it has expired; None if there is none."""
        ...

    async def revoke_token(self, name: str) -> bool:
        """Deletes the token of this name. Returns False if there is none."""
        ...


def new_secret() -> str:
    """A new secret of 256 random bits."""
    return PREFIX + token_urlsafe(32)


def digest_of(secret: str) -> str | None:
    """The digest under which a secret is stored; None for a text that is no secret of ours.

    A fast hash is enough: nobody can guess 256 random bits.
    """
    return sha256(secret.encode()).hexdigest() if _SECRET.fullmatch(secret) else None
