"""One writer, many jobs to a commit: order, isolation, failure, and a clean end."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text

from adapters.sql.engines import sqlite as sqlite_engine
from adapters.sql.engines.engine import WatchedEngine
from adapters.sql.engines.sqlite import CHECKPOINT_AFTER, MAX_JOBS_PER_COMMIT, SqliteEngine
from adapters.sql.store import SqlStore, connect
from adapters.sql.tickets import store_requests
from bot.ports import Appended, Conflict
from tests.sql.outbox_steps import next_keys
from tests.sql.samples import at, change, message, opened, opening, wrote
from tests.waiting import PATIENCE, turns


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    database = SqliteEngine(tmp_path / "plain.db")
    await database.write(lambda db: db.exec_driver_sql("CREATE TABLE note (n INTEGER UNIQUE)").rowcount)
    yield database
    await database.close()


def put(db: Connection, n: int) -> int:
    db.exec_driver_sql("INSERT INTO note VALUES (?)", (n,))
    return n


def insert_all(rows: list[tuple[int]], db: Connection) -> int:
    return db.exec_driver_sql("INSERT INTO note VALUES (?)", rows).rowcount


async def notes(database: SqliteEngine) -> list[int]:
    return await database.read(lambda db: list(db.execute(text("SELECT n FROM note ORDER BY n")).scalars()))


async def file_of(database: SqliteEngine) -> str:
    return await database.read_sync(lambda db: str(db.exec_driver_sql("PRAGMA database_list").one()[2]))


class OtherWriter:
    """Another process that writes, so that what is written meanwhile shares the next commit."""

    def __init__(self, database: SqliteEngine) -> None:
        self._database = database

    async def __aenter__(self) -> None:
        self._other = sqlite3.connect(await file_of(self._database), isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    async def __aexit__(self, *error: object) -> None:
        await turns(1)
        self._other.execute("ROLLBACK")
        self._other.close()


async def test_the_connection_is_durable(database: SqliteEngine) -> None:
    def pragma(db: Connection, name: str) -> object:
        return db.exec_driver_sql(f"PRAGMA {name}").scalar()

    found = [
        await database.write(lambda db, name=name: pragma(db, name))  # type: ignore[misc]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    assert found == ["wal", 2, 1]


async def test_jobs_run_in_order(database: SqliteEngine) -> None:
    ran: list[int] = []
    done: list[int] = []

    def job(n: int) -> int:
        ran.append(n)
        return n

    async with OtherWriter(database):
        tasks = [
            asyncio.ensure_future(database.write(lambda db, n=n: job(n), done.append))  # type: ignore[misc]
            for n in range(MAX_JOBS_PER_COMMIT + 50)
        ]
    assert await asyncio.gather(*tasks) == ran == done == list(range(MAX_JOBS_PER_COMMIT + 50))


async def test_a_later_job_of_the_same_commit_sees_the_earlier(database: SqliteEngine) -> None:
    async with OtherWriter(database):
        first = asyncio.ensure_future(database.write(lambda db: put(db, 1)))
        second = asyncio.ensure_future(
            database.write(lambda db: db.exec_driver_sql("SELECT n FROM note").fetchall())
        )
    assert (await first, await second) == (1, [(1,)])


class PutAll:
    """A batch job that remembers with which items it was called."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def __call__(self, db: Connection, items: Sequence[int]) -> list[int]:
        self.calls.append([*items])
        return [put(db, n) for n in items]


async def test_items_of_a_batch_job_that_wait_in_a_row_share_a_call(database: SqliteEngine) -> None:
    job = PutAll()
    async with OtherWriter(database):
        before = [asyncio.ensure_future(database.write_batched(job, n)) for n in (1, 2, 3)]
        between = asyncio.ensure_future(database.write(lambda db: put(db, 4)))
        after = asyncio.ensure_future(database.write_batched(job, 5))
    assert await asyncio.gather(*before, between, after) == [1, 2, 3, 4, 5]
    assert job.calls == [[1, 2, 3], [5]]


