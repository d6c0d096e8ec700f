"""`frontline audit`: ok, or which event is wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Run


def execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "frontline.db")) as db:
        db.execute(statement)
        db.commit()


def test_it_says_ok_or_which_event_is_wrong(run: Run, desk: Path) -> None:
    """contract.md, `audit`; it needs no desk's file."""
    (desk / "frontline.toml").unlink()
    said = run("audit")
    assert (said.code, said.out, said.err) == (0, "ok\n", "")
    execute(
        desk, "UPDATE event SET body = replace(body, 'look', 'looked') WHERE ticket = 'ACME-3' AND seq = 3"
    )
    said = run("audit")
    assert (said.code, said.out) == (1, "")
    assert said.faults == [
        "ACME-3 event 3: does not fit its hash: it was changed, moved or added, or one before it was"
    ]


def test_events_of_an_older_version_are_said_and_get_their_hash(run: Run, desk: Path) -> None:
    execute(desk, "UPDATE event SET hash = NULL")
    said = run("audit")
    assert (said.code, said.out) == (0, "ok\n")
    assert "events have no hash" in said.err
    assert "events of an older version got their hash." in run("migrate", "--rebuild").out
    assert run("audit").err == ""


def test_it_creates_no_database(run: Run, tmp_path: Path) -> None:
    said = run("audit")
    assert (said.code, said.out) == (1, "")
    assert "the database does not exist" in said.err
    assert not (tmp_path / "frontline.db").exists()
