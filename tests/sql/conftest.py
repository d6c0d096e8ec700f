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

DATABASES = ("memory", "sqlite", "postgres")


class TwoProcesses(NamedTuple):
    """Two processes' views of one database."""

    one: FullStore
    other: FullStore


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'frontline.db'}"


@pytest_asyncio.fixture
async def sqlite(url: str) -> AsyncIterator[SqlStore]:
    async with connect(url) as store:
        yield store


def _address(request: pytest.FixtureRequest, url: str) -> str:
    if request.param == "sqlite":
        return url
    return str(request.getfixturevalue("postgres_url"))


@pytest_asyncio.fixture(params=DATABASES)
async def store(request: pytest.FixtureRequest, url: str) -> AsyncIterator[FullStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with connect(_address(request, url)) as store:
        yield store


@pytest_asyncio.fixture(params=DATABASES)
async def two_processes(request: pytest.FixtureRequest, url: str) -> AsyncIterator[TwoProcesses]:
    if request.param == "memory":
        both = MemoryStore()
        yield TwoProcesses(both, both)
        return
    address = _address(request, url)
    async with AsyncExitStack() as open_ones:
        one = await open_ones.enter_async_context(connect(address))
        yield TwoProcesses(one, await open_ones.enter_async_context(connect(address)))
