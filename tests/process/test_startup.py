"""A failed start prints one line on stderr with the problem and the fix, and exits with code 1."""

from __future__ import annotations

import asyncio
import re
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from demo.slack import FakeSlack
from demo.stage import free_port
from tests.harness import DESK_FILE
from tests.process.desk_process import SECRET, TOKEN, CommandResult, DeskProcess, frontline


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(signing_secret=SECRET, bot_token=TOKEN) as made:
        made.group("support", [], id="S0SUPPORT")
        yield made


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    path = tmp_path / "newer.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        db.execute("INSERT INTO alembic_version VALUES ('9999')")
        db.commit()
    return path


async def test_each_startup_error_is_one_line_with_a_fix(
    tmp_path: Path, slack: FakeSlack, newer: Path
) -> None:
    """Issue 2, bad input; all of them at once, because each is a process of its own."""
    (tmp_path / "frontline.toml").write_text(DESK_FILE, encoding="utf-8")
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "broken.toml").write_text('vendor = "m3ter\n', encoding="utf-8")
    no_database = tmp_path / "notes.db"
    no_database.write_text("Dear diary, this is no database at all. " * 50, encoding="utf-8")
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    good = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/desk.db",
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_SIGNING_SECRET": SECRET,
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    cases: dict[str, dict[str, str]] = {
        "there is no such file": {"FRONTLINE_CONFIG": str(empty / "frontline.toml")},
        "is not valid TOML": {"FRONTLINE_CONFIG": "broken.toml"},
        "SLACK_BOT_TOKEN: is not set": {"SLACK_BOT_TOKEN": ""},
        "SLACK_SIGNING_SECRET: is not set": {"SLACK_SIGNING_SECRET": ""},
        "Slack refuses SLACK_BOT_TOKEN (invalid_auth)": {"SLACK_BOT_TOKEN": "xoxb-of-somebody-else"},
        "Slack cannot be reached at http://127.0.0.1": {
            "SLACK_API_URL": f"http://127.0.0.1:{free_port()}/api/"
        },
        "is in use": {"PORT": str(taken.getsockname()[1])},
        "made by a newer Frontline; update": {"DATABASE_URL": f"sqlite:///{newer}"},
        "is not a SQLite database": {"DATABASE_URL": f"sqlite:///{no_database}"},
        "cannot be written": {"DATABASE_URL": "sqlite:////proc/frontline.db"},
        "is not a supported database address": {"DATABASE_URL": "mysql://user:hunter2@host/desk"},
        "FRONTLINE_CLOCK: needs a SLACK_API_URL on this machine": {
            "FRONTLINE_CLOCK": "2026-03-20T16:30:00+01:00*60",
            "SLACK_API_URL": "https://slack.com/api/",
        },
    }
    turn = asyncio.Semaphore(4)

    async def start(case: dict[str, str]) -> CommandResult:
        async with turn:
            return await frontline("serve", folder=tmp_path, **{**good, **case})

    ended = dict(zip(cases, await asyncio.gather(*map(start, cases.values())), strict=True))
    taken.close()
    wrong = {
        says: (end.code, end.out, end.err)
        for says, end in ended.items()
        if not (end.code == 1 and end.out == "" and len(end.faults) == 1 and says in end.err)
    }
    assert wrong == {}
    told = " ".join(end.err for end in ended.values())
    assert not any(secret in told for secret in (TOKEN, SECRET, "hunter2", "somebody-else", "Traceback"))


async def test_every_fault_of_the_file_and_of_the_environment_is_a_line(tmp_path: Path) -> None:
    wrong = DESK_FILE.replace('plan = "gold"', 'plan = "glod"').replace('tam = "dana"', 'tam = "diana"')
    (tmp_path / "frontline.toml").write_text(wrong, encoding="utf-8")
    file = await frontline("serve", folder=tmp_path)
    assert (file.code, len(file.faults)) == (1, 2)
    assert all(line.startswith("frontline.toml: accounts.acme.") for line in file.faults)
    (tmp_path / "frontline.toml").write_text(DESK_FILE, encoding="utf-8")
    none = await frontline("serve", folder=tmp_path)
    assert [line.split(": ")[1] for line in none.faults] == ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"]


async def test_migrate_reports_what_it_did(tmp_path: Path, newer: Path) -> None:
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/desk.db"}
    first = await frontline("migrate", folder=tmp_path, **url)
    assert (first.code, first.err) == (0, "")
    assert re.fullmatch(r"The database was created at revision \d{4}\.\n", first.out)
    second = await frontline("migrate", folder=tmp_path, **url)
    assert re.fullmatch(r"The database is already at revision \d{4}\.\n", second.out)
    refused = await frontline("migrate", folder=tmp_path, DATABASE_URL=f"sqlite:///{newer}")
    assert (refused.code, refused.out) == (1, "")
    (fault,) = refused.faults
    assert "made by a newer Frontline; update" in fault


async def test_warnings_do_not_prevent_the_start(tmp_path: Path, slack: FakeSlack) -> None:
    warned = DESK_FILE.replace('plan = "silver"', 'plan = "silver"\ntam = "dana"')
    (tmp_path / "frontline.toml").write_text(warned, encoding="utf-8")
    desk = await DeskProcess.start(
        tmp_path, SLACK_API_URL=slack.api_url, SLACK_BOT_TOKEN=TOKEN, SLACK_SIGNING_SECRET=SECRET
    )
    told = [line["event"] for line in desk.logged if line["level"] == "warning"]
    assert any("the plan silver has no TAM" in line for line in told)
    assert await desk.stop() == 0
    assert (tmp_path / "frontline.db").is_file()
