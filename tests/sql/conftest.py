"""The stores that keep the contract, one test each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.sql.store import SqliteStore, connect
from bot.ports import Store
from tests.memory_store import MemoryStore


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'frontline.db'}"


@pytest_asyncio.fixture
async def sqlite(url: str) -> AsyncIterator[SqliteStore]:
    async with connect(url) as store:
        yield store


@pytest_asyncio.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with connect(url) as store:
        yield store
