"""`frontline simulate` reads files as ticket systems and spreadsheets export them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.cli.policy.simulation.csv_export import read_export
from tests.cli.conftest import Outcome, Run

COLUMNS = ("opened", "severity", "responded", "resolved")
UNTIL = ("--until", "2026-04-01T00:00:00Z")


def simulated(run: Run, file: Path, *more: str) -> Outcome:
    return run("simulate", "--vendor", "m3ter", "--plan", "gold", "--tickets", str(file), *UNTIL, *more)


def one(run: Run, file: Path, *more: str) -> dict[str, Any]:
    said = simulated(run, file, "--json", *more)
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    return found


@pytest.mark.parametrize(
    ("separator", "encoding"), [(",", "utf-8"), (";", "cp1252"), ("\t", "utf-16"), ("|", "utf-8-sig")]
)
def test_separators_encodings_and_a_preamble(run: Run, tmp_path: Path, separator: str, encoding: str) -> None:
    """Rows above the names, repeated columns that nobody needs, a quoted newline."""
    rows = [
        ["Müller's report"],
        ["exported", "2026-04-01"],
        ["Key", "Tags", "Tags", "Created at", "Severity", "Comment", "Answered", "Resolved"],
        ["T-1", "a", "b", "2026-03-20T15:30:00Z", "S2", '"two\nlines"', "2026-03-20T17:00:00Z", ""],
    ]
    file = tmp_path / "export.csv"
    file.write_bytes("\r\n".join(separator.join(cells) for cells in rows).encode(encoding))
    found = one(run, file, "--column", "opened=Created at", "--column", "responded=answered")
    (ticket,) = found["tickets"]
    assert (ticket["ticket"], ticket["label"]["tags"], ticket["label"]["comment"]) == (
        "T-1",
        "a",
        "two\nlines",
    )
    assert ticket["promises"][0]["outcome"] == "met"
    assert found["notes"][:2] == [
        "2 rows above the names of the columns are left out",
        "columns that change nothing here: tags, comment; holds and changes of severity count only for "
        "the desk's own tickets (--account)",
    ]


def test_a_column_that_is_missing_is_named_with_a_way_to_say_its_name(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text("Created;Severity;Responded;Resolved\n", encoding="utf-8")
    (fault,) = simulated(run, file).faults
    assert fault.startswith("export.csv: line 1: lacks the column opened; it begins with opened,severity,")
    assert '--column opened="Created at"; the line has created, severity, responded, resolved' in fault
    (fault,) = simulated(run, file, "--column", "begun=Created").faults
    assert fault.startswith('--column: "begun=Created" names none of opened, severity, responded, resolved')


def test_repeated_columns_that_are_needed_and_rows_that_are_too_long(tmp_path: Path) -> None:
    twice = read_export("opened,severity,responded,resolved,opened\n1,2,3,4,5\n", COLUMNS, {})
    assert twice.faults == [("line 1, opened", "appears more than once; keep one of them")]
    long = read_export("opened,severity,responded,resolved\n1,2,3,4,5\n1,2,3,4,,\n", COLUMNS, {})
    assert long.faults == [("line 2", "has 5 cells, but line 1 names 4")]
    assert [row.line for row in long.rows] == [3]


def test_a_page_with_a_chart_of_two_policies_and_of_one(run: Run, tmp_path: Path) -> None:
    """The chart is told in words too, the tables follow, and the page needs nothing from elsewhere."""
    file, page = tmp_path / "t.csv", tmp_path / "page.html"
    file.write_text(
        "ticket,opened,severity,responded,resolved\n<b>T-4</b>,2026-03-27T16:45:00Z,S2,2026-03-30T09:15:00Z,\n",
        encoding="utf-8",
    )
    page.write_text("older", encoding="utf-8")
    said = simulated(run, file, "--against", "m3ter", "--against-plan", "silver", "--html", str(page))
    assert (said.code, said.err) == (0, "")
    text = page.read_text(encoding="utf-8")
    assert (text.startswith("<!DOCTYPE html>"), text.count("<svg ")) == (True, 1)
    assert (
        "A: m3ter Support, plan Gold; B: m3ter Support, plan Silver. A: S2 first response: 1 breached; B: S2"
        in text
    )
    assert "B: S2 first response: 1 met." in text
    assert "<td>&lt;b&gt;T-4&lt;/b&gt;</td>" in text
    assert "What would differ: 1 ticket</caption>" in text
    assert not re.search(r"<script|<link|src=|https?://(?!www\.w3\.org|purl\.org|creativecommons)", text)
    simulated(run, file, "--html", str(page))
    assert "plan Gold. S2 first response: 1 breached." in page.read_text(encoding="utf-8")
    (fault,) = simulated(run, file, "--html", str(tmp_path / "no" / "page.html")).faults
    assert fault.endswith("page.html cannot be written: No such file or directory")


def test_lateness_is_said_in_hours_that_count_and_as_time_passed(run: Run, tmp_path: Path) -> None:
    """T-4 of the example: due Friday 21:45 in Berlin, answered on Monday at 11:15."""
    file = tmp_path / "t.csv"
    file.write_text(
        "ticket,opened,severity,responded,resolved\n"
        "T-4,2026-03-27T16:45:00Z,S2,2026-03-30T09:15:00Z,\n"
        "T-2,2026-03-21T02:10:00Z,S1,2026-03-21T03:25:00Z,\n",
        encoding="utf-8",
    )
    plain = simulated(run, file).plain
    assert "breached, 1 h 30 min late by its hours, 60 h 30 min by the clock" in plain
    assert "breached, 15 min late" in plain
    assert not (tmp_path / "frontline.db").exists()


def test_lateness_of_a_promise_in_business_days_is_said_in_business_days(run: Run, tmp_path: Path) -> None:
    """All are due on Monday at 21:00 UTC, the close; a day is open for 12 hours from 10:00 in Berlin."""
    file = tmp_path / "t.csv"
    file.write_text(
        "ticket,opened,severity,responded,resolved\n"
        "T-1,2026-03-23T08:00:00Z,S3,2026-03-24T16:30:00Z,\n"
        "T-2,2026-03-23T08:00:00Z,S3,2026-03-24T21:00:00Z,\n"
        "T-3,2026-03-23T08:00:00Z,S3,2026-03-30T08:00:00Z,\n"
        "T-4,2026-03-23T08:00:00Z,S3,,\n",
        encoding="utf-8",
    )
    plain = simulated(run, file).plain
    for text in (
        "breached, less than 1 business day late by its calendar (7 h 30 min of its hours), 19 h 30 min by",
        "breached, 1 business day late by its calendar (12 h of its hours), 1 d by the clock",
        # Over the weekend, and to summer time in Berlin: 10:00 is 08:00 UTC.
        "breached, 4 business days late by its calendar (48 h of its hours), 6 d 11 h by the clock",
        "breached, 6 business days late by its calendar (74 h of its hours), 8 d 3 h by the clock, so far",
    ):
        assert text in " ".join(plain.split()), plain


def test_a_column_of_plans_counts_and_columns_of_holds_are_named(
    run: Run, tmp_path: Path, ours: Path
) -> None:
    """M3-13, M3-14: due Friday 20:45 UTC under gold; silver's hours end at 18:00, so it has until Monday."""
    file = tmp_path / "t.csv"
    late = "2026-03-27T16:45:00Z,S2,2026-03-30T09:15:00Z,"
    head = "ticket,opened,severity,responded,resolved,Plan,on_hold_minutes,tags\n"
    file.write_text(f"{head}T-1,{late},Silver,5,\nT-2,{late},gold,,\nT-3,{late},,,\n", encoding="utf-8")
    found = one(run, file, "--against", "m3ter", "--against-plan", "silver")
    assert [(t["plan"], t["promises"][0]["outcome"]) for t in found["tickets"]] == [
        ("silver", "met"),
        ("gold", "breached"),
        ("gold", "breached"),
    ]
    assert [change["ticket"] for change in found["difference"]["changed"]] == ["T-2", "T-3"]
    ignored, holds, _, plans = found["notes"]
    assert ignored.startswith("columns that change nothing here: tags; ")
    assert holds.startswith(
        "not used, though holds could change the results: on_hold_minutes; holds count only"
    )
    assert plans == "m3ter Support, plan of each ticket: gold 2, silver 1"
    assert one(run, file, "--against", "m3ter")["difference"]["changed"] == []

    file.write_text(f"{head.replace('Plan', 'Tier')}T-1,{late},bronze,5,\n", encoding="utf-8")
    assert one(run, file)["tickets"][0]["plan"] == "gold"
    (fault,) = simulated(run, file, "--column", "plan=tier").faults
    assert fault.startswith('t.csv: line 2, plan: m3ter has no plan "bronze"; it has silver')
    for part in (ours / "2025-02-10").glob("*.toml"):
        part.write_text(part.read_text(encoding="utf-8").replace("silver", "bronze"), encoding="utf-8")
    file.write_text(f"{head}T-1,{late},silver,5,\nT-2,{late},silver,,\n", encoding="utf-8")
    (fault,) = simulated(run, file, "--against", str(ours)).faults
    assert fault.startswith('--against: m3ter has no plan "silver"; it has bronze')
    assert fault.endswith("name one for all tickets with --against-plan")
    assert one(run, file, "--against", str(ours), "--against-plan", "gold")["against"]["plan"] == "gold"
