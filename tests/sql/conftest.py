"""The stores that keep the contract, one test each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from adapters.sql.store import SqlStore, connect
from tests.memory_store import MemoryStore
from tests.sql.outbox_steps import FullStore
from tests.sqlite import fresh_sqlite

DATABASES = ("memory", "sqlite", "postgres")


class TwoProcesses(NamedTuple):
    """Two processes' views of one database."""

    one: FullStore
    other: FullStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the SQLite file is to be."""
    return tmp_path / "frontline.db"


@pytest.fixture
def url(path: Path) -> str:
    """DATABASE_URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{path}"


@pytest.fixture
def sqlite_url(path: Path) -> str:
    """DATABASE_URL of a SQLite file of the test's own, with the tables of this version."""
    return fresh_sqlite(path)


@pytest_asyncio.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[SqlStore]:
    async with connect(sqlite_url) as store:
        yield store


def _address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest_asyncio.fixture(params=DATABASES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[FullStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with connect(_address(request)) as store:
        yield store


@pytest_asyncio.fixture(params=DATABASES)
async def two_processes(request: pytest.FixtureRequest) -> AsyncIterator[TwoProcesses]:
    if request.param == "memory":
        both = MemoryStore()
        yield TwoProcesses(both, both)
        return
    address = _address(request)
    async with AsyncExitStack() as open_ones:
        one = await open_ones.enter_async_context(connect(address))
        yield TwoProcesses(one, await open_ones.enter_async_context(connect(address)))
