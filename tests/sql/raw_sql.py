"""Plain SQL on either database, for tests that damage one or look into it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import text

from adapters.sql.store import SqlStore


async def run(store: SqlStore, statement: str, **given: object) -> list[tuple[Any, ...]]:
    """The rows of a statement with `:named` values; it is committed."""

    return await store.engine.write(
        lambda db: (
            [tuple(row) for row in found]
            if (found := db.execute(text(statement), given)).returns_rows
            else []
        )
    )


def damage(file: Path, table: str) -> None:
    """Overwrites the first page of a table, as a failing disk would. No process may have the file open."""
    with closing(sqlite3.connect(file)) as db:
        ((root,),) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchall()
        ((page,),) = db.execute("PRAGMA page_size").fetchall()
    raw = bytearray(file.read_bytes())
    raw[(root - 1) * page + 8 : root * page] = b"\xff" * (page - 8)
    file.write_bytes(raw)
