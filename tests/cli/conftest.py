"""The command line as a person or a script uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.__main__ import main
from sla_core.catalog.load import PACKS

REPOSITORY = Path(__file__).resolve().parent.parent.parent


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
    for name in ("FRONTLINE_CONFIG", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def outcome(*words: str) -> Outcome:
        code = main(words)
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return outcome


@pytest.fixture
def frontline(tmp_path: Path) -> Run:
    """The command itself, in a process of its own and in an empty folder.

    `variables` are added to its environment; `stdout` is an open file for what it prints.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("FRONTLINE_", "DATABASE_"))
    }

    def outcome(*words: str, stdout: int = subprocess.PIPE, **variables: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *words],
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
            timeout=300,
        )
        return Outcome(done.returncode, done.stdout or "", done.stderr)

    return outcome


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A copy of m3ter's pack, for an operator to change."""
    return Path(shutil.copytree(PACKS / "m3ter", tmp_path / "ours"))