async def test_openings_and_changes_that_wait_are_stored_by_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counted(db: Connection, acts: Sequence[Any]) -> list[Any]:
        calls.append(len(acts))
        return store_requests(db, acts)

    monkeypatch.setattr("adapters.sql.tickets.store_requests", counted)
    async with connect(f"sqlite:///{tmp_path}/x.db") as store:
        assert isinstance(store.engine, WatchedEngine)
        sqlite = store.engine.inner
        assert isinstance(sqlite, SqliteEngine)
        for account in ("acme", "beta", "coda"):
            await store.open(account, account, opening(message(f"m-{account}"), account=account))
        calls.clear()
        async with OtherWriter(sqlite):
            acts = [
                asyncio.ensure_future(store.append(f"a-{key}", change(1, ticket=key, events=(wrote(),))))
                for key in ("ACME-1", "BETA-1", "CODA-1")
            ] + [asyncio.ensure_future(store.open(f"o{n}", "acme", opening())) for n in range(3)]
        assert {(kept.ticket, type(kept)) for kept in await asyncio.gather(*acts)} == {
            (key, Appended) for key in ("ACME-1", "BETA-1", "CODA-1", "ACME-2", "ACME-3", "ACME-4")
        }
    assert calls == [6]


async def test_an_item_that_fails_in_a_batch_fails_alone(database: SqliteEngine) -> None:
    await database.write(lambda db: put(db, 2))
    job = PutAll()
    async with OtherWriter(database):
        tasks = [asyncio.ensure_future(database.write_batched(job, n)) for n in (1, 2, 3)]
    first, taken, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, last) == (1, 3)
    assert isinstance(taken, sqlite3.IntegrityError)
    assert job.calls == [[1, 2, 3], [1], [2], [3]]
    assert await notes(database) == [1, 2, 3]


async def test_a_failed_job_rolls_back_only_itself(database: SqliteEngine) -> None:
    def fails(db: Connection) -> int:
        put(db, 99)
        raise Conflict("moved")

    def stops(db: Connection) -> int:
        raise StopIteration

    async with OtherWriter(database):
        tasks = [
            asyncio.ensure_future(database.write(job))
            for job in (lambda db: put(db, 1), fails, lambda db: put(db, 1), stops, lambda db: put(db, 2))
        ]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        int,
        Conflict,
        sqlite3.IntegrityError,
        RuntimeError,
        int,
    ]
    assert await notes(database) == [1, 2]


async def test_the_event_loop_runs_while_another_process_writes(database: SqliteEngine) -> None:
    async with OtherWriter(database):
        task = asyncio.ensure_future(database.write(lambda db: put(db, 1)))
        assert await notes(database) == []
        assert not task.done()
    assert await task == 1


async def test_waiting_too_long_for_another_process_raises(
    database: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 0.01)
    async with OtherWriter(database):
        for n in range(2):
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                await database.write(lambda db, n=n: put(db, n))  # type: ignore[misc]
    assert await database.write(lambda db: put(db, 2)) == 2


async def test_a_failed_job_does_not_repeat_the_others(
    database: SqliteEngine,
) -> None:
    begun: list[str] = []

    def finds_it_moved(db: Connection) -> int:
        begun.append("moved")
        raise Conflict("moved")

    def fails(db: Connection) -> int:
        begun.append("fails")
        put(db, 99)
        raise Conflict("too late")

    def lasts(db: Connection) -> int:
        begun.append("lasts")
        return put(db, 1)

    async with OtherWriter(database):
        tasks = [asyncio.ensure_future(database.write(job)) for job in (finds_it_moved, lasts)]
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [Conflict, int]
    assert begun == ["moved", "lasts"]
    assert await database.write(lambda db: db.exec_driver_sql("DELETE FROM note").rowcount) == 1
    begun.clear()
    async with OtherWriter(database):
        tasks = [asyncio.ensure_future(database.write(job)) for job in (lasts, fails)]
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [int, Conflict]
    assert begun == ["lasts", "fails"]
    assert await notes(database) == [1]


async def test_a_job_is_logged_with_its_callers_context(database: SqliteEngine) -> None:
    trace: ContextVar[str] = ContextVar("trace")

    async def asks(act: str) -> str:
        trace.set(act)
        return await database.write(lambda db: trace.get())

    async with OtherWriter(database):
        tasks = [asyncio.create_task(asks(act)) for act in ("one", "two")]
    assert await asyncio.gather(*tasks) == ["one", "two"]


