"""A database lives on one clock: the first process sets it, later ones continue it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.sql.engines.engine import DatabaseFault
from adapters.sql.store import connect
from bot.clock import SimulatedClock
from tests.sql.samples import NOON, opening

EVE = "2026-12-24T15:30:00+01:00*600"


async def test_later_processes_continue_the_clock(url: str) -> None:
    first = SimulatedClock.parse(EVE)
    async with connect(url) as store:
        assert await store.simulated_clock(first) == first
        await store.open("e1", "acme", opening())
    same = SimulatedClock.parse("2026-12-24T14:30:00Z*600.0")
    later = SimulatedClock(same.real + timedelta(hours=1), same.stage, same.speed)
    async with connect(url) as store:
        assert await store.simulated_clock(later) == first
        assert await store.simulated_clock(None) == first


@pytest.mark.parametrize("other", ["2026-12-24T15:30:00+01:00*60", "2026-12-24T15:31:00+01:00*600"])
async def test_another_clock_is_refused(url: str, other: str) -> None:
    async with connect(url) as store:
        await store.simulated_clock(SimulatedClock.parse(EVE))
        with pytest.raises(DatabaseFault, match=r"lives on 2026-12-24T14:30:00\+00:00\*600.0;"):
            await store.simulated_clock(SimulatedClock.parse(other))


async def test_the_value_that_the_error_suggests_is_accepted(url: str) -> None:
    async with connect(url) as store:
        first = SimulatedClock(NOON, NOON + timedelta(microseconds=1), 1 / 3)
        await store.simulated_clock(first)
        with pytest.raises(DatabaseFault) as fault:
            await store.simulated_clock(SimulatedClock.parse(EVE))
        told = str(fault.value).partition("lives on ")[2].partition(";")[0]
        assert await store.simulated_clock(SimulatedClock.parse(told)) == first


async def test_real_time_is_the_default(url: str) -> None:
    async with connect(url) as store:
        assert await store.simulated_clock(None) is None
        await store.open("e1", "acme", opening())
        assert await store.simulated_clock(None) is None
        with pytest.raises(DatabaseFault, match="has tickets in real time"):
            await store.simulated_clock(SimulatedClock.parse(EVE))
