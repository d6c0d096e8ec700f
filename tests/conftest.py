"""What every test may ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.postgres import NoPostgres, Postgres, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of our own, started when the first test asks for it."""
    try:
        with running() as server:
            yield server
    except NoPostgres as why:
        if sys.platform.startswith("linux"):
            pytest.fail(f"PostgreSQL must be tested here: {why}", pytrace=False)
        pytest.skip(str(why))


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """DATABASE_URL of a database of the test's own, with the tables of this version."""
    url = postgres.fresh()
    yield url
    postgres.drop(url)


@pytest.fixture
def empty_postgres_url(postgres: Postgres) -> Iterator[str]:
    """DATABASE_URL of a database of the test's own, without any table."""
    url = postgres.empty()
    yield url
    postgres.drop(url)