@pytest.mark.parametrize("secondary", [False, True])
async def test_the_write_ahead_log_is_checkpointed(tmp_path: Path, secondary: bool) -> None:
    path = tmp_path / "plain.db"
    served, secondary_engine = SqliteEngine(path), SqliteEngine(path, secondary=True)
    await served.write(lambda db: db.exec_driver_sql("CREATE TABLE note (n INTEGER UNIQUE)").rowcount)
    before = path.stat().st_size
    for first in (0, CHECKPOINT_AFTER):
        many = [(first + n,) for n in range(CHECKPOINT_AFTER)]
        each = secondary_engine if secondary else served
        await each.write(partial(insert_all, many))
    assert (path.stat().st_size > before) is not secondary
    await secondary_engine.close()
    await served.close()


async def test_a_failed_commit_fails_every_job_in_it(database: SqliteEngine) -> None:
    await database.write(
        lambda db: (
            db.exec_driver_sql(
                "CREATE TABLE late (n INTEGER REFERENCES note (n) DEFERRABLE INITIALLY DEFERRED)"
            ).rowcount
        )
    )
    heard: list[int] = []
    async with OtherWriter(database):
        good = asyncio.ensure_future(database.write(lambda db: put(db, 1), heard.append))
        bad = asyncio.ensure_future(
            database.write(lambda db: db.exec_driver_sql("INSERT INTO late VALUES (7)").rowcount)
        )
    for task in (good, bad):
        with pytest.raises(sqlite3.IntegrityError):
            await task
    assert heard == []
    assert await notes(database) == []
    assert await database.write(lambda db: put(db, 2)) == 2


async def test_cancelling_the_caller_does_not_cancel_the_write(database: SqliteEngine) -> None:
    heard: list[int] = []
    async with OtherWriter(database):
        task = asyncio.ensure_future(database.write(lambda db: put(db, 1), heard.append))
        await turns(1)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(lambda db: put(db, 2))
    assert await notes(database) == [1, 2]
    assert heard == [1]


async def test_reads_do_not_wait_for_the_writer_nor_see_what_is_not_committed(database: SqliteEngine) -> None:
    await database.write(lambda db: put(db, 1))
    async with OtherWriter(database):
        task = asyncio.ensure_future(database.write(lambda db: put(db, 2)))
        assert await notes(database) == [1]
    await task
    assert await notes(database) == [1, 2]


async def test_reads_cannot_write(database: SqliteEngine) -> None:
    with pytest.raises(Exception, match="readonly"):
        await database.read(lambda db: db.execute(text("INSERT INTO note VALUES (1)")))


