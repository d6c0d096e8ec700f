"""`frontline policy new`: from nothing to a policy that passes `check`."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bot.cli.policy.explain import explain
from bot.cli.policy.schemas import schema_of
from sla_core.catalog.load import load
from tests.cli.conftest import Outcome, Run
from tests.cli.policy.test_schemas import as_json
from tests.cli.setup.test_init import Typing
from tests.sla_core.builders import utc

HEAD = ["Example Support", "Support terms", "2026-01-01"]
PLANS = ["silver", "", "", "gb-eng", "gold", "Gold", "always", ""]
P1 = ["P1", "Urgent", "You cannot work.", "silver 4h, gold 1h", "gold 2h", "none", "y"]
P2 = ["P2", "Normal", 'A "usual" question.', "1 business day", "", "14 days", "", ""]
ROLES = ["", "second_line", ""]
TYPED = [*HEAD, *PLANS, *P1, *P2, *ROLES]
ANSWERS = """\
name = "Example Support"
document = "Support terms"
effective = 2026-01-01
steps = ["first_line", "second_line"]

[[plan]]
id = "silver"
name = "Silver"
hours = "mon-fri 09:00-17:00 Europe/London"
closed = "GB-ENG"

[[plan]]
id = "gold"
name = "Gold"
hours = "always"

[[severity]]
id = "P1"
name = "Urgent"
says = "You cannot work."
pages = true
first_response = { silver = "4h", gold = "1h" }
next_update = { gold = "2h" }

[[severity]]
id = "P2"
name = "Normal"
says = 'A "usual" question.'
first_response = "1 business day"
resolution = "14 days"
"""
New = Callable[..., Outcome]


@pytest.fixture
def new(run: Run, monkeypatch: pytest.MonkeyPatch) -> New:
    def outcome(typed: Sequence[str], folder: str = "mine") -> Outcome:
        stdin = Typing(typed)
        monkeypatch.setattr(sys, "stdin", stdin)
        said = run("policy", "new", folder)
        assert not stdin.left, f"nobody asked for {stdin.left}; it said: {said.out}{said.err}"
        return said

    return outcome


def test_a_policy_is_written_by_asking_and_passes_check(new: New, run: Run) -> None:
    """contract.md, Commands: each file begins with its schema, which lies beside it and accepts it."""
    said = new(TYPED)
    assert (said.code, said.err) == (0, ""), said
    assert "frontline check mine" in said.plain
    dated = Path("mine/2026-01-01")
    checked = run("check", "mine")
    assert (checked.code, checked.err) == (0, "")

    files = sorted(dated.glob("*.toml"))
    assert len(files) == 6
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"#:schema ./{file.stem}.schema.json\n# "), file
        assert (dated / f"{file.stem}.schema.json").is_file()
        Draft202012Validator(schema_of(file.name)).validate(as_json(tomllib.loads(text)))

    (policy,) = load(Path("mine"))
    assert (policy.vendor, policy.name, [*policy.plans]) == ("mine", "Example Support", ["silver", "gold"])
    assert [step.role for step in policy.steps] == ["first_line", "second_line"]
    due = {
        (plan, severity, clock["metric"]): clock["due_at"]
        for plan in policy.plans
        for severity in policy.severities
        for clock in explain(Path("mine"), plan, severity, utc("2026-04-02 15:00"))["clocks"]
    }
    # Thursday 16:00 in London, before Good Friday and Easter Monday.
    assert due["silver", "P1", "first_response"] == "2026-04-07T11:00:00Z"
    assert due["gold", "P1", "first_response"] == "2026-04-02T16:00:00Z"
    assert due["gold", "P1", "next_update"] == "2026-04-02T17:00:00Z"
    assert ("silver", "P1", "next_update") not in due
    assert due["silver", "P2", "first_response"] == "2026-04-07T15:00:00Z"


def test_a_file_of_answers_writes_the_same(new: New, run: Run, tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text(ANSWERS, encoding="utf-8")
    assert run("policy", "new", "given/mine", "--answers", "answers.toml").code == 0
    new(TYPED)
    written = [
        {file.name: file.read_text(encoding="utf-8") for file in (folder / "2026-01-01").iterdir()}
        for folder in (Path("given/mine"), Path("mine"))
    ]
    assert written[0] == written[1]
    again = run("policy", "new", "mine", "--answers", "answers.toml")
    assert (again.code, again.out) == (1, "")
    assert again.faults == ["mine: exists already; name a new folder, or add a dated version to this one"]


def test_a_bad_answer_gets_a_sentence_and_is_asked_again(new: New) -> None:
    bad = {
        "ab": "at least three characters",
        "tomorrow": '"tomorrow" is not a day; write one such as 2026-01-31',
        "Gold Plus": '"Gold Plus" is not a plan\'s id',
        "9 to 5": '"9 to 5" is not hours; write "mon-fri 09:00-17:00 Europe/Berlin", or always',
        "mon-fri 09:00-17:00 EST": '"EST" can be read in two ways',
        "Atlantis": '"Atlantis" is not a country whose holidays are known',
        "bronze 4h": '"bronze 4h" is not a length of time',
        "silver 4h, bronze 1h": 'There is no plan "bronze"; known are silver',
        "maybe": "Type y or n",
        "First Line": '"First Line" is not a role',
    }
    ab, day, plan, hours, zone, country, length, unknown, maybe, role = bad
    plans = [plan, "silver", "", hours, zone, "", country, "none", ""]
    p1 = ["P1", "Urgent", "You cannot work.", length, unknown, "4h", "", "", maybe, "y", "p1", ""]
    said = new([ab, *HEAD[:2], day, HEAD[2], *plans, *p1, role, "first_line", ""])
    assert said.code == 0, said
    for sentence in bad.values():
        assert sentence in said.plain, sentence
    assert '"p1" is there already' in said.plain


def test_all_that_is_wrong_with_a_file_of_answers_is_said_and_nothing_is_written(
    run: Run, tmp_path: Path
) -> None:
    wrong = ANSWERS.replace("GB-ENG", "Atlantis").replace('"14 days"', '"soon"').replace('"Silver"', '"S"')
    (tmp_path / "answers.toml").write_text(wrong, encoding="utf-8")
    said = run("policy", "new", "mine", "--answers", "answers.toml")
    assert said.code == 1
    assert [fault.split(": ")[1] for fault in said.faults] == [
        "plan.1.name",
        "plan.1.closed",
        "severity.2.resolution",
    ]
    (tmp_path / "answers.toml").write_text('name = "Ours"\n', encoding="utf-8")
    assert len(run("policy", "new", "mine", "--answers", "answers.toml").faults) == 4
    assert "there is no such file" in run("policy", "new", "mine", "--answers", "none.toml").err
    assert [path.name for path in tmp_path.iterdir()] == ["answers.toml"]


def test_the_end_of_the_input_stops_it_and_writes_nothing(new: New, tmp_path: Path) -> None:
    said = new(TYPED[:9])
    assert (said.code, said.faults) == (1, ["policy new: stopped; nothing was written"])
    assert not [*tmp_path.iterdir()]
