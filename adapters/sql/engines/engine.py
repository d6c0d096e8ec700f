"""What every database does for the store: how a job is run, committed, repeated and ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

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
