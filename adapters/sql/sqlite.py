"""One SQLite file: one connection alone writes it, many jobs to a commit; others read it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine

from adapters.sql.migrate import BUSY_SECONDS

T = TypeVar("T")

MOST_IN_A_COMMIT = 64
"""So that the first of a crowd is not kept waiting for the last, nor the loop for all of them."""
FOLD_AFTER = 1_000
"""Rows changed since the log was last folded into the file, each a page or two of it."""
LONGEST_LOG = 8_000
"""Pages: SQLite itself folds a log of 32 MB, whatever the rows were."""


@dataclass(frozen=True, slots=True)
class _Work:
    job: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    committed: Callable[[Any], None] | None
    context: Context
    """Whose words the log puts to what the job says."""


@dataclass(frozen=True, slots=True)
class _Failed:
    fault: BaseException


class _Spoilt(Exception):
    """A job failed after it had changed something, which cannot be told from what others had changed."""


class Database:
    """An open file. Use it from one event loop.

    The loop runs the jobs, one after another; a thread waits for the disk and for other processes, and what
    is asked meanwhile shares the next commit. In a thread, jobs would fight the loop for the interpreter at
    every statement, which costs more than the statements do.
    """

    def __init__(self, path: Path, *, durable: bool = True, guest: bool = False) -> None:
        """Blocks a moment. Without `durable`, what was committed may be lost when the machine stops.

        A `guest` looks at a file that another process may be serving, and leaves the checkpoints to it: two
        that make them can spoil the file (SQLite before 3.51.3).
        """
        self._guest = guest
        self._writing = _connected(
            path,
            synchronous="FULL" if durable else "OFF",
            wal_autocheckpoint=0 if guest else LONGEST_LOG,
        )
        try:
            # A file in WAL mode opens even where it cannot be written.
            self._writing.execute("BEGIN IMMEDIATE")
            self._writing.execute("ROLLBACK")
            self._writing.execute("PRAGMA busy_timeout=0")
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
        self._waiting: deque[_Work] = deque()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._apart = False
        self._folded = 0
        self._closed = False
        self._steps: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._writer = Thread(target=self._take_steps, name="sqlite-writer", daemon=True)
        self._writer.start()

    async def write(
        self, job: Callable[[sqlite3.Connection], T], committed: Callable[[T], None] | None = None
    ) -> T:
        """What `job` returns, once it is on disk; raises what it raised, and then nothing of it is kept.

        `job` is quick, and begun anew when one that shares its commit has spoilt it. `committed` is called in
        the loop even when nobody waits any longer. Raises sqlite3.Error when the commit failed, for all the
        jobs in it.
        """
        if self._closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Work(job, future, committed, copy_context()))
        if self._at_rest.is_set():
            self._at_rest.clear()
            loop.call_soon(self._begin, loop)
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
            if self._at_rest.is_set():
                self._steps.put(None)
        await self._at_rest.wait()
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._reader.shutdown()
        self._reading.close()
        self._engine.dispose()
        self._glancing.close()
        self._writer.join()

    def _take_steps(self) -> None:
        while step := self._steps.get():
            step()
        if not self._guest:
            with contextlib.suppress(sqlite3.Error):
                self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writing.close()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the loop, while nothing is under way."""
        if not self._waiting:
            self._at_rest.set()
            if self._closed:
                self._steps.put(None)
            return
        try:
            self._writing.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._steps.put(partial(self._begin_in_turn, loop))
        except BaseException as fault:
            self._work(loop, fault)
        else:
            self._work(loop)

    def _begin_in_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: another process writes, and is waited for."""
        fault: BaseException | None = None
        try:
            self._writing.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
            try:
                self._writing.execute("BEGIN IMMEDIATE")
            finally:
                self._writing.execute("PRAGMA busy_timeout=0")
        except BaseException as error:
            fault = error
        _call(loop, partial(self._work, loop, fault))

    def _work(self, loop: asyncio.AbstractEventLoop, fault: BaseException | None = None) -> None:
        """In the loop and in a transaction, unless that is the `fault`: do what waits."""
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_IN_A_COMMIT))]
        outcome, self._apart = self._outcome_apart if self._apart else self._outcome, False
        try:
            if fault is not None:
                raise fault
            outcomes = [outcome(work) for work in batch]
        except _Spoilt:
            self._take_back()
            self._waiting.extendleft(reversed(batch))
            self._apart = True
        except BaseException as error:
            self._take_back()
            _tell(batch, [_Failed(error)] * len(batch))
        else:
            self._steps.put(partial(self._commit, loop, batch, outcomes))
            return
        loop.call_soon(self._begin, loop)

    def _commit(self, loop: asyncio.AbstractEventLoop, batch: list[_Work], outcomes: list[Any]) -> None:
        """In the thread."""
        try:
            self._writing.execute("COMMIT")
        except BaseException as fault:
            self._take_back()
            outcomes = [_Failed(fault)] * len(batch)
        changes = self._writing.total_changes
        if self._guest or changes - self._folded < FOLD_AFTER:
            _call(loop, partial(self._committed, loop, batch, outcomes))
            return
        # Nobody who has been told waits for the folding.
        _call(loop, partial(_tell, batch, outcomes))
        self._folded = changes
        # Another look at the log comes soon, and a commit that cannot be kept says so itself.
        with contextlib.suppress(sqlite3.Error):
            self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)")
        _call(loop, partial(self._begin, loop))

    def _committed(self, loop: asyncio.AbstractEventLoop, batch: list[_Work], outcomes: list[Any]) -> None:
        """In the loop."""
        try:
            _tell(batch, outcomes)
        finally:
            # Those that were told come first: what they ask next shares the next commit.
            loop.call_soon(self._begin, loop)

    def _take_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")

    def _outcome(self, work: _Work) -> Any:
        """Most jobs that fail have changed nothing: a savepoint for each would only cost."""
        before = self._writing.total_changes
        try:
            return work.context.run(work.job, self._writing)
        except BaseException as fault:
            # A full disk, for one, makes SQLite take back the whole transaction: then all of it has failed.
            if not self._writing.in_transaction:
                raise
            if self._writing.total_changes != before:
                raise _Spoilt from fault
            return _Failed(fault)

    def _outcome_apart(self, work: _Work) -> Any:
        self._writing.execute("SAVEPOINT work")
        try:
            value = work.context.run(work.job, self._writing)
        except BaseException as fault:
            if not self._writing.in_transaction:
                raise
            self._writing.execute("ROLLBACK TO work")
            value = _Failed(fault)
        self._writing.execute("RELEASE work")
        return value


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    # A closed loop has nobody left to tell.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what)


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
