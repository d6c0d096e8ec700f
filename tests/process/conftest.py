from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.process.live_site import LiveSite


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[LiveSite]:
    """Not open yet; an hour takes a second on stage."""
    async with LiveSite(tmp_path, speed=3600) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveSite]:
    """Open, one for all stories of a file; nothing falls due while they last."""
    async with LiveSite(tmp_path_factory.mktemp("house"), speed=1) as made:
        desk = await made.opens()
        yield made
        await made.slack.settle()
        assert made.slack.complaints == []
        assert desk.troubles() == []
