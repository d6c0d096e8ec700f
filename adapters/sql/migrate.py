"""Brings a database to this version, and refuses one that is of another."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from adapters.sql.fault import DatabaseFault
from adapters.sql.url import sqlite_path

BUSY_SECONDS = 10.0
"""How long a connection waits for another process to finish its transaction."""


def migrate(url: str) -> str:
    """Bring the database at `url` to this version, made if need be; the revision. Raises DatabaseFault."""
    path = sqlite_path(url)
    if path is None:
        raise DatabaseFault("DATABASE_URL: sqlite:// is gone when it is closed; name a file to migrate")
    with faults(path):
        if _revision(path) not in (None, *_known()):
            raise _newer(path)
        upgrade(path)
    return _known()[0]


def revision(url: str) -> str | None:
    """The database's revision; None when it has no tables yet. Raises DatabaseFault."""
    path = sqlite_path(url)
    if path is None or not path.exists():
        return None
    with faults(path):
        return _revision(path)


def ready(path: Path) -> None:
    """Make a new database's tables; refuse one of another version. Raises DatabaseFault."""
    with faults(path):
        found = _revision(path)
        if found is None:
            upgrade(path)
        elif found not in _known():
            raise _newer(path)
        elif found != _known()[0]:
            raise DatabaseFault(f"{path}: made by an older Frontline; run frontline migrate")


def upgrade(path: Path, to: str = "head") -> None:
    """Run the migrations up to a revision, in one transaction."""
    _run(path, to, command.upgrade)


def downgrade(path: Path, to: str) -> None:
    """Undo the migrations down to a revision, or to `base`; what only newer tables held is lost."""
    _run(path, to, command.downgrade)


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """What SQLite says about a file, in words that name the cure."""
    try:
        yield
    except sqlite3.DatabaseError as fault:
        raise DatabaseFault(_cure(path, fault)) from fault


def _cure(path: Path, fault: sqlite3.DatabaseError) -> str:
    if not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent}; make it, or change DATABASE_URL"
    if path.is_dir():
        return f"{path}: is a folder; add a file name to DATABASE_URL"
    if fault.sqlite_errorcode & 0xFF == sqlite3.SQLITE_NOTADB:
        return f"{path}: is no SQLite database; move it away, or change DATABASE_URL"
    if fault.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return f"{path}: cannot be written; let this user write the file and its folder"
    return f"{path}: {fault}"


def _newer(path: Path) -> DatabaseFault:
    return DatabaseFault(f"{path}: made by a newer Frontline; update")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _known() -> list[str]:
    """The revisions that this version knows, newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def _revision(path: Path) -> str | None:
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if "alembic_version" in tables:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    if tables:
        raise DatabaseFault(f"{path}: is another program's database; change DATABASE_URL")
    return None


def _run(path: Path, to: str, act: Callable[[Config, str], None]) -> None:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    config = _config()
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # The driver begins no transaction for DDL: this one also makes a second process wait its turn.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            act(config, to)
            connection.exec_driver_sql("COMMIT")
    except DBAPIError as fault:
        raise (fault.orig if isinstance(fault.orig, sqlite3.DatabaseError) else fault) from None
    finally:
        engine.dispose()
