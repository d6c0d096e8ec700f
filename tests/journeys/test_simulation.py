"""engine.md test 1: whatever happens in whatever order, what was promised is kept. See simulation.py."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.settings import DeskSettings, load_desk
from tests.journeys.crashing import FILE
from tests.journeys.inline_sqlite import InlineSqlite
from tests.journeys.simulation import Simulation

SEEDS, MANY_SEEDS = 20, 2000
TICKETS, DAYS = 8, 30


@pytest.fixture
def desk_settings(tmp_path: Path) -> DeskSettings:
    path = tmp_path / "frontline.toml"
    path.write_text(FILE, encoding="utf-8")
    return load_desk(path)


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    """Thousands of faults would be thousands of lines."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_weeks_of_crashes_and_faults(desk_settings: DeskSettings, seed: int) -> None:
    outcome = Simulation(desk_settings, seed, TICKETS, DAYS).run()
    assert outcome.crashes > 0


@pytest.mark.parametrize("seed", [0, pytest.param(range(100, 150), marks=pytest.mark.soak, id="fifty")])
def test_weeks_over_the_real_tables(desk_settings: DeskSettings, tmp_path: Path, seed: int | range) -> None:
    """Every run is that of the memory store, event for event."""
    for each in [seed] if isinstance(seed, int) else seed:
        store = InlineSqlite(tmp_path / f"{each}.db")
        told = Simulation(desk_settings, each, TICKETS, DAYS, store).run()
        assert told == Simulation(desk_settings, each, TICKETS, DAYS).run(), each


def test_the_same_seed_is_the_same_run(desk_settings: DeskSettings) -> None:
    first, second = (Simulation(desk_settings, 99, TICKETS, DAYS).run() for _ in range(2))
    assert first == second


@pytest.mark.soak
@pytest.mark.parametrize("hundred", range(MANY_SEEDS // 100))
def test_two_thousand_seeds(desk_settings: DeskSettings, hundred: int) -> None:
    for seed in range(1000 + 100 * hundred, 1100 + 100 * hundred):
        try:
            Simulation(desk_settings, seed, TICKETS, DAYS).run()
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}") from broken
