"""What is asked all the time is found by an index, however much waits or has been said."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from adapters.sql import reads, shelf
from adapters.sql.glances import _compiled
from adapters.sql.migrate import migrate
from adapters.sql.postgres_pool import SESSION

EDITS_OF = (
    "SELECT min(priority), min(turn) FROM outbox WHERE edits = :edits AND state = 'waiting' AND id < :row"
)
"""As `writes` asks it."""
ASKED = {
    "next ready": (_compiled(reads.NEXT_READY), {"outbox_put_off", "outbox_waiting"}),
    "claim": (reads.CLAIM, {"outbox_waiting"}),
    "the edits of a message": (EDITS_OF, {"outbox_edited"}),
    "old envelopes": (shelf.FORGET_ACTS.format(unless_locked=""), {"inbox_at"}),
    "due": (_compiled(reads.DUE), {"ticket_wake"}),
    "ticket of": (_compiled(reads.TICKET_OF), {"outbox_posted"}),
}
OURS = re.compile(r"(?:outbox|inbox|ticket)_[a-z_]+")


def literal(statement: str) -> str:
    """With some value for each parameter."""
    texts = {"lane", "edits", "place", "id"}
    return re.sub(r"(?<!:):([a-z_]+)", lambda found: "'x'" if found[1] in texts else "7", statement)


@pytest.mark.parametrize("asked", ASKED)
def test_on_a_file(tmp_path: Path, asked: str) -> None:
    statement, indexes = ASKED[asked]
    migrate(f"sqlite:///{tmp_path}/frontline.db")
    with closing(sqlite3.connect(tmp_path / "frontline.db")) as db:
        steps = [str(step[3]) for step in db.execute(f"EXPLAIN QUERY PLAN {literal(statement)}")]
    assert set(OURS.findall(" ".join(steps))) - {"outbox_1"} == indexes
    assert not [step for step in steps if re.match(r"SCAN (outbox|inbox|ticket|event)\b", step)]


@pytest.mark.parametrize("asked", ASKED)
def test_on_a_server(postgres_url: str, asked: str) -> None:
    statement, indexes = ASKED[asked]
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute(SESSION.encode())
        steps = [step for (step,) in db.execute(f"EXPLAIN {literal(statement)}".encode())]
    assert indexes <= set(OURS.findall(" ".join(steps)))
    assert not [step for step in steps if re.search(r"Seq Scan on (outbox|inbox|ticket|event)\b", step)]
