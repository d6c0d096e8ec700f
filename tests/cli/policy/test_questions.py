"""`frontline questions`: what the form asks, and one way to each severity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.sla_core.builders import m3ter

GOLD = ("questions", "--vendor", "m3ter", "--plan", "gold")


def test_json_lists_every_question(run: Run) -> None:
    """contract.md: id, label, kind, required, options; for each severity one set of answers."""
    said = run(*GOLD, "--json")
    assert (said.code, said.err) == (0, "")
    form = json.loads(said.out)
    assert list(form) == ["vendor", "plan", "questions", "answers"]
    assert (form["vendor"], form["plan"]) == ("m3ter", "gold")
    assert [list(question) for question in form["questions"]] == [
        ["id", "label", "kind", "required", "options"]
    ] * 3
    assert form["questions"][2] == {
        "id": "privacy",
        "label": "Might confidentiality or privacy be breached?",
        "kind": "choice",
        "required": True,
        "options": [{"id": "yes", "label": "Yes, or we cannot rule it out"}, {"id": "no", "label": "No"}],
    }
    assert list(form["answers"]) == ["S1", "S2", "S3", "none"]


def test_the_answers_lead_where_they_say(run: Run) -> None:
    """M3-13 … M3-18."""
    triage = m3ter().triage
    for severity, answers in json.loads(run(*GOLD, "--json").out)["answers"].items():
        given = {question: (answer,) for question, answer in answers.items()}
        assert triage.faults(given) == {}
        assert triage.propose(given).severity == severity


def test_lists_where_several_may_be_chosen(run: Run, ours: Path) -> None:
    file = ours / "2025-02-10" / "triage.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace('kind = "choice"', 'kind = "choices"', 1)
    text += '\n[[question]]\nid = "story"\nlabel = "What happened?"\nkind = "text"\nclause = "M3-24"\n'
    file.write_text(text, encoding="utf-8")
    form = json.loads(run("questions", "--vendor", str(ours), "--plan", "gold", "--json").out)
    for answers in form["answers"].values():
        assert list(answers) == ["request", "production", "privacy", "story"]
        assert isinstance(answers["request"], list)
        assert isinstance(answers["production"], str)
        assert answers["story"] == "Sample text"
    assert (form["questions"][3]["kind"], form["questions"][3]["options"]) == ("text", [])


def test_the_text_lists_every_question(run: Run) -> None:
    said = run(*GOLD)
    assert said.code == 0
    for text in (
        "How is your production use of m3ter affected?",
        "production, choice; M3-13, M3-14, M3-15",
        "down: Severely: we cannot use it; for example, services or console are down",
        "One way to each severity",
        "Production works only in part, or a core function is impaired.",
    ):
        assert text in said.plain, text


def test_a_plan_without_chat_says_so(run: Run) -> None:
    """M3-4, A13."""
    said = run("questions", "--vendor", "m3ter", "--plan", "standard")
    assert "This plan has no chat" in said.plain
    assert "https://support.m3ter.com/" in said.plain


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--vendor", "m4ter", "--plan", "gold"), "the catalog has commerceup, m3ter, monetate, monta"),
        (("--vendor", "m3ter", "--plan", "bronze"), "it has silver (also standard), gold (also pro)"),
    ],
)
def test_wrong_arguments_are_reported(run: Run, words: tuple[str, ...], fault: str) -> None:
    said = run("questions", *words)
    assert (said.code, said.out, len(said.faults)) == (1, "", 1)
    assert fault in said.err
