"""What `explain` says of every vendor, plan and severity from 2024 to 2028, against a walk through minutes.

A hundred thousand instants at random and every edge, of which `make test` takes a share: due, goal and
stricter instants, and each receipt line by line. The walk takes its hours, days off and times from
`oracle_vendors`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from bot.__main__ import main
from bot.cli.policy.explain import as_json, explain, explanation
from sla_core.catalog.load import load, vendors
from sla_core.policy import Policy
from tests.sla_core import oracle_minutes as oracle
from tests.sla_core.oracle_vendors import (
    BERLIN,
    HOURS_BY_CALENDAR,
    KOLKATA,
    NEW_YORK,
    WORDS,
    Class,
    changes_of_clocks,
    danish_days,
    days_by_hand,
    easter,
    monetate_days,
    thanksgiving,
)

YEARS = range(2024, 2029)
BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
RANDOM_INSTANTS = 100_000
EACH = RANDOM_INSTANTS // len(WORDS)
SECOND, HALF_HOUR, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(days=1),
)

Clock = tuple[str, datetime, datetime | None, datetime | None, list[oracle.Line]]
"""Metric, due, goal, stricter instant, receipt."""

every_class = pytest.mark.parametrize("class_", WORDS, ids="-".join)
one_in = pytest.mark.parametrize("one_in", [97, pytest.param(1, marks=pytest.mark.soak)])
"""A share of the instants; `make soak` takes all. Prime to the pattern of the edges; the rare are added."""


@cache
def policies(vendor: str) -> list[Policy]:
    return load(vendor)


def explained(class_: Class, at: datetime) -> list[Clock]:
    vendor, plan, severity = class_
    return [
        (
            str(clock.promise.metric),
            clock.due_at,
            clock.goal_at,
            clock.promise.strict_at,
            [(s.span.start, s.span.end, s.counted, s.why) for s in clock.stretches],
        )
        for clock in explanation(policies(vendor), plan, severity, at).clocks
    ]


def expected(class_: Class, at: datetime) -> list[Clock]:
    clocks = []
    for word in WORDS[class_]:
        due = oracle.due_at(word, at, word.within)
        assert due is not None
        goal, stricter = (oracle.due_at(word, at, within) for within in (word.goal, word.stricter))
        clocks.append((word.metric, due, goal, stricter, oracle.receipt(word, at, due)))
    return clocks


def check(class_: Class, at: datetime) -> None:
    found, right = explained(class_, at), expected(class_, at)
    if found == right:
        return
    for ours, walked in zip(found, right, strict=True):
        assert ours[:4] == walked[:4], f"{' '.join(class_)} at {stamp(at)}"
        for line, walked_line in zip(ours[4], walked[4], strict=False):
            assert line == walked_line, f"{' '.join(class_)} at {stamp(at)}, {ours[0]}"
        assert len(ours[4]) == len(walked[4])


# Instants -------------------------------------------------------------------------------------


def random_instants(class_: Class, count: int) -> list[datetime]:
    pick = random.Random("-".join(class_))
    whole = int((END - BEGIN).total_seconds())
    return [BEGIN + pick.randrange(whole) * SECOND for _ in range(count)]


@cache
def edges(business_hours: str) -> list[datetime]:
    """Each opening, closing and end of a holiday or weekend, a second around it, and the days by hand."""
    zone = HOURS_BY_CALENDAR[business_hours].zone
    found: set[datetime] = set()
    for at in oracle.minutes_of(business_hours).starts:
        found |= {at - SECOND, at, at + SECOND}
    for city in {zone, NEW_YORK} if business_hours == "gold" else {zone}:
        for at in changes_of_clocks(city, YEARS):
            found |= {at - SECOND, at, at + SECOND}
            found |= {at + n * HALF_HOUR for n in range(-96, 97)}
    for day in {*days_by_hand(YEARS), *HOURS_BY_CALENDAR[business_hours].days_off}:
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        found |= {midnight - SECOND} | {midnight + n * HOUR for n in range(25)}
    if business_hours == "gold":
        found |= {day + n * HALF_HOUR for day in days_of_one_sided_time() for n in range(48)}
    return sorted(at for at in found if BEGIN <= at < END)


@cache
def rare_edges(business_hours: str) -> list[datetime]:
    """Each change of clocks, and the beginning of each third day off: a share of all edges may miss them."""
    hours = HOURS_BY_CALENDAR[business_hours]
    cities = {hours.zone, NEW_YORK} if business_hours == "gold" else {hours.zone}
    changes = [at for city in cities for at in changes_of_clocks(city, YEARS)]
    days = [datetime.combine(day, time(), hours.zone).astimezone(UTC) for day in sorted(hours.days_off)[::3]]
    return sorted(at for at in {*changes, *days} if BEGIN <= at < END)


def days_of_one_sided_time() -> Iterator[datetime]:
    """The days (UTC) on which New York is not six hours behind Berlin at noon."""
    noon = BEGIN + 12 * HOUR
    while noon < END:
        behind = noon.astimezone(BERLIN).hour - noon.astimezone(NEW_YORK).hour
        if behind != 6:
            yield noon - 12 * HOUR
        noon += DAY


def edges_of(class_: Class) -> list[datetime]:
    """The edges of the office that counts for a class; where none does, those of all offices, thinned."""
    own = {word.business_hours for word in WORDS[class_] if word.business_hours}
    if own:
        (business_hours,) = own
        return edges(business_hours)
    return sorted({at for business_hours in HOURS_BY_CALENDAR for at in edges(business_hours)[::11]})


# What is promised -----------------------------------------------------------------------------


@one_in
@every_class
def test_random_instants_agree_with_the_oracle(class_: Class, one_in: int) -> None:
    """Must show of issue 3: a hundred thousand instants, spread over all classes, seconds included."""
    for at in random_instants(class_, EACH // one_in):
        check(class_, at)


@one_in
@every_class
def test_every_calendar_edge_agrees_with_the_oracle(class_: Class, one_in: int) -> None:
    """Must show of issue 3: openings, closings, changes of clocks, holidays, observed days, leap days."""
    rare = {at for word in WORDS[class_] if word.business_hours for at in rare_edges(word.business_hours)}
    for at in sorted({*edges_of(class_)[::one_in], *rare}):
        check(class_, at)


@every_class
def test_receipts_add_up(class_: Class) -> None:
    """contract.md: no gap, no overlap; for hours, what counts is the target (the limit, for a range)."""
    for at in [*random_instants(class_, 150), *edges_of(class_)[::97]]:
        found = json_of(class_, at)
        assert len(found["clocks"]) == len(WORDS[class_])
        for clock, word in zip(found["clocks"], WORDS[class_], strict=True):
            lines = clock["receipt"]
            assert (lines[0]["from"], lines[-1]["to"]) == (stamp(at), clock["due_at"])
            assert all(one["to"] == two["from"] for one, two in pairwise(lines))
            assert all(one["why"] != two["why"] for one, two in pairwise(lines))
            assert all(bool(line["counted_seconds"]) == (line["why"] == "open") for line in lines)
            if isinstance(word.within, timedelta):
                counted = sum(line["counted_seconds"] for line in lines)
                assert counted == word.within.total_seconds()


@every_class
def test_each_clock_cites_its_clause(class_: Class) -> None:
    clocks = json_of(class_, BEGIN)["clocks"]
    for clock, word in zip(clocks, WORDS[class_], strict=True):
        assert word.clause in clock["clauses"]


@every_class
def test_the_explain_command_agrees_with_the_oracle(
    class_: Class, capsys: pytest.CaptureFixture[str]
) -> None:
    """contract.md: the words on the screen are those of the function."""
    vendor, plan, severity = class_
    for at in random_instants(class_, 3):
        words = ["explain", "--vendor", vendor, "--plan", plan, "--severity", severity]
        assert main([*words, "--at", at.isoformat(), "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed == explain(vendor, plan, severity, at)
        due = [stamp(clock[1]) for clock in expected(class_, at)]
        assert [clock["due_at"] for clock in printed["clocks"]] == due


def json_of(class_: Class, at: datetime) -> dict[str, Any]:
    vendor, plan, severity = class_
    return as_json(explanation(policies(vendor), plan, severity, at))


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


# Whether the walk itself deserves trust -------------------------------------------------------


def test_every_severity_is_covered() -> None:
    """contract.md's table: every vendor of the catalog, every plan, every severity."""
    offered = {
        (vendor, plan, severity)
        for vendor in vendors()
        for policy in policies(vendor)
        for plan in policy.plans
        for severity in policy.severities
    }
    assert offered == set(WORDS)
    assert EACH * len(WORDS) == RANDOM_INSTANTS


