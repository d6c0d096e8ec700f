"""Wake-ups: every due ticket at its time, whatever becomes of another."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.sql.store import SqliteStore, connect
from bot import ticker
from bot.bell import Bell
from bot.clock import StageClock, real_now
from bot.desk.core import Desk
from bot.ports import Change
from sla_core.events import Event
from tests.harness import ALICE, S1, S2, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys of tickets that cannot be woken."""
    keys: list[str] = []
    woken = Desk.woken

    def fragile(self: Desk, key: str, history: tuple[Event, ...]) -> Change:
        if key in keys:
            raise KeyError("a policy that is no more")
        return woken(self, key, history)

    monkeypatch.setattr(Desk, "woken", fragile)
    return keys


async def test_one_poison_ticket_holds_up_no_other(
    tmp_path: Path, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complaint 23: more of them than are taken from the store at a time, too."""
    monkeypatch.setattr(ticker, "AT_ONCE", 3)
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON)
    bad = [await desk.submits(ALICE, "Odd", S2) for _ in range(5)]
    desk.clock.at += timedelta(seconds=1)
    good = await desk.submits(ALICE, "Bills are slow", S2)
    poisoned += bad
    desk.clock.at += timedelta(hours=5)

    assert sorted(await ticker.tick(desk.desk)) == sorted(bad)

    assert "Breached" in await desk.events(good)
    assert await desk.events(bad[0]) == ["Opened"]
    poisoned.clear()
    assert await ticker.tick(desk.desk) == []
    assert "Breached" in await desk.events(bad[0])


async def test_a_history_that_cannot_be_read_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version wrote it while both run: that one ticket waits, and is tried again."""
    monkeypatch.setattr(ticker, "AT_ONCE", 2)
    async with connect(f"sqlite:///{tmp_path / 'frontline.db'}") as store:
        desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
        keys = [await desk.submits(ALICE, "Bills are slow", S2) for _ in range(5)]
        bad = keys[:3]
        assert isinstance(store, SqliteStore)
        spoil = "UPDATE event SET kind = 'Teleported' WHERE ticket IN (?, ?, ?)"
        await store.database.write(lambda db: db.execute(spoil, bad).rowcount)
        desk.clock.at += timedelta(hours=5)

        assert sorted(await ticker.tick(desk.desk)) == bad

        assert ["Breached" in await desk.events(key) for key in keys[3:]] == [True, True]
        assert await store.due(desk.clock.at, 9) == bad


async def test_while_one_cannot_be_woken_a_ring_is_heard(tmp_path: Path, poisoned: list[str]) -> None:
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON)
    store, bell = desk.desk.store, Bell()
    assert isinstance(store, MemoryStore)
    bad, good = [await desk.submits(ALICE, "Odd", S2) for _ in range(2)]
    poisoned.append(bad)
    store.by_key[good].wake_at = None
    desk.clock.at += timedelta(hours=5)
    running = asyncio.create_task(ticker.run(desk.desk, bell))
    await asyncio.sleep(0.05)
    assert not running.done()
    store.by_key[good].wake_at = desk.clock.at
    bell.ring()
    async with asyncio.timeout(ticker.RETRY_AFTER.total_seconds() / 2):
        while "Breached" not in await desk.events(good):
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_while_one_cannot_be_woken_the_next_is_in_time(
    tmp_path: Path, poisoned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own wake-up is the earliest of all, and past: it must not hide when the next one is."""
    monkeypatch.setattr(ticker, "LOOK_AFTER", timedelta(milliseconds=20))
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON)
    store, bell, tried = desk.desk.store, Bell(), 0
    assert isinstance(store, MemoryStore)
    bad, good = [await desk.submits(ALICE, "Odd", S2) for _ in range(2)]
    poisoned.append(bad)
    store.by_key[good].wake_at = None
    desk.clock.at += timedelta(hours=5)

    def ticked() -> None:
        nonlocal tried
        tried += 1
        store.by_key[good].wake_at = desk.clock.at if tried == 5 else store.by_key[good].wake_at

    running = asyncio.create_task(ticker.run(desk.desk, bell, ticked))
    async with asyncio.timeout(ticker.RETRY_AFTER.total_seconds() / 2):
        while "Breached" not in await desk.events(good):
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_loop_sleeps_until_the_earliest_wake_and_hears_of_an_earlier_one(tmp_path: Path) -> None:
    """engine.md 4: woken early by an event, never polling."""
    store, bell = MemoryStore(), Bell()
    store.on_change = bell.ring
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    desk.desk.clock = StageClock(real_now(), desk.clock.now(), 20_000)
    running = asyncio.create_task(ticker.run(desk.desk, bell))
    slow = await desk.submits(ALICE, "Bills are slow", S2)
    fast = await desk.submits(ALICE, "All is down", S1)
    async with asyncio.timeout(10):
        while "Breached" not in await desk.events(fast):
            await asyncio.sleep(0.005)
        assert "Breached" not in await desk.events(slow)
        while "Breached" not in await desk.events(slow):
            await asyncio.sleep(0.005)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
