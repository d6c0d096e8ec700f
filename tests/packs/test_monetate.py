"""Monetate's pack: what carries each requirement, and its questions, answer by answer.

Its hours are in test_monetate_hours.py; what people live through with it, in test_monetate_desk.py.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import pytest

from bot.cli.policy.check import readings_of, warnings_of
from bot.cli.policy.questions import questions
from bot.cli.policy.trace import traces, unknown_clauses
from sla_core.catalog.load import load
from sla_core.policy import Mode, Policy
from sla_core.triage import Proposal
from tests.sla_core.builders import utc

CARRIERS = {
    "MON-11": "severity S1: agents may disable the services",
    "MON-31": "peak season",
    "MON-32": "code freeze, asked at Fix developed",
    "MON-34": "mitigation Internet routing",
}
PLANS = ("north-america", "europe")


@cache
def monetate() -> Policy:
    (policy,) = load("monetate")
    return policy


def proposed(impact: str, reason: str, category: str = "error") -> Proposal:
    answers = {"category": (category,), "impact": (impact,), "reason": (reason,)}
    assert monetate().triage.faults(answers) == {}
    return monetate().triage.propose(answers)


# What carries what --------------------------------------------------------------------------------


def test_every_requirement_is_carried_or_waits_with_a_reason() -> None:
    """MON-1 … MON-35. Of MON-14 a part is missing."""
    found = {traced.id: traced for traced in traces(monetate())}
    assert list(found) == [f"MON-{number}" for number in range(1, 36)]
    assert [traced.id for traced in found.values() if traced.unexplained] == []
    assert unknown_clauses(monetate()) == []
    partly = {id_ for id_, traced in found.items() if traced.not_yet and traced.carriers}
    assert partly == {"MON-14"}
    assert {id_: carrier for id_, carrier in CARRIERS.items() if carrier not in found[id_].by} == {}
    nothing = {id_ for id_, traced in found.items() if not traced.carriers}
    assert nothing == set()


def test_what_the_text_leaves_open_is_said() -> None:
    """A1 … A6, A24, and that the pages carry no date."""
    said = list(readings_of(monetate()))
    for mark in ("(A1)", "(A2)", "(A3)", "(A4)", "(A5)", "(A6)", "(A24)", "carry no date"):
        assert sum(mark in text for text in said) == 1, mark
    assert len(said) == len(monetate().readings)


def test_no_sentence_of_the_vendor_is_quoted() -> None:
    policy = monetate()
    sources = [
        *(fact.source for fact in policy.facts),
        *(severity.source for severity in policy.severities.values()),
        *(target.source for severity in policy.severities.values() for target in severity.targets),
        *(step.source for step in policy.steps),
        *(milestone.source for milestone in policy.milestones),
        *(mitigation.source for mitigation in policy.mitigations),
        *(freeze.source for freeze in policy.freezes),
        *(peak.source for peak in policy.peaks),
    ]
    assert all(source.quote is None and source.says and source.where for source in sources)


def test_the_season_around_thanksgiving() -> None:
    """MON-31, MON-32, A7: from the Monday of the week two weeks before to the Monday after Cyber Monday."""
    policy = monetate()
    first, end = utc("2026-11-09 05:00"), utc("2026-12-07 05:00")  # midnight in New York
    second = timedelta(seconds=1)
    for at, on in ((first - second, False), (first, True), (end - second, True), (end, False)):
        assert (policy.freeze_at(at) is not None) is on, at
        assert (policy.peak_at(at) is not None) is on, at
    (freeze,), (peak,) = policy.freezes, policy.peaks
    assert freeze.milestone == "Fix developed"
    assert freeze.urgent == {"S1"}
    assert "three times" in peak.says
    assert "six times" in peak.says
    thanksgiving = policy.calendars["europe-hours"].closures
    for days in (*freeze.season.days, *peak.season.days):
        assert isinstance(days.first, date)
        assert isinstance(days.end, date)
        closed = next(day for day, name in thanksgiving.in_year(days.first.year).items() if "Thanks" in name)
        assert (closed - days.first, days.end - closed) == (timedelta(17), timedelta(11))


def test_the_list_of_mitigations_is_in_the_order_of_the_text() -> None:
    """MON-34: routing, servers, the rest; only the last one may be repeated."""
    found = [(each.label, each.repeatable) for each in monetate().mitigations]
    assert found == [("Internet routing", False), ("Server allocation", False), ("Other actions", True)]
    assert all(each.says.startswith("We changed ") for each in monetate().mitigations)


def test_check_asks_for_dates_once_the_season_s_are_over() -> None:
    """MON-32: the dates are listed by year, so they come to an end."""
    said = [text for text in warnings_of(monetate(), date(2030, 12, 9)) if "seasons.toml" in text]
    asks = "the last season in seasons.toml ended on 2030-12-09; add the next one's dates"
    assert said == [f"monetate/2024-01-01: {asks}"] * 2


# Questions ----------------------------------------------------------------------------------------


def test_what_the_form_asks() -> None:
    """MON-1, MON-5, MON-9, MON-10, MON-11: categories, optional details, both screenings, the warning."""
    asked = {question.id: question for question in monetate().triage.questions}
    assert [option.id for option in asked["category"].options] == ["access", "error", "behaviour", "other"]
    assert [o.label for o in asked["area"].options][:6] == [
        *("Events", "Experiences", "Targets", "Actions", "Datasets", "Customer View")
    ]
    assert {id_ for id_, question in asked.items() if not question.required} == {"area", "where"}
    assert "sooner Support can begin" in (asked["where"].hint or "")
    assert "switch off all Monetate services" in (asked["impact"].hint or "")
    assert all(len(option.label) <= 75 for question in asked.values() for option in question.options)


@pytest.mark.parametrize("category", ["access", "error", "behaviour", "other"])
def test_material_impact_is_an_emergency_whatever_it_is_about(category: str) -> None:
    """MON-1, MON-9."""
    found = proposed("yes", "no", category)
    assert (found.severity, found.clause, found.overrides) == ("S1", "MON-9", False)
    ordinary = proposed("no", "no", category)
    assert (ordinary.severity, ordinary.clause) == ("standard", "MON-4")


@pytest.mark.parametrize("impact", ["yes", "no"])
def test_a_deadline_is_no_emergency_unless_it_blocks_the_business(impact: str) -> None:
    """MON-10: ordinary, with the reason and the way to set it aside; that way is on record."""
    ordinary = proposed(impact, "deadline")
    assert (ordinary.severity, ordinary.clause, ordinary.overrides) == ("standard", "MON-10", False)
    (told,) = monetate().triage.advised({"reason": ("deadline",)})
    assert "Nobody was paged" in told.says
    assert not told.refers
    urgent = proposed(impact, "blocking")
    assert (urgent.severity, urgent.clause, urgent.overrides) == ("S1", "MON-10", True)


@pytest.mark.parametrize("plan", PLANS)
def test_answers_are_known_for_both_severities(plan: str) -> None:
    """MON-4, MON-9: what `frontline questions` prints leads there, and by no detour."""
    found = questions([monetate()], plan, date(2026, 3, 10))["answers"]
    assert set(found) == {"S1", "standard"}
    for severity, answers in found.items():
        given = {id_: (answer,) for id_, answer in answers.items()}
        assert monetate().triage.propose(given).severity == severity
        assert not monetate().triage.propose(given).overrides
        assert monetate().triage.advised(given) == []


# Emergencies --------------------------------------------------------------------------------------


def test_who_is_called_in_an_emergency() -> None:
    """MON-7, MON-16, MON-18: Support's engineer on call first, leadership at the end, at any hour."""
    policy = monetate()
    assert [severity.id for severity in policy.severities.values() if severity.pages] == ["S1"]
    assert [(step.role, step.duties["S1"].mode) for step in policy.steps] == [
        ("on_call", Mode.RESOLVER),
        ("leadership", Mode.ESCALATED_TO),
    ]
    night = utc("2026-11-26 03:00")
    for plan in PLANS:
        assert [policy.opens_at(plan, step, "S1", night) for step in policy.steps] == [night, night]
        assert [policy.opens_at(plan, step, "standard", night) for step in policy.steps] == [None, None]


def test_the_milestones() -> None:
    """MON-17, MON-20 … MON-24: each has its clause; only Escalated may come again; on S1 only."""
    policy = monetate()
    assert [(m.label, m.source.clauses, m.repeatable) for m in policy.milestones] == [
        ("Investigating", ("MON-17",), False),
        ("Reproduced", ("MON-20",), False),
        ("Escalated", ("MON-21",), True),
        ("Root cause found", ("MON-22",), False),
        ("Fix developed", ("MON-23",), False),
        ("Fix deployed", ("MON-24",), False),
    ]
    assert [severity.id for severity in policy.severities.values() if severity.milestones] == ["S1"]
    assert policy.severities["S1"].targets[0].ends_with == "Fix deployed"


def test_an_emergency_is_worked_on_at_once() -> None:
    """MON-13."""
    severity = monetate().severities["S1"]
    assert severity.effort == "We investigate this at once, 24/7"
    assert "MON-13" in severity.source.clauses
