"""`frontline explain`: for people, for scripts, and when the command line is wrong."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cli.policy.explain import explain
from tests.cli.conftest import Run
from tests.sla_core.builders import local, utc
from tests.sla_core.oracle import every_hour

GOLD = ("explain", "--vendor", "m3ter", "--plan", "gold", "--severity", "S2")
FRIDAY = "2026-03-20T16:30:00+01:00"


def words(plan: str, severity: str, at: str) -> tuple[str, ...]:
    return ("explain", "--vendor", "m3ter", "--plan", plan, "--severity", severity, "--at", at, "--json")


def test_the_contract_s_example(run: Run) -> None:
    """contract.md, `frontline explain --json`."""
    said = run(*GOLD, "--at", FRIDAY, "--json")
    assert (said.code, said.err) == (0, "")
    (clock,) = json.loads(said.out)["clocks"]
    assert (clock["due_at"], clock["clauses"]) == ("2026-03-20T19:30:00Z", ["M3-14"])


def test_what_is_printed_is_what_the_function_says(run: Run) -> None:
    pick = random.Random(2)
    hours = every_hour(2026, 2027)
    for plan in ("silver", "gold"):
        for severity in ("S1", "S2", "S3"):
            for _ in range(4):
                at = pick.choice(hours) + timedelta(seconds=pick.randrange(3600))
                said = run(*words(plan, severity, at.isoformat()))
                assert said.code == 0, said.err
                assert json.loads(said.out) == explain("m3ter", plan, severity, at)


def test_former_names_of_plans(run: Run) -> None:
    """M3-3: Silver was Standard, Gold was Pro."""
    for former, now in (("standard", "silver"), ("pro", "gold"), ("Gold", "gold")):
        said = run(*words(former, "S2", FRIDAY))
        assert json.loads(said.out) == explain("m3ter", now, "S2", utc("2026-03-20 15:30"))


def test_parts_of_a_second_are_dropped(run: Run) -> None:
    said = json.loads(run(*words("gold", "S1", "2026-03-20T15:30:00.999Z")).out)
    assert said["submitted_at"] == "2026-03-20T15:30:00Z"
    assert said["clocks"][0]["due_at"] == "2026-03-20T16:30:00Z"


def test_the_text_explains_each_promise(run: Run) -> None:
    """What is promised, by which clause, due when by whose clocks, and the working."""
    said = run(*GOLD, "--at", "2026-03-20T21:30:00+01:00")
    assert said.code == 0
    for text in (
        "First response within 4 support hours.",
        "M3-14; response table, row Severity 2, Response Times",
        "due Mon 23 Mar 2026 13:30 CET (08:30 EDT)",
        "warns Mon 23 Mar 2026 12:30 CET (07:30 EDT)",
        "Fri 20 Mar 21:30 CET (16:30 EDT)",
        "Fri 20 Mar 22:00 CET (17:00 EDT)",
        "Sat 21 Mar 00:00 CET (Fri 19:00 EDT)",
        "weekend",
        "3 h 30 min",
        "4 h counted in all",
    ):
        assert text in said.plain, text
    assert "█░" in said.out


def test_a_class_without_a_clock_says_so(run: Run) -> None:
    """M3-18, A16."""
    said = run("explain", "--vendor", "m3ter", "--plan", "gold", "--severity", "none", "--at", FRIDAY)
    assert said.code == 0
    assert "No clock runs on such a ticket" in said.plain
    assert "due" not in said.plain


def test_a_range_shows_its_aim(run: Run, ours: Path) -> None:
    """A20: aim 2 h, no later than 4 h."""
    file = ours / "2025-02-10" / "severities.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('within = "4h"', 'within = "4h"\ngoal = "2h"'), encoding="utf-8")
    place = ("explain", "--vendor", str(ours), "--plan", "silver", "--severity", "S2", "--at", FRIDAY)
    (clock,) = json.loads(run(*place, "--json").out)["clocks"]
    assert (clock["goal_at"], clock["due_at"]) == ("2026-03-23T09:30:00Z", "2026-03-23T11:30:00Z")
    assert "aim 2 hours, by Mon 23 Mar 2026 10:30 CET" in run(*place).plain


def test_a_stricter_reading_has_an_instant_of_its_own(run: Run, ours: Path) -> None:
    """contract.md: `strict_at`, only where the policy sets one (requirements.md, section 5, rule ii)."""
    file = ours / "2025-02-10" / "severities.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('within = "4h"', 'within = "4h"\nstrict = "3h"'), encoding="utf-8")
    place = ("explain", "--vendor", str(ours), "--plan", "gold", "--severity", "S2", "--at", FRIDAY)
    (clock,) = json.loads(run(*place, "--json").out)["clocks"]
    assert (clock["strict_at"], clock["due_at"]) == ("2026-03-20T18:30:00Z", "2026-03-20T19:30:00Z")
    assert "strict_at" not in run(*GOLD, "--at", FRIDAY, "--json").out


def test_holidays_of_a_folder_of_one_s_own(run: Run, ours: Path) -> None:
    """M3-11, A15: once the vendor supplies its list."""
    with (ours / "2025-02-10" / "calendars.toml").open("a", encoding="utf-8") as file:
        file.write('\n[gold-hours.closed]\ndates = { 2026-03-23 = "Founders [day]" }\n')
    place = ("explain", "--vendor", str(ours), "--plan", "gold", "--severity", "S3", "--at", FRIDAY)
    (clock,) = json.loads(run(*place, "--json").out)["clocks"]
    assert clock["due_at"] == local("2026-03-24 16:30").strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [line["why"] for line in clock["receipt"]] == [
        "open",
        "night",
        "weekend",
        "holiday: Founders [day]",
        "night",
        "open",
    ]
    assert "holiday: Founders [day]" in run(*place).plain


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"vendor": "m4ter"},
            "m4ter: no such vendor or folder; the catalog has commerceup, m3ter, monetate, monta",
        ),
        ({"vendor": ""}, "holds no dated policy"),
        ({"plan": "bronze"}, 'm3ter has no plan "bronze"; it has silver (also standard), gold (also pro)'),
        ({"severity": "S4"}, 'm3ter has no severity "S4"; it has S1, S2, S3, none'),
        ({"at": "2026-03-20T16:30:00"}, "does not say which zone it is in; add Z or an offset"),
        ({"at": "2026-03-20"}, "does not say which zone"),
        ({"at": "tomorrow"}, '--at: "tomorrow" is not an instant; write 2026-03-20T16:30:00+01:00'),
        ({"at": "2026-02-30T12:00:00Z"}, "is not an instant"),
        ({"at": ""}, "is not an instant"),
        ({"at": "1972-12-31T23:59:59Z"}, "is outside the years 1973 to 2190"),
        ({"at": "2191-01-01T00:00:00Z"}, "is outside the years 1973 to 2190"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "is not an instant"),
        ({"at": "9999-12-31T23:59:59-14:00"}, "is not an instant"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_one_line_and_exit_code_1(
    run: Run, change: dict[str, str], fault: str, form: tuple[str, ...]
) -> None:
    """contract.md: faults go to stderr, one line each, no traceback, with the known names."""
    named = {"vendor": "m3ter", "plan": "gold", "severity": "S2", "at": FRIDAY} | change
    said = run("explain", *(f"--{key}={value}" for key, value in named.items()), *form)
    assert said.code == 1
    assert said.out == ""
    assert len(said.faults) == 1
    assert fault in said.err


@pytest.mark.parametrize("at", ["1973-01-01T00:00:00Z", "2190-12-31T23:59:59Z"])
@pytest.mark.parametrize("severity", ["S1", "S2", "S3"])
def test_the_first_and_the_last_instant(run: Run, at: str, severity: str) -> None:
    assert run(*words("gold", severity, at)).code == 0


def test_a_promise_without_end_is_a_fault(run: Run, ours: Path) -> None:
    file = ours / "2025-02-10" / "severities.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('within = "4h"', 'within = "900000h"'), encoding="utf-8")
    said = run("explain", "--vendor", str(ours), "--plan", "gold", "--severity", "S2", "--at", FRIDAY)
    assert said.code == 1
    (fault,) = said.faults
    assert "S2.promise.1.within: is never over in the calendar silver-hours, gold-hours" in fault


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ((), "frontline explain: Missing option '--severity' (see frontline explain --help)"),
        (("--vendor", "m3ter", "--severity", "S1"), "Missing option '--at'"),
        (("--vendor", "m3ter", "--severity", "S1", "--at", FRIDAY), "Give --vendor and --plan, or --account"),
        ((*GOLD[1:], "--at", FRIDAY, "--colour"), "No such option: --colour"),
        (("--vend", "m3ter"), "No such option: --vend"),
        ((*GOLD[1:], "--at", FRIDAY, "more"), "Got unexpected extra argument"),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, wrong: tuple[str, ...], fault: str) -> None:
    said = run("explain", *wrong)
    assert (said.code, said.out, len(said.faults)) == (2, "", 1)
    assert fault in said.err
