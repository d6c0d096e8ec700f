"""What the release before left behind: its tables, and what it had said in Slack.

Written by that release itself, at revision 0005: five tickets, each at another point of its life, and SIGKILL
with a reply on its way. `channels` are the messages by the conversation's id, as Slack keeps them.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from adapters.sql.migrate import location_of, upgrade

REVISION = "0005"
_LEFT = json.loads((Path(__file__).parent / "golden" / "release-0005.json").read_text(encoding="utf-8"))
TABLES: dict[str, list[dict[str, Any]]] = _LEFT["tables"]
CHANNELS: dict[str, list[dict[str, Any]]] = _LEFT["channels"]


def restore(url: str) -> None:
    """The release's database, made at this address."""
    place = location_of(url)
    assert place is not None
    upgrade(place, REVISION)
    rows = [(table, row) for table, rows in TABLES.items() for row in rows]
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as db:
            for table, row in rows:
                db.execute(_insert(table, row, ":{}"), row)
            db.commit()
        return
    with psycopg.connect(place) as connection:
        for table, row in rows:
            connection.execute(_insert(table, row, "%({})s").encode(), row)
        connection.execute(
            b"SELECT setval(pg_get_serial_sequence('outbox', 'id'), (SELECT max(id) FROM outbox))"
        )


def _insert(table: str, row: dict[str, Any], value: str) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(value.format, row))})"
