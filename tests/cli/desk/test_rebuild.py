"""`frontline migrate --rebuild` and what `frontline doctor` says of the index."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.sql.store import connect
from tests.cli.conftest import Run
from tests.harness import ALICE, S1, S2, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a desk's file and its database, two tickets in it."""

    async def lives() -> None:
        async with connect(f"sqlite:///{tmp_path}/frontline.db") as store:
            desk = await open_desk(tmp_path, "2026-03-20T10:00:00Z", store=store)
            await desk.submits(ALICE, "Bills are slow", S2)
            await desk.submits(ALICE, "Down", S1)

    asyncio.run(lives())
    return tmp_path


def spoil(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "frontline.db")) as db:
        db.execute(statement)
        db.commit()


def test_it_says_how_many_rows_were_wrong(run: Run, desk: Path) -> None:
    spoil(desk, "UPDATE ticket SET wake_at = NULL WHERE key = 'ACME-2'")
    first, again = run("migrate", "--rebuild"), run("migrate", "--rebuild")
    assert (first.code, again.code) == (0, 0)
    assert first.out.splitlines()[-1] == "1 of 2 index rows were wrong and have been corrected."
    assert again.out.splitlines()[-1] == "None of 2 index rows was wrong."


def test_it_names_tickets_that_it_leaves(run: Run, desk: Path) -> None:
    spoil(desk, "UPDATE event SET kind = 'Teleported' WHERE ticket = 'ACME-1'")
    said = run("migrate", "--rebuild")
    assert said.code == 1
    assert said.out.splitlines()[-1] == "None of 2 index rows was wrong."
    (fault,) = said.faults
    assert fault.startswith("ACME-1: its index row is unchanged: unknown event")


def test_it_needs_the_desks_file(run: Run, desk: Path) -> None:
    (desk / "frontline.toml").unlink()
    said = run("migrate", "--rebuild")
    assert said.code == 1
    assert "there is no such file" in said.err
    assert "The database" not in said.out
    assert run("migrate").code == 0


def test_the_doctor_says_which_rows_are_wrong(frontline: Run, desk: Path) -> None:
    spoil(desk, "UPDATE ticket SET rank = 9 WHERE key = 'ACME-2'")
    secrets = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "secret"}
    said = frontline("doctor", SLACK_API_URL="http://127.0.0.1:9/api/", **secrets)
    assert said.code == 1
    line = (
        "fault  index: of all 2 rows these differ from their events: ACME-2; run frontline migrate --rebuild"
    )
    assert line in said.out
