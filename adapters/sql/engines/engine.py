"""What every database does for the store: which one DATABASE_URL names, how jobs run, which faults count."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, String, TableValuedAlias, bindparam, column, func, select
from sqlalchemy import Sequence as IdSequence
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlmodel import SQLModel

from adapters.sql.tables import OutboxRow
from bot.faults import OperatorFault
from bot.ports import StoreUnavailable

T = TypeVar("T")
A = TypeVar("A")
Job = Callable[[Connection], T]
BatchJob = Callable[[Connection, Sequence[A]], Sequence[T]]


class Engine(Protocol):
    """One database and its connections. Use it from one event loop.

    A job must be quick and do no other I/O. It may run again if its changes were not committed.
    """

    async def write(
        self, job: Job[T], committed: Callable[[T], None] | None = None, *, long: bool = False
    ) -> T:
        """Returns what `job` returns, once it is durable. Raises what it raises, and rolls it back.

        `committed` is called in the loop even if the caller was cancelled. On PostgreSQL a `long` job may
        take fifteen seconds, others five.
        """

    async def write_batched(
        self, job: BatchJob[A, T], item: A, committed: Callable[[T], None] | None = None
    ) -> T:
        """Like `write`, for one item of a job that takes several: waiting items share a transaction.

        If the job fails with several items, each is tried alone.
        """

    async def read(self, query: Job[T]) -> T:
        """Returns what `query` finds. It sees every write that has returned."""

    async def read_sync(self, query: Job[T]) -> T:
        """Like `read`, for a few rows found by an index: SQLite reads them in the loop, without a thread."""

    def public_words(self, fault: Exception) -> str:
        """What went wrong, for people who may not read hosts, users, paths or values."""

    async def close(self) -> None:
        """Finishes the jobs that were begun. May be called twice."""


Insert = postgresql.Insert | sqlite.Insert
_OUTBOX_IDS = IdSequence("outbox_id_seq")
_LAST_ID = select(func.max(OutboxRow.id))


class _JsonEach(GenericFunction[str]):
    """The elements of a JSON array of texts, one row each, in a column `value`."""

    name = "json_each"
    inherit_cache = True


@compiles(_JsonEach, "postgresql")
def _json_each(each: _JsonEach, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(each.clauses, **options)} AS JSON))"


def each_of(name: str) -> TableValuedAlias:
    """The texts of the parameter `name`, built by `array`, as rows with a column `value`.

    The statement is the same for any number of texts, so it is prepared only once.
    """
    return _JsonEach(bindparam(name, type_=String)).table_valued(column("value", String), name=name)


def array(texts: Iterable[str]) -> str:
    """The value of a parameter of `each_of`: the distinct texts, sorted."""
    return json.dumps(sorted({*texts}))


def insert_into(dialect: str, table: type[SQLModel]) -> Insert:
    """An INSERT with ON CONFLICT, which each dialect has in a class of its own."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def insert_new(dialect: str, table: type[SQLModel]) -> Insert:
    """An INSERT that changes nothing if the primary key or a unique column exists."""
    return insert_into(dialect, table).on_conflict_do_nothing()


@cache
def upsert(dialect: str, table: type[SQLModel], *changed: str) -> Insert:
    """An INSERT that sets the columns `changed` to the new values if the primary key exists."""
    insert = insert_into(dialect, table)
    key = [column.name for column in _primary_key(table)]
    return insert.on_conflict_do_update(
        index_elements=key, set_={name: insert.excluded[name] for name in changed}
    )


def lesser(dialect: str, one: Any, other: Any) -> Any:
    """The lesser of two values; the function's name differs between the dialects."""
    return func.least(one, other) if dialect == "postgresql" else func.min(one, other)


def outbox_ids(db: Connection, count: int) -> list[int]:
    """Ids for new messages, ascending and higher than all earlier ones."""
    if db.dialect.name == "postgresql":
        drawn = select(_OUTBOX_IDS.next_value()).select_from(func.generate_series(1, count))
        return sorted(db.execute(drawn).scalars())
    # No other connection writes while this transaction is open.
    last = db.execute(_LAST_ID).scalar_one() or 0
    return [*range(last + 1, last + 1 + count)]


