"""Public policies of other vendors, in our own words: each promise against a figure worked out by hand.

HiveMQ has times by plan, Impossible Cloud a workaround, GitLab an opening from Sunday to Friday.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot.cli.policy.check import check_path, warnings_of
from bot.cli.policy.explain import explain
from sla_core.catalog.load import load
from sla_core.engine import promises
from sla_core.events import Answered, Kind, Opened, Taken, Who
from sla_core.policy import Metric
from sla_core.ticket import fold
from tests.sla_core.builders import local, opened

VENDORS = Path(__file__).resolve().parent / "other_vendors"
PACIFIC = "America/Los_Angeles"
BOB = Who("slack:T0VENDOR:U0BOB", "Bob")

FIGURES = [
    # HiveMQ. Wednesday 2 April 2025, 16:00 in Berlin; Good Friday is the 18th, Easter Monday the 21st.
    ("hivemq", "basic", "P1", "2025-04-02 16:00", {"first_response": "2025-04-03 16:00"}),
    ("hivemq", "basic", "P2", "2025-04-16 16:00", {"first_response": "2025-04-22 16:00"}),
    ("hivemq", "basic", "P3", "2025-04-02 16:00", {"first_response": "2025-04-07 16:00"}),
    ("hivemq", "basic", "P4", "2025-04-02 16:00", {"first_response": "2025-04-09 16:00"}),
    # An hour of Wednesday and three of Thursday; around the clock on weekdays it is the same evening.
    ("hivemq", "extended", "P2", "2025-04-02 16:00", {"first_response": "2025-04-03 12:00"}),
    ("hivemq", "extended", "P1", "2025-04-02 16:00", {"first_response": "2025-04-02 20:00"}),
    ("hivemq", "extended", "P1", "2025-04-04 22:00", {"first_response": "2025-04-07 02:00"}),
    ("hivemq", "extended", "P3", "2025-04-02 16:00", {"first_response": "2025-04-03 16:00"}),
    ("hivemq", "extended", "P4", "2025-04-02 16:00", {"first_response": "2025-04-04 16:00"}),
    ("hivemq", "extended-by-contract", "P1", "2025-04-04 22:00", {"first_response": "2025-04-07 02:00"}),
    # Impossible Cloud. 30 and 31 October: the second is a holiday in Hamburg.
    (
        "impossible-cloud",
        "standard",
        "urgent",
        "2025-10-30 10:00",
        {"assignment": "2025-10-30 10:45", "resolution": "2025-11-05 10:00"},
    ),
    (
        "impossible-cloud",
        "standard",
        "high",
        "2025-10-30 18:00",
        {"first_response": "2025-10-30 20:00", "resolution": "2025-11-07 17:00"},
    ),
    (
        "impossible-cloud",
        "standard",
        "normal",
        "2025-10-30 10:00",
        {"first_response": "2025-11-03 10:00", "workaround": "2025-11-14 10:00"},
    ),
    ("impossible-cloud", "standard", "low", "2025-10-30 10:00", {"first_response": "2025-11-05 10:00"}),
    # GitLab, Pacific time. Friday 16:00: an hour, then from Sunday 15:00 on.
    ("gitlab", "premium", "emergency", "2025-06-07 03:00", {"first_response": "2025-06-07 03:30"}),
    ("gitlab", "premium", "high", "2025-06-06 16:00", {"first_response": "2025-06-08 18:00"}),
    ("gitlab", "ultimate", "medium", "2025-06-07 12:00", {"first_response": "2025-06-08 23:00"}),
    ("gitlab", "ultimate", "low", "2025-06-03 10:00", {"first_response": "2025-06-04 10:00"}),
]


@pytest.mark.parametrize("vendor", ["hivemq", "impossible-cloud", "gitlab"])
def test_each_is_a_policy_without_faults(vendor: str) -> None:
    found = check_path(str(VENDORS / vendor), lambda _: [])
    assert found.faults == []
    unusual = [text for text in warnings_of(found.policies[0], date(2025, 3, 10)) if "no holiday" not in text]
    assert unusual == []


@pytest.mark.parametrize(("vendor", "plan", "severity", "at", "due"), FIGURES)
def test_each_promise_is_due_when_worked_out_by_hand(
    vendor: str, plan: str, severity: str, at: str, due: dict[str, str]
) -> None:
    zone = PACIFIC if vendor == "gitlab" else "Europe/Berlin"
    clocks = explain(VENDORS / vendor, plan, severity, local(at, zone))["clocks"]
    expected = {metric: f"{local(text, zone):%Y-%m-%dT%H:%M:%SZ}" for metric, text in due.items()}
    assert {clock["metric"]: clock["due_at"] for clock in clocks} == expected


def test_the_words_of_a_promise_name_the_time_of_the_plan() -> None:
    """`Why?` shows them to each customer."""
    (policy,) = load(VENDORS / "hivemq")
    said = {plan: policy.targets("P1", (), plan)[0].source.says for plan in policy.plans}
    assert said == {
        "basic": "First response within 1 business day.",
        "extended": "First response within 4 hours.",
        "extended-by-contract": "First response within 4 hours.",
    }


def ticket_of(severity: str, *acts: Taken | Answered) -> dict[Metric, object]:
    (policy,) = load(VENDORS / "impossible-cloud")
    first: Opened = opened(local("2025-10-30 10:00"), severity, "standard")
    found = promises(fold("ACME-1", (first, *acts)), policy)
    return {promise.metric: promise.met_at for promise in found}


def test_taking_a_ticket_meets_its_assignment() -> None:
    """An assignment is met when somebody has it; to acknowledge is only to have seen it."""
    at = local("2025-10-30 10:20")
    assert ticket_of("urgent", Taken(at, BOB))[Metric.ASSIGNMENT] == at
    assert ticket_of("urgent")[Metric.ASSIGNMENT] is None


def test_the_vendor_s_own_milestone_meets_the_workaround() -> None:
    at = local("2025-11-04 10:00")
    met = ticket_of("normal", Answered(at, BOB, Kind.MILESTONE, "Workaround given"))
    assert met == {Metric.FIRST_RESPONSE: at, Metric.WORKAROUND: at}
