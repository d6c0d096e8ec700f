"""The SQLite store in memory and without its threads, for virtual time."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.sql import ClauseElement

from adapters.sql.migrate import ready
from adapters.sql.sqlite import Database
from adapters.sql.store import SqliteStore
from adapters.sql.tables import instant
from tests.memory_store import MemoryStore

T = TypeVar("T")

_compiled = cache(lambda statement: str(statement.compile(dialect=dialect(paramstyle="named"))))
"""As each is one object for ever, it is compiled once for all databases."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """As much of SQLAlchemy's connection as the desk's questions need: the same SQL, a third of the price."""

    connection: sqlite3.Connection

    def execute(self, statement: ClauseElement, given: Mapping[str, object] | None = None) -> _Found:
        return _Found(self.connection.execute(_compiled(statement), given or {}))


@dataclass(frozen=True, slots=True)
class _Found:
    rows: sqlite3.Cursor

    def scalars(self) -> Iterator[Any]:
        return (row[0] for row in self.rows)

    def scalar(self) -> Any:
        row = self.rows.fetchone()
        return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as the store keeps it, as far as it can be looked at without reading what it says."""

    key: str
    lane: str
    priority: int
    turn: int
    state: str
    edits: str | None


class Inline(Database):
    """Every job a transaction of its own, at once."""

    def __init__(self, tables: bytes) -> None:
        # Whichever thread collects the garbage closes it.
        self.connection = sqlite3.connect(
            ":memory:", isolation_level=None, cached_statements=256, check_same_thread=False
        )
        self.connection.deserialize(tables)
        self.connection.execute("PRAGMA foreign_keys=ON")
        self.reading: Any = _Reading(self.connection)

    async def write(
        self, job: Callable[[sqlite3.Connection], T], committed: Callable[[T], None] | None = None
    ) -> T:
        self.connection.execute("BEGIN")
        try:
            value = job(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        if committed is not None:
            committed(value)
        return value

    async def read(self, query: Callable[[Connection], T]) -> T:
        return query(self.reading)

    def glance(self, statement: str, given: Mapping[str, object]) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, given).fetchall()

    async def close(self) -> None:
        self.connection.close()

    def __del__(self) -> None:
        self.connection.close()


class InlineSqlite(SqliteStore):
    """The store of a database of its own, new or a copy, with windows into it."""

    def __init__(self, tables: bytes | None = None) -> None:
        self._inline = Inline(tables or _tables())
        super().__init__(self._inline)

    def __deepcopy__(self, _: object) -> InlineSqlite:
        return InlineSqlite(self._inline.connection.serialize())

    def kept(self) -> list[Kept]:
        rows = self._inline.glance("SELECT key, lane, priority, turn, state, edits FROM outbox", {})
        return [Kept(*row) for row in rows]

    def clocks(self) -> dict[str, tuple[datetime | None, bool]]:
        """When each ticket is woken next, and whether it is closed."""
        rows = self._inline.glance("SELECT key, wake_at, closed FROM ticket ORDER BY key", {})
        return {key: (None if wake is None else instant(wake), bool(closed)) for key, wake, closed in rows}


class WatchedMemory(MemoryStore):
    """The memory store with the same windows."""

    def kept(self) -> list[Kept]:
        return [
            Kept(
                said.message.key,
                said.message.lane,
                said.message.priority,
                said.turn,
                said.state,
                said.message.edits,
            )
            for said in self.outbox.values()
        ]

    def clocks(self) -> dict[str, tuple[datetime | None, bool]]:
        return {key: (ticket.wake_at, ticket.closed) for key, ticket in sorted(self.by_key.items())}


@cache
def _tables() -> bytes:
    """An empty database of this version: the migrations run once, and not for every desk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        ready(path)
        with closing(sqlite3.connect(path)) as made:
            return made.serialize()
