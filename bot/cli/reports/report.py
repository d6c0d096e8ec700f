"""`frontline report`."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bot.cli.reports.session import OpenArchive, Request, outcome, reading, write_text
from bot.clock import parse_instant
from bot.faults import OperatorFault
from bot.reports.period_report import Outage, PeriodReport, period_report
from sla_core.calendar import Span

FORMATS = ("table", "csv", "html", "png")


def run(request: Request, outages: Path | None, archive: OpenArchive) -> int:
    """Prints the report. Raises OperatorFault, Faults."""
    format_ = request.checked_format(FORMATS)
    if format_ == "png" and sys.stdout.isatty():
        raise OperatorFault("--format: png is a picture; write it to a file, as in > report.png")
    listed = None if outages is None else read_outages(outages)
    made = asyncio.run(_read(request, listed, archive))
    if format_ == "csv":
        from bot.reports.formats.rows import REPORT_HEAD, csv_line, report_rows

        write_text(map(csv_line, [REPORT_HEAD, *report_rows(made.tally)]))
    elif format_ == "html":
        from bot.reports.formats.page import page

        write_text([page(made)])
    elif format_ == "png":
        from bot.reports.formats.charts import picture

        sys.stdout.flush()
        sys.stdout.buffer.write(picture(made))
    else:
        from bot.reports.formats.table import show

        show(made, Console())
    return outcome(made.unreadable)


async def _read(request: Request, outages: Sequence[Outage] | None, archive: OpenArchive) -> PeriodReport:
    async with reading(request, archive) as walk:
        return await period_report(walk, outages)


def read_outages(path: Path) -> list[Outage]:
    """Reads a CSV file with the columns `from` and `to`, and maybe `account`. Raises OperatorFault."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"from", "to"} <= {*(rows.fieldnames or ())}:
                raise OperatorFault(f"{path}: its first line must name the columns from and to")
            return [_outage(path, number, row) for number, row in enumerate(rows, start=2)]
    except OSError as wrong:
        raise OperatorFault(f"--outages: {path} cannot be read: {wrong.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as wrong:
        raise OperatorFault(f"--outages: {path} is not a CSV file in UTF-8: {wrong}") from None


def _outage(path: Path, number: int, row: dict[str, str]) -> Outage:
    try:
        span = Span(parse_instant(row["from"] or ""), parse_instant(row["to"] or ""))
    except ValueError as wrong:
        raise OperatorFault(f"{path}: line {number}: {wrong}") from None
    if not span:
        raise OperatorFault(f"{path}: line {number}: ends before it begins")
    return Outage((row.get("account") or "").strip(), span)
