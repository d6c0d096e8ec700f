"""Connections to a PostgreSQL: a few that are kept, healed when they break, their work begun anew."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import (
    DeadlockDetected,
    IdleInTransactionSessionTimeout,
    LockNotAvailable,
    SerializationFailure,
    TransactionTimeout,
)
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from bot.ports import Away

# It logs each try to connect; when they all fail, a verb says so.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)

T = TypeVar("T")
Params = Mapping[str, Any]

CONNECTIONS = 8
"""At most, for one process; what else wants to work waits. With the crew's, 14 for a replica."""
PATIENCE = 3.0
"""Seconds in which a verb is begun anew while the database is away: no platform waits longer for us."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.4
"""Seconds between two tries, doubling."""
HEAL_WITHIN = 2.0
"""Seconds of a round of reconnecting; the next verb begins another."""
DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "frontline",
}
"""Unless the address says otherwise: a server that went without a word is noticed."""
SESSION = """
    SET idle_in_transaction_session_timeout = '1500ms';
    SET lock_timeout = '2500ms';
    SET statement_timeout = '15s';
    SET jit = off;
    SET plan_cache_mode = force_custom_plan;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""
"""A process that stopped in the middle of something must not stop the others. And all statements go by index:
a plan that was made while a table was empty reads all of it when it has grown, fifty times as slow."""
SINCE_17 = "SET transaction_timeout = '5s'"
"""To the other limits a process that stopped between its statement and its COMMIT, which travel together, is
neither idle nor busy. So what it has locked is free again when the lane that it held is."""
LONG = "SET LOCAL transaction_timeout = '15s'"
REPEATABLE = (
    OperationalError,
    SerializationFailure,
    DeadlockDetected,
    LockNotAvailable,
    TransactionTimeout,
    IdleInTransactionSessionTimeout,
)


def conninfo(url: str) -> str:
    """What to connect with."""
    given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return make_conninfo("", **(DEFAULTS | given))


class Database:
    """A database with its connections. Use it from one event loop."""

    def __init__(self, url: str) -> None:
        self._pool = AsyncConnectionPool(
            conninfo(url),
            min_size=1,
            max_size=CONNECTIONS,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 1},
            configure=_configured,
            timeout=PATIENCE,
            reconnect_timeout=HEAL_WITHIN,
            name="frontline",
        )
        self._closed = False

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        """Twice is the same as once."""
        self._closed = True
        await self._pool.close()

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` returns. It is begun anew when its connection broke or others were in its way.

        So it has to be of a kind that does nothing new the second time if the first was kept after all: when
        a connection breaks during a commit, nobody can tell. Raises Away.
        """
        if self._closed:
            raise RuntimeError("the database is closed")
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        give_up = loop.time() + PATIENCE
        while True:
            try:
                async with self._pool.connection() as connection:
                    return await work(connection)
            except PoolTimeout:
                raise Away("the database does not answer") from None
            except REPEATABLE as fault:
                if loop.time() + pause > give_up:
                    raise Away(f"the database does not answer: {_one_line(fault)}") from fault
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def rows(self, statement: str, params: Params | None = None) -> list[Any]:
        """The rows of one statement, which is a transaction of its own."""

        async def ask(connection: AsyncConnection) -> list[Any]:
            return await (await connection.execute(statement.encode(), params)).fetchall()

        return await self.run(ask)

    async def value(self, statement: str, params: Params | None = None) -> Any:
        """The first column of the first row; None where there is none."""
        found = await self.rows(statement, params)
        return found[0][0] if found else None


@asynccontextmanager
async def transaction(connection: AsyncConnection, *, long: bool = False) -> AsyncIterator[None]:
    """All inside or nothing. BEGIN travels with the first statement, COMMIT with the last.

    A `long` one has fifteen seconds: if it had no more than the others, one that needs them would never end.
    """
    try:
        async with connection.pipeline():
            await connection.execute("BEGIN")
            if long and connection.info.server_version >= 170000:
                await connection.execute(LONG)
            yield
            await connection.execute("COMMIT")
    except BaseException:
        if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
            await connection.rollback()
        raise


async def _configured(connection: AsyncConnection) -> None:
    await connection.execute(SESSION)
    if connection.info.server_version >= 170000:
        await connection.execute(SINCE_17)


def _one_line(fault: BaseException) -> str:
    return " ".join(str(fault).split())
