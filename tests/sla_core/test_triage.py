"""From answers to a proposed severity, with the clause that decided it."""

from __future__ import annotations

from itertools import product

import pytest

from sla_core.triage import Kind, Option, Question, Rule, Triage
from tests.sla_core.builders import m3ter

TRIAGE = m3ter().triage


def answers(
    request: str = "incident", production: str = "unaffected", privacy: str = "no"
) -> dict[str, tuple[str, ...]]:
    return {"request": (request,), "production": (production,), "privacy": (privacy,)}


@pytest.mark.parametrize(
    ("given", "severity", "clause"),
    [
        (answers(production="down"), "S1", "M3-13"),
        (answers(request="feature", privacy="yes"), "S1", "M3-13"),
        (answers(production="reduced"), "S2", "M3-14"),
        (answers(production="minor"), "S3", "M3-15"),
        (answers(request="how_to"), "S3", "M3-15"),
        (answers(request="onboarding"), "S3", "M3-15"),
        (answers(request="account"), "none", "M3-18"),
        (answers(request="defect"), "none", "M3-18"),
        (answers(request="how_to", production="down"), "S1", "M3-13"),
    ],
)
def test_m3ter_s_classes(given: dict[str, tuple[str, ...]], severity: str, clause: str) -> None:
    """M3-13 … M3-15, M3-18: the worst class that fits decides, and says by which clause."""
    proposal = TRIAGE.propose(given)
    assert (proposal.severity, proposal.clause) == (severity, clause)
    assert proposal.says


def test_every_set_of_answers_leads_somewhere() -> None:
    """M3-24: every request is accepted."""
    found = {
        TRIAGE.propose(
            dict(zip((q.id for q in TRIAGE.questions), ((o,) for o in chosen), strict=True))
        ).severity
        for chosen in product(*([o.id for o in q.options] for q in TRIAGE.questions))
    }
    assert found == set(m3ter().severities)


@pytest.mark.parametrize("severity", ["S1", "S2", "S3", "none"])
def test_an_example_leads_where_it_says(severity: str) -> None:
    example = TRIAGE.example(severity)
    assert example is not None
    assert TRIAGE.faults(example) == {}
    assert TRIAGE.propose(example).severity == severity


def test_a_severity_that_no_answer_reaches_has_no_example() -> None:
    assert TRIAGE.example("S9") is None
    shadowed = Triage(TRIAGE.questions, (Rule("S3", "X-1", "always"), Rule("S2", "X-2", "never", {})))
    assert shadowed.example("S2") is None


def test_an_example_fills_in_texts_and_many_choices() -> None:
    triage = Triage(
        (
            Question("parts", "Which parts?", Kind.CHOICES, ("X-1",), (Option("a", "A"), Option("b", "B"))),
            Question("story", "What happened?", Kind.TEXT, ("X-1",)),
            Question("more", "Anything else?", Kind.TEXT, ("X-1",), required=False),
        ),
        (Rule("P1", "X-1", "part a", {"parts": frozenset({"a"})}), Rule("P2", "X-2", "else")),
    )
    assert triage.example("P1") == {"parts": ("a",), "story": ("Sample text",)}
    assert triage.propose({"parts": ("a", "b"), "story": ("x",)}).severity == "P1"
    assert triage.faults({"parts": ("a", "b"), "story": ("x",)}) == {}


def test_wrong_answers_are_reported_with_a_fix() -> None:
    assert TRIAGE.faults({}) == {q.id: "Please choose an answer." for q in TRIAGE.questions}
    assert TRIAGE.faults(answers(production="strange")) == {
        "production": '"strange" is not one of the answers; please choose again.'
    }
    assert TRIAGE.faults(answers() | {"privacy": ("yes", "no")}) == {
        "privacy": "Please choose one answer only."
    }
    text = Triage((Question("story", "What happened?", Kind.TEXT, ("X-1",)),), ())
    assert text.faults({"story": ("  ",)}) == {"story": "Please write a few words."}


def test_answers_read_as_their_labels() -> None:
    question = TRIAGE.questions[2]
    assert question.label_of("no") == "No"
    assert question.label_of("other") == "other"
