"""The SQLite store without its threads, for virtual time; and what it holds, as the memory store shows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine

from adapters.sql.codec import EVENTS, recipient_of, say_of
from adapters.sql.migrate import ready
from adapters.sql.sqlite import Database
from adapters.sql.store import SqliteStore
from adapters.sql.tables import instant
from bot.address import MessageRef, Place
from bot.ports import Message, Priority
from tests.memory_store import Said, Ticket

T = TypeVar("T")


class Inline(Database):
    """Every job a transaction of its own, at once."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA synchronous=OFF")
        self.engine = create_engine(
            "sqlite://", creator=lambda: self.connection, poolclass=StaticPool, isolation_level="AUTOCOMMIT"
        )
        self.reading = self.engine.connect()

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
        self.reading.close()
        self.engine.dispose()
        self.connection.close()


class InlineSqlite(SqliteStore):
    """A new file's store, with the memory store's windows into it."""

    def __init__(self, path: Path) -> None:
        ready(path)
        self._inline = Inline(path)
        super().__init__(self._inline)

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._inline.connection.execute(statement).fetchall()

    @property
    def inbox(self) -> dict[str, str]:
        return dict(self._rows("SELECT envelope, ticket FROM inbox"))

    @property
    def by_key(self) -> dict[str, Ticket]:
        found = {
            key: Ticket(account, number, [], None if wake is None else instant(wake), bool(closed))
            for key, account, number, wake, closed in self._rows(
                "SELECT key, account, number, wake_at, closed FROM ticket"
            )
        }
        for key, kind, body in self._rows("SELECT ticket, kind, body FROM event ORDER BY ticket, seq"):
            found[key].events.append(EVENTS.value(kind, body))
        return found

    @property
    def outbox(self) -> dict[str, Said]:
        return {
            row[2]: Said(row[0], row[1], _message(row[2:10]), row[10], ref=_ref(*row[11:]))
            for row in self._rows(
                "SELECT id, turn, key, ticket, recipient, body, priority, thread, edits, effect, state,"
                " ref_place, ref_direct, ref_id FROM outbox"
            )
        }


def _message(row: tuple[Any, ...]) -> Message:
    key, ticket, recipient, body, priority, thread, edits, effect = row
    to, say = recipient_of(recipient), say_of(body)
    return Message(key, ticket, to, say, Priority(priority), thread, edits, effect)


def _ref(place: str | None, direct: int | None, id_: str | None) -> MessageRef | None:
    if place is None or id_ is None:
        return None
    platform, _, channel = place.partition(":")
    return MessageRef(Place(platform, channel, bool(direct)), id_)
