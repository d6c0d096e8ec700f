"""Opens the database for `frontline doctor`, which goes on with other checks if it cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass

from adapters.sql.engines.engine import DatabaseFault
from adapters.sql.migrate import as_database_fault, location_of, revision
from adapters.sql.store import SqlStore, connect
from bot.clock import WallClock
from bot.ports import Clock, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Examined:
    """A database and its clock. Without a `revision`, the store is an empty, temporary one."""

    store: SqlStore
    clock: Clock
    revision: str | None
    fault: str | None = None
    """Why the database cannot be used, in a line; None if it can, or if there is none yet."""


@asynccontextmanager
async def examined(url: str) -> AsyncIterator[Examined]:
    """Opens the database at DATABASE_URL, without creating it."""
    async with AsyncExitStack() as opened:
        try:
            found = await _open(url, opened)
        except (DatabaseFault, StoreUnavailable) as fault:
            store = await opened.enter_async_context(connect("sqlite://"))
            found = Examined(store, WallClock(), None, str(fault))
        yield found


async def _open(url: str, opened: AsyncExitStack) -> Examined:
    known = await asyncio.to_thread(revision, url)
    store = await opened.enter_async_context(connect(url if known else "sqlite://", secondary=True))
    location = location_of(url)
    with as_database_fault(location) if location else nullcontext():
        return Examined(store, await store.simulated_clock(None) or WallClock(), known)
