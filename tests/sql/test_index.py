"""A ticket's index row follows from its events: what differs is found, and written again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.sql.store import SqlStore, connect
from bot.desk import index
from bot.desk.desk import Desk
from bot.desk.index import IndexCheck, check, rebuild
from bot.runtime.doctor import Finding, Health, check_index
from bot.runtime.scheduler import wake_due_tickets
from tests.harness import ALICE, BOB, DESK_FILE_WITH_HOLD, NO_CLOCK, S1, S2, S3, DeskInMemory, open_desk
from tests.platforms.desk_files import desk_in_shifts
from tests.sql.raw_sql import run

FRIDAY = "2026-03-20T10:00:00Z"


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SqlStore]:
    address = str(request.getfixturevalue(f"{request.param}_url"))
    async with connect(address) as store:
        yield store


@pytest_asyncio.fixture
async def desk(store: SqlStore, tmp_path: Path) -> DeskInMemory:
    return await open_desk(tmp_path, FRIDAY, DESK_FILE_WITH_HOLD, store=store)


async def looked_at(store: SqlStore, desk: Desk) -> IndexCheck:
    return check(await store.index_sample(99), desk.directory, desk.clock.now())


async def right(store: SqlStore, desk: DeskInMemory) -> bool:
    checked = await looked_at(store, desk.desk)
    return not (checked.wrong or checked.unreadable)


async def row(store: SqlStore, key: str) -> tuple[Any, ...]:
    (found,) = await run(store, "SELECT * FROM ticket WHERE key = :key", key=key)
    return found


async def test_the_desk_keeps_every_row_correct(store: SqlStore, desk: DeskInMemory) -> None:
    """At any moment, even while a due ticket has not been woken yet."""
    held, resolved, closed = [await desk.submits(ALICE, f"Trouble {n}", S2) for n in range(3)]
    await desk.submits(ALICE, "Down", S1)
    await desk.submits(ALICE, "An idea", NO_CLOCK)
    assert await right(store, desk)
    await desk.presses(BOB, "Acknowledge", held)
    await desk.submits_form(BOB, "Hold", held, text="Waits for a file")
    for key in (resolved, closed):
        await desk.submits_form(BOB, "Resolve", key, text="Done")
    await desk.presses(ALICE, "Close", closed)
    assert await right(store, desk)
    for _ in range(20):
        desk.clock.at += timedelta(minutes=74)
        assert await right(store, desk), "what is due waits to be woken"
        await wake_due_tickets(desk.desk)
        assert await right(store, desk)
    await desk.presses(ALICE, "Reopen", closed)
    assert await right(store, desk)


async def test_the_wake_ups_of_an_emergency_between_turns_are_right(store: SqlStore, tmp_path: Path) -> None:
    """M3-17: its owner's turn ends, nobody takes over at first, and the rota is looked at every hour."""
    desk = await open_desk(tmp_path, "2026-03-20T15:30:00Z", desk_in_shifts("slack"), store=store)
    key = await desk.submits(ALICE, "Down", S1)
    await desk.presses(BOB, "Take it", key)
    await desk.submits_form(BOB, "Update", key, text="On it")
    for _ in range(40):
        desk.clock.at += timedelta(minutes=37)
        assert await right(store, desk), "what is due waits to be woken"
        await wake_due_tickets(desk.desk)
        assert await right(store, desk)
    assert (await desk.events(key)).count("Handover") > 2


WRONG = [
    "wake_at = NULL",
    "wake_at = wake_at + 1",
    "wake_at = 0",
    "closed = 1",
    "state = 'resolved'",
    "rank = rank + 1",
    "turn_at = 0",
    "summary = NULL",
    "summary = '{}'",
    "summary = replace(summary, 'Bills', 'Pills')",
    "summarized = 0",
    "state = 'open', rank = 0, turn_at = 0, summary = NULL, summarized = 0",
]


@pytest.mark.parametrize("spoiled", WRONG)
async def test_a_wrong_row_is_found_and_corrected(store: SqlStore, desk: DeskInMemory, spoiled: str) -> None:
    """The last of these is what the release before has written."""
    key, other = await desk.submits(ALICE, "Bills are slow", S3), await desk.submits(ALICE, "Down", S1)
    rows, queue = [await row(store, each) for each in (key, other)], await store.queue(None, 9)
    await run(store, f"UPDATE ticket SET {spoiled} WHERE key = :key", key=key)
    assert [wrong.ticket for wrong, _ in (await looked_at(store, desk.desk)).wrong] == [key]
    done = await rebuild(store, desk.desk.directory, desk.clock, lambda number: None)
    assert (done.rows, done.wrong, done.unreadable) == (2, 1, {})
    assert [await row(store, each) for each in (key, other)] == rows
    assert await store.queue(None, 9) == queue
    assert (await rebuild(store, desk.desk.directory, desk.clock, lambda number: None)).wrong == 0


