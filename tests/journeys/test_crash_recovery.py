"""The desk is killed between two I/O steps, another takes over; it forgets nothing and says nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sql.store import connect
from bot.config.settings import REPEAT, DeskSettings
from bot.ports import DeskStore
from sla_core.events import THE_CLOCK, Paged
from tests.journeys.crash_points import (
    SCENARIOS,
    TAKEN_OVER_AFTER,
    ReplayedTicket,
    Scenario,
    is_breached,
    opened,
)
from tests.journeys.inline_sqlite import InlineSqlite
from tests.memory_store import MemoryStore

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def locks_of_dead_processes_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are when the desk refreshes a board a second time, a minute later in real time."""
    monkeypatch.setattr("bot.desk.desk.LOCK_LIFE", timedelta(0))


async def before(
    desk_settings: DeskSettings, scenario: Scenario, store: DeskStore, finds_posted: bool
) -> ReplayedTicket:
    story = ReplayedTicket(desk_settings, store)
    story.chat.finds_posted = finds_posted
    await scenario.before(story)
    return story


async def agrees(story: ReplayedTicket, calm: ReplayedTicket) -> None:
    """The decisions are the same, every message is sent, and nothing waits forever."""
    assert await story.events() == await calm.events()
    assert story.cards() == calm.cards()
    assert story.direct_messages() == calm.direct_messages(), "an answer takes the buttons of each page"
    assert too_early(await story.pages()) == []
    later = story.real.at + TAKEN_OVER_AFTER
    assert await story.store.lanes(later, 9) == []
    assert await story.store.next_ready(later) is None


def too_early(pages: Sequence[Paged]) -> list[Paged]:
    """The pages of the clock to people who were paged less than five minutes before."""
    last: dict[str | None, datetime] = {}
    found = []
    for page in pages:
        if page.by == THE_CLOCK and page.at - last.get(page.person, EARLIER) < REPEAT:
            found.append(page)
        last[page.person] = page.at
    return found


def repeats(story: ReplayedTicket, calm: ReplayedTicket) -> int:
    said, expected = story.notices(), calm.notices()
    assert set(said) == set(expected)
    return sum((said - expected).values())


APART, FAR_APART = 9, 27
"""From one step that kills to the next; an odd number kills before and after calls in turn."""


async def killed_at_each(
    scenario: Scenario, begun: ReplayedTicket, first: int, apart: int
) -> tuple[int, int]:
    """How many steps there are, and how many messages were said twice in all runs.

    Each step of `first`, `first + apart` and so on has a run.
    """
    calm = begun.copied()
    await scenario.act(calm)
    known = len(await begun.events()) if await begun.store.tickets("acme") else 0
    assert tuple(await calm.events())[known:] == scenario.adds
    said_twice = 0
    for step in range(first, calm.crash_points.steps + 1, apart):
        story = begun.copied(step)
        await scenario.act(story)
        assert story.crashes == 1, step
        await agrees(story, calm)
        again = repeats(story, calm)
        assert again <= (0 if begun.chat.finds_posted else 1), (
            f"step {step}: {story.notices() - calm.notices()}"
        )
        said_twice += again
    return calm.crash_points.steps, said_twice


@pytest.mark.parametrize(
    ("store", "share", "apart"),
    [
        pytest.param(MemoryStore, 0, FAR_APART, id="memory"),
        *(pytest.param(MemoryStore, share, APART, marks=pytest.mark.soak) for share in range(APART)),
        *(pytest.param(InlineSqlite, share, APART, marks=pytest.mark.soak) for share in range(APART)),
    ],
)
@pytest.mark.parametrize("finds_posted", [True, False], ids=["finds_posted", "cannot tell"])
async def test_a_crash_at_every_step_loses_and_repeats_nothing(
    desk_settings: DeskSettings, store: Callable[[], DeskStore], share: int, apart: int, finds_posted: bool
) -> None:
    """engine.md test 2, every scenario: enumerated, not sampled.

    Where the platform can tell what has arrived nothing is said twice; where it cannot, that which was in
    flight is, and not one message more. In soak, nine tests share the steps.
    """
    steps, said_twice = 0, 0
    for number, (name, scenario) in enumerate(SCENARIOS.items(), start=share):
        begun = await before(desk_settings, scenario, store(), finds_posted)
        told, again = await killed_at_each(scenario, begun, 1 + number % apart, apart)
        assert told >= 20, name
        steps, said_twice = steps + told, said_twice + again
    assert steps >= 480, "960 of both"
    assert said_twice == 0 if finds_posted else said_twice > 0


async def a_life(story: ReplayedTicket) -> None:
    """One scenario after another, as far as they go together."""
    await opened(story)
    for name in ("escalate", "acknowledge"):
        await SCENARIOS[name].act(story)
    await is_breached(story)
    for name in ("reply", "update", "severity", "resolve"):
        await SCENARIOS[name].act(story)
    await SCENARIOS["close"].act(story)


EXAMPLES = most if (most := settings().max_examples) > 25 else 8
"""Each is a whole life of a ticket; `make soak` takes as many as of the others."""


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fatal=st.sets(st.integers(1, 1500), min_size=2, max_size=40), finds_posted=st.booleans())
async def test_repeated_crashes_lose_and_repeat_nothing(
    desk_settings: DeskSettings, fatal: set[int], finds_posted: bool
) -> None:
    calm = ReplayedTicket(desk_settings)
    await a_life(calm)
    story = ReplayedTicket(desk_settings).copied(*fatal)
    story.chat.finds_posted = finds_posted
    await a_life(story)
    await agrees(story, calm)
    assert repeats(story, calm) <= (0 if finds_posted else story.crashes)


async def test_crashes_with_the_sql_store_lose_and_repeat_nothing(
    desk_settings: DeskSettings, tmp_path: Path
) -> None:
    """The same on SQLite with its threads, each crash with a new file."""
    calm = ReplayedTicket(desk_settings)
    await a_life(calm)
    for step in range(1, calm.crash_points.steps + 1, calm.crash_points.steps // 3):
        async with connect(f"sqlite:///{tmp_path}/{step}.db") as store:
            story = ReplayedTicket(desk_settings, store)
            story.crash_points.fatal = frozenset({step, step + 40, step + 41})
            await a_life(story)
            await agrees(story, calm)
            assert repeats(story, calm) == 0
