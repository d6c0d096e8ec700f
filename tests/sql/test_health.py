"""Whether the database keeps what is written is said without hosts, users or values."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from adapters.sql.engines import postgres as postgres_engine
from adapters.sql.engines import sqlite as sqlite_engine
from adapters.sql.store import connect
from tests.postgres import Postgres
from tests.sql.raw_sql import damage
from tests.sql.samples import opening


async def test_a_locked_file(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 0.01)
    async with connect(url) as store:
        assert await store.write_fault() is None
        with closing(sqlite3.connect(tmp_path / "frontline.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await store.write_fault() == "database is locked"
        assert await store.write_fault() is None
        assert store.engine.public_words(OSError("/home/bob")) == "OSError; the log says more"


async def test_postgres_that_is_read_only_locked_or_away(
    postgres: Postgres, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that keeps only others than readers away is found too: acts would wait for it."""
    monkeypatch.setattr(postgres_engine, "RETRY_FOR", 0.05)
    monkeypatch.setattr(postgres_engine, "SESSION", f"{postgres_engine.SESSION}; SET lock_timeout = '50ms'")
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]

    def told(statement: str) -> None:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            admin.execute(statement.encode())

    async with connect(postgres_url) as store:
        assert await store.write_fault() is None
        with psycopg.connect(postgres_url) as other:
            other.execute("LOCK TABLE outbox IN SHARE MODE")
            assert await store.write_fault() == "canceling statement due to lock timeout"
        told(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        assert await store.write_fault() == "cannot execute INSERT in a read-only transaction"
        told(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        assert await store.write_fault() is None
        told(f"ALTER DATABASE {name} RENAME TO elsewhere")
        assert await store.write_fault() == "the server cannot be reached"
        told(f"ALTER DATABASE elsewhere RENAME TO {name}")
        assert await store.write_fault() is None


async def test_a_write_that_fails_is_noticed_and_one_that_a_job_refuses_is_not(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_engine, "BUSY_SECONDS", 0.01)
    noticed: list[int] = []
    async with connect(url) as store:
        store.engine.on_write_fault = lambda: noticed.append(1)
        with pytest.raises(ZeroDivisionError):
            await store.engine.write(lambda _: 1 / 0)
        assert noticed == []
        with closing(sqlite3.connect(tmp_path / "frontline.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                await store.put("topic", "key", "value")
        assert noticed == [1]


async def test_damage_that_a_query_meets_is_a_fault_until_the_restart(url: str, tmp_path: Path) -> None:
    """Other pages can still be written, so a written value alone would prove nothing."""
    async with connect(url) as store:
        await store.open("e1", "acme", opening())
    damage(tmp_path / "frontline.db", "event")
    async with connect(url) as store:
        assert await store.write_fault() is None
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            await store.load("ACME-1")
        assert await store.write_fault() == (
            "it is damaged (database disk image is malformed);"
            " stop Frontline, run frontline doctor and restore a backup"
        )
