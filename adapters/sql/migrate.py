"""Migrates a database to this version, and refuses one of another version."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from adapters.sql.engines.engine import DatabaseFault, is_postgres, postgres_url, sqlite_path
from adapters.sql.engines.sqlite import BUSY_SECONDS

Location = Path | str
"""A SQLite file, or the URL of a PostgreSQL database."""


def migrate(url: str) -> str:
    """Creates or migrates the database at `url` and returns its revision. Raises DatabaseFault."""
    location = location_of(url)
    if location is None:
        raise DatabaseFault("DATABASE_URL: sqlite:// is a temporary database; name a file to migrate")
    _create_private(location)
    with as_database_fault(location):
        if _revision(location) not in (None, *_known_revisions()):
            raise _newer(location)
        upgrade(location)
    return _known_revisions()[0]


def revision(url: str) -> str | None:
    """The database's revision, or None if it has no tables yet. Raises DatabaseFault."""
    location = location_of(url)
    if location is None or (isinstance(location, Path) and not location.exists()):
        return None
    with as_database_fault(location):
        return _revision(location)


def location_of(url: str) -> Location | None:
    """The location that DATABASE_URL names, or None for a temporary database. Raises DatabaseFault."""
    return postgres_url(url) if is_postgres(url) else sqlite_path(url)


def ensure_ready(location: Location, create: bool = True) -> None:
    """Creates the tables of a new database if `create`. Raises DatabaseFault for another version."""
    if not create and isinstance(location, Path) and not location.exists():
        raise _missing(location)
    _create_private(location)
    with as_database_fault(location):
        found = _revision(location)
        if found is None and not create:
            raise _missing(location)
        if found is None:
            upgrade(location)
        elif found not in _known_revisions():
            raise _newer(location)
        elif found != _known_revisions()[0]:
            raise DatabaseFault(f"{_described(location)}: made by an older Frontline; run frontline migrate")


def upgrade(location: Location, to: str = "head") -> None:
    """Runs the migrations up to a revision, in one transaction."""
    _run(location, to, command.upgrade)


def downgrade(location: Location, to: str) -> None:
    """Undoes the migrations down to a revision, or to `base`. Data of newer tables and columns is lost."""
    _run(location, to, command.downgrade)


def _create_private(location: Location) -> None:
    """Creates a missing file that only its owner may read: it holds customers' words and tokens."""
    if isinstance(location, Path):
        # SQLite explains better what is wrong with a path.
        with suppress(OSError):
            os.close(os.open(location, os.O_CREAT | os.O_RDWR, 0o600))


@contextmanager
def as_database_fault(location: Location) -> Iterator[None]:
    """Turns the database's errors into DatabaseFault with advice."""
    if isinstance(location, str):
        with _postgres().as_database_fault(location):
            yield
        return
    try:
        yield
    except sqlite3.DatabaseError as fault:
        raise DatabaseFault(_advice(location, fault)) from fault


def _postgres() -> ModuleType:
    # Imported here because the driver takes a while to load, and most databases are SQLite files.
    from adapters.sql.engines import postgres

    return postgres


def _advice(path: Path, fault: sqlite3.DatabaseError) -> str:
    if not path.parent.is_dir():
        return f"{path}: the folder {path.parent} does not exist; create it, or change DATABASE_URL"
    if path.is_dir():
        return f"{path}: is a folder; add a file name to DATABASE_URL"
    if fault.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
        return f"{path}: is not a SQLite database; move it away, or change DATABASE_URL"
    if fault.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return f"{path}: cannot be written; give this user write access to the file and its folder"
    return f"{path}: {fault}"


def _missing(location: Location) -> DatabaseFault:
    return DatabaseFault(
        f"{_described(location)}: the database does not exist;"
        " check DATABASE_URL, or create it with frontline migrate"
    )


def _newer(location: Location) -> DatabaseFault:
    return DatabaseFault(f"{_described(location)}: made by a newer Frontline; update")


def _described(location: Location) -> str:
    return _postgres().described(location) if isinstance(location, str) else str(location)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _known_revisions() -> tuple[str, ...]:
    """The revisions of this version, newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _revision(location: Location) -> str | None:
    if isinstance(location, str):
        found: str | None = _postgres().revision(location)
        return found
    with closing(sqlite3.connect(location, timeout=BUSY_SECONDS)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if "alembic_version" in tables:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    if tables:
        raise DatabaseFault(f"{location}: belongs to another program; change DATABASE_URL")
    return None


def _run(location: Location, to: str, act: Callable[[Config, str], None]) -> None:
    with _postgres().migrating(location) if isinstance(location, str) else _migrating(location) as connection:
        config = _config()
        config.attributes["connection"] = connection
        act(config, to)


@contextmanager
def _migrating(path: Path) -> Iterator[Connection]:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # The driver starts no transaction for DDL. This one also makes a second process wait.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.exec_driver_sql("COMMIT")
    except DBAPIError as fault:
        raise (fault.orig if isinstance(fault.orig, sqlite3.DatabaseError) else fault) from None
    finally:
        engine.dispose()
