from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pager.services import VARIABLES, Services, running


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    async with running() as made:
        yield made
