"""The hashes of the event history: what was changed past the desk is found, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.sql.archive import DOES_NOT_FIT
from adapters.sql.store import SqlStore, connect
from bot.reports.event_chain import Audit, add_hashes, audit
from tests.sql.raw_sql import run
from tests.sql.samples import answered, change, opening, wrote


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def chained(request: pytest.FixtureRequest, url: str) -> AsyncIterator[SqlStore]:
    """ACME-1 with four events in three changes, ACME-2 and ACME-3 with one."""
    address = url if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    async with connect(address) as store:
        for number in (1, 2, 3):
            await store.open(f"open {number}", "acme", opening())
        await store.append("write", change(1, events=(wrote(), answered())))
        await store.append("again", change(3, events=(wrote("Thanks", 5),)))
        yield store


async def found(store: SqlStore) -> Audit:
    return await audit(store, lambda done: None)


async def test_a_history_that_only_the_desk_wrote_is_in_order(chained: SqlStore) -> None:
    assert await found(chained) == Audit(tickets=3)


@pytest.mark.parametrize(
    ("statements", "faults"),
    [
        (["UPDATE event SET body = replace(body, 'On it', 'No') WHERE seq = 3"], [(3, DOES_NOT_FIT)]),
        (["UPDATE event SET at = at + 1 WHERE seq = 2"], [(2, DOES_NOT_FIT)]),
        (["UPDATE event SET body = '{}', hash = NULL WHERE seq = 2"], [(3, DOES_NOT_FIT)]),
        (["DELETE FROM event WHERE seq = 3"], [(3, "is missing")]),
        (["DELETE FROM event WHERE seq = 4"], [(4, "is missing")]),
        (
            [
                "UPDATE event SET seq = 5 WHERE seq = 4",
                "INSERT INTO event (ticket, seq, at, kind, body)"
                " SELECT ticket, 4, at, kind, body FROM event WHERE ticket = 'ACME-1' AND seq = 2",
                "UPDATE ticket SET version = 5 WHERE key = 'ACME-1'",
            ],
            [(5, DOES_NOT_FIT)],
        ),
        (
            [
                "UPDATE event SET seq = 9 WHERE seq = 2",
                "UPDATE event SET seq = 2 WHERE seq = 3",
                "UPDATE event SET seq = 3 WHERE seq = 9",
            ],
            [(2, DOES_NOT_FIT), (3, DOES_NOT_FIT), (4, DOES_NOT_FIT)],
        ),
    ],
    ids=["changed", "instant", "changed, no hash", "removed", "last removed", "inserted", "reordered"],
)
async def test_what_was_done_past_the_desk_is_found(
    chained: SqlStore, statements: list[str], faults: list[tuple[int, str]]
) -> None:
    for statement in statements:
        await run(chained, statement)
    assert (await found(chained)).faults == [("ACME-1", seq, what) for seq, what in faults]


async def test_a_ticket_that_was_removed_is_found(chained: SqlStore) -> None:
    for statement in (
        "DELETE FROM inbox WHERE ticket IN ('ACME-2', 'ACME-3')",
        "DELETE FROM event WHERE ticket IN ('ACME-2', 'ACME-3')",
        "DELETE FROM ticket WHERE key IN ('ACME-2', 'ACME-3')",
    ):
        await run(chained, statement)
    assert [(key, seq) for key, seq, _ in (await found(chained)).faults] == [("ACME-2", 1), ("ACME-3", 1)]


async def test_events_without_a_hash_are_covered_by_the_next_and_get_theirs(chained: SqlStore) -> None:
    """The version before this one goes on writing while both run."""
    await run(chained, "UPDATE event SET hash = NULL")
    assert await found(chained) == Audit(tickets=3, unhashed=6)
    await chained.append("newer", change(4, events=(wrote("More", 9),)))
    assert await found(chained) == Audit(tickets=3, unhashed=6)
    await run(chained, "UPDATE event SET at = at + 1 WHERE ticket = 'ACME-1' AND seq = 2")
    assert [(key, seq) for key, seq, _ in (await found(chained)).faults] == [("ACME-1", 5)]
    await run(chained, "UPDATE event SET at = at - 1 WHERE ticket = 'ACME-1' AND seq = 2")
    assert await add_hashes(chained, lambda done: None) == 6
    assert await found(chained) == Audit(tickets=3)
