"""`frontline report`: the figures of a period as a table, for scripts, on a page and as a picture."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sla_core.catalog.load import PACKS
from tests.cli.conftest import Run

MARCH = ("--from", "2026-03-01", "--to", "2026-04-01")
HEAD = "account,month,severity,metric,total,met,breached,open,attainment,median_seconds,worst_seconds"


def test_the_columns_and_figures_for_scripts(run: Run, desk: Path) -> None:
    """contract.md, `report --format csv`: --from is part of it and --to is not, by opening."""
    said = run("report", *MARCH, "--account", "acme", "--format", "csv")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        HEAD,
        "acme,2026-03,S1,first_response,1,1,0,0,1.0000,1200,1200",
        "acme,2026-03,S2,first_response,3,2,1,0,0.6667,7200,18000",
    ]
    assert said.out == run("report", "--from", "2026-03-09", "--to", "2026-03-13", "--format", "csv").out
    shorter = run("report", "--from", "2026-03-09", "--to", "2026-03-12", "--format", "csv")
    assert len(shorter.out.splitlines()) == 2


def test_all_accounts_and_a_promise_that_nobody_has_kept_yet(run: Run, desk: Path) -> None:
    rows = [*csv.DictReader(io.StringIO(run("report", *MARCH[:3], "2027-01-01", "--format", "csv").out))]
    assert [row["account"] for row in rows] == ["acme", "acme", "globex"]
    assert (rows[-1]["month"], rows[-1]["breached"], rows[-1]["median_seconds"]) == ("2026-04", "1", "")


def test_the_table_shows_breaches_with_what_counted(run: Run, desk: Path) -> None:
    said = run("report", *MARCH, "--account", "acme")
    assert (said.code, said.err) == (0, "")
    assert "Support report, Acme GmbH, 1 March 2026 to 31 March 2026" in said.plain
    assert "4 opened, 1 resolved, 0 closed, rated 4.0 of 5 by 1." in said.plain
    line = "ACME-3 S2 first response Wed 11 Mar 2026 14:00 UTC Wed 11 Mar 2026 15:00 UTC 1 h late 4 h open"
    assert line in said.plain
    assert "A1 CET and its like" in said.plain


def test_the_page_stands_alone_and_tells_its_charts_in_words(run: Run, desk: Path) -> None:
    said = run("report", *MARCH, "--account", "acme", "--format", "html")
    assert (said.code, said.err) == (0, "")
    page = said.out
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<svg ") == 2
    assert "Bar chart of the share of promises kept in each month. first response: 2026-03 75.0%." in page
    assert "S1: 2026-03 1; S2: 2026-03 3" in page
    assert "@media print" in page
    assert not re.search(r"<script|<link|src=|https?://(?!www\.w3\.org|purl\.org|creativecommons)", page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len({*ids}), "the charts share no id"


def test_a_picture_goes_where_no_terminal_is(frontline: Run, desk: Path) -> None:
    with (desk / "report.png").open("wb") as file:
        said = frontline("report", *MARCH, "--format", "png", stdout=file.fileno())
    assert (said.code, said.err) == (0, "")
    assert (desk / "report.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_a_period_without_tickets(run: Run, desk: Path) -> None:
    empty = ("--from", "2025-03-01", "--to", "2025-04-01", "--account", "acme")
    assert run("report", *empty, "--format", "csv").out == f"{HEAD}\n"
    assert "No ticket was opened in this period." in run("report", *empty).out
    assert "No ticket was opened in this period." in run("report", *empty, "--format", "html").out


def test_wrong_options_are_faults_of_one_line(run: Run, desk: Path) -> None:
    for words, says in (
        (("--from", "yesterday", "--to", "2026-04-01"), '--from: "yesterday" is not a day'),
        (("--from", "2026-04-01", "--to", "2026-04-01"), "--to: is not after --from"),
        ((*MARCH, "--account", "acm"), '--account: there is no account "acm"'),
        ((*MARCH, "--format", "pdf"), '--format: there is no format "pdf"'),
        ((*MARCH, "--outages", "none.csv"), "--outages: none.csv cannot be read"),
    ):
        said = run("report", *words)
        assert (said.code, said.out, len(said.faults)) == (1, "", 1)
        assert says in said.err, said.err


def test_it_creates_no_database(run: Run, desk: Path) -> None:
    (desk / "frontline.db").unlink()
    said = run("report", *MARCH)
    assert said.code == 1
    assert "the database does not exist" in said.err
    assert not (desk / "frontline.db").exists()


def test_tickets_that_cannot_be_read_are_left_out_and_named(run: Run, desk: Path) -> None:
    with closing(sqlite3.connect(desk / "frontline.db")) as db:
        db.execute("UPDATE event SET kind = 'Teleported' WHERE ticket = 'ACME-3' AND seq = 2")
        db.commit()
    said = run("report", *MARCH, "--format", "csv")
    assert (said.code, len(said.out.splitlines())) == (1, 3)
    assert "ACME-3: is left out: unknown event" in said.err


def test_the_uptime_line_from_alarms_and_from_a_file(run: Run, desk: Path) -> None:
    """CUP-19, A23: two hours by the alarm's ticket; one hour, and half an hour of all accounts, by a file."""
    terms = desk / "ours" / "2025-02-10"
    terms.parent.mkdir()
    shutil.copytree(PACKS / "m3ter" / "2025-02-10", terms)
    with (terms / "policy.toml").open("a", encoding="utf-8") as file:
        file.write('\n[uptime]\npercent = 99.8\nclause = "M3-1"\nsays = "Up."\nwhere = "section 1"\n')
    toml = desk / "frontline.toml"
    toml.write_text(toml.read_text().replace('vendor = "m3ter"', f'vendor = "{terms.parent}"'))
    said = run("report", *MARCH, "--account", "acme")
    assert "Uptime of Acme GmbH: up 99.731% of the period: down 2 h in 1 outage" in said.plain, said.plain
    assert "99.8% of a year allows 17 h 31 min (from the tickets of monitoring alarms)." in said.plain
    (desk / "outages.csv").write_text(
        "account,from,to\nacme,2026-03-02T10:00:00Z,2026-03-02T11:00:00Z\n"
        ",2026-03-03T10:00:00Z,2026-03-03T10:30:00Z\nglobex,2026-03-04T10:00:00Z,2026-03-05T10:00:00Z\n"
    )
    said = run("report", *MARCH, "--account", "acme", "--outages", "outages.csv")
    assert "down 1 h 30 min in 2 outages" in said.plain
