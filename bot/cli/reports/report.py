"""`frontline report`, `export` and `audit`."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bot.cli.app import DONE, print_faults
from bot.cli.progress import progress_bar
from bot.cli.reports.options import OpenArchive, Request, outcome, reading, write_text
from bot.clock import parse_instant
from bot.faults import OperatorFault
from bot.reports.event_chain import Audit, audit
from bot.reports.formats.rows import TICKET_HEAD, csv_line, event_line, ticket_row
from bot.reports.period_report import Outage, PeriodReport, period_report
from sla_core.calendar import Span

FORMATS = ("table", "csv", "html", "png")


def run_report(request: Request, outages: Path | None, archive: OpenArchive) -> int:
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
        from bot.reports.formats.html import page

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


EXPORTED = ("csv", "jsonl")


def run_export(request: Request, archive: OpenArchive) -> int:
    """Prints tickets or events while they are read. Raises OperatorFault, Faults."""
    return asyncio.run(_export(request, request.checked_format(EXPORTED), archive))


async def _export(request: Request, format_: str, archive: OpenArchive) -> int:
    async with reading(request, archive) as walk:
        if format_ == "csv":
            write_text([csv_line(TICKET_HEAD)])
            async for found in walk.records():
                write_text([csv_line(ticket_row(found))])
        else:
            async for key, history in walk.histories():
                write_text(event_line(key, seq, event) for seq, event in enumerate(history, 1))
        return outcome(walk.unreadable)


def run_audit(archive: OpenArchive) -> int:
    """Prints `ok`, or what is wrong with which event on stderr. Raises OperatorFault."""
    found = asyncio.run(_audit(archive))
    if found.unhashed:
        print(
            f"note: {found.unhashed} events have no hash, because an older version stored them; "
            "frontline migrate --rebuild adds them",
            file=sys.stderr,
        )
    if found.faults:
        return print_faults(*(f"{ticket} event {seq}: {what}" for ticket, seq, what in found.faults))
    print("ok")
    return DONE


async def _audit(archive: OpenArchive) -> Audit:
    async with archive() as store:
        with progress_bar("Tickets", await store.index_size(), Console(stderr=True)) as done:
            return await audit(store, done)
