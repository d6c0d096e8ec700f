"""SQLite files with the tables of this version: migrated once in each test process, then copied."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from adapters.sql.migrate import migrate


def sqlite_url(path: Path) -> str:
    """The DATABASE_URL of a file, whether or not it exists."""
    return f"sqlite:///{path}"


def fresh_sqlite(path: Path) -> str:
    """Writes a file with the tables and nothing in them, readable by its owner only; its DATABASE_URL."""
    path.touch(0o600)
    path.write_bytes(_migrated())
    return sqlite_url(path)


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frontline.db")
        migrate(sqlite_url(path))
        return path.read_bytes()
