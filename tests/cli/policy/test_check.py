"""`frontline check`: every fault at once, and what surprises an operator; more on request."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.cli.policy.check import check_path, warnings_of
from bot.cli.policy.trace import REQUIREMENTS, carriers, traces, unknown_clauses
from sla_core.catalog.load import load
from tests.cli.conftest import Run
from tests.desk_file import account, desk_file
from tests.sla_core.builders import m3ter

TODAY = date(2026, 3, 10)

DESK = """
vendor = "m3ter"

[slack]
triage = "C0TRIAGE"
agents = ["U0BOB"]

[[people]]
id = "dana"
name = "Dana"
slack = "U0DANA"

[[accounts]]
id = "acme"
name = "Acme GmbH"
plan = "silver"
tam = "dana"
channels = ["slack:C0ACME"]
"""


def change(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / "2025-02-10" / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_catalog_is_whole(run: Run) -> None:
    said = run("check")
    assert (said.code, said.err) == (0, "")
    assert "no faults" in said.plain


def test_open_questions_are_readings(run: Run) -> None:
    """requirements.md, section 5: check --readings prints every open ambiguity (A1, A3, A14, A15, A17)."""
    plain = run("check", "m3ter", "--readings").plain
    readings = [
        "reading m3ter/2025-02-10: M3-10 is open: CET could mean a fixed UTC+1",
        "Selected public holidays are closed, but none is named.",
        "No weekday is closed until the vendor supplies its list (A15).",
        "M3-15 is open",
    ]
    short = run("check", "m3ter").plain
    for text in readings:
        assert text in plain, text
        assert text not in short
    assert "leaves 5 points open: frontline check --readings" in short


def test_what_surprises_an_operator_is_a_warning(run: Run) -> None:
    plain = run("check", "m3ter").plain
    for text in (
        "calendar gold-hours: no holiday closes it",
        "plan silver has no TAM",
        "plan silver has no chat: S1 is accepted as an exception, others are sent to https://support.m3ter.com/",
        "M3-23, M3-30",
    ):
        assert text in plain, text
    assert "around-the-clock: no holiday" not in plain


def test_worked_examples_come_last(run: Run) -> None:
    """By hand: on a Friday at 16:30 in Berlin, silver has 1.5 hours left that day, gold 5.5."""
    assert "silver S1" not in run("check", "m3ter").plain
    plain = run("check", "m3ter", "--examples").plain
    for row in (
        "silver S1 first response Fri 20 Mar 2026 16:30 UTC",
        "silver S2 first response Mon 23 Mar 2026 12:30 CET",
        "silver S3 first response Mon 23 Mar 2026 16:30 CET",
        "silver none – no clock",
        "gold S2 first response Fri 20 Mar 2026 20:30 CET (15:30 EDT)",
        "gold S3 first response Mon 23 Mar 2026 16:30 CET (11:30 EDT)",
    ):
        assert row in plain, row
    assert plain.rindex("warning ") < plain.index("silver S1")


def test_all_errors_are_reported_at_once(run: Run, ours: Path) -> None:
    """contract.md: with file and key, exit code 1."""
    change(ours, "plans.toml", "tam = false", "team = false")
    change(ours, "severities.toml", 'within = "4h"', 'within = "soon"')
    change(ours, "calendars.toml", "10:00 Europe/Berlin", "10:00 Europe/Bärlin")
    said = run("check", str(ours))
    assert said.code == 1
    assert [fault.split(": ")[:2] for fault in said.faults] == [
        ["ours/2025-02-10/calendars.toml", "silver-hours.open.1.from"],
        ["ours/2025-02-10/severities.toml", "S2.promise.1.within"],
        ["ours/2025-02-10/plans.toml", "silver.team"],
    ]
    assert "3 faults" in said.plain


@pytest.mark.parametrize("place", ["ours", "ours/2025-02-10", "m3ter"])
def test_a_folder_a_version_of_it_or_a_pack(run: Run, ours: Path, place: str) -> None:
    said = run("check", place)
    assert (said.code, said.err) == (0, "")
    assert "1 policy read" in said.plain


def test_a_missing_path_is_reported(run: Run) -> None:
    said = run("check", "nowhere")
    assert said.code == 1
    assert said.faults == [
        "nowhere: no such vendor or folder; the catalog has commerceup, m3ter, monetate, monta"
    ]


def test_the_desk_s_file_is_found_and_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """contract.md: FRONTLINE_CONFIG, else ./frontline.toml; a TAM under Silver is a warning (M3-7)."""
    file = tmp_path / "frontline.toml"
    file.write_text(DESK, encoding="utf-8")
    for words in (("check",), ("check", "."), ("check", "frontline.toml")):
        said = run(*words)
        assert (said.code, said.err) == (0, "")
        assert "warning frontline.toml: accounts.acme.tam: the plan silver has no TAM" in said.plain
        assert "1 policy read" in said.plain
        assert "monta" not in said.plain, "check is about the vendor of the desk"
    elsewhere = tmp_path / "desk.toml"
    file.rename(elsewhere)
    assert "accounts.acme" not in run("check").plain
    monkeypatch.setenv("FRONTLINE_CONFIG", str(elsewhere))
    assert "accounts.acme.tam" in run("check").plain


def test_a_healthy_desk_fits_on_a_screen(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most forty lines in a terminal of eighty columns, also with a hundred customers."""
    monkeypatch.setenv("COLUMNS", "80")
    many = [account(f"a{n}", f"Customer {n}", channel=f"slack:C0A{n}", tam=None) for n in range(100)]
    for accounts in (None, [*many]):
        (tmp_path / "frontline.toml").write_text(desk_file(accounts=accounts), encoding="utf-8")
        said = run("check", "--json")
        healthy = accounts is None
        assert healthy is not any(w["file"] == "frontline.toml" for w in json.loads(said.out)["warnings"])
        said = run("check")
        assert (said.code, said.err) == (0, "")
        table = said.out.partition("warning")[0].splitlines()
        assert len(table) <= 40
        if healthy:
            assert len(said.out.splitlines()) <= 40
    assert table[-1].split() == ["and", "92", "more", "accounts"]


