"""engine.md test 1: every random order of events keeps every promise. See simulation.py."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from bot.config.settings import DeskSettings
from tests.journeys.inline_sqlite import InlineSqlite, InspectableMemoryStore
from tests.journeys.simulation import RunSize, Simulation

SEEDS, MANY_SEEDS = 6, int(os.environ.get("SIMULATED_SEEDS", "2000"))
ON_SQLITE = range(5, SEEDS, 5)
"""These seeds; the others on the store in memory, which gives the same results four times as fast."""
QUIET = RunSize(tickets=8)
"""Few tickets, each of which sees a lot."""
BUSY = RunSize(tickets=50, fewest=1, most=1, crashes=2.5)
"""As many tickets, and as many crashes, as engine.md asks of a month."""


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Thousands of faults would be thousands of lines."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_weeks_of_crashes_and_failures_keep_every_invariant(desk_settings: DeskSettings, seed: int) -> None:
    store = InlineSqlite() if seed in ON_SQLITE else InspectableMemoryStore()
    outcome = Simulation(desk_settings, seed, QUIET, store).run()
    assert outcome.crashes > 0


def test_a_busy_month_keeps_every_invariant(desk_settings: DeskSettings) -> None:
    outcome = Simulation(desk_settings, 7, BUSY, InspectableMemoryStore()).run()
    assert outcome.crashes > 20


@pytest.mark.parametrize("seed", [0, pytest.param(range(100, 150), marks=pytest.mark.soak, id="fifty")])
def test_both_stores_give_the_same_results(desk_settings: DeskSettings, seed: int | range) -> None:
    """Event for event, message for message."""
    for each in [seed] if isinstance(seed, int) else seed:
        told = Simulation(desk_settings, each, QUIET).run()
        assert told == Simulation(desk_settings, each, QUIET, InspectableMemoryStore()).run(), each


def test_the_same_seed_is_the_same_run(desk_settings: DeskSettings) -> None:
    first, second = (Simulation(desk_settings, 99, QUIET, InspectableMemoryStore()).run() for _ in range(2))
    assert first == second


@pytest.mark.soak
@pytest.mark.parametrize("hundred", range(MANY_SEEDS // 100))
def test_thousands_of_seeds_keep_every_invariant(desk_settings: DeskSettings, hundred: int) -> None:
    """SIMULATED_SEEDS says how many: 2,000 if it is not set, 200,000 for a night."""
    _all_well(desk_settings, QUIET, range(1000 + 100 * hundred, 1100 + 100 * hundred))


@pytest.mark.soak
@pytest.mark.parametrize("ten", range(10))
def test_a_hundred_busy_months_keep_every_invariant(desk_settings: DeskSettings, ten: int) -> None:
    _all_well(desk_settings, BUSY, range(10 * ten, 10 * ten + 10))


def _all_well(desk_settings: DeskSettings, size: RunSize, seeds: range) -> None:
    for seed in seeds:
        try:
            Simulation(desk_settings, seed, size).run()
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}") from broken
