"""The SQLite store in memory and without its threads, for virtual time."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, NullPool, create_engine

from adapters.sql.migrate import ensure_ready
from adapters.sql.store import SqlStore
from adapters.sql.tables import instant
from tests.memory_store import MemoryStore

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the store keeps it, as far as it can be looked at without reading what it says."""

    key: str
    lane: str
    priority: int
    turn: int
    state: str
    edits: str | None


_connecting: list[sqlite3.Connection] = []
_ENGINE = create_engine(
    "sqlite://", creator=lambda: _connecting.pop(), poolclass=NullPool, isolation_level="AUTOCOMMIT"
)
"""One for all databases, so that each statement is compiled once and not once for every killed desk."""


class InlineEngine:
    """Implements adapters.sql.engines.engine.Engine: every job is a transaction of its own, at once."""

    def __init__(self, tables: bytes) -> None:
        # Whichever thread collects the garbage closes it.
        self.raw = sqlite3.connect(
            ":memory:", isolation_level=None, cached_statements=256, check_same_thread=False
        )
        self.raw.deserialize(tables)
        self.raw.execute("PRAGMA foreign_keys=ON")
        _connecting.append(self.raw)
        self.connection = _ENGINE.connect()
        self.connection.detach()

    async def write(
        self,
        job: Callable[[Connection], T],
        committed: Callable[[T], None] | None = None,
        *,
        long: bool = False,
    ) -> T:
        self.raw.execute("BEGIN")
        try:
            value = job(self.connection)
        except BaseException:
            self.raw.execute("ROLLBACK")
            raise
        self.raw.execute("COMMIT")
        if committed is not None:
            committed(value)
        return value

    async def write_batched(
        self,
        job: Callable[[Connection, Sequence[A]], Sequence[T]],
        item: A,
        committed: Callable[[T], None] | None = None,
    ) -> T:
        return await self.write(lambda db: job(db, [item])[0], committed)

    async def read(self, query: Callable[[Connection], T]) -> T:
        return query(self.connection)

    async def read_sync(self, query: Callable[[Connection], T]) -> T:
        return query(self.connection)

    def public_words(self, fault: Exception) -> str:
        return str(fault)

    async def close(self) -> None:
        self.raw.close()

    def __del__(self) -> None:
        self.raw.close()


class InlineSqlite(SqlStore):
    """The store of a database of its own, new or a copy, with windows into it."""

    def __init__(self, tables: bytes | None = None) -> None:
        self._inline = InlineEngine(tables or _tables())
        super().__init__(self._inline)

    def __deepcopy__(self, _: object) -> InlineSqlite:
        return InlineSqlite(self._inline.raw.serialize())

    def stored_messages(self) -> list[StoredMessage]:
        rows = self._inline.raw.execute("SELECT key, lane, priority, turn, state, edits FROM outbox")
        return [StoredMessage(*row) for row in rows]

    def wake_times(self) -> dict[str, tuple[datetime | None, bool]]:
        """When each ticket is woken next, and whether it is closed."""
        rows = self._inline.raw.execute("SELECT key, wake_at, closed FROM ticket ORDER BY key")
        return {key: (None if wake is None else instant(wake), bool(closed)) for key, wake, closed in rows}


class InspectableMemoryStore(MemoryStore):
    """The memory store with the same windows."""

    def stored_messages(self) -> list[StoredMessage]:
        return [
            StoredMessage(
                said.message.key,
                said.message.lane,
                said.message.priority,
                said.turn,
                said.state,
                said.message.edits,
            )
            for said in self.outbox.values()
        ]

    def wake_times(self) -> dict[str, tuple[datetime | None, bool]]:
        return {key: (ticket.wake_at, ticket.closed) for key, ticket in sorted(self.tickets_by_key.items())}


@cache
def _tables() -> bytes:
    """An empty database of this version: the migrations run once, and not for every desk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        ensure_ready(path)
        with closing(sqlite3.connect(path)) as made:
            return made.serialize()
