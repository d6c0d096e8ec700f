"""SQLite: one file with one connection that writes many jobs in one commit, and two that read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from sqlalchemy import Connection, StaticPool, create_engine
from sqlalchemy.exc import DBAPIError

from adapters.sql.engines.engine import A, BatchJob, Job, T
from bot.ports import StoreUnavailable

BUSY_SECONDS = 10.0
"""How long a command, or a desk that starts, waits for another process to finish its transaction."""
ACT_BUSY_SECONDS = 2.5
"""How long an act waits for it: platforms show an error of their own if there is no answer within three."""
MAX_JOBS_PER_COMMIT = 64
"""Limits how long the first job of a batch waits for the last, and the loop for all of them."""
CHECKPOINT_AFTER = 1_000
"""Rows changed since the last checkpoint, each a page or two of the write-ahead log."""
MAX_WAL_PAGES = 8_000
"""Pages, 32 MB of log. SQLite itself makes a checkpoint then, however few rows changed."""


@dataclass(frozen=True, slots=True)
class _QueuedJob:
    job: BatchJob[Any, Any] | None
    """None: `item` is a Job of its own, which shares the commit but not the call."""
    item: Any
    future: asyncio.Future[Any]
    committed: Callable[[Any], None] | None
    context: Context
    """The caller's, so that the job's log lines carry its trace; in a shared call, the first one's."""

    def run(self, db: Connection) -> Any:
        return self.item(db) if self.job is None else self.job(db, [self.item])[0]


@dataclass(frozen=True, slots=True)
class _Failed:
    fault: BaseException


