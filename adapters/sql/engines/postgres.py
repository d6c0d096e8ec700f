"""PostgreSQL: a few connections that are reopened when they break, and jobs that are then run again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import (
    DeadlockDetected,
    IdleInTransactionSessionTimeout,
    LockNotAvailable,
    SerializationFailure,
    TransactionTimeout,
    UniqueViolation,
)
from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.sql.engines.engine import ACCEPTED_URLS, A, BatchJob, DatabaseFault, Job, T
from bot.ports import StoreUnavailable

MAX_JOBS_PER_COMMIT = 64
"""Limits how long the first job of a batch waits for the last."""
CONNECTIONS = 8
"""At most, for one process; further jobs wait. With those of the worker pool, 14 for a replica."""
RETRY_FOR = 3.0
"""Seconds during which a job is retried while the database is down. Platforms do not wait longer."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.4
"""Seconds between two tries, doubling."""
DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "frontline",
}
"""Used unless DATABASE_URL sets them. They detect a server that has vanished."""
SESSION = """
    SET idle_in_transaction_session_timeout = '1500ms';
    SET lock_timeout = '2500ms'; SET statement_timeout = '15s';
    SET jit = off; SET plan_cache_mode = force_custom_plan;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""
"""A frozen process must not block the others. And all statements must use indexes: a plan made for an empty
table scans the whole table once it has grown, fifty times as slow."""
SESSION_SINCE_17 = "SET transaction_timeout = '5s'"
"""The other limits do not notice a process that froze just before its COMMIT. This one frees its locks by the
time its lane is free."""
ALLOW_LONG_TRANSACTION = text("SET LOCAL transaction_timeout = '15s'")
RETRYABLE = (
    OperationalError,
    SerializationFailure,
    DeadlockDetected,
    LockNotAvailable,
    TransactionTimeout,
    IdleInTransactionSessionTimeout,
)

SAYS_NO_NAMES = ("25", "40", "53", "55", "57", "58")
"""The classes of SQLSTATE whose texts say how the server is (read-only, full, locked, stopping), and no names
of hosts, users or values."""


def conninfo(url: str) -> str:
    """The connection string for DATABASE_URL, with our defaults."""
    given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return make_conninfo("", **(DEFAULTS | given))


@dataclass(frozen=True, slots=True)
class _QueuedJob:
    job: BatchJob[Any, Any]
    item: Any
    committed: Callable[[Any], None] | None
    future: asyncio.Future[Any]


class PostgresEngine:
    """Implements adapters.sql.engines.engine.Engine on a PostgreSQL that several processes may share.

    A job is run again if its connection broke or it collided with other transactions. If the connection
    broke during a commit, the first run may have been committed, so jobs must be idempotent. Raises
    StoreUnavailable if the database does not answer in time.
    """

    def __init__(self, url: str) -> None:
        given = {name: str(value) for name, value in conninfo_to_dict(conninfo(url)).items()}
        self._engine = create_async_engine(
            "postgresql+psycopg://",
            connect_args={**given, "prepare_threshold": 1},
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=RETRY_FOR,
            pool_use_lifo=True,
            hide_parameters=True,
        )
        event.listen(self._engine.sync_engine, "connect", _configure)
        self._running: set[asyncio.Task[Any]] = set()
        self._waiting: dict[BatchJob[Any, Any], list[_QueuedJob]] = {}
        """The items that wait for the next transaction of a batch job."""
        self._batching: dict[BatchJob[Any, Any], asyncio.Task[None]] = {}
        self._closed = False

    async def write(
        self, job: Job[T], committed: Callable[[T], None] | None = None, *, long: bool = False
    ) -> T:
        """See Engine."""
        self._refuse_if_closed()
        return await asyncio.shield(self._run(self._write(job, committed, long)))

    async def write_batched(
        self, job: BatchJob[A, T], item: A, committed: Callable[[T], None] | None = None
    ) -> T:
        """See Engine. Items that arrive while a transaction of the job is open share the next one."""
        self._refuse_if_closed()
        work = _QueuedJob(job, item, committed, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(job, []).append(work)
        if job not in self._batching or self._batching[job].done():
            self._batching[job] = self._run(self._write_batches(job))
        return await asyncio.shield(work.future)

    async def read(self, query: Job[T]) -> T:
        """See Engine."""
        self._refuse_if_closed()
        return await self._run_with_retries(query, long=False)

    async def read_sync(self, query: Job[T]) -> T:
        """See Engine."""
        return await self.read(query)

    def public_words(self, fault: Exception) -> str:
        """See Engine."""
        cause = fault.__cause__ if isinstance(fault, StoreUnavailable) else fault
        driver = cause.orig if isinstance(cause, DBAPIError) else cause
        if not isinstance(driver, psycopg.Error):
            return "there is no free connection" if driver is None else _kind(driver)
        if (driver.sqlstate or "").startswith(SAYS_NO_NAMES):
            return driver.diag.message_primary or _kind(driver)
        return "the server cannot be reached" if driver.sqlstate is None else _kind(driver)

    async def close(self) -> None:
        """Finishes the jobs that were begun. May be called twice."""
        self._closed = True
        if self._running:
            await asyncio.wait({*self._running})
        await self._engine.dispose()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RuntimeError("the database is closed")

    def _run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that continues even if its caller is cancelled."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _write_batches(self, job: BatchJob[Any, Any]) -> None:
        waiting = self._waiting[job]
        while waiting:
            batch = waiting[:MAX_JOBS_PER_COMMIT]
            del waiting[:MAX_JOBS_PER_COMMIT]
            for work, outcome in zip(batch, await self._outcomes(batch), strict=True):
                _report(work, outcome)

    async def _outcomes(self, batch: Sequence[_QueuedJob]) -> Sequence[Any]:
        """The outcome of each item: a value, or the exception that it raised."""
        items = [work.item for work in batch]
        try:
            return await self._run_with_retries(lambda db: batch[0].job(db, items), long=False)
        except StoreUnavailable as fault:
            return [fault] * len(batch)
        except Exception as fault:
            if len(batch) == 1:
                return [fault]
            return [outcome for work in batch for outcome in await self._outcomes([work])]

    async def _write(self, job: Job[T], committed: Callable[[T], None] | None, long: bool) -> T:
        value = await self._run_with_retries(job, long)
        if committed is not None:
            committed(value)
        return value

    async def _run_with_retries(self, job: Job[T], long: bool) -> T:
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        give_up = loop.time() + RETRY_FOR
        collided = False
        while True:
            try:
                return await self._run_once(job, long)
            except PoolTimeout:
                raise StoreUnavailable("the database does not answer") from None
            except DBAPIError as fault:
                # On the second try the job sees the row that another process inserted first.
                collision = isinstance(fault.orig, UniqueViolation) and not collided
                collided = collided or collision
                if not (collision or fault.connection_invalidated or isinstance(fault.orig, RETRYABLE)):
                    raise fault.orig or fault from None
                # Whoever waited for a lock has waited as long as people do: see SESSION.
                if isinstance(fault.orig, LockNotAvailable) or loop.time() + pause > give_up:
                    raise StoreUnavailable(
                        f"the database does not answer: {_one_line(fault.orig)}"
                    ) from fault
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _run_once(self, job: Job[T], long: bool) -> T:
        async with self._engine.begin() as connection:
            if long and _has_transaction_timeout(connection.dialect.server_version_info):
                await connection.execute(ALLOW_LONG_TRANSACTION)
            return await connection.run_sync(job)


def _has_transaction_timeout(version: tuple[int | str, ...] | None) -> bool:
    return version is not None and int(version[0]) >= 17


def _configure(connection: Any, _record: object) -> None:
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(SESSION)
        if connection.driver_connection.info.server_version >= 170000:
            cursor.execute(SESSION_SINCE_17)
    connection.autocommit = False


def _report(work: _QueuedJob, outcome: Any) -> None:
    if isinstance(outcome, Exception):
        if not work.future.done():
            work.future.set_exception(outcome)
        return
    if not work.future.done():
        work.future.set_result(outcome)
    if work.committed is not None:
        work.committed(outcome)


def _kind(fault: BaseException) -> str:
    return f"{type(fault).__name__}; the log says more"


def _one_line(fault: BaseException | None) -> str:
    return " ".join(str(fault).split())


MIGRATION_LOCK = 0x66726F6E746C696E
"""`frontlin` in ASCII. The process that migrates holds it to the end of its transaction."""
JOB_QUEUE_PREFIX = "procrastinate_"
"""The prefix of the job queue's tables, which are not the desk's."""


def revision(url: str) -> str | None:
    """The database's revision, or None if it has no tables yet. Raises DatabaseFault."""
    with as_database_fault(url), psycopg.connect(conninfo(url), autocommit=True) as connection:
        (known,) = connection.execute("SELECT to_regclass('alembic_version')").fetchone() or (None,)
        if known is not None:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        if any(not name.startswith(JOB_QUEUE_PREFIX) for (name,) in tables):
            raise DatabaseFault(f"{described(url)}: belongs to another program; change DATABASE_URL")
        return None


