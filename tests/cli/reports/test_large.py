"""A year of tickets fits into the memory of a month."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

import pytest

from adapters.sql.migrate import migrate
from adapters.sql.tables import EVENTS, micros
from tests.cli.conftest import REPOSITORY
from tests.desk_file import desk_file
from tests.sla_core.recount import history, stories

FEW, MANY = 1000, 20_000
MORE = 40
"""Megabytes that twenty times as many tickets may take beyond the few."""
GOLD = [("m3ter", "gold", severity) for severity in ("S1", "S2", "S3")]
PROGRAM = """\
import resource, sys
from bot.__main__ import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""


def fill(folder: Path, count: int) -> None:
    """A database of tickets of one account, the same few stories again and again."""
    folder.mkdir()
    (folder / "frontline.toml").write_text(desk_file(), encoding="utf-8")
    migrate(f"sqlite:///{folder}/frontline.db")
    told = [
        [(micros(event.at), EVENTS.kind(event), EVENTS.text(event)) for event in history(story)]
        for story in stories(7, 100, GOLD)
    ]
    with closing(sqlite3.connect(folder / "frontline.db")) as db:
        for number, events in enumerate(islice(cycle(told), count), start=1):
            key = f"ACME-{number}"
            db.execute(
                "INSERT INTO ticket (key, account, number, version, opened_at) VALUES (?, 'acme', ?, ?, ?)",
                (key, number, len(events), events[0][0]),
            )
            db.executemany(
                "INSERT INTO event (ticket, seq, at, kind, body) VALUES (?, ?, ?, ?, ?)",
                [(key, seq, *event) for seq, event in enumerate(events, start=1)],
            )
        db.commit()


def megabytes(folder: Path) -> int:
    words = ("report", "--from", "2026-01-01", "--to", "2027-01-01", "--format", "csv")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) > 20
    return int(done.stderr.splitlines()[-1])


@pytest.mark.soak
def test_many_tickets_need_little_more_memory_than_few(tmp_path: Path) -> None:
    fill(tmp_path / "few", FEW)
    fill(tmp_path / "many", MANY)
    assert megabytes(tmp_path / "many") - megabytes(tmp_path / "few") < MORE
