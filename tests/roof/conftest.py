from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.roof.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Not open yet; an hour takes a second on stage."""
    async with House(tmp_path, speed=3600) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def still_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Open, one for all stories of a file; nothing falls due while they last."""
    async with House(tmp_path_factory.mktemp("house"), speed=1) as made:
        desk = await made.opens()
        yield made
        await made.slack.settle()
        assert made.slack.complaints == []
        assert desk.troubles() == []
