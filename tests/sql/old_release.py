"""What the release before left behind: its tables, and what it had said in Slack.

Written by that release itself, at revision 0005: five tickets, each at another point of its life, and SIGKILL
with a reply on its way. `channels` are the messages by the conversation's id, as Slack keeps them.

Another desk of that release, on Teams, left three tickets: one that Bob has seen, one resolved, one new.
`cards` are its messages by their ids, as Teams shows them. Nothing was on its way.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import psycopg

from adapters.sql.migrate import location_of, upgrade

REVISION = "0005"
Tables = dict[str, list[dict[str, Any]]]
_GOLDEN = Path(__file__).parent / "golden"
_LEFT = json.loads((_GOLDEN / "release-0005.json").read_text(encoding="utf-8"))
TABLES: Tables = _LEFT["tables"]
CHANNELS: dict[str, list[dict[str, Any]]] = _LEFT["channels"]

_LEFT_ON_TEAMS = json.loads((_GOLDEN / "release-0005-teams.json").read_text(encoding="utf-8"))
TABLES_ON_TEAMS: Tables = _LEFT_ON_TEAMS["tables"]
CARDS_ON_TEAMS: dict[str, dict[str, Any]] = _LEFT_ON_TEAMS["cards"]
_MICROSOFT = "http://microsoft.example"
"""The service that its desk wrote down, which a test has elsewhere."""


def moved_to(service: str) -> Tables:
    """The tables on Teams, of a Microsoft at this address."""
    return cast(Tables, json.loads(json.dumps(TABLES_ON_TEAMS).replace(_MICROSOFT, service)))


def restore(url: str, tables: Tables = TABLES) -> None:
    """The release's database, made at this address."""
    place = location_of(url)
    assert place is not None
    upgrade(place, REVISION)
    rows = [(table, row) for table, rows in tables.items() for row in rows]
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