def test_the_table_shows_who_is_called_and_who_the_customers_are(run: Run, tmp_path: Path) -> None:
    (tmp_path / "frontline.toml").write_text(desk_file(), encoding="utf-8")
    plain = run("check").plain
    for row in (
        "policy m3ter Support, in force from 2025-02-10",
        "slack triage C0TRIAGE; agents: U0BOB",
        "second_line eve, bob",
        "acme Acme GmbH: gold, TAM dana; slack:C0ACME",
    ):
        assert row in plain, row
    assert "plan silver" not in plain, "nobody has that plan"


def test_people_and_pages_that_reach_nobody_are_warnings(run: Run, tmp_path: Path) -> None:
    """contract.md, The desk's file: a role of the pack that nobody holds is a warning that names it."""
    file = desk_file(rotas={"first_line": ["bob"], "engineering": ["kim"]})
    file = file.replace('slack = "U0KIM"', "").replace('slack = "U0DANA"', "")
    (tmp_path / "frontline.toml").write_text(file, encoding="utf-8")
    plain = run("check").plain
    for text in (
        "rotas.second_line: nobody holds this role",
        "rotas.leadership: nobody holds this role",
        "rotas.engineering: a page to this role reaches nobody: no id on Slack and no page address for kim",
        "people.dana: nothing reaches Dana, who has no id on Slack and no page address; add one",
    ):
        assert f"warning frontline.toml: {text}" in plain, text
    assert "no page reaches anybody" not in plain
    assert "people.kim" not in plain, "the rota's warnings name her"
    (tmp_path / "frontline.toml").write_text(file.replace('slack = "U0BOB"', ""), encoding="utf-8")
    assert "rotas: no page reaches anybody" in run("check").plain


def test_faults_of_the_desk_s_file(run: Run, tmp_path: Path) -> None:
    wrong = DESK.replace('plan = "silver"', 'plan = "bronze"').replace('tam = "dana"', 'tam = "dan"')
    (tmp_path / "frontline.toml").write_text(wrong, encoding="utf-8")
    said = run("check")
    assert said.code == 1
    assert sorted(fault.split(": ")[:2] for fault in said.faults) == [
        ["frontline.toml", "accounts.acme.plan"],
        ["frontline.toml", "accounts.acme.tam"],
    ]
    assert "No policy was read, 2 faults" in said.plain


