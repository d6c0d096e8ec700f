from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.config.settings import load_desk
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.desk_files import ON_SLACK
from tests.platforms.on_console import OnConsole
from tests.platforms.on_slack import on_slack
from tests.platforms.on_teams import on_teams
from tests.platforms.workplace import Workplace

FRIDAY_AFTERNOON = "2026-03-20T15:30:00Z"
PLATFORMS = ("slack", "teams", "console")

OpenWorkplace = Callable[[str, HeldClock, MemoryStore], Awaitable[Workplace]]


@pytest.fixture
async def open_workplace(tmp_path: Path) -> AsyncIterator[OpenWorkplace]:
    async with AsyncExitStack() as open_ones:

        async def opened(name: str, clock: HeldClock, store: MemoryStore) -> Workplace:
            match name:
                case "slack":
                    return await open_ones.enter_async_context(on_slack(clock))
                case "teams":
                    return await open_ones.enter_async_context(on_teams(clock, store))
                case _:
                    file = tmp_path / "console.toml"
                    file.write_text(ON_SLACK, encoding="utf-8")
                    return OnConsole(load_desk(file), clock)

        yield opened


@pytest.fixture(params=PLATFORMS)
async def workplace(request: pytest.FixtureRequest, open_workplace: OpenWorkplace) -> Workplace:
    """Each platform in turn."""
    return await open_workplace(request.param, HeldClock(FRIDAY_AFTERNOON), MemoryStore())
