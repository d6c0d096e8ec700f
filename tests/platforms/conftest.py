from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.config.settings import load_desk
from tests.harness import HeldClock
from tests.memory_store import MemoryStore
from tests.platforms.desk_files import ON_SLACK, ON_TEAMS
from tests.platforms.on_console import OnConsole
from tests.platforms.on_slack import on_slack
from tests.platforms.on_teams import on_teams
from tests.platforms.story import Story, open_story
from tests.platforms.workplace import Workplace

FRIDAY_AFTERNOON = "2026-03-20T15:30:00Z"
PLATFORMS = ("slack", "teams", "console")

OpenWorkplace = Callable[[str, HeldClock, MemoryStore], Awaitable[Workplace]]
Opened = Callable[[str], Awaitable[Story]]


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


@pytest.fixture
def opened(open_workplace: OpenWorkplace, tmp_path: Path) -> Opened:
    """A desk with one ticket of Alice's."""

    async def on(name: str) -> Story:
        clock, store = HeldClock(FRIDAY_AFTERNOON), MemoryStore()
        workplace = await open_workplace(name, clock, store)
        desk = await open_story(
            tmp_path, ON_TEAMS if name == "teams" else ON_SLACK, clock, store, [workplace]
        )
        desk.desk.key_values = store
        await desk.opens("Alice", "Bills are slow")
        return desk

    return on