def test_a_desk_s_file_that_was_named_must_be_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTLINE_CONFIG", "missing.toml")
    said = run("check")
    assert said.code == 1
    assert said.err.startswith("missing.toml: there is no such file")


def test_m3ter_s_requirements_are_carried_or_wait_with_a_reason(run: Run) -> None:
    """M3-1 … M3-32: carried by something or named in not_yet; in both where a part is still missing."""
    found = {traced.id: traced for traced in traces(m3ter())}
    assert list(found) == [f"M3-{number}" for number in range(1, 33)]
    assert not [traced.id for traced in found.values() if traced.unexplained]
    assert {id_ for id_, traced in found.items() if traced.carriers and traced.not_yet} == set()
    assert {id_ for id_, traced in found.items() if traced.not_yet} == {f"M3-{number}" for number in (23, 30)}
    assert unknown_clauses(m3ter()) == []


def test_what_carries_what() -> None:
    by_clause: dict[str, set[str]] = {}
    for carrier in carriers(m3ter()):
        by_clause.setdefault(carrier.clause, set()).add(carrier.what)
    assert by_clause["M3-9"] == {"fact (gold)", "fact (silver)", "calendar around-the-clock"}
    assert by_clause["M3-10"] == {"calendar silver-hours", "plan silver"}
    assert by_clause["M3-11"] == {"calendar gold-hours", "plan gold"}
    assert {"promise S2 first_response", "severity S2", "question production"} <= by_clause["M3-14"]
    assert "escalation step engineering" in by_clause["M3-19"]
    assert "severity S1: never without an owner on duty" in by_clause["M3-17"]


def test_the_trace_for_people(run: Run) -> None:
    plain = run("check", "m3ter", "--trace").plain
    assert "M3-10 calendar silver-hours, plan silver" in plain
    assert "M3-23 not yet: Time-bound access" in plain
    monta = run("check", "monta", "--trace").plain
    assert "partly; not yet: The form points to the status page" in monta
    assert "severity P1: courtesy updates outside its hours" in monta
    assert "M3-10 calendar" not in run("check", "m3ter").plain


def test_json_lists_faults_and_warnings_by_file_and_key(run: Run, tmp_path: Path) -> None:
    """contract.md, Other JSON and CSV: the exit code is the same, and faults go to stderr as well."""
    wrong = DESK.replace('plan = "silver"', 'plan = "bronze"')
    (tmp_path / "frontline.toml").write_text(wrong, encoding="utf-8")
    said = run("check", "frontline.toml", "--json")
    found = json.loads(said.out)
    assert said.code == 1
    assert set(found) == {"faults", "warnings"}
    (fault,) = found["faults"]
    assert (fault["file"], fault["key"]) == ("frontline.toml", "accounts.acme.plan")
    assert said.faults == [f"frontline.toml: accounts.acme.plan: {fault['says']}"]

    (tmp_path / "frontline.toml").write_text(DESK, encoding="utf-8")
    said = run("check", "frontline.toml", "--json")
    assert (said.code, said.err) == (0, "")
    warnings = json.loads(said.out)["warnings"]
    assert {"file", "key", "says"} == {key for warning in warnings for key in warning}
    by_key = {(warning["file"], warning["key"]): warning["says"] for warning in warnings}
    assert by_key["frontline.toml", "accounts.acme.tam"].startswith("the plan silver has no TAM")
    assert by_key["m3ter/2025-02-10", "calendar gold-hours"] == "no holiday closes it"
    assert not any("is open" in warning["says"] for warning in warnings)
    readings = json.loads(run("check", "frontline.toml", "--json", "--readings").out)["readings"]
    assert any(reading["says"].startswith("M3-10 is open: CET could mean") for reading in readings)


