"""Half of a database was restored: a ticket at odds with its events waits, and no other does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.sql import tickets as stored_history
from adapters.sql.store import SqlStore, connect
from bot.ports import Change
from bot.runtime.monitor import LagMonitor
from bot.runtime.scheduler import wake_due_tickets
from sla_core.events import Event
from tests.harness import ALICE, S2, TRIAGE, WITHOUT_BOARDS, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.sql.raw_sql import run
from tests.sql.samples import at, change, opening, wrote
from tests.sql.test_unreadable import Tables, tables, tables_url

__all__ = ["tables", "tables_url"]

AHEAD = "UPDATE ticket SET version = 5 WHERE key = 'ACME-2'"
BEHIND = "UPDATE ticket SET version = 1 WHERE key = 'ACME-2'"
NOTHING = "DELETE FROM event WHERE ticket = 'ACME-2'"
LATER = "UPDATE event SET kind = 'FromTheFuture' WHERE ticket = 'ACME-2' AND seq = 2"
FIRST = "UPDATE event SET kind = 'FromTheFuture' WHERE ticket = 'ACME-2' AND seq = 1"
A_GAP = "UPDATE event SET seq = 3 WHERE ticket = 'ACME-2' AND seq = 2"
SPOILED = "UPDATE event SET body = CAST(X'7b22ff' AS TEXT) WHERE ticket = 'ACME-2' AND seq = 2"


@pytest.fixture(autouse=True)
def no_faults_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_history, "_logged", set())


async def three_due(store: Tables) -> None:
    """Each with two events."""
    for n in range(3):
        await store.open(f"e{n}", "acme", opening(wake_at=at(n)))
        await store.append(None, change(1, events=(wrote(),), ticket=f"ACME-{n + 1}", wake_at=at(n)))


def decide(key: str, history: tuple[Event, ...]) -> Change:
    return change(len(history), events=(wrote(),), ticket=key)


@pytest.mark.parametrize("spoil", [AHEAD, BEHIND, NOTHING, A_GAP])
async def test_an_inconsistent_ticket_is_claimed_and_reported_once(tables: Tables, spoil: str) -> None:
    await three_due(tables)
    await run(tables, spoil)

    with capture_logs() as logs:
        assert await tables.wake(at(9), 9, (), decide) == ["ACME-1", "ACME-2", "ACME-3"]
        assert await tables.wake(at(9), 9, (), decide) == ["ACME-2"]

    assert [len(await tables.load(key)) for key in ("ACME-1", "ACME-3")] == [3, 3]
    assert await tables.due(at(9), 9) == ["ACME-2"], "it stays due, for the monitor to see"
    (line,) = logs
    assert (line["log_level"], line["ticket"]) == ("error", "ACME-2")
    assert "its tables are of different moments; restore the whole database from one backup" in line["why"]


@pytest.mark.parametrize("spoil", [AHEAD, NOTHING, A_GAP, LATER, FIRST])
async def test_an_inconsistent_ticket_does_not_block_new_tickets(
    tables: Tables, tables_url: str, spoil: str
) -> None:
    """The form offers open tickets, except those that cannot be read."""
    await three_due(tables)
    await run(tables, spoil)
    async with connect(tables_url) as restarted:
        listed = [key for key, _ in await restarted.open_tickets("acme", 9)]
    assert [key for key in listed if key != "ACME-2"] == ["ACME-3", "ACME-1"]
    assert ("ACME-2" in listed) == (spoil not in (NOTHING, FIRST))


async def test_an_undecodable_event_does_not_block_other_tickets(sqlite: SqlStore) -> None:
    await three_due(sqlite)
    await run(sqlite, SPOILED)
    with capture_logs() as logs:
        assert await sqlite.wake(at(9), 9, (), decide) == ["ACME-1", "ACME-2", "ACME-3"]
    assert await sqlite.due(at(9), 9) == ["ACME-2"]
    (line,) = logs
    assert line["why"].startswith('this version cannot read the event "CustomerWrote"'), (
        "not what stands there"
    )


async def test_agents_are_notified_when_it_starts_and_ends(tmp_path: Path, tables: Tables) -> None:
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, WITHOUT_BOARDS, tables)
    monitor = LagMonitor(desk.desk, tables, desk.clock, desk.delivery.send_lane)
    keys = [await desk.submits(ALICE, f"Bills are slow {n}", S2) for n in range(3)]
    await run(tables, AHEAD)
    desk.clock.at += timedelta(hours=5)
    assert await wake_due_tickets(desk.desk) == [keys[1]]
    await monitor.check()
    desk.clock.at += timedelta(seconds=31)
    assert await monitor.check() == ["1 ticket is handled more than 30 s late."]
    assert desk.heard(TRIAGE)[-1].startswith("Frontline is behind")
    assert "Breached" in await desk.events(keys[2])

    await run(tables, f"UPDATE ticket SET version = 1 WHERE key = '{keys[1]}'")

    assert await wake_due_tickets(desk.desk) == []
    await monitor.check()
    assert "caught up" in desk.heard(TRIAGE)[-1]