def test_every_kind_of_edge_is_covered() -> None:
    """Both changes of clocks of each year and city, in weeks when only one side has changed, and all days."""
    for business_hours in HOURS_BY_CALENDAR:
        asked = set(edges(business_hours))
        opened = [oracle.instant(first * 60) for first, _ in oracle.minutes_of(business_hours).days]
        closed = [
            oracle.instant((first + length) * 60) for first, length in oracle.minutes_of(business_hours).days
        ]
        within = [at for at in (*opened, *closed) if BEGIN < at < END - SECOND]
        assert len(within) > 2 * 1230
        assert all({at - SECOND, at, at + SECOND} <= asked for at in within)
        zone = HOURS_BY_CALENDAR[business_hours].zone
        changed = changes_of_clocks(zone, YEARS)
        assert len(changed) == (0 if zone is KOLKATA else 10)
        assert all({at - SECOND, at, at + SECOND} <= asked for at in changed)
        for day in HOURS_BY_CALENDAR[business_hours].days_off:
            if day.year in YEARS:
                noon = datetime.combine(day, time(12), zone).astimezone(UTC)
                assert noon in asked
    one_sided = list(days_of_one_sided_time())
    weeks = [day.date().isoformat() for day in one_sided if day.year == 2026]
    assert (weeks[0], weeks[20], weeks[21], weeks[-1]) == (
        "2026-03-08",
        "2026-03-28",
        "2026-10-25",
        "2026-10-31",
    )


