"""What the store said it has survives SIGKILL, and nothing survives by half."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapters.sql.store import connect
from bot.ports import Duplicate
from sla_core.events import Answered, Opened
from tests.sql.samples import opening

REPOSITORY = Path(__file__).resolve().parents[2]


def killed_after(lines: int, url: str) -> list[list[str]]:
    """What a busy process had printed when it was killed."""
    command = [sys.executable, "-m", "tests.sql.busy_process", url, "8"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    return [line.split() for line in told if line.endswith("\n")]


@pytest.mark.parametrize("lines", [1, 30, 400])
async def test_acknowledged_changes_survive_a_crash_completely(lines: int, url: str, tmp_path: Path) -> None:
    told = killed_after(lines, url)
    assert len(told) >= lines
    async with connect(url) as store:
        kept = {ticket: await store.load(ticket) for ticket in await store.tickets("acme")}
        for what, ticket, act in told:
            first, *rest = kept[ticket]
            assert isinstance(first, Opened)
            assert first.summary == act
            assert what == "opened" or [type(event) for event in rest] == [Answered]
            assert await store.open(act, "acme", opening()) == Duplicate(ticket)
    with closing(sqlite3.connect(tmp_path / "frontline.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        halves = db.execute(
            "SELECT key, version, (SELECT count(*) FROM event WHERE ticket = key) AS events,"
            " (SELECT count(*) FROM outbox WHERE outbox.ticket = ticket.key) AS messages,"
            " (SELECT count(*) FROM inbox WHERE inbox.ticket = ticket.key) AS acts"
            " FROM ticket WHERE events <> version OR messages <> version OR acts <> version"
        ).fetchall()
        numbers = [number for (number,) in db.execute("SELECT number FROM ticket ORDER BY number")]
        (last,) = db.execute("SELECT last FROM account_number WHERE account = 'acme'").fetchone()
    assert halves == []
    assert numbers == list(range(1, last + 1))
