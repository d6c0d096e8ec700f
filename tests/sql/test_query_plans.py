"""What is asked all the time is found by an index, however much waits or has been said."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine

from adapters.sql import lanes, outbox, retention, tickets, writes
from adapters.sql.engines.postgres import SESSION
from adapters.sql.migrate import migrate

ASKED: dict[str, tuple[Any, set[str]]] = {
    "next ready": (lanes.NEXT_READY, {"outbox_put_off", "outbox_waiting"}),
    "claim": (lanes.CLAIM, {"outbox_waiting"}),
    "lanes": (lanes.LANES, {"outbox_waiting"}),
    "the edits of a message": (writes.WAITING_EDITS, {"outbox_edited"}),
    "the next turn of a lane": (writes.NEXT_TURN, {"outbox_waiting"}),
    "the last turn of a share": (writes.LAST_TURN, {"outbox_shared"}),
    "old envelopes": (retention.DELETE_OLD_ENVELOPES, {"inbox_at"}),
    "expired values": (retention.DELETE_EXPIRED, {"note_expires"}),
    "due": (tickets.DUE, {"ticket_wake"}),
    "next wake": (tickets.NEXT_WAKE, {"ticket_wake"}),
    "claim due": (tickets.CLAIM_DUE, {"ticket_wake"}),
    "queue": (tickets.queue_statements(of_accounts=False, ended=False)[0], {"ticket_queue"}),
    "ticket of": (lanes.TICKET_OF, {"outbox_posted"}),
    "key of": (outbox.KEY_OF, {"outbox_posted"}),
    "newest version": (outbox.NEWEST_VERSION, {"outbox_posted"}),
    "hashes of last events": (writes.LAST_HASHES, set()),
}
TABLES = "outbox|inbox|note|ticket|event"
OURS = re.compile(r"\b(?:outbox|inbox|note|ticket)_[a-z_]+")
VALUES = {
    "lanes": "'[\"x\"]'",
    "of": "'x'",
    "owner": "'x'",
    "place": "'x'",
    "id": "'x'",
    "account": "'x'",
    "targets": "'x'",
    "but": "'x'",
    "events": "('x', 1)",
}


def literal(statement: Any, dialect: Any) -> str:
    """The statement as SQL, with some value in place of each parameter."""
    query = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": False})
    names = query.positiontup or []
    text = re.sub(r"\(__\[POSTCOMPILE_(\w+)\]\)", lambda found: f"({VALUES[found[1]]})", str(query))
    if dialect.name == "sqlite":
        given = iter([name for name in names if f"POSTCOMPILE_{name}]" not in str(query)])
        return re.sub(r"\?", lambda _: VALUES.get(next(given), "7"), text)
    return re.sub(r"%\((\w+)\)s(::\w+)?", lambda found: VALUES.get(found[1], "7"), text)


@pytest.mark.parametrize("asked", ASKED)
def test_sqlite_queries_use_indexes(tmp_path: Path, asked: str) -> None:
    statement, indexes = ASKED[asked]
    migrate(f"sqlite:///{tmp_path}/frontline.db")
    query = literal(statement, create_engine("sqlite://").dialect)
    with closing(sqlite3.connect(tmp_path / "frontline.db")) as db:
        steps = [str(step[3]) for step in db.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert indexes <= set(OURS.findall(" ".join(steps))), steps
    assert not [step for step in steps if re.match(rf"SCAN ({TABLES}|message)$", step)], steps


@pytest.mark.parametrize("asked", ASKED)
def test_postgres_queries_use_indexes(postgres_url: str, asked: str) -> None:
    statement, indexes = ASKED[asked]
    query = literal(statement, create_engine("postgresql+psycopg://").dialect)
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute(SESSION.encode())
        steps = [step for (step,) in db.execute(f"EXPLAIN {query}".encode())]
    assert indexes <= set(OURS.findall(" ".join(steps))), steps
    assert not [step for step in steps if re.search(rf"Seq Scan on ({TABLES})\b", step)]
