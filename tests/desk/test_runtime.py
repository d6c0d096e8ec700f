"""The loops are kept up: one that fails is started again, and until then the desk is not ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

import pytest

from bot import runtime
from bot.ports import Decision
from bot.runtime import Runtime
from tests.harness import ACME, ALICE, S2, DeskInMemory, HeldClock, open_desk, person
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore


class Faltering(MemoryStore):
    """Fails while it is told to."""

    broken: str = ""

    async def wake(self, now: datetime, limit: int, but: Collection[str], decide: Decision) -> list[str]:
        if self.broken == "ticker":
            raise OSError("disk full")
        return await super().wake(now, limit, but, decide)

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        if self.broken == "courier":
            raise OSError("disk full")
        return await super().lanes(ready_at, limit)


class Still(HeldClock):
    """Stands still however long it is waited for."""

    async def sleep_until(self, instant: datetime) -> None:
        if instant > self.at:
            await asyncio.Event().wait()


async def faltering_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DeskInMemory, Faltering]:
    monkeypatch.setattr(runtime, "RESTART_AFTER", 0.02)
    store = Faltering()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    desk.desk.clock = desk.clock = Still(FRIDAY_AFTERNOON)
    return desk, store


async def until(question: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not question():
            await asyncio.sleep(0.002)


async def troubled(running: Runtime, by: list[str]) -> None:
    async with asyncio.timeout(5):
        while await running.troubles() != by:
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("loop", ["ticker", "courier"])
async def test_a_loop_that_fails_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    """engine.md 6: supervised under a loop of our own, and /readyz says so meanwhile."""
    desk, store = await faltering_desk(tmp_path, monkeypatch)
    running = Runtime(desk.desk, store)
    store.on_change = running.rung
    async with running.running():
        assert await running.troubles() == []
        store.broken = loop
        running.rung()
        await troubled(running, [f"{loop} is failing"])
        store.broken = ""
        await troubled(running, [])
        key = await desk.submits(ALICE, "Bills are slow", S2)
        await until(lambda: desk.heard(ACME))
        assert desk.face(key).key == key


async def test_what_waited_while_it_was_down_is_said_when_it_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, store = await faltering_desk(tmp_path, monkeypatch)
    running = Runtime(desk.desk, store)
    store.broken = "courier"
    async with running.running():
        await troubled(running, ["courier is failing"])
        store.broken = ""
        await desk.submits(ALICE, "Bills are slow", S2)
        await until(lambda: desk.heard(ACME))


async def test_the_user_groups_are_read_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "GROUPS_EVERY", 0.01)
    desk, store = await faltering_desk(tmp_path, monkeypatch)
    gwen = person("Gwen")
    async with Runtime(desk.desk, store).running():
        desk.chat.groups["S0SUPPORT"] = frozenset({gwen.user})
        await until(lambda: desk.desk.directory.is_agent(gwen))


async def test_stopping_ends_every_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, store = await faltering_desk(tmp_path, monkeypatch)
    before = asyncio.all_tasks()
    async with Runtime(desk.desk, store).running():
        await asyncio.sleep(0.01)
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before
