"""A PostgreSQL database is of this version, is brought to it, or is refused in one line, password unsaid."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from adapters.sql import migrate as migrations
from adapters.sql.engines.engine import DatabaseFault, is_postgres, postgres_url
from adapters.sql.migrate import downgrade, migrate, revision, upgrade
from adapters.sql.store import connect
from bot.ports import Priority
from tests.postgres import Postgres
from tests.process.desk_process import frontline
from tests.sql.outbox_steps import delivers, says
from tests.sql.samples import ACME, NOON, message, opening, ref

NEWEST = "0010"
WORK = "procrastinate"

TYPES = "SELECT typname FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname = 'public'"


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def made(url: str) -> list[list[tuple[object, ...]]]:
    """Tables with their columns, indexes, functions and types: all that a migration makes."""
    return [
        sorted(run(url, statement))
        for statement in (
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
            TYPES,
        )
    ]


def differences(url: str) -> list[object]:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "compare_server_default": True,
                    "include_name": lambda name, kind, parents: not (name or "").startswith(WORK),
                },
            )
            return [*compare_metadata(context, SQLModel.metadata)]
    finally:
        engine.dispose()


def test_the_migrations_make_the_tables(empty_postgres_url: str) -> None:
    url = empty_postgres_url
    assert revision(url) is None
    assert migrate(url) == revision(url) == NEWEST
    assert differences(url) == []


def test_up_down_up(empty_postgres_url: str) -> None:
    url = empty_postgres_url
    upgrade(url)
    first = made(url)
    downgrade(url, "base")
    assert revision(url) is None
    _, _, functions, types = made(url)
    assert functions == []
    assert types == [("_alembic_version",), ("alembic_version",)]
    upgrade(url)
    assert made(url) == first


@pytest.mark.parametrize("to", ["0001", "0002", "0003", "0004", "0005", "0006", "0007"])
async def test_data_survives_each_migration(empty_postgres_url: str, to: str) -> None:
    url = empty_postgres_url
    upgrade(url, "0001")
    run(url, "INSERT INTO ticket VALUES ('ACME-1', 'acme', 1, 1, NULL, 0)")
    run(url, "INSERT INTO event VALUES ('ACME-1', 1, 0, 'opened', '{}')")
    migrate(url)
    downgrade(url, to)
    assert revision(url) == to
    assert migrate(url) == NEWEST
    assert run(url, "SELECT key, account, number, version FROM ticket") == [("ACME-1", "acme", 1, 1)]
    async with connect(url) as store:
        assert await store.tickets("acme") == ["ACME-1"]


async def test_countdowns_use_the_lane_of_the_previous_version(empty_postgres_url: str) -> None:
    """It speaks for lanes of whole platforms only; this version for both."""
    url = empty_postgres_url
    async with connect(url) as store:
        countdown = message("countdown", priority=Priority.COUNTDOWN, edits="card")
        await says(store, message("card"), replace(countdown, rate_limit_key="slack:T0ACME:edits"))
        await delivers(store, ACME, ref("1"))
        assert await store.lanes(NOON, 9) == ["countdown:slack:T0ACME:edits"]
    downgrade(url, "0004")
    assert migrate(url) == NEWEST
    async with connect(url) as store:
        assert await store.lanes(NOON, 9) == ["countdown:slack"]
        assert await delivers(store, "countdown:slack", ref("1")) == "countdown"


def test_a_downgrade_drops_the_job_tables(postgres_url: str) -> None:
    run(
        postgres_url,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock) VALUES ('lanes', 'speak', 'x')",
    )
    downgrade(postgres_url, "0003")
    assert not [name for name in made(postgres_url)[2] if WORK in str(name)]
    assert migrate(postgres_url) == NEWEST


def test_replicas_may_migrate_at_once(empty_postgres_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(migrations.ensure_ready, [empty_postgres_url] * 4)) == [None] * 4
    assert revision(empty_postgres_url) == NEWEST


def test_a_failed_migration_changes_nothing(empty_postgres_url: str) -> None:
    run(empty_postgres_url, "CREATE TABLE inbox (x int)")
    before = made(empty_postgres_url)
    with pytest.raises(psycopg.Error, match='"inbox" already exists'):
        upgrade(empty_postgres_url)
    assert made(empty_postgres_url) == before


async def test_an_empty_database_gets_its_tables(empty_postgres_url: str) -> None:
    async with connect(empty_postgres_url) as store:
        await store.open("e1", "acme", opening())
    async with connect(empty_postgres_url) as store:
        assert await store.tickets("acme") == ["ACME-1"]


async def refusal(url: str) -> str:
    with pytest.raises(DatabaseFault) as fault:
        async with connect(url):
            pass
    assert "\n" not in str(fault.value)
    return str(fault.value)


async def test_another_version_is_refused(postgres_url: str) -> None:
    run(postgres_url, "UPDATE alembic_version SET version_num = '9999'")
    assert (await refusal(postgres_url)).endswith("made by a newer Frontline; update")
    with pytest.raises(DatabaseFault, match="newer"):
        migrate(postgres_url)
    run(postgres_url, "UPDATE alembic_version SET version_num = '0003'")
    assert (await refusal(postgres_url)).endswith("made by an older Frontline; run frontline migrate")


async def test_a_database_of_another_program_is_refused(empty_postgres_url: str) -> None:
    run(empty_postgres_url, "CREATE TABLE diary (entry text)")
    assert "belongs to another program; change DATABASE_URL" in await refusal(empty_postgres_url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://frontline:hunter2@127.0.0.1:1/desk", "desk at 127.0.0.1: cannot be reached"),
        ("postgresql://frontline:hunter2@/desk?host=/nowhere", "desk at /nowhere: cannot be reached"),
        ("postgresql://frontline:hunter2@db/desk?colour=red", "is not a PostgreSQL address"),
        ("postgresql://frontline:hunter2@[::1/desk", "is not a PostgreSQL address"),
    ],
)
async def test_an_unreachable_server_is_reported_without_the_password(url: str, says: str) -> None:
    told = await refusal(url)
    assert says in told
    assert "hunter2" not in told


async def test_a_wrong_password_is_reported(postgres: Postgres, empty_postgres_url: str) -> None:
    told = await refusal(empty_postgres_url.replace("postgres@", "nobody:hunter2@"))
    assert 'role "nobody" does not exist' in told
    assert "hunter2" not in told
    told = await refusal(postgres.url("nowhere"))
    assert 'database "nowhere" does not exist' in told


@pytest.mark.parametrize(
    ("url", "yes"),
    [
        ("postgresql://desk@db/frontline", True),
        ("postgres://desk@db/frontline", True),
        (" postgresql+psycopg://desk@db/frontline", True),
        ("postgresql+asyncpg://desk@db/frontline", False),
        ("postgresql", False),
        ("sqlite:///postgresql://", False),
    ],
)
def test_database_addresses_are_parsed(url: str, yes: bool) -> None:
    assert is_postgres(url) is yes
    if yes:
        assert postgres_url(url) == "postgresql://desk@db/frontline"


async def test_the_migrate_command_reports_what_it_did(tmp_path: Path, empty_postgres_url: str) -> None:
    first = await frontline("migrate", folder=tmp_path, DATABASE_URL=empty_postgres_url)
    assert (first.code, first.out) == (0, f"The database was created at revision {NEWEST}.\n")
    again = await frontline("migrate", folder=tmp_path, DATABASE_URL=empty_postgres_url)
    assert again.out == f"The database is already at revision {NEWEST}.\n"
    gone = await frontline(
        "migrate", folder=tmp_path, DATABASE_URL="postgresql://desk:hunter2@127.0.0.1:1/desk"
    )
    assert gone.code == 1
    assert len(gone.faults) == 1
    assert "hunter2" not in gone.err


def test_the_driver_is_not_loaded_for_a_file(tmp_path: Path) -> None:
    program = (
        "import sys, asyncio, bot.__main__\n"
        "from adapters.sql.migrate import migrate\n"
        f"migrate('sqlite:///{tmp_path}/frontline.db')\n"
        "print([name for name in ('psycopg', 'procrastinate') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
