"""What every database does for the store: how a job is run, committed, repeated and ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, String, TableValuedAlias, bindparam, column, func, select
from sqlalchemy import Sequence as IdSequence
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlmodel import SQLModel

from adapters.sql.tables import OutboxRow

T = TypeVar("T")
A = TypeVar("A")
Job = Callable[[Connection], T]
BatchJob = Callable[[Connection, Sequence[A]], Sequence[T]]


class Engine(Protocol):
    """One database with its connections: how it locks, commits and recovers. Used from one event loop.

    A job is quick, does no other I/O, and may be run again if what it did was not kept.
    """

    async def write(
        self, job: Job[T], committed: Callable[[T], None] | None = None, *, long: bool = False
    ) -> T:
        """What `job` returns, once it is durable; raises what it raised, and then nothing of it is kept.

        `committed` is called in the loop even if the caller has stopped waiting. A `long` job may take
        fifteen seconds on PostgreSQL, others five.
        """

    async def write_batched(
        self, job: BatchJob[A, T], item: A, committed: Callable[[T], None] | None = None
    ) -> T:
        """The same for one item of a job that can do several in one transaction: with others that wait.

        If it fails with several items, each is tried alone.
        """

    async def read(self, query: Job[T]) -> T:
        """What `query` finds; it sees every write that has returned."""

    async def read_sync(self, query: Job[T]) -> T:
        """The same for a few rows found by an index: SQLite answers in the loop, without a thread."""

    async def close(self) -> None:
        """Finishes what was begun. Raises nothing the second time."""


Insert = postgresql.Insert | sqlite.Insert
_OUTBOX_IDS = IdSequence("outbox_id_seq")
_LAST_ID = select(func.max(OutboxRow.id))


class _JsonEach(GenericFunction[str]):
    """The elements of a JSON array of texts, a row each, in a column `value`."""

    name = "json_each"
    inherit_cache = True


@compiles(_JsonEach, "postgresql")
def _json_each(each: _JsonEach, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(each.clauses, **options)} AS JSON))"


def each_of(name: str) -> TableValuedAlias:
    """The texts of the parameter `name`, made by `array`, as rows with a column `value`.

    The statement is the same for any number of texts, so that it is prepared once.
    """
    return _JsonEach(bindparam(name, type_=String)).table_valued(column("value", String), name=name)


def array(texts: Iterable[str]) -> str:
    """The value of a parameter of `each_of`. No text twice; in order."""
    return json.dumps(sorted({*texts}))


def insert_into(dialect: str, table: type[SQLModel]) -> Insert:
    """An INSERT that knows ON CONFLICT; both dialects spell it alike, in classes of their own."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def insert_new(dialect: str, table: type[SQLModel]) -> Insert:
    """An INSERT that leaves a row as it is if its primary key or a unique column is taken."""
    return insert_into(dialect, table).on_conflict_do_nothing()


@cache
def upsert(dialect: str, table: type[SQLModel], *changed: str) -> Insert:
    """An INSERT that sets the columns `changed` to the new values if the primary key is taken."""
    insert = insert_into(dialect, table)
    key = [column.name for column in _primary_key(table)]
    return insert.on_conflict_do_update(
        index_elements=key, set_={name: insert.excluded[name] for name in changed}
    )


def outbox_ids(db: Connection, count: int) -> list[int]:
    """Ids for new messages, ascending, and above all that were given out before."""
    if db.dialect.name == "postgresql":
        drawn = select(_OUTBOX_IDS.next_value()).select_from(func.generate_series(1, count))
        return sorted(db.execute(drawn).scalars())
    # No other connection writes while this transaction is open.
    last = db.execute(_LAST_ID).scalar_one() or 0
    return [*range(last + 1, last + 1 + count)]


def _primary_key(table: type[SQLModel]) -> Any:
    return SQLModel.metadata.tables[str(table.__tablename__)].primary_key