class SqliteEngine:
    """Implements adapters.sql.engines.engine.Engine on a file.

    The loop runs the jobs, one after another. A thread waits for the disk and for other processes; jobs that
    arrive meanwhile share the next commit. In a thread, jobs would compete with the loop for the interpreter
    at every statement, which costs more than the statements themselves (ADR 8).
    """

    def __init__(self, path: Path, *, durable: bool = True, secondary: bool = False) -> None:
        """Blocks briefly. Without `durable`, commits may be lost if the machine stops.

        A `secondary` reads a file that another process may serve, and leaves checkpoints to that process:
        if two processes make them, they can damage the file (SQLite before 3.51.3).
        """
        self._secondary = secondary
        self._path = path
        self._writing = _connection(
            path,
            synchronous="FULL" if durable else "OFF",
            wal_autocheckpoint=0 if secondary else MAX_WAL_PAGES,
        )
        self._raw = _driver_connection(self._writing)
        try:
            # Tests that the file can be written: in WAL mode a read-only file opens too.
            self._raw.execute("BEGIN IMMEDIATE")
            self._raw.execute("ROLLBACK")
            self._raw.execute("PRAGMA busy_timeout=0")
        except sqlite3.Error:
            _close(self._writing)
            raise
        self._files = _identities(path)
        self._sync_reader = _connection(path, query_only="ON", wal_autocheckpoint=0)
        self._thread_reader = _connection(path, query_only="ON", wal_autocheckpoint=0)
        self._reader = ThreadPoolExecutor(1, "sqlite-reader")
        self._waiting: deque[_QueuedJob] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._checkpoint = 0
        self._serves = False
        """Whether people may wait for a write: a desk's first ones are those of its start."""
        self._closed = False
        self._steps: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._writer = Thread(target=self._run_steps, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def write(
        self, job: Job[T], committed: Callable[[T], None] | None = None, *, long: bool = False
    ) -> T:
        """See Engine. If a commit fails, all jobs in it raise sqlite3.Error."""
        return await self._enqueue(None, job, committed)

    async def write_batched(
        self, job: BatchJob[A, T], item: A, committed: Callable[[T], None] | None = None
    ) -> T:
        """See Engine. All jobs share commits here; items of one job that wait in a row share a call too."""
        return await self._enqueue(job, item, committed)

    async def _enqueue(
        self, job: BatchJob[Any, T] | None, item: Any, committed: Callable[[T], None] | None
    ) -> T:
        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_QueuedJob(job, item, future, committed, copy_context()))
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._begin, loop)
        return await future

    async def read(self, query: Job[T]) -> T:
        """See Engine."""
        self._refuse_if_closed()
        return await asyncio.get_running_loop().run_in_executor(
            self._reader, _with_driver_errors, query, self._thread_reader
        )

    async def read_sync(self, query: Job[T]) -> T:
        """See Engine. A thread would cost ten times as much as the query."""
        self._refuse_if_closed()
        return _with_driver_errors(query, self._sync_reader)

    async def close(self) -> None:
        """Finishes the accepted jobs and makes a last checkpoint. May be called twice."""
        if not self._closed:
            self._closed = True
            if self._idle.is_set():
                self._steps.put(None)
        await self._idle.wait()
        await asyncio.to_thread(self._finish)

    def public_words(self, fault: Exception) -> str:
        """See Engine. SQLite's own texts name neither files nor values."""
        known = isinstance(fault, sqlite3.Error | StoreUnavailable)
        return str(fault) if known else f"{type(fault).__name__}; the log says more"

    def _refuse_if_replaced(self) -> None:
        """SQLite would go on in files that nobody can find any more, and lose everything at the end."""
        if _identities(self._path) != self._files:
            raise StoreUnavailable(
                "the database's file was deleted or replaced; put it back and restart Frontline"
            )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RuntimeError("the database is closed")

    def _finish(self) -> None:
        self._reader.shutdown()
        _close(self._thread_reader)
        _close(self._sync_reader)
        self._writer.join()

    def _run_steps(self) -> None:
        while step := self._steps.get():
            step()
        if not self._secondary:
            with contextlib.suppress(sqlite3.Error):
                self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _close(self._writing)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs in the loop, while no transaction is open."""
        if not self._waiting:
            self._idle.set()
            if self._closed:
                self._steps.put(None)
            return
        try:
            self._raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._steps.put(partial(self._begin_when_free, loop))
        except BaseException as fault:
            self._run_jobs(loop, fault)
        else:
            self._run_jobs(loop)

    def _begin_when_free(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs in the thread: waits while another process writes."""
        fault: BaseException | None = None
        seconds = min(BUSY_SECONDS, ACT_BUSY_SECONDS) if self._serves else BUSY_SECONDS
        try:
            self._raw.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
            try:
                self._raw.execute("BEGIN IMMEDIATE")
            finally:
                self._raw.execute("PRAGMA busy_timeout=0")
        except BaseException as error:
            fault = error
        _call_in_loop(loop, partial(self._run_jobs, loop, fault))

    def _run_jobs(self, loop: asyncio.AbstractEventLoop, fault: BaseException | None = None) -> None:
        """Runs the waiting jobs, in the loop and in a transaction; fails them if BEGIN raised `fault`."""
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_JOBS_PER_COMMIT))]
        try:
            if fault is not None:
                raise fault
            outcomes = [
                outcome
                for job, works in groupby(batch, key=attrgetter("job"))
                for outcome in self._outcomes(job, list(works))
            ]
        except BaseException as error:
            self._roll_back()
            _report(batch, [_Failed(error)] * len(batch))
            loop.call_soon(self._begin, loop)
        else:
            self._steps.put(partial(self._commit, loop, batch, outcomes))

    def _outcomes(self, job: BatchJob[Any, Any] | None, works: list[_QueuedJob]) -> list[Any]:
        """Runs the items of a batch job as one; if it fails with several, and other jobs, one by one."""
        if job is not None and len(works) > 1:
            values = self._outcome(works[0], lambda db: job(db, [work.item for work in works]))
            if not isinstance(values, _Failed):
                return [*values]
        return [self._outcome(work, work.run) for work in works]

    def _outcome(self, work: _QueuedJob, job: Job[Any]) -> Any:
        """Runs a job for `work` and returns its result. If it fails, only its own changes are rolled back."""
        self._raw.execute("SAVEPOINT job")
        try:
            value = work.context.run(_with_driver_errors, job, self._writing)
        except BaseException as fault:
            # SQLite may roll back the whole transaction, for example if the disk is full. Then all jobs fail.
            if not self._raw.in_transaction:
                raise
            self._raw.execute("ROLLBACK TO job")
            value = _Failed(fault)
        self._raw.execute("RELEASE job")
        return value

    def _commit(self, loop: asyncio.AbstractEventLoop, batch: list[_QueuedJob], outcomes: list[Any]) -> None:
        """Runs in the thread."""
        try:
            self._refuse_if_replaced()
            self._raw.execute("COMMIT")
            self._serves = not self._secondary
        except BaseException as fault:
            self._roll_back()
            outcomes = [_Failed(fault)] * len(batch)
        changes = self._raw.total_changes
        if self._secondary or changes - self._checkpoint < CHECKPOINT_AFTER:
            _call_in_loop(loop, partial(self._committed, loop, batch, outcomes))
            return
        # Report first, so that callers do not wait for the checkpoint.
        _call_in_loop(loop, partial(_report, batch, outcomes))
        self._checkpoint = changes
        # A failed checkpoint does no harm: the next one comes soon, and commits report their own faults.
        with contextlib.suppress(sqlite3.Error):
            self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
        _call_in_loop(loop, partial(self._begin, loop))

    def _committed(
        self, loop: asyncio.AbstractEventLoop, batch: list[_QueuedJob], outcomes: list[Any]
    ) -> None:
        """Runs in the loop."""
        try:
            _report(batch, outcomes)
        finally:
            # Callers run first, so that their next jobs share the next commit.
            loop.call_soon(self._begin, loop)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")


