"""`frontline export`: tickets with their clocks, and all events."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.reports.conftest import STORED

MARCH = ("--from", "2026-03-01", "--to", "2026-04-01")


def test_one_ticket_a_line(run: Run, desk: Path) -> None:
    """contract.md, `export --format csv`; a name that begins like a formula is text to a spreadsheet."""
    said = run("export", *MARCH)
    assert (said.code, said.err) == (0, "")
    first, *_ = said.out.splitlines()
    assert first.startswith(
        "key,account,plan,severity,opened_at,first_response_at,resolved_at,closed_at,owner,rating,"
        "first_response_due_at,first_response_outcome,"
    )
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(said.out))}
    assert list(rows) == ["ACME-1", "ACME-2", "ACME-3", "ACME-4"]
    told = rows["ACME-2"]
    assert (told["opened_at"], told["resolved_at"], told["rating"], told["owner"]) == (
        *("2026-03-10T09:00:00Z", "2026-03-10T14:00:00Z", "4", "'=1+1"),
    )
    late = rows["ACME-3"]
    assert (late["first_response_due_at"], late["first_response_outcome"]) == (
        *("2026-03-11T14:00:00Z", "breached"),
    )
    assert late["resolution_outcome"] == ""


def test_all_events_as_lines_of_json(run: Run, desk: Path) -> None:
    said = run("export", *MARCH, "--format", "jsonl", "--account", "acme")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert len(lines) == sum(len(events) for key, events in STORED.items() if key.startswith("ACME"))
    assert [(line["ticket"], line["event"], line["type"]) for line in lines[:2]] == [
        *(("ACME-1", 1, "Opened"), ("ACME-1", 2, "Answered")),
    ]
    assert (lines[1]["kind"], lines[1]["at"]) == ("reply", "2026-03-09T09:30:00Z")