async def test_overdue_tickets_wake_after_a_rebuild(store: SqlStore, desk: DeskInMemory) -> None:
    key = await desk.submits(ALICE, "Down", S1)
    await run(store, "UPDATE ticket SET wake_at = NULL")
    desk.clock.at += timedelta(hours=2)
    await rebuild(store, desk.desk.directory, desk.clock, lambda number: None)
    assert await right(store, desk)
    await wake_due_tickets(desk.desk)
    assert "Breached" in await desk.events(key)
    assert await right(store, desk)


async def test_a_row_that_a_running_desk_writes_meanwhile_is_kept(
    store: SqlStore, desk: DeskInMemory
) -> None:
    """By an act, and by a wake-up that records nothing."""
    acted, woken = [await desk.submits(ALICE, f"Trouble {n}", S2) for n in range(2)]
    await run(store, "UPDATE ticket SET rank = 7")
    wrong = (await looked_at(store, desk.desk)).wrong
    assert len(wrong) == 2
    await desk.presses(BOB, "Acknowledge", acted)
    while await desk.events(woken) == ["Opened"]:
        before = await row(store, woken)
        await desk.forward_to(await store.next_wake() or desk.clock.now())
        if await row(store, woken) != before:
            break
    assert await desk.events(woken) == ["Opened"]
    rows = [await row(store, key) for key in (acted, woken)]
    assert await store.reindex(wrong) == 0
    assert [await row(store, key) for key in (acted, woken)] == rows
    assert await right(store, desk)


SPOILED = {
    "UPDATE event SET kind = 'Teleported' WHERE ticket = :key": "unknown event",
    "UPDATE ticket SET version = 2 WHERE key = :key": "its row counts 2 events, but 1 are stored",
    "DELETE FROM event WHERE ticket = :key": "its row counts 1 events, but 0 are stored",
    "UPDATE event SET body = replace(body, '2025-02-10', '1999-01-01') WHERE ticket = :key": "the policy of",
    "UPDATE event SET body = replace(body, '\"S2\"', '\"S9\"') WHERE ticket = :key": "S9",
}


@pytest.mark.parametrize("spoiled", SPOILED)
async def test_an_unreadable_ticket_is_reported_and_skipped(
    store: SqlStore, desk: DeskInMemory, spoiled: str
) -> None:
    key, other = [await desk.submits(ALICE, f"Trouble {n}", S2) for n in range(2)]
    await run(store, spoiled, key=key)
    await run(store, "UPDATE ticket SET rank = 7")
    before = await row(store, key)
    done = await rebuild(store, desk.desk.directory, desk.clock, lambda number: None)
    assert (done.rows, done.wrong) == (2, 1)
    ((left, why),) = done.unreadable.items()
    assert left == key
    assert SPOILED[spoiled] in why
    assert await row(store, key) == before
    assert (await row(store, other)) != before


async def test_rows_are_read_in_batches(
    store: SqlStore, desk: DeskInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "BATCH", 2)
    for number in range(5):
        await desk.submits(ALICE, f"Trouble {number}", S2)
    await run(store, "UPDATE ticket SET wake_at = NULL")
    told: list[int] = []
    done = await rebuild(store, desk.desk.directory, desk.clock, told.append)
    assert (done.rows, done.wrong) == (5, 5)
    assert told == [2, 4, 5]


async def test_the_doctor_names_the_wrong_rows_and_the_fix(store: SqlStore, desk: DeskInMemory) -> None:
    async def finds() -> list[Finding]:
        return [found async for found in check_index(store, desk.desk.directory, desk.clock.now())]

    keys = [await desk.submits(ALICE, f"Trouble {number}", S2) for number in range(12)]
    (found,) = await finds()
    assert (found.health, found.says) == (
        Health.OK,
        "all 12 rows looked at, none differs from its events",
    )
    await run(store, "UPDATE ticket SET wake_at = NULL WHERE key <> :key", key=keys[0])
    await run(store, "UPDATE event SET kind = 'Teleported' WHERE ticket = :key", key=keys[0])
    differ, unreadable = await finds()
    assert differ.health is unreadable.health is Health.FAULT
    assert differ.says.startswith("of all 12 rows these differ from their events: ACME-10, ")
    assert differ.says.endswith(" and 1 more; run frontline migrate --rebuild")
    assert unreadable.says.startswith(f"cannot be read: {keys[0]}; of {keys[0]}: unknown event")
