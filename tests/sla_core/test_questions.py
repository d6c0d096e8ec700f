"""Questions that matter only after some answers, and what is sure before all are answered."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from bot.cli.policy.questions import questions
from sla_core.catalog.load import load, vendors
from sla_core.triage import Answers, Kind, Option, Question, Rule, Triage
from tests.sla_core.builders import utc

YES_NO = (Option("yes", "Yes"), Option("no", "No"))


def choice(id_: str, required: bool = True, **when: str) -> Question:
    conditions = {name: frozenset({option}) for name, option in when.items()}
    return Question(id_, f"{id_}?", Kind.CHOICE, (), YES_NO, required, when=conditions)


DOWN, SINCE, SEEN = choice("down"), choice("since", down="yes"), choice("seen", since="yes")
RULES = (
    Rule("S1", "1", "down and seen", {"seen": frozenset({"yes"})}),
    Rule("S2", "2", "down", {"down": frozenset({"yes"})}),
    Rule("S3", "3", "anything"),
)
CHAIN = Triage((DOWN, SINCE, SEEN), RULES)


def given(**answers: str) -> dict[str, tuple[str, ...]]:
    return {name: (option,) for name, option in answers.items()}


def test_an_answer_counts_where_its_question_matters() -> None:
    assert CHAIN.relevant_answers(given(down="yes", since="no", seen="yes")) == {
        "down": ("yes",),
        "since": ("no",),
        "seen": (),
    }
    assert CHAIN.relevant_answers(given(down="no", since="yes", seen="yes"))["seen"] == (), (
        "nor after one that does not"
    )


def test_only_what_matters_has_to_be_answered() -> None:
    assert set(CHAIN.faults(CHAIN.relevant_answers(given(down="no")))) == set()
    assert set(CHAIN.faults(CHAIN.relevant_answers(given(down="yes")))) == {"since"}
    assert set(CHAIN.faults(CHAIN.relevant_answers(given(down="yes", since="yes")))) == {"seen"}


@pytest.mark.parametrize("severity", ["S1", "S2", "S3"])
def test_an_example_answers_what_matters_and_no_more(severity: str) -> None:
    example = CHAIN.example(severity)
    assert example is not None
    assert CHAIN.faults(example) == {}
    assert {name for name, answer in CHAIN.relevant_answers(example).items() if answer} == set(example)


def test_an_example_opens_the_way_to_an_optional_question() -> None:
    triage = Triage((choice("more", required=False), choice("seen", more="yes")), (RULES[0], RULES[2]))
    assert triage.example("S1") == given(more="yes", seen="yes")


@pytest.mark.parametrize(
    ("answers", "severity"),
    [
        ({}, None),
        ({"down": "no"}, "S3"),
        ({"down": "yes"}, None),
        ({"down": "yes", "since": "no"}, "S2"),
        ({"down": "yes", "since": "yes"}, None),
        ({"down": "yes", "since": "yes", "seen": "yes"}, "S1"),
    ],
)
def test_only_certain_outcomes_are_shown_early(answers: dict[str, str], severity: str | None) -> None:
    found = CHAIN.certain_proposal(CHAIN.relevant_answers(given(**answers)))
    assert (found.severity if found else None) == severity


def completed(triage: Triage, some: Answers) -> set[str]:
    """Every severity that the required questions left open can still lead to."""
    open_ = [q for q in triage.questions if q.required and q.options and not some.get(q.id)]
    return {
        triage.propose(
            triage.relevant_answers({**some, **{q.id: (o,) for q, o in zip(open_, chosen, strict=True)}})
        ).severity
        for chosen in product(*([option.id for option in q.options] for q in open_))
    }


@pytest.mark.parametrize("vendor", sorted(vendors()))
def test_an_outcome_that_an_answer_can_change_is_not_shown_early(vendor: str) -> None:
    """With any one or two questions answered: said only where all that can follow agrees."""
    triage = load(vendor)[-1].triage
    choices = [question for question in triage.questions if question.options and question.required]
    for asked in [*combinations(choices, 1), *combinations(choices, 2)]:
        for chosen in product(*([option.id for option in question.options] for question in asked)):
            some = triage.relevant_answers({q.id: (option,) for q, option in zip(asked, chosen, strict=True)})
            foreseen = triage.certain_proposal(some)
            if foreseen is not None:
                assert completed(triage, some) == {foreseen.severity}, some


@pytest.mark.parametrize("vendor", sorted(vendors()))
def test_with_all_answers_the_outcome_is_the_proposal(vendor: str) -> None:
    policy = load(vendor)[-1]
    for severity in policy.severities:
        example = policy.triage.example(severity)
        if example is not None:
            assert policy.triage.certain_proposal(example) == policy.triage.propose(example)


def test_scripts_read_when_a_question_matters() -> None:
    """MTA-16."""
    told = questions(load("monta"), "partner", utc("2026-03-20T12:00:00Z").date())
    conditions = {each["id"]: each["when"] for each in told["questions"] if "when" in each}
    assert conditions == {"checked": {"topic": ["all_chargers", "one_charger", "several_chargers"]}}