def test_json_traces_each_requirement(run: Run) -> None:
    """`not_yet` is null where an ID is carried."""
    said = run("check", "m3ter", "--trace", "--json")
    found = json.loads(said.out)
    assert (said.code, found["faults"]) == (0, [])
    traced = {requirement["id"]: requirement for requirement in found["requirements"]}
    assert list(traced) == [f"M3-{number}" for number in range(1, 33)]
    assert traced["M3-9"] == {
        "id": "M3-9",
        "carried": True,
        "by": ["fact (gold)", "fact (silver)", "calendar around-the-clock"],
        "shown": ["Home", "card", "Why?"],
        "not_yet": None,
    }
    assert traced["M3-23"] == {
        "id": "M3-23",
        "carried": False,
        "by": [],
        "shown": [],
        "not_yet": m3ter().not_yet["M3-23"],
    }


def test_json_of_every_policy_names_each_requirement_once(run: Run) -> None:
    ids = [each["id"] for each in json.loads(run("check", "--trace", "--json").out)["requirements"]]
    assert len(ids) == len(set(ids)) == sum(count for _, count in REQUIREMENTS.values())


def test_how_many_requirements_each_vendor_has() -> None:
    """requirements.md, sections 1 to 4."""
    assert REQUIREMENTS == {
        "m3ter": ("M3", 32),
        "monetate": ("MON", 35),
        "monta": ("MTA", 26),
        "commerceup": ("CUP", 20),
    }


def test_a_requirement_that_nothing_carries_and_one_that_is_none(ours: Path) -> None:
    change(ours, "policy.toml", 'clause = ["M3-20", "M3-28"]', 'clause = ["M3-20", "M3-82"]')
    (policy,) = load(ours)
    said = list(warnings_of(policy, TODAY))
    assert "m3ter/2025-02-10: nothing carries M3-28, and not_yet gives no reason" in said
    assert "m3ter/2025-02-10: M3-82 is cited, but is not a requirement of this vendor" in said


def test_a_policy_of_one_s_own_is_traced_by_what_it_cites(ours: Path) -> None:
    change(ours, "policy.toml", 'vendor = "m3ter"', 'vendor = "ours"')
    (policy,) = load(ours)
    assert {traced.id for traced in traces(policy)} == {f"M3-{number}" for number in range(1, 33)}
    assert unknown_clauses(policy) == []


def test_a_severity_that_no_answers_reach(ours: Path) -> None:
    change(ours, "triage.toml", 'severity = "S2"', 'severity = "S3"')
    (policy,) = load(ours)
    assert any("no answers lead to S2" in text for text in warnings_of(policy, TODAY))


def test_a_list_of_holidays_that_has_run_out(ours: Path) -> None:
    """A12: after the certified date the rules go on, and check says so."""
    with (ours / "2025-02-10" / "calendars.toml").open("a", encoding="utf-8") as file:
        file.write('\n[gold-hours.closed]\npublic = [{ country = "DE" }]\ncertified_until = 2026-06-30\n')
    (policy,) = load(ours)
    late = list(warnings_of(policy, date(2026, 7, 1)))
    assert any("gold-hours: its holidays were certified until 2026-06-30" in text for text in late)
    assert not any("certified" in text for text in warnings_of(policy, date(2026, 6, 30)))
    assert not any("gold-hours: no holiday" in text for text in late)


def test_a_holiday_on_a_weekend_is_announced_ninety_days_ahead(ours: Path) -> None:
    """A6: the vendor has a choice for Christmas 2027, a Saturday."""
    with (ours / "2025-02-10" / "calendars.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[gold-hours.closed]\nannual = [{ name = "Christmas", on = "12-25", observed = true }]\n'
        )
    (policy,) = load(ours)
    christmas = date(2027, 12, 25)

    def told(today: date) -> list[str]:
        return [text for text in warnings_of(policy, today) if "Christmas" in text]

    (text,) = told(christmas - timedelta(days=90))
    assert "Christmas 2027-12-25 falls on a weekend: 2027-12-24 is closed too" in text
    assert told(christmas - timedelta(days=91)) == []
    assert told(christmas + timedelta(days=1)) == []
    assert told(date(2026, 12, 1)) == []


def test_a_place_is_checked_without_printing(ours: Path) -> None:
    found = check_path(str(ours), lambda _: [])
    assert [policy.version for policy in found.policies] == ["2025-02-10"]
    assert found.faults == []