async def test_closing_finishes_accepted_jobs(tmp_path: Path) -> None:
    database = SqliteEngine(tmp_path / "plain.db")
    await database.write(lambda db: db.exec_driver_sql("CREATE TABLE note (n INTEGER UNIQUE)").rowcount)
    tasks = [asyncio.ensure_future(database.write(lambda db, n=n: put(db, n))) for n in range(100)]  # type: ignore[misc]
    await turns(1)
    await database.close()
    await database.close()
    assert await asyncio.gather(*tasks) == list(range(100))
    with pytest.raises(RuntimeError, match="closed"):
        await database.write(lambda db: put(db, 100))
    with pytest.raises(RuntimeError, match="closed"):
        await notes(database)
    assert os.listdir(tmp_path) == ["plain.db"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sqlite-")]


async def test_a_full_disk_raises_and_the_store_recovers(sqlite: SqlStore) -> None:
    await sqlite.open("e1", "acme", opening())
    engine = sqlite.engine.inner
    assert isinstance(engine, SqliteEngine)
    pages = await engine.write(lambda db: db.exec_driver_sql("PRAGMA page_count").scalar_one())
    await engine.write(lambda db: db.exec_driver_sql(f"PRAGMA max_page_count={pages + 3}").fetchone())
    big = change(1, message("m1"), events=tuple(wrote("x" * 9_000, n) for n in range(20)))
    heard: list[str] = []
    sqlite.on_change = lambda: heard.append("changed")
    async with OtherWriter(engine):
        tasks = [asyncio.ensure_future(sqlite.append(f"a{n}", big)) for n in range(3)]
    for task in tasks:
        with pytest.raises(sqlite3.OperationalError, match="full"):
            await task
    assert heard == []
    assert await sqlite.load("ACME-1") == (opened(),)
    assert await next_keys(sqlite) == []
    await engine.write(lambda db: db.exec_driver_sql("PRAGMA max_page_count=100000").fetchone())
    assert await sqlite.append("a0", big) == Appended("ACME-1", 21)


async def test_no_edit_waits_for_a_message_that_will_never_be_sent(sqlite: SqlStore) -> None:
    await sqlite.open("e1", "acme", opening(message("card"), message("edit", edits="card")))
    await sqlite.refused("card", "channel is archived")
    await sqlite.append(None, change(1, message("late edit", edits="card")))
    states = await sqlite.engine.read(
        lambda db: db.execute(text("SELECT key, state, why FROM outbox ORDER BY id")).all()
    )
    assert [tuple(row) for row in states] == [
        ("card", "refused", "channel is archived"),
        ("edit", "superseded", "what it edits was refused"),
        ("late edit", "superseded", "what it edits was refused"),
    ]


async def test_a_database_outlives_its_process(url: str) -> None:
    async with connect(url) as store:
        await store.open("e1", "acme", opening(message("m1"), wake_at=at(5)))
    async with connect(url) as store:
        assert await store.load("ACME-1") == (opened(),)
        assert await store.next_wake() == at(5)
        assert await next_keys(store) == ["m1"]


async def test_two_processes_may_share_a_file(url: str) -> None:
    async with connect(url) as one, connect(url) as other:
        done = await asyncio.gather(
            *(
                store.open(f"{n}{name}", "acme", opening())
                for n in range(20)
                for name, store in [("a", one), ("b", other)]
            )
        )
        assert len(set(done)) == 40
        assert await one.tickets("acme") == await other.tickets("acme")


async def test_an_unnamed_sqlite_database_is_deleted_on_close() -> None:
    async with connect("sqlite://") as store:
        await store.open("e1", "acme", opening())
        file = await store.engine.read(lambda db: db.execute(text("PRAGMA database_list")).one()[2])
        assert os.stat(file).st_size
    with pytest.raises(FileNotFoundError):
        os.stat(os.path.dirname(file))


def spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"restored-wrongly")


async def test_a_corrupted_file_fails_every_call_and_still_closes(database: SqliteEngine) -> None:
    """Another program overwrote the file. No caller waits forever."""
    await database.write(lambda db: put(db, 1))
    path = await file_of(database)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("INSERT INTO note VALUES (2)")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    spoil(Path(path))
    for _ in range(2):
        with pytest.raises(sqlite3.DatabaseError):
            async with asyncio.timeout(PATIENCE):
                await database.write(lambda db: put(db, 3))
    async with asyncio.timeout(PATIENCE):
        await database.close()


async def test_a_failing_commit_listener_does_not_stop_the_others(database: SqliteEngine) -> None:
    def fails(_: int) -> None:
        raise RuntimeError("cannot be told")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: None)
    assert await database.write(lambda db: put(db, 1), fails) == 1
    async with asyncio.timeout(PATIENCE):
        assert await database.write(lambda db: put(db, 2)) == 2


async def test_a_cancelled_close_still_finishes_accepted_jobs(database: SqliteEngine) -> None:
    acts = [asyncio.create_task(database.write(lambda db, n=n: put(db, n))) for n in range(200)]  # type: ignore[misc]
    await turns(1)
    closing = asyncio.create_task(database.close())
    await turns(1)
    closing.cancel()
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(*acts) == list(range(200))
        await database.close()


async def test_a_missing_sequence_row_does_not_stop_messages(tmp_path: Path) -> None:
    """Tables of different moments: SQLite's own counter is behind the outbox, or gone."""
    async with connect(f"sqlite:///{tmp_path}/x.db") as store:
        await store.open("e1", "acme", opening(message("m1"), message("m2")))
        for n, loss in enumerate(
            ("UPDATE sqlite_sequence SET seq = 1", "DELETE FROM sqlite_sequence"), start=1
        ):
            await store.engine.write(lambda db, loss=loss: db.exec_driver_sql(loss).rowcount)  # type: ignore[misc]
            kept = await store.append(f"a{n}", change(n, message(f"n{n}"), events=(wrote(),)))
            assert isinstance(kept, Appended)
