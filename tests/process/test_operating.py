"""Every command of docs/operating.md does what the page says: backup, restore, upgrade and a step back.

The commands are read from the page, so a new one fails here until a test runs it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from adapters.sql.migrate import revision
from adapters.sql.store import connect
from tests.harness import S2
from tests.postgres import installed_programs
from tests.process.desk_process import environment
from tests.process.live_site import LiveSite
from tests.sql.old_release import REVISION, restore
from tests.waiting import PATIENCE

HOUSE = Path(__file__).resolve().parents[2]
PAGE = (HOUSE / "docs" / "operating.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.+?)```", PAGE, re.DOTALL)
BACK_UP, RESTORE = (
    {"sqlite": BLOCKS[first], "postgres": BLOCKS[first + 1]} if len(BLOCKS) > first + 1 else {}
    for first in (0, 2)
)
MIGRATE, DOCTOR = "frontline migrate", "frontline doctor"
TESTED = {
    "frontline serve": "by each of these tests",
    MIGRATE: "here",
    f"{MIGRATE} --rebuild": "in test_upgrade",
    DOCTOR: "here",
    f"{DOCTOR} --page dana": "in test_pagers",
    "frontline check": "in tests/cli/policy",
    "frontline audit": "in tests/cli/reports",
    "frontline export": "in tests/cli/reports",
    "frontline report --from 2026-03-01 --to 2026-04-01": "in tests/cli/reports",
}


def test_each_command_of_the_page_is_run_by_a_test() -> None:
    spans = {" ".join(span.split()) for span in re.findall(r"`(frontline [^`]+)`", PAGE)}
    assert spans == set(TESTED)
    assert len(BLOCKS) == 4, "run a new block by a test, here"


class ServedSite(LiveSite):
    """A site on this database, and a shell in its folder."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder)
        self._database = database

    @property
    def database(self) -> str:
        return self._database

    async def runs(self, commands: str) -> str:
        """Lines of a shell; what they print."""
        own = self.folder / "programs"
        own.mkdir(exist_ok=True)
        command = own / "frontline"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bot "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        path = f"{own}:{installed_programs()}:{os.environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-ec",
            commands,
            cwd=self.folder,
            env=environment(**self.environment, PATH=path),
            stdout=PIPE,
            stderr=STDOUT,
        )
        async with asyncio.timeout(PATIENCE):
            out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The kind, and an address where nothing is yet."""
    if request.param == "sqlite":
        return "sqlite", f"sqlite:///{tmp_path}/frontline.db"
    return "postgres", str(request.getfixturevalue("empty_postgres_url"))


async def test_a_backup_is_made_while_the_desk_runs_and_restored(
    tmp_path: Path, database: tuple[str, str]
) -> None:
    kind, url = database
    async with ServedSite(tmp_path, url) as site:
        await site.opens()
        await site.opened(S2, "Before the backup")
        await site.runs(BACK_UP[kind])
        await site.opened(S2, "After the backup")
        assert await site.stopped() == 0
        assert len(await site.history()) == 2
        await site.runs(RESTORE[kind])
        assert "fault  database" not in await site.runs(f"{DOCTOR} || true")
        assert [*await site.history()] == ["ACME-1"]
        if kind == "sqlite":
            assert (tmp_path / "frontline.db").stat().st_mode & 0o077 == 0
        await site.opens()
        await site.opened(S2, "After the restore")
        assert await site.stopped() == 0


async def test_a_step_back_is_the_backup_from_before_the_upgrade(
    tmp_path: Path, database: tuple[str, str]
) -> None:
    kind, url = database
    restore(url)
    async with ServedSite(tmp_path, url) as site:
        await site.runs(BACK_UP[kind])
        assert "migrated from revision 0005" in await site.runs(MIGRATE)
        assert revision(url) != REVISION
        await site.runs(RESTORE[kind])
        assert revision(url) == REVISION
        assert "migrated from revision 0005" in await site.runs(MIGRATE)
        async with connect(url, secondary=True) as store:
            assert len(await store.tickets("acme")) == 5
