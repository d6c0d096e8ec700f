"""The wheel is the product alone: no demo in it, and its commands run without the source."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import REPOSITORY, Outcome

EXPLAIN = (
    "explain",
    "--vendor",
    "m3ter",
    "--plan",
    "gold",
    "--severity",
    "S2",
    "--at",
    "2026-03-20T15:30:00Z",
)

# Without `site`, the source that is installed for development is not on the path.
PROGRAM = """\
import sys
sys.path += sys.argv[1:3]
from bot.__main__ import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (made,) = folder.glob("frontline-*.whl")
    return zipfile.Path(made)


@pytest.fixture(scope="module")
def unpacked(wheel: zipfile.Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    wheel.root.extractall(folder)
    return folder


def frontline(unpacked: Path, *words: str, folder: Path, typed: str = "") -> Outcome:
    """A command of the wheel, with its dependencies and nothing of the source."""
    path = [str(unpacked), sysconfig.get_path("purelib")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, *path, *words],
        cwd=folder,
        input=typed,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_it_holds_the_three_floors_and_their_data(wheel: zipfile.Path) -> None:
    dist_info = f"frontline-{version('frontline')}.dist-info"
    assert {entry.name for entry in wheel.iterdir()} == {"adapters", "bot", "sla_core", dist_info}
    for data in (
        "sla_core/catalog/packs/m3ter/2025-02-10/policy.toml",
        "adapters/slack/manifest.yml",
        "adapters/teams/manifest/manifest.json",
        "adapters/teams/manifest/color.png",
        "adapters/teams/manifest/outline.png",
        "adapters/sql/migrations/versions/0001_begin.py",
        "bot/cli/policy/explain.py",
    ):
        assert (wheel / data).is_file(), data


def test_its_help_and_its_version(unpacked: Path, tmp_path: Path) -> None:
    said = frontline(unpacked, folder=tmp_path)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("Usage: frontline ")
    assert frontline(unpacked, "--version", folder=tmp_path).out == f"frontline {version('frontline')}\n"


def test_explain_and_questions(unpacked: Path, tmp_path: Path) -> None:
    said = frontline(unpacked, *EXPLAIN, "--json", folder=tmp_path)
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["clocks"][0]["due_at"] == "2026-03-20T19:30:00Z"
    said = frontline(unpacked, "questions", *EXPLAIN[1:5], "--json", folder=tmp_path)
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["questions"][0]["id"] == "request"


def test_a_ticket_in_the_console(unpacked: Path, tmp_path: Path) -> None:
    """On a sample desk, as there is no frontline.toml."""
    typed = ("/support Bills are slow", "", "", "1", "1", "2", "", "as bob", "press acknowledge", "quit")
    said = frontline(unpacked, "console", folder=tmp_path, typed="\n".join(typed))
    assert (said.code, said.err) == (0, "")
    assert "ACME-1" in said.out
    assert "seen by Bob" in " ".join(said.out.split())
    assert list(tmp_path.iterdir()) == []


def test_the_demo_is_not_in_it_and_says_where_it_is(unpacked: Path, tmp_path: Path) -> None:
    said = frontline(unpacked, "demo", folder=tmp_path)
    assert (said.code, said.out) == (1, "")
    assert said.faults == [
        "demo: is not in the installed package; run `make demo` in a source checkout of Frontline"
    ]
