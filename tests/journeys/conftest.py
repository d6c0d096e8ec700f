from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.config.settings import DeskSettings, load_desk
from tests.harness import DeskInMemory, open_desk
from tests.journeys.crash_points import FILE

FRIDAY_AFTERNOON = "2026-03-20T15:30:00Z"
"""A Friday, 16:30 in Berlin and 11:30 in New York: m3ter's Gold hours are open until 21:00 UTC."""

OpenDesk = Callable[..., Awaitable[DeskInMemory]]


@pytest.fixture
def a_desk(tmp_path: Path) -> OpenDesk:
    async def at(instant: str = FRIDAY_AFTERNOON, **more: Any) -> DeskInMemory:
        return await open_desk(tmp_path, instant, **more)

    return at


@pytest.fixture(scope="session")
def desk_settings(tmp_path_factory: pytest.TempPathFactory) -> DeskSettings:
    """A desk whose customer may be put on hold. One for all: its calendars are compiled once."""
    path = tmp_path_factory.mktemp("desk") / "frontline.toml"
    path.write_text(FILE, encoding="utf-8")
    return load_desk(path)
