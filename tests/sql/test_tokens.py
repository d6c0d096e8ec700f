"""What the store promises about tokens of the API, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from adapters.sql.store import SqlStore, connect
from bot.model.api_token import Scope, Token, digest_of, new_secret
from tests.sql.conftest import _address
from tests.sql.samples import NOON, at


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[SqlStore]:
    async with connect(_address(request)) as store:
        yield store


async def test_a_token_is_found_by_the_digest_of_its_secret_until_it_is_revoked(database: SqlStore) -> None:
    all_of_them = Token("statistics", Scope.READ, None, NOON)
    of_acme = Token("acme-sync", Scope.WRITE, frozenset({"acme", "globex"}), NOON, at(60))
    assert await database.add_token(all_of_them, "one")
    assert await database.add_token(of_acme, "two")
    assert not await database.add_token(Token("acme-sync", Scope.READ, None, NOON), "three"), (
        "its name is taken"
    )
    assert await database.tokens() == [of_acme, all_of_them]
    assert await database.token_of("one") == all_of_them
    assert await database.token_of("two") == of_acme, "also once it has expired"
    assert await database.token_of("three") is None
    assert await database.revoke_token("statistics")
    assert not await database.revoke_token("statistics")
    assert await database.tokens() == [of_acme]


def test_a_token_says_what_it_reaches_and_until_when() -> None:
    token = Token("acme-sync", Scope.READ, frozenset({"acme"}), NOON, at(60))
    assert token.reached(["globex", "acme"]) == ["acme"]
    assert not token.is_expired(at(60) - timedelta(microseconds=1))
    assert token.is_expired(at(60))


def test_only_a_secret_of_ours_has_a_digest() -> None:
    """So garbage never reaches the database."""
    secret = new_secret()
    assert digest_of(secret) != digest_of(new_secret())
    assert [digest_of(text) for text in ("", secret[:-1], f"{secret}a", secret.upper(), "xoxb-1")] == [
        None
    ] * 5
