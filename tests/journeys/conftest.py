from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import DeskInMemory, open_desk

FRIDAY_AFTERNOON = "2026-03-20T15:30:00Z"
"""A Friday, 16:30 in Berlin and 11:30 in New York: m3ter's Gold hours are open until 21:00 UTC."""

OpenDesk = Callable[..., Awaitable[DeskInMemory]]


@pytest.fixture
def a_desk(tmp_path: Path) -> OpenDesk:
    async def at(instant: str = FRIDAY_AFTERNOON, **more: Any) -> DeskInMemory:
        return await open_desk(tmp_path, instant, **more)

    return at
