from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pager.services import Services, running


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    async with running() as made:
        yield made
