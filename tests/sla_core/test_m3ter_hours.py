"""What `explain` says of m3ter, for every hour of 2026 and 2027, against a walk through every minute."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from bot.cli.policy.explain import as_json, explain, explanation
from sla_core.catalog.load import load
from sla_core.policy import Policy
from tests.sla_core import oracle
from tests.sla_core.builders import local, utc
from tests.sla_core.oracle_vendors import BERLIN, NEW_YORK, changes_of_clocks

PLANS = ("silver", "gold")
HOURS = oracle.every_hour(2026, 2027)

Due = tuple[datetime, oracle.Receipt]


@pytest.fixture(scope="module")
def minutes() -> oracle.Minutes:
    return oracle.walk()


@pytest.fixture(scope="module")
def policies() -> list[Policy]:
    return load("m3ter")


def expected(minutes: oracle.Minutes, plan: str, severity: str, at: datetime) -> list[Due]:
    match severity:
        case "S1":
            due = at + timedelta(hours=1)
            return [(due, [(at, due, 3600, "open")])]
        case "S2":
            due = minutes.after_open_hours(plan, at, 4)
        case "S3":
            due = minutes.after_one_business_day(plan, at)
        case _:
            return []
    return [(due, minutes.receipt(plan, at, due))]


def explained(policies: list[Policy], plan: str, severity: str, at: datetime) -> list[Due]:
    found = explanation(policies, plan, severity, at)
    return [
        (
            clock.due_at,
            [(s.span.start, s.span.end, int(s.counted.total_seconds()), s.why) for s in clock.stretches],
        )
        for clock in found.clocks
    ]


@pytest.mark.parametrize("one_in", [13, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("severity", ["S1", "S2", "S3", "none"])
@pytest.mark.parametrize("plan", PLANS)
def test_every_hour_of_two_years(
    minutes: oracle.Minutes, policies: list[Policy], plan: str, severity: str, one_in: int
) -> None:
    """M3-9 … M3-18, A3, A14: due instants, receipts, reasons and counted seconds.

    Each thirteenth hour meets every hour of the week; `make soak` takes all.
    """
    for at in HOURS[::one_in]:
        assert explained(policies, plan, severity, at) == expected(minutes, plan, severity, at), at


@pytest.mark.parametrize("severity", ["S1", "S2", "S3"])
@pytest.mark.parametrize("plan", PLANS)
def test_half_hours_and_odd_seconds(
    minutes: oracle.Minutes, policies: list[Policy], plan: str, severity: str
) -> None:
    """People do not write on the hour."""
    odd = random.Random(f"{plan}{severity}")
    samples = [at + timedelta(minutes=30) for at in HOURS[::17]]
    samples += [at + timedelta(seconds=odd.randrange(1, 3600)) for at in HOURS[3::17]]
    for at in samples:
        assert explained(policies, plan, severity, at) == expected(minutes, plan, severity, at), at


@pytest.mark.parametrize("one_in", [13, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("plan", PLANS)
def test_around_each_change_of_clocks(
    minutes: oracle.Minutes, policies: list[Policy], plan: str, one_in: int
) -> None:
    """A14: every quarter of an hour, and a second to either side, in the weeks when only one side changed.

    Each thirteenth quarter meets every hour and every quarter of one, besides each opening, closing and
    change of clocks; `make soak` takes all.
    """
    skewed = [("2026-03-06", 25), ("2026-10-23", 12), ("2027-03-12", 18), ("2027-10-29", 12)]
    changes = {at for zone in (BERLIN, NEW_YORK) for at in changes_of_clocks(zone, range(2026, 2028))}
    for first, days in skewed:
        for quarter in range(days * 96):
            at = utc(first) + timedelta(minutes=15 * quarter)
            minute = oracle.second_of(at) // 60
            is_edge = minutes.open[plan][minute] != minutes.open[plan][minute - 1] or at in changes
            if quarter % one_in and not is_edge:
                continue
            for instant in (at - timedelta(seconds=1), at, at + timedelta(seconds=1)):
                for severity in ("S2", "S3"):
                    found = explained(policies, plan, severity, instant)
                    assert found == expected(minutes, plan, severity, instant), instant


@pytest.mark.parametrize("plan", PLANS)
def test_receipts_add_up(policies: list[Policy], plan: str) -> None:
    """From submission to deadline without gap or overlap; the counted seconds are the target."""
    for at in HOURS[::13]:
        for severity, target in (("S1", 3600), ("S2", 4 * 3600), ("S3", None)):
            (clock,) = explain_json(policies, plan, severity, at)["clocks"]
            lines = clock["receipt"]
            assert lines[0]["from"] == stamp(at)
            assert lines[-1]["to"] == clock["due_at"]
            assert all(one["to"] == two["from"] for one, two in pairwise(lines))
            assert all(one["why"] != two["why"] for one, two in pairwise(lines))
            counted = sum(line["counted_seconds"] for line in lines)
            assert target is None or counted == target
            assert all(bool(line["counted_seconds"]) == (line["why"] == "open") for line in lines)


def explain_json(policies: list[Policy], plan: str, severity: str, at: datetime) -> dict[str, Any]:
    return as_json(explanation(policies, plan, severity, at))


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_walk_by_steps_agrees_with_the_walk_by_sums(minutes: oracle.Minutes) -> None:
    """The oracle's own short cut, held against counting one minute after another."""
    for plan in PLANS:
        for at in HOURS[::293]:
            second, left = oracle.second_of(at), 4 * 60
            minute = second // 60
            while left:
                left -= minutes.open[plan][minute]
                minute += 1
            assert minutes.after_open_hours(plan, at, 4) == oracle.instant(minute * 60)


