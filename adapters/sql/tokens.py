"""The tokens of the API. Only the digests of their secrets are stored."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, bindparam
from sqlmodel import col, delete, select

from adapters.sql.engines.engine import insert_new
from adapters.sql.tables import TokenRow, instant, instant_or_none, micros
from bot.model.api_token import Scope, Token

_TOKENS = select(TokenRow.__table__).order_by(col(TokenRow.name))  # type: ignore[attr-defined]
_OF_DIGEST = _TOKENS.where(col(TokenRow.digest) == bindparam("given"))
_REVOKE = delete(TokenRow).where(col(TokenRow.name) == bindparam("called"))


def add(db: Connection, token: Token, digest: str) -> bool:
    """TokenStore.add_token."""
    row = {
        "name": token.name,
        "digest": digest,
        "scope": str(token.scope),
        "accounts": None if token.accounts is None else json.dumps(sorted(token.accounts)),
        "made_at": micros(token.made_at),
        "expires_at": micros(token.expires_at) if token.expires_at else None,
    }
    insert = insert_new(db.dialect.name, TokenRow).returning(col(TokenRow.name))
    return db.execute(insert, row).scalar() is not None


def every(db: Connection) -> list[Token]:
    """TokenStore.tokens."""
    return [_token(row) for row in db.execute(_TOKENS)]


def of_digest(db: Connection, digest: str) -> Token | None:
    """TokenStore.token_of."""
    row = db.execute(_OF_DIGEST, {"given": digest}).one_or_none()
    return None if row is None else _token(row)


def revoke(db: Connection, name: str) -> bool:
    """TokenStore.revoke_token."""
    return db.execute(_REVOKE, {"called": name}).rowcount == 1


def _token(row: Any) -> Token:
    return Token(
        row.name,
        Scope(row.scope),
        None if row.accounts is None else frozenset(json.loads(row.accounts)),
        instant(row.made_at),
        instant_or_none(row.expires_at),
    )
