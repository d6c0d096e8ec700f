"""Every command, also one that is added later, where stdout has few letters, is closed or full.

What cannot be printed is one line on stderr and exit code 1, never a traceback. A command that only reads
creates no database.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.__main__ import command_line, main
from tests.cli.conftest import REPOSITORY
from tests.cli.test_command_line import DESK, FRIDAY, Stdout, ascii_only, closed, full

POLICY = ("--vendor", "m3ter", "--plan", "gold")
SAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("--headless", "--once"),
    "console": (),
    "check": (),
    "explain": (*POLICY, "--severity", "S2", "--at", FRIDAY),
    "questions": POLICY,
    "simulate": (*POLICY, "--tickets", str(REPOSITORY / "docs" / "examples" / "tickets.csv")),
    "oncall": (),
    "init": (),
    "serve": (),
    "doctor": (),
    "migrate": (),
    "teams-package": ("--website", "https://vendor.example"),
    "policy": ("schema",),
    "token": ("list",),
    "report": ("--from", "2026-01-01", "--to", "2026-02-01"),
    "export": ("--from", "2026-01-01", "--to", "2026-02-01"),
    "audit": (),
}
"""One that prints, for each command."""
_NO_DATABASE = "frontline.db: the database does not exist"
SILENT = {
    "serve": "environment: SLACK_SIGNING_SECRET: ",
    **dict.fromkeys(("report", "export", "audit"), _NO_DATABASE),
}
"""Those that print nothing, and how their one line on stderr begins here."""
CREATE_DATABASE = {"serve", "migrate"}
COMMANDS = sorted(command_line().commands)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A desk's, without a database; Slack cannot be reached, and nobody types."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frontline.toml").write_text(DESK, encoding="utf-8")
    for name in ("DATABASE_URL", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    given = {
        "FRONTLINE_CONFIG": "frontline.toml",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": "secret",
        "MICROSOFT_APP_ID": "11111111-1111-1111-1111-111111111111",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    logs = structlog.get_config()
    with Path(os.devnull).open(encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield tmp_path
    structlog.configure(**logs)  # Commands log to the stderr of their test, which is closed by now.


def prepared(command: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    if command == "init":
        monkeypatch.setenv("FRONTLINE_CONFIG", "new.toml")
    if command == "serve":
        monkeypatch.delenv("SLACK_SIGNING_SECRET")
    return (command, *SAMPLES[command])


def test_each_command_has_a_sample() -> None:
    assert sorted(SAMPLES) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("stdout", "why"), [(full, "No space left on device"), (closed, "Bad file descriptor")]
)
def test_what_cannot_be_printed_is_one_line(
    folder: Path,
    command: str,
    stdout: Stdout,
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = prepared(command, monkeypatch)
    stdout(monkeypatch)
    assert main(words) == 1
    sys.stdout.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(SILENT.get(command, f"stdout: cannot be written: {why}"))


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "demo"])
def test_ascii_is_enough_and_nothing_is_created(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's story is long; its test prints it all."""
    words = prepared(command, monkeypatch)
    ascii_only(monkeypatch)
    code = main(words)
    faults = capsys.readouterr().err.splitlines()
    assert code in (0, 1)
    assert len(faults) <= 1
    assert "Traceback" not in str(faults)
    assert (folder / "frontline.db").exists() is (command == "migrate")
    assert command in CREATE_DATABASE or not [*folder.glob("*.db*")]
