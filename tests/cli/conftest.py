"""The command line as a person or a script uses it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.cli.commands import register
from sla_core.catalog.load import PACKS

HOUSE = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def faults(self) -> list[str]:
        return self.err.splitlines()

    @property
    def plain(self) -> str:
        """What was printed, without the line breaks of a narrow terminal."""
        return " ".join(self.out.split())


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`run("explain", "--vendor", …)` in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FRONTLINE_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    parser = argparse.ArgumentParser(prog="frontline")
    register(parser.add_subparsers(required=True))

    def outcome(*words: str) -> Outcome:
        try:
            args = parser.parse_args(words)
            code = args.run(args)
        except SystemExit as left:
            code = left.code
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return outcome


@pytest.fixture
def frontline(tmp_path: Path) -> Run:
    """The command itself, in a process of its own and in an empty folder."""

    def outcome(*words: str) -> Outcome:
        environment = {key: value for key, value in os.environ.items() if key != "FRONTLINE_CONFIG"}
        done = subprocess.run(
            [sys.executable, "-m", "bot", *words],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(HOUSE), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return outcome


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A copy of m3ter's pack, for an operator to change."""
    return Path(shutil.copytree(PACKS / "m3ter", tmp_path / "ours"))