def test_the_week_is_as_long_as_the_policy_says(minutes: oracle.Minutes) -> None:
    """A14: 13 hours, and 12 from 8 to 28 March 2026, when America has changed its clocks and Europe not."""
    lengths = {
        oracle.instant(opens * 60).date(): (closes - opens) / 60
        for opens, closes in minutes.business_days["gold"]
    }
    assert lengths[utc("2026-03-06").date()] == 13
    assert {lengths[utc(f"2026-03-{day:02}").date()] for day in (9, 13, 16, 20, 23, 27)} == {12}
    assert lengths[utc("2026-03-30").date()] == 13
    assert {lengths[utc(f"2026-10-{day}").date()] for day in range(26, 31)} == {12}
    assert lengths[utc("2026-11-02").date()] == 13


def test_the_contract_s_example() -> None:
    """contract.md, `frontline explain --json`, word for word and in its order."""
    found = explain("m3ter", "gold", "S2", utc("2026-03-20 15:30"))
    assert found == {
        "vendor": "m3ter",
        "plan": "gold",
        "severity": "S2",
        "submitted_at": "2026-03-20T15:30:00Z",
        "clocks": [
            {
                "metric": "first_response",
                "goal_at": None,
                "due_at": "2026-03-20T19:30:00Z",
                "clauses": ["M3-14"],
                "receipt": [
                    {
                        "from": "2026-03-20T15:30:00Z",
                        "to": "2026-03-20T19:30:00Z",
                        "counted_seconds": 14400,
                        "why": "open",
                    }
                ],
            }
        ],
    }
    assert list(found) == ["vendor", "plan", "severity", "submitted_at", "clocks"]
    assert list(found["clocks"][0]) == ["metric", "goal_at", "due_at", "clauses", "receipt"]
    assert list(found["clocks"][0]["receipt"][0]) == ["from", "to", "counted_seconds", "why"]


@pytest.mark.parametrize(
    ("plan", "submitted", "due"),
    [
        ("silver", "2026-03-20 16:00", "2026-03-23 16:00"),
        ("silver", "2026-03-21 12:00", "2026-03-23 18:00"),
        ("silver", "2026-03-23 09:00", "2026-03-23 18:00"),
        ("silver", "2026-03-23 10:00", "2026-03-23 18:00"),
        ("silver", "2026-03-23 10:00:01", "2026-03-24 10:00:01"),
        ("silver", "2026-03-23 17:59:59", "2026-03-24 17:59:59"),
        ("silver", "2026-03-23 18:00", "2026-03-24 18:00"),
        ("gold", "2026-03-20 21:59", "2026-03-23 21:59"),
        ("gold", "2026-03-20 22:00", "2026-03-23 22:00"),
        ("gold", "2026-03-06 22:30", "2026-03-09 22:00"),
        ("gold", "2026-03-27 21:30", "2026-03-30 21:30"),
    ],
)
def test_one_business_day(plan: str, submitted: str, due: str) -> None:
    """A3 in Berlin time: the same offset next day, and where that day is shorter, its close (M3-15)."""
    (clock,) = explain("m3ter", plan, "S3", local(submitted))["clocks"]
    assert clock["due_at"] == stamp(local(due))


def test_a_ticket_on_the_closing_second_waits_for_the_next_opening() -> None:
    """M3-10: openings are half-open; hours that run out exactly at a close are due at that close."""
    (at_close,) = explain("m3ter", "silver", "S2", local("2026-03-19 18:00"))["clocks"]
    assert at_close["due_at"] == stamp(local("2026-03-20 14:00"))
    (runs_out,) = explain("m3ter", "silver", "S2", local("2026-03-19 14:00"))["clocks"]
    assert runs_out["due_at"] == stamp(local("2026-03-19 18:00"))


def test_general_requests_have_no_clock() -> None:
    """M3-18, A16: a class without a clock is a class of its own."""
    assert explain("m3ter", "gold", "none", utc("2026-03-20 15:30"))["clocks"] == []


def test_no_resolution_is_ever_counted_down() -> None:
    """M3-16."""
    metrics = {
        clock["metric"]
        for severity in ("S1", "S2", "S3", "none")
        for clock in explain("m3ter", "gold", severity, utc("2026-03-20 15:30"))["clocks"]
    }
    assert metrics == {"first_response"}


def test_an_instant_before_the_first_version_is_answered_by_it() -> None:
    """M3-2: the policy is dated 10 February 2025."""
    (clock,) = explain("m3ter", "silver", "S1", utc("1973-01-01 00:00"))["clocks"]
    assert clock["due_at"] == "1973-01-01T01:00:00Z"
