"""Plain SQL on either database, for tests that damage one or look into it."""

from __future__ import annotations

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
