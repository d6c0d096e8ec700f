"""A start beside another process that creates the same file: it waits, but not for ever."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapters.sql.engines import sqlite as sqlite_engine
from adapters.sql.engines.sqlite import SqliteEngine


@pytest.fixture
def creator(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process that creates the file, and has the lock."""
    with closing(
        sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE note (n INTEGER UNIQUE)")
        yield other


class Watched(sqlite3.Connection):
    """A connection that says what it is about to do."""

    about_to: ClassVar[Callable[[str], None]]

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        type(self).about_to(sql)
        return super().execute(sql, values)


async def test_a_start_waits_for_another_process_that_creates_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, creator: sqlite3.Connection
) -> None:
    done = threading.Timer(0.05, creator.execute, ("COMMIT",))

    def about_to(sql: str) -> None:
        if sql == "BEGIN EXCLUSIVE":
            done.start()

    monkeypatch.setattr(Watched, "about_to", about_to, raising=False)
    monkeypatch.setattr("adapters.sql.engines.sqlite.sqlite3.connect", Watched)
    database = SqliteEngine(tmp_path / "new.db")
    done.join()
    assert await database.read(lambda db: db.exec_driver_sql("SELECT n FROM note").all()) == []
    await database.close()


async def test_a_start_does_not_wait_for_ever_for_one_process_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, creator: sqlite3.Connection
) -> None:
    rounds: list[str] = []

    def about_to(sql: str) -> None:
        if sql == "BEGIN EXCLUSIVE":
            creator.execute("COMMIT")
        elif rounds and rounds[-1] == "ROLLBACK":
            creator.execute("BEGIN IMMEDIATE")
        rounds.append(sql)

    monkeypatch.setattr(Watched, "about_to", about_to, raising=False)
    monkeypatch.setattr("adapters.sql.engines.sqlite.sqlite3.connect", Watched)
    monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 0.05)
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        SqliteEngine(tmp_path / "new.db")
    assert rounds.count("PRAGMA journal_mode=WAL") > 1