@contextmanager
def migrating(url: str) -> Iterator[Connection]:
    """A transaction that holds the migration lock."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo(url)), poolclass=NullPool
    )
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            yield connection
    except DBAPIError as fault:
        raise (fault.orig if isinstance(fault.orig, psycopg.Error) else fault) from None
    finally:
        engine.dispose()


@contextmanager
def as_database_fault(url: str) -> Iterator[None]:
    """Turns PostgreSQL's errors into a DatabaseFault of one line, with advice and without the password."""
    try:
        conninfo(url)
    except psycopg.ProgrammingError:
        raise DatabaseFault(f"DATABASE_URL: is not a PostgreSQL address; {ACCEPTED_URLS}") from None
    try:
        yield
    except psycopg.OperationalError as fault:
        advice = "start it, or change DATABASE_URL"
        raise DatabaseFault(
            f"{described(url)}: cannot be reached ({_first_line(fault)}); {advice}"
        ) from fault
    except psycopg.Error as fault:
        raise DatabaseFault(f"{described(url)}: {_first_line(fault)}") from fault


def described(url: str) -> str:
    """The database's name and host, without user and password."""
    parts = conninfo_to_dict(url)
    name = parts.get("dbname") or parts.get("user") or "its user's own"
    return f"PostgreSQL database {name} at {parts.get('host') or parts.get('hostaddr') or 'this machine'}"


def _first_line(fault: Exception) -> str:
    lines = str(fault).strip().splitlines()
    return lines[0] if lines else type(fault).__name__
