"""One SQLite file: a thread that alone writes it, many jobs to a commit, and a thread that reads it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine

from adapters.sql.migrate import BUSY_SECONDS

T = TypeVar("T")

MOST_IN_A_COMMIT = 256
"""So that the first of a crowd is not kept waiting for the last."""


@dataclass(frozen=True, slots=True)
class _Work:
    job: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    committed: Callable[[Any], None] | None


@dataclass(frozen=True, slots=True)
class _Failed:
    fault: BaseException


class Database:
    """An open file. Use it from one event loop."""

    def __init__(self, path: Path, *, durable: bool = True, guest: bool = False) -> None:
        """Blocks a moment. Without `durable`, what was committed may be lost when the machine stops.

        A `guest` looks at a file that another process may be serving, and leaves the checkpoints to it: two
        that make them can spoil the file (SQLite before 3.51.3).
        """
        self._guest = guest
        checkpoints = {"wal_autocheckpoint": 0} if guest else {}
        self._writing = _connected(path, synchronous="FULL" if durable else "OFF", **checkpoints)
        try:
            # A file in WAL mode opens even where it cannot be written.
            self._writing.execute("BEGIN IMMEDIATE")
            self._writing.execute("ROLLBACK")
        except sqlite3.Error:
            self._writing.close()
            raise
        engine = create_engine(
            "sqlite://",
            creator=lambda: _connected(path, query_only="ON", wal_autocheckpoint=0),
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
        )
        self._engine = engine
        self._reading = engine.connect()
        self._glancing = _connected(path, query_only="ON", wal_autocheckpoint=0)
        self._reader = ThreadPoolExecutor(1, "sqlite-reader")
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._closed = False
        self._writer = Thread(target=self._write_all, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def write(
        self, job: Callable[[sqlite3.Connection], T], committed: Callable[[T], None] | None = None
    ) -> T:
        """What `job` returns, once it is on disk; raises what it raised, and then nothing of it is kept.

        `committed` is called in the loop even when nobody waits any longer. Raises sqlite3.Error when the
        commit failed, for all the jobs in it.
        """
        if self._closed:
            raise RuntimeError("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Work(job, future, committed))
        return await future

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What `query` finds; it sees every write that has returned."""
        if self._closed:
            raise RuntimeError("the database is closed")
        return await asyncio.get_running_loop().run_in_executor(self._reader, query, self._reading)

    def glance(self, statement: str, given: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """The rows of a small question, asked in the loop; it sees every write that has returned."""
        if self._closed:
            raise RuntimeError("the database is closed")
        return self._glancing.execute(statement, given).fetchall()

    async def close(self) -> None:
        """Finish what was taken, fold the log into the file, let go of it. Twice is the same as once."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._reader.shutdown()
        self._reading.close()
        self._engine.dispose()
        self._glancing.close()
        self._writer.join()

    def _write_all(self) -> None:
        more = True
        while more:
            batch, more = self._taken()
            if batch:
                outcomes = self._committed(batch)
                # A closed loop has nobody left to tell.
                with contextlib.suppress(RuntimeError):
                    batch[0].future.get_loop().call_soon_threadsafe(_tell, batch, outcomes)
        if not self._guest:
            with contextlib.suppress(sqlite3.Error):
                self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writing.close()

    def _taken(self) -> tuple[list[_Work], bool]:
        """Everything that waits, at least one; and whether more may come."""
        batch: list[_Work] = []
        work = self._queue.get()
        while work is not None:
            batch.append(work)
            if len(batch) == MOST_IN_A_COMMIT:
                return batch, True
            try:
                work = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _committed(self, batch: list[_Work]) -> list[Any]:
        try:
            self._writing.execute("BEGIN IMMEDIATE")
            outcomes = [self._outcome(work) for work in batch]
            self._writing.execute("COMMIT")
        except BaseException as fault:
            with contextlib.suppress(sqlite3.Error):
                if self._writing.in_transaction:
                    self._writing.execute("ROLLBACK")
            return [_Failed(fault)] * len(batch)
        return outcomes

    def _outcome(self, work: _Work) -> Any:
        self._writing.execute("SAVEPOINT work")
        try:
            value = work.job(self._writing)
        except BaseException as fault:
            # A full disk, for one, makes SQLite take back the whole transaction: then all of it has failed.
            if not self._writing.in_transaction:
                raise
            self._writing.execute("ROLLBACK TO work")
            value = _Failed(fault)
        self._writing.execute("RELEASE work")
        return value


def _connected(path: Path, **pragmas: str | int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _tell(batch: list[_Work], outcomes: list[Any]) -> None:
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
    # A future refuses StopIteration; its waiter would wait for ever.
    future.set_exception(RuntimeError(repr(fault)) if isinstance(fault, StopIteration) else fault)
