"""A newer version writes what this one cannot read, while both run: that waits, everything else goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from adapters.sql.store import SqlStore, connect
from bot.ports import Change
from sla_core.events import Event
from tests.sql.outbox_steps import begins, delivers, next_keys, says
from tests.sql.raw_sql import run
from tests.sql.samples import ACME, NOON, at, change, message, opening, ref, wrote

Tables = SqlStore

HOLOGRAM = "UPDATE outbox SET body = '{\"kind\": \"Hologram\"}' WHERE key = 'new'"
DAMAGED = "UPDATE outbox SET recipient = 'no JSON' WHERE key = 'new'"
TELEPORTED = "UPDATE event SET kind = 'Teleported' WHERE ticket = 'ACME-1'"
FIELDS = "UPDATE event SET body = '{}' WHERE ticket = 'ACME-1'"


@pytest.fixture(params=["sqlite", "postgres"])
def tables_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest_asyncio.fixture
async def tables(tables_url: str) -> AsyncIterator[Tables]:
    async with connect(tables_url) as store:
        yield store


@pytest.mark.parametrize("spoil", [HOLOGRAM, DAMAGED])
async def test_an_unreadable_message_is_set_aside_alone(tables: Tables, spoil: str) -> None:
    await says(tables, message("new"), message("m1"))
    await run(tables, spoil)
    assert await delivers(tables, ACME, ref("1")) == "m1"
    assert await next_keys(tables) == []
    assert await next_keys(tables, NOON + timedelta(seconds=59)) == []
    await run(tables, "UPDATE outbox SET body = (SELECT body FROM outbox WHERE key = 'm1') WHERE key = 'new'")
    mend = "UPDATE outbox SET recipient = (SELECT recipient FROM outbox WHERE key = 'm1') WHERE key = 'new'"
    await run(tables, mend)
    assert await next_keys(tables, at(1)) == ["new"], "the newer version, or this one after an update"


@pytest.mark.parametrize("column", ["key", "body", "recipient"])
async def test_undecodable_bytes_are_set_aside(sqlite: SqlStore, column: str) -> None:
    """A torn page. The log says that it cannot be read and contains no customer text."""
    await says(sqlite, message("m0"), message("m1"))
    await run(sqlite, f"UPDATE outbox SET {column} = CAST(X'6e6f20ff' AS TEXT) WHERE key = 'm0'")
    with capture_logs() as logs:
        assert await delivers(sqlite, ACME, ref("1")) == "m1"
        assert await next_keys(sqlite) == []
    (line,) = logs
    assert (line["log_level"], line["event"]) == ("error", "a message cannot be read and waits")
    assert "no \udcff" not in repr(line)
    assert "no ÿ" not in repr(line)
    assert await next_keys(sqlite, NOON + timedelta(seconds=59)) == []


async def test_an_unreadable_message_does_not_block_its_lane(tables: Tables) -> None:
    await says(tables, message("new"))
    await run(tables, HOLOGRAM)
    assert await tables.claim(str(ACME), NOON, at(1)) is None
    await says(tables, message("m1"))
    assert (await begins(tables, ACME)).message.key == "m1"


@pytest.mark.parametrize("spoil", [TELEPORTED, FIELDS])
async def test_an_unreadable_ticket_is_claimed_but_not_decided(tables: Tables, spoil: str) -> None:
    for n in range(3):
        await tables.open(f"e{n}", "acme", opening(wake_at=at(n)))
    await run(tables, spoil)
    decided: list[str] = []

    def decide(key: str, history: tuple[Event, ...]) -> Change | None:
        decided.append(key)
        return change(len(history), events=(wrote(),), ticket=key)

    assert await tables.wake(at(9), 9, (), decide) == ["ACME-1", "ACME-2", "ACME-3"]
    assert decided == ["ACME-2", "ACME-3"]
    assert await tables.due(at(9), 9) == ["ACME-1"]
    assert await tables.wake(at(9), 9, ["ACME-1"], decide) == []