def _with_driver_errors(job: Job[T], connection: Connection) -> T:
    """Raises the driver's own errors: SQLAlchemy's would add the statement to every log line."""
    try:
        return job(connection)
    except DBAPIError as fault:
        raise fault.orig or fault from None


def _identities(path: Path) -> list[tuple[int, int] | None]:
    """The device and inode of the database and of its log; None for a file that does not exist."""
    found: list[tuple[int, int] | None] = []
    for name in (path, f"{path}-wal"):
        try:
            known = os.stat(name)
        except OSError:
            found.append(None)
        else:
            found.append((known.st_dev, known.st_ino))
    return found


def _call_in_loop(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    # If the loop is closed, no caller waits any more.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what)


def _connection(path: Path, **pragmas: str | int) -> Connection:
    """A connection in autocommit mode: the engine begins and ends transactions on the driver's connection."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: _driver(path, pragmas),
        poolclass=StaticPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )
    try:
        return engine.connect()
    except DBAPIError as fault:
        raise fault.orig or fault from None


def _driver(path: Path, pragmas: dict[str, str | int]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    # Damaged text can still be read, so that only the bad row is refused and not its neighbours.
    connection.text_factory = _text
    try:
        _use_wal(connection)
        connection.execute("PRAGMA foreign_keys=ON")
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Waits for another process that creates or migrates the file.

    To change the journal, SQLite itself does not wait: if another holds the lock, it answers "database is
    locked" at once, whatever the timeout.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        # Here SQLite waits. Yet another process may take the lock next, hence the loop.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _driver_connection(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def _close(connection: Connection) -> None:
    connection.close()
    connection.engine.dispose()


def _report(batch: list[_QueuedJob], outcomes: list[Any]) -> None:
    for work, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, _Failed):
            _fail(work.future, outcome.fault)
            continue
        if not work.future.done():
            work.future.set_result(outcome)
        if work.committed is not None:
            work.committed(outcome)


def _fail(future: asyncio.Future[Any], fault: BaseException) -> None:
    if future.done():
        return
    # A future does not accept StopIteration, and its caller would wait for ever.
    future.set_exception(RuntimeError(repr(fault)) if isinstance(fault, StopIteration) else fault)
