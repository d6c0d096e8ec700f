"""An engine whose faults are noticed: each write that fails, and damage that any query meets."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from adapters.sql.engines.engine import A, BatchJob, Engine, Job, T
from bot.ports import StoreUnavailable

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
