"""A database is of this version, is brought to it, or is refused in one line."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import SQLModel

from adapters.sql import migrate as migrations
from adapters.sql.engines.engine import DatabaseFault, sqlite_path
from adapters.sql.migrate import downgrade, ensure_ready, migrate, revision, upgrade
from adapters.sql.store import connect
from adapters.sql.tables import TicketRow

HEAD = "0010"


def schema(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return sorted(sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))


def differences(path: Path) -> object:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            return compare_metadata(context, SQLModel.metadata)
    finally:
        engine.dispose()


def test_the_migrations_make_the_tables(path: Path, url: str, tmp_path: Path) -> None:
    assert migrate(url) == HEAD
    assert differences(path) == []
    made = tmp_path / "made.db"
    engine = create_engine(f"sqlite:///{made}")
    SQLModel.metadata.create_all(engine)
    engine.dispose()

    def indexes(path: Path) -> list[str]:
        return [sql for sql in schema(path) if sql.startswith("CREATE INDEX")]

    assert indexes(path) == indexes(made) != []


def test_up_down_up(path: Path, url: str) -> None:
    assert revision(url) is None
    assert not path.exists()
    upgrade(path)
    first = schema(path)
    downgrade(path, "base")
    assert revision(url) is None
    assert not [sql for sql in schema(path) if "alembic" not in sql and "sqlite_sequence" not in sql]
    upgrade(path)
    assert revision(url) == HEAD
    assert schema(path) == first


def test_migrating_twice_changes_nothing(url: str) -> None:
    assert migrate(url) == migrate(url) == revision(url)


def test_two_processes_may_migrate_at_once(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(migrations.ensure_ready, [path] * 4)) == [None] * 4


def test_a_failed_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE inbox (x)")
    before = schema(path)
    with pytest.raises(sqlite3.OperationalError, match="inbox already exists"):
        upgrade(path)
    assert schema(path) == before


def test_the_tables_suit_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = ""
    for table in TicketRow.metadata.sorted_tables:
        made += str(CreateTable(table).compile(dialect=dialect))
        made += "".join(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes)
    assert "id BIGSERIAL NOT NULL" in made
    assert "seq INTEGER NOT NULL" in made
    assert "WHERE wake_at IS NOT NULL" in made


def version(path: Path, number: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE alembic_version SET version_num = ?", (number,))
        db.commit()


async def refusal(url: str) -> str:
    with pytest.raises(DatabaseFault) as fault:
        async with connect(url):
            pass
    assert "\n" not in str(fault.value)
    return str(fault.value)


async def test_a_newer_database_is_refused(path: Path, url: str) -> None:
    migrate(url)
    version(path, "9999")
    assert await refusal(url) == f"{path}: made by a newer Frontline; update"
    with pytest.raises(DatabaseFault, match="newer"):
        migrate(url)


async def test_an_older_database_is_refused(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(url)
    monkeypatch.setattr(migrations, "_known_revisions", lambda: ["9999", HEAD, "0001"])
    assert await refusal(url) == f"{path}: made by an older Frontline; run frontline migrate"


@pytest.fixture
def empty(path: Path) -> Path:
    path.touch()
    return path


async def test_an_empty_file_gets_its_tables(empty: Path, url: str) -> None:
    async with connect(url) as store:
        assert await store.next_wake() is None
    assert differences(empty) == []


def folder(path: Path) -> None:
    path.mkdir()


def prose(path: Path) -> None:
    path.write_text("Dear diary, " * 100, encoding="utf-8")


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE diary (entry)")


def orphan(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    ("spoil", "cure"),
    [
        (folder, "is a folder; add a file name to DATABASE_URL"),
        (prose, "is not a SQLite database; move it away, or change DATABASE_URL"),
        (foreign, "belongs to another program; change DATABASE_URL"),
        (orphan, "the folder {} does not exist; create it, or change DATABASE_URL"),
    ],
)
async def test_an_unusable_path_is_refused(
    path: Path, url: str, spoil: Callable[[Path], None], cure: str
) -> None:
    spoil(path)
    assert await refusal(url) == f"{path}: {cure.format(path.parent)}"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write")
async def test_a_path_without_write_access_is_refused() -> None:
    place = "/proc/frontline.db"
    cure = "cannot be written; give this user write access to the file and its folder"
    assert await refusal(f"sqlite:///{place}") == f"{place}: {cure}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///frontline.db", Path("frontline.db")),
        ("sqlite:///data/frontline.db", Path("data/frontline.db")),
        ("sqlite:////var/lib/frontline.db", Path("/var/lib/frontline.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
    ],
)
def test_database_addresses_are_parsed(url: str, expected: Path | None) -> None:
    assert sqlite_path(url) == expected


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("mysql://frontline:hunter2@db/frontline", "is not a supported database address"),
        ("frontline.db", "is not a supported database address"),
        ("", "is not a supported database address"),
        ("sqlite://frontline.db", "three slashes"),
        ("sqlite:///frontline.db?mode=ro", "three slashes and no options"),
    ],
)
def test_invalid_database_addresses_are_refused(url: str, cure: str) -> None:
    with pytest.raises(DatabaseFault, match=cure) as fault:
        sqlite_path(url)
    assert "sqlite:///frontline.db" in str(fault.value)
    assert "hunter2" not in str(fault.value)


def test_a_temporary_database_is_not_migrated() -> None:
    with pytest.raises(DatabaseFault, match="name a file"):
        migrate("sqlite://")
    assert revision("sqlite://") is None


@pytest.mark.parametrize("by", ["migrate", "serve"])
def test_a_new_file_is_readable_by_its_owner_only(path: Path, url: str, by: str) -> None:
    if by == "migrate":
        migrate(url)
    else:
        ensure_ready(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
