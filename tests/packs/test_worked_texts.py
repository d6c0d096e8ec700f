"""Six texts in docs/policies.md: what each adds loads, and `explain` answers what is printed there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.cli.policy.check import check_path
from sla_core.catalog.load import load
from sla_core.engine import promises
from sla_core.events import Answered, DueDateSet, Event, Kind, Who
from sla_core.policy import Metric
from sla_core.ticket import fold
from tests.sla_core.builders import HOUR, opened, utc

DOCUMENT = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
REFERENCE, _, REST = DOCUMENT.partition("\n## Six texts")
SECTIONS = re.split(r"^### (.+)\n", REST.partition("\n## ")[0], flags=re.MULTILINE)[1:]
TEXTS = dict(zip(SECTIONS[::2], SECTIONS[1::2], strict=True))
VENDOR = Path("policies", "example")
FILE = re.compile(r"^# (\w+\.toml)\n", re.MULTILINE)


def add(block: str) -> None:
    """A sample to the policy in the working folder: each part to the file that the line above it names."""
    folder = VENDOR / "2026-01-01"
    folder.mkdir(parents=True, exist_ok=True)
    before, *parts = FILE.split(block)
    assert not before
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}")


def samples(text: str, language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for marked, block in fences if marked == language]


def write(title: str) -> None:
    """The five files of the document's first screen, and what the text adds to them."""
    for block in samples(REFERENCE, "toml"):
        if FILE.match(block):
            add(block)
    (added,) = samples(TEXTS[title], "toml")
    add(added)


def commands(title: str) -> list[tuple[str, list[str]]]:
    """Each command of the text, and the lines that it answers."""
    (printed,) = samples(TEXTS[title], "")
    return [
        (command, lines.splitlines()) for command, lines in re.findall(r"\$ (.+)\n((?:[^$].*\n)+)", printed)
    ]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_there_are_six() -> None:
    assert len(TEXTS) == 6
    assert sum(len(commands(title)) for title in TEXTS) == 10


@pytest.mark.parametrize("title", TEXTS)
def test_explain_answers_what_the_document_prints(title: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The instants were worked out by hand from the vendor's sentence and a wall calendar."""
    write(title)
    assert check_path(str(VENDOR), lambda _: []).faults == []
    for command, lines in commands(title):
        program, *arguments = shlex.split(command)
        assert program == "frontline"
        assert main(arguments) == 0
        clocks = re.findall(
            r"^([A-Z][a-z ]+): .*?^due +(.+?) *$", capsys.readouterr().out, re.DOTALL | re.MULTILINE
        )
        assert clocks == [tuple(re.split(r" +due ", line)) for line in lines], command


def test_a_due_date_ends_the_updates_and_a_milestone_meets_the_diagnosis() -> None:
    write("Updates until there is a due date")
    (policy,) = load(VENDOR)
    start, bob = utc("2026-06-01 14:30"), Who("slack:T0VENDOR:U0BOB", "Bob")
    at = start + HOUR

    def after(metric: Metric, *acts: Event) -> tuple[bool, bool]:
        ticket = fold("ACME-1", (opened(start, "P3", "standard"), *acts))
        (promise,) = (each for each in promises(ticket, policy) if each.metric is metric)
        return promise.ended_at is not None, promise.met_at is not None

    dated = DueDateSet(at, bob, at + 48 * HOUR)
    reproduced, found = (Answered(at, bob, Kind.MILESTONE, label) for label in ("Reproduced", "Cause found"))
    assert after(Metric.NEXT_UPDATE, reproduced) == (False, False)
    assert after(Metric.NEXT_UPDATE, dated) == (True, False)
    assert after(Metric.DIAGNOSIS, reproduced) == (False, False)
    assert after(Metric.DIAGNOSIS, found)[1]