def _primary_key(table: type[SQLModel]) -> Any:
    return SQLModel.metadata.tables[str(table.__tablename__)].primary_key


ACCEPTED_URLS = (
    "write sqlite:///frontline.db, sqlite:////var/lib/frontline.db for an absolute path,"
    " or postgresql://USER:PASSWORD@HOST/DATABASE"
)


def is_postgres(url: str) -> bool:
    """Whether the URL has one of the usual PostgreSQL schemes."""
    scheme, separator, _ = url.strip().partition("://")
    return bool(separator) and scheme in ("postgresql", "postgres", "postgresql+psycopg")


def postgres_url(url: str) -> str:
    """The URL with the scheme that PostgreSQL's own library reads."""
    return f"postgresql://{url.strip().partition('://')[2]}"


def sqlite_path(url: str) -> Path | None:
    """The file of `sqlite:///…`, or None for `sqlite://`, a temporary database.

    Raises DatabaseFault, which shows the accepted forms and never the URL, as it may hold a password.
    """
    scheme, separator, rest = url.strip().partition("://")
    if scheme != "sqlite" or not separator:
        raise DatabaseFault(f"DATABASE_URL: is not a supported database address; {ACCEPTED_URLS}")
    if rest in ("", "/", "/:memory:"):
        return None
    if not rest.startswith("/") or "?" in rest:
        raise DatabaseFault(
            f"DATABASE_URL: a file's address has three slashes and no options; {ACCEPTED_URLS}"
        )
    return Path(rest[1:])


class DatabaseFault(OperatorFault):
    """The database cannot be used as configured. One line says how to fix it."""


_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGE_IN_POSTGRES = ("XX001", "XX002")
"""data_corrupted and index_corrupted."""


class WatchedEngine:
    """Implements Engine by passing everything on."""

    def __init__(self, engine: Engine) -> None:
        self.inner = engine
        self.on_write_fault: Callable[[], None] | None = None
        """Called when the database, not the job, made a write fail."""
        self.damage: str | None = None
        """What was found damaged since the database was opened, in words for everybody; None if nothing."""

    async def write(
        self, job: Job[T], committed: Callable[[T], None] | None = None, *, long: bool = False
    ) -> T:
        """See Engine."""
        try:
            return await self.inner.write(job, committed, long=long)
        except Exception as fault:
            self._write_failed(fault)
            raise

    async def write_batched(
        self, job: BatchJob[A, T], item: A, committed: Callable[[T], None] | None = None
    ) -> T:
        """See Engine."""
        try:
            return await self.inner.write_batched(job, item, committed)
        except Exception as fault:
            self._write_failed(fault)
            raise

    async def read(self, query: Job[T]) -> T:
        """See Engine."""
        try:
            return await self.inner.read(query)
        except Exception as fault:
            self._look_for_damage(fault)
            raise

    async def read_sync(self, query: Job[T]) -> T:
        """See Engine."""
        try:
            return await self.inner.read_sync(query)
        except Exception as fault:
            self._look_for_damage(fault)
            raise

    def public_words(self, fault: Exception) -> str:
        """See Engine."""
        return self.inner.public_words(fault)

    async def close(self) -> None:
        """See Engine."""
        await self.inner.close()

    def _write_failed(self, fault: Exception) -> None:
        self._look_for_damage(fault)
        of_database = isinstance(fault, StoreUnavailable | DBAPIError | sqlite3.Error)
        if (of_database or hasattr(fault, "sqlstate")) and self.on_write_fault is not None:
            self.on_write_fault()

    def _look_for_damage(self, fault: Exception) -> None:
        code = getattr(fault, "sqlite_errorcode", None)
        in_sqlite = code is not None and code & 0xFF in _DAMAGE
        if in_sqlite or getattr(fault, "sqlstate", None) in _DAMAGE_IN_POSTGRES:
            what = self.public_words(fault)
            self.damage = f"it is damaged ({what}); stop Frontline, run frontline doctor and restore a backup"
