"""A report on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.reports.formats.words import (
    ATTAINMENT_HEADS,
    at_text,
    attainment_cells,
    breach_text,
    example_text,
    metric_text,
    rare_texts,
    reading_cells,
    receipt_text,
    span_text,
    stage_lengths,
    uptime_texts,
)
from bot.reports.period_report import PeriodReport

MOST_BREACHES = 20
"""How many breaches a terminal shows; the page has more, and `frontline export` all."""

_NARROW = frozenset({"month", "severity", "ticket", "how late", "clause", *ATTAINMENT_HEADS})
"""Columns whose words are kept on one line, so that the others give way."""


def show(report: PeriodReport, console: Console) -> None:
    tally = report.tally
    volume = tally.volume
    console.print(f"[bold]{escape(report.title)}[/], as of {at_text(tally.now)}", highlight=False)
    if not volume.opened:
        console.print("No ticket was opened in this period.")
    else:
        _figures(report, console)
    for name, line in uptime_texts(report):
        console.print(
            f"Uptime of {escape(name)}: {escape(line)} (from {report.uptime_from}).", highlight=False
        )


def _figures(report: PeriodReport, console: Console) -> None:
    tally = report.tally
    volume = tally.volume
    rating = "" if volume.rating is None else f", rated {volume.rating:.1f} of 5 by {volume.ratings.total()}"
    console.print(
        f"{volume.opened} opened, {volume.resolved} resolved, {volume.closed} closed{rating}.",
        highlight=False,
    )
    for account in tally.accounts:
        name = report.names.get(account, account)
        rows = (
            (group.month, group.severity, metric_text(group.metric), *attainment_cells(found))
            for group, found in tally.rows()
            if group.account == account
        )
        console.print(
            _table(f"Attainment, {name}", ("month", "severity", "promise", *ATTAINMENT_HEADS), rows)
        )
    for line in rare_texts(report, lambda each: ", ".join(each.clauses)):
        console.print(f"More often than expected: {escape(line)}.", highlight=False)
    if tally.breaches_in_all:
        kept = tally.breaches()[:MOST_BREACHES]
        shown = f"Breaches: the latest {len(kept)} of {tally.breaches_in_all}"
        console.print(
            _table(
                shown,
                ("ticket", "severity", "promise", "due", "answered", "how late", "what counted", "clause"),
                (
                    (
                        *(each.ticket, each.severity, metric_text(each.metric), at_text(each.due_at)),
                        *(at_text(each.answered_at), breach_text(each), receipt_text(each)),
                        ", ".join(each.clauses),
                    )
                    for each in kept
                ),
            )
        )
    spent = ((str(stage), span_text(length)) for stage, length in stage_lengths(volume))
    console.print(_table("Time in each state, all tickets together", ("state", "time"), spent))
    questions = [*tally.readings.questions()]
    if questions:
        heads = ("", "open question", "read as", "other reading", "met", "what would differ")
        console.print(_table("What the text leaves open", heads, (reading_cells(q, t) for q, t in questions)))
        for question, found in questions:
            for example in found.examples:
                console.print(f"{question.id}: {escape(example_text(example))}", highlight=False)


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    for head in heads:
        table.add_column(escape(head), overflow="fold", no_wrap=head in _NARROW)
    for row in rows:
        table.add_row(*map(escape, row))
    return table
