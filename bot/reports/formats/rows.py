"""Rows for scripts: a report's figures and single tickets as CSV, events as JSON lines (contract.md)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from functools import cache
from io import StringIO
from typing import Any

from pydantic import TypeAdapter

from bot.reports.formats.words import fraction, utc_text
from sla_core.events import Event
from sla_core.outcome import Result
from sla_core.policy import Metric
from sla_core.report.record import PromiseRecord, TicketRecord
from sla_core.report.tally import Tally

REPORT_HEAD = (
    *("account", "month", "severity", "metric", "total", "met", "breached", "open", "attainment"),
    *("median_seconds", "worst_seconds"),
)
TICKET_HEAD = (
    *("key", "account", "plan", "severity", "opened_at", "first_response_at", "resolved_at", "closed_at"),
    *("owner", "rating"),
    *(f"{metric}_{what}" for metric in Metric for what in ("due_at", "outcome")),
)
_WORST_FIRST = (Result.BREACHED, Result.OPEN, Result.MET, Result.ENDED)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(cells: Sequence[object]) -> str:
    """One line of a CSV file with its line end; None is an empty cell."""
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


def report_rows(tally: Tally) -> Iterator[Sequence[object]]:
    for group, found in tally.rows():
        yield (
            *(group.account, group.month, group.severity, str(group.metric)),
            *(found.total, found.met, found.breached, found.open, fraction(found.share)),
            *(found.median_seconds, found.worst_seconds),
        )


def ticket_row(found: TicketRecord) -> Sequence[object]:
    """Of several promises of one metric, the worst outcome; the due instant is that promise's."""
    ticket = found.ticket
    by_metric: dict[Metric, PromiseRecord] = {}
    for promise in found.promises:
        known = by_metric.get(promise.metric)
        if known is None or _WORST_FIRST.index(promise.result) <= _WORST_FIRST.index(known.result):
            by_metric[promise.metric] = promise
    outcomes = [
        cell
        for metric in Metric
        for promise in (by_metric.get(metric),)
        for cell in (("", "") if promise is None else (utc_text(promise.due_at), str(promise.result)))
    ]
    return (
        *(ticket.key, found.opened.account, found.opened.plan, ticket.severity),
        *map(utc_text, (found.opened.at, found.first_response_at, found.resolved_at, found.closed_at)),
        *(_no_formula(ticket.owner.name if ticket.owner else ""), ticket.rating or ""),
        *outcomes,
    )


def _no_formula(text: str) -> str:
    """The text, so that a spreadsheet takes a name that begins like a formula for text."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def event_line(ticket: str, seq: int, event: Event) -> str:
    """One event as a line of JSON: its ticket, number and type, then its fields."""
    kind: Any = type(event)
    fields = _adapter(kind).dump_python(event, mode="json")
    line = {"ticket": ticket, "event": seq, "type": kind.__name__, **fields}
    return json.dumps(line, ensure_ascii=False) + "\n"


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