def test_the_walk_s_days_off() -> None:
    """MTA-23 and MON-28 by the calendar on the wall."""
    assert [easter(year).isoformat() for year in YEARS] == [
        "2024-03-31",
        "2025-04-20",
        "2026-04-05",
        "2027-03-28",
        "2028-04-16",
    ]
    listed = [day for day in sorted(danish_days()) if date(2024, 3, 13) <= day <= date(2025, 1, 1)]
    assert [f"{day:%d.%m.%y}" for day in listed] == [
        *("28.03.24", "29.03.24", "01.04.24", "09.05.24", "20.05.24"),
        *("24.12.24", "25.12.24", "26.12.24", "31.12.24", "01.01.25"),
    ]
    assert [thanksgiving(year).day for year in YEARS] == [28, 27, 26, 25, 23]
    observed = [f"{day:%a %d %b %Y}" for day, name in monetate_days().items() if "observed" in name]
    assert observed == ["Mon 02 Jan 2023", "Fri 24 Dec 2027", "Fri 31 Dec 2027"]


@pytest.mark.parametrize("business_hours", HOURS_BY_CALENDAR)
def test_the_walk_s_short_cuts(business_hours: str) -> None:
    """Quarters, sums and the list of days, held against taking one minute after another."""
    minutes = oracle.minutes_of(business_hours)
    pick = random.Random(business_hours)
    office = HOURS_BY_CALENDAR[business_hours]
    for _ in range(2000):
        minute = pick.randrange(len(minutes.open))
        instant = oracle.instant(minute * 60)
        here = instant.astimezone(office.zone)
        assert minutes.open[minute] == (office.day_off(here.date()) is None and office.hours(here, instant))
    for _ in range(100):
        start = pick.randrange(60 * 24 * 30, 60 * 24 * 365 * 5)
        at, left = start, 240
        while left:
            left -= minutes.open[at]
            at += 1
        assert minutes.after(oracle.instant(start * 60), 4 * HOUR) == oracle.instant(at * 60)
