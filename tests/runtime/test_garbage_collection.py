"""What a serving process does not search for garbage again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bot.__main__ import main
from bot.cli.app import GC_THRESHOLDS
from bot.runtime import runtime


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Without what the tests themselves have frozen, and with it again afterwards."""
    thresholds = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.freeze()
    gc.set_threshold(*thresholds)


def test_every_command_looks_for_garbage_rarely() -> None:
    gc.set_threshold(700, 10, 10)
    assert main(["--version"]) == 0
    assert gc.get_threshold() == GC_THRESHOLDS


def test_startup_objects_are_frozen_and_later_ones_are_collected() -> None:
    loaded = [object() for _ in range(10)]
    runtime.freeze_loaded_objects()
    assert gc.get_freeze_count() > 10_000
    assert not any(each is loaded for each in gc.get_objects())
    later: list[object] = []
    later.append(later)
    assert any(each is later for each in gc.get_objects())
    del later
    assert gc.collect() >= 1
