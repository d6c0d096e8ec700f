"""`frontline simulate`: prints the results of a simulation for people or for scripts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.app import DONE, print_json
from bot.cli.policy.lookup import UsageFault, duration_text, local_at_both_ends, local_text
from bot.cli.policy.simulation.compare import (
    COUNTED,
    PAGE,
    Comparison,
    Histories,
    Simulation,
    SimulationRequest,
    simulate,
)
from bot.clock import real_now, utc_text
from bot.reports.formats.words import span_text
from sla_core.hours.amounts import BusinessDays
from sla_core.outcome import Outcome, Page, Replay, Result
from sla_core.policy import Metric

_STYLES = {"met": "green", "breached": "red", "open": "yellow"}


def show(found: Comparison, console: Console) -> None:
    """Prints every ticket, the totals, and how the second policy differs."""
    count = len(found.first.replays)
    tickets = f"{count} ticket{'' if count == 1 else 's'}"
    console.print(f"[bold]{tickets} under {escape(found.first.rules.name)}[/], as of {utc_text(found.until)}")
    for note in found.notes:
        console.print(f"[dim]note: {escape(note)}[/]", highlight=False)
    console.print(_tickets(found.first, found.until))
    for table in _tables(found):
        console.print(table)


def _tables(found: Comparison) -> list[Table]:
    """The totals, and how the second policy differs."""
    if found.second is None:
        return [_totals(found.first)]
    return [_totals(found.first), _totals(found.second), _changes(found), _difference(found)]


def _tickets(simulation: Simulation, until: datetime) -> Table:
    table = _table("", "ticket", "severity", "promise", "due", "outcome", "warned", "paged")
    for case, replayed in simulation.replays:
        paged = "; ".join(_paged(page, replayed) for page in replayed.pages)
        rows = [_row(outcome, until) for outcome in simulation.outcomes(replayed)]
        for row in rows or [(replayed.ticket.severity, "no clock", "–", "–", "–")]:
            table.add_row(escape(case.name), *row, escape(paged) or "–")
            paged = ""
    return table


def _paged(page: Page, replayed: Replay) -> str:
    at = (
        local_text(page.at, replayed.outcomes[0].promise.calendar.zone)
        if replayed.outcomes
        else utc_text(page.at)
    )
    return f"{page.role} {at}"


def _row(outcome: Outcome, until: datetime) -> tuple[str, ...]:
    promise = outcome.promise
    due = "on hold" if outcome.due_at is None else local_text(outcome.due_at, promise.calendar.zone)
    warned = "–" if outcome.warned_at is None else local_text(outcome.warned_at, promise.calendar.zone)
    said = _result_text(str(outcome.result), _by_how_much(outcome, until))
    return (escape(promise.severity), _metric_text(promise.metric), escape(due), said, escape(warned))


def _by_how_much(outcome: Outcome, until: datetime) -> str:
    if outcome.margin is None:
        return ""
    late = outcome.margin.total_seconds() < 0 or outcome.result is Result.BREACHED
    length = duration_text(abs(outcome.margin))
    if late:
        if (days := _days_late(outcome, until)) is not None:
            return days
        said = "less than a counted second" if length == "–" else length
        return f"{said} {_late(outcome)}" if outcome.over_at else f"{said} late so far"
    if outcome.result is Result.OPEN:
        return f"{length} left"
    return f"{length} to spare" if outcome.result is Result.MET else ""


def _days_late(outcome: Outcome, until: datetime) -> str | None:
    """Lateness in whole business days and as time passed; None for a promise that is not in business days."""
    promise, due_at, margin = outcome.promise, outcome.due_at, outcome.margin
    if not isinstance(promise.limit, BusinessDays) or promise.fixed_at or due_at is None or margin is None:
        return None
    at = outcome.over_at or until
    possible = range(1, (at - due_at).days + 2)
    days = bisect_right(possible, at, key=lambda count: promise.calendar.add_days(due_at, count))
    said = str(BusinessDays(days)) if days else "less than 1 business day"
    hours = duration_text(abs(margin))
    counted = "" if hours == "–" else f" ({hours} of its hours)"
    so_far = "" if outcome.over_at else ", so far"
    return f"{said} late by its calendar{counted}, {span_text(at - due_at)} by the clock{so_far}"


def _late(outcome: Outcome) -> str:
    """`late`; with the time that passed meanwhile, if the hours were not open all of it."""
    if outcome.over_at is None or outcome.due_at is None or outcome.margin is None:
        return "late"
    passed = outcome.over_at - outcome.due_at
    if passed <= abs(outcome.margin):
        return "late"
    return f"late by its hours, {duration_text(passed)} by the clock"


def _totals(simulation: Simulation) -> Table:
    heads = ("severity", "promise", *COUNTED, "kept", "warned", "paged")
    table = _table(f"Totals under {simulation.rules.name}", *heads)
    for (severity, metric), row in simulation.totals().items():
        counts = [*(str(row[name]) for name in COUNTED), _share_met(row), str(row["warned"]), "–"]
        if metric == PAGE:
            counts = [*("–" for _ in counts[1:]), str(row["paged"])]
        table.add_row(escape(severity), _metric_text(metric), *counts)
    return table


def _share_met(row: Mapping[str, int]) -> str:
    """The percentage of decided promises that were met."""
    decided = row["met"] + row["breached"]
    return f"{100 * row['met'] / decided:.1f} %" if decided else "–"


def _changes(found: Comparison) -> Table:
    assert found.second is not None
    heads = ("ticket", "promise", found.first.rules.name, found.second.rules.name)
    changes = list(found.changes())
    tickets = len({id(change.case) for change in changes})
    plural = "s" if tickets != 1 else ""
    table = _table(f"What would differ: {tickets or 'no'} ticket{plural}", *heads)
    for change in changes:
        sides = [
            _outcome_text(result, outcome, found.until) for result, outcome in (change.was, change.becomes)
        ]
        table.add_row(escape(change.case.name), _metric_text(change.metric), *sides)
    return table


def _outcome_text(result: str, outcome: Outcome | None, until: datetime) -> str:
    if outcome is None:
        return result
    said = _result_text(result, _by_how_much(outcome, until))
    due = outcome.due_at and local_at_both_ends(outcome.due_at, outcome.promise.calendar)
    return f"{escape(outcome.promise.severity)} {said}, due {escape(due or 'after the hold')}"


def _difference(found: Comparison) -> Table:
    table = _table("The difference in all", "promise", "outcome", "first", "second", "change")
    for row in _difference_rows(found):
        was, becomes = row["was"], row["becomes"]
        change = f"{becomes - was:+d}" if becomes != was else "–"
        table.add_row(_metric_text(row["metric"]), row["outcome"], str(was), str(becomes), change)
    return table


def _difference_rows(found: Comparison) -> list[dict[str, Any]]:
    """How many promises ended with each outcome under either policy, without outcomes that did not occur."""
    assert found.second is not None
    rows = []
    sums = [_by_metric(simulation) for simulation in (found.first, found.second)]
    for metric in (*map(str, Metric), PAGE):
        for outcome in ("paged",) if metric == PAGE else (*COUNTED, "warned"):
            was, becomes = (part.get((metric, outcome), 0) for part in sums)
            if was or becomes:
                rows.append({"metric": metric, "outcome": outcome, "was": was, "becomes": becomes})
    return rows


def _by_metric(simulation: Simulation) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for (_, metric), row in simulation.totals().items():
        for outcome, count in row.items():
            sums[metric, outcome] = sums.get((metric, outcome), 0) + count
    return sums


def _table(title: str, *heads: str) -> Table:
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(escape(head), overflow="fold")
    return table


def _metric_text(metric: str) -> str:
    return metric.replace("_", " ")


def _result_text(result: str, more: str) -> str:
    style = _STYLES.get(result)
    text = f"[{style}]{result}[/]" if style else result
    return f"{text}, {more}" if more else text


def as_json(found: Comparison) -> dict[str, Any]:
    """The results as JSON. Instants are in UTC; `margin_seconds` is negative if the promise was late."""
    whole: dict[str, Any] = {"until": utc_text(found.until), "notes": list(found.notes)}
    whole |= _simulation(found.first)
    if found.second is not None:
        whole["against"] = _simulation(found.second)
        changed = [
            {
                "ticket": change.case.name,
                "metric": change.metric,
                "was": _ending_json(*change.was),
                "becomes": _ending_json(*change.becomes),
            }
            for change in found.changes()
        ]
        whole["difference"] = {"changed": changed, "totals": _difference_rows(found)}
    return whole


def _simulation(simulation: Simulation) -> dict[str, Any]:
    rules = simulation.rules
    return {
        "vendor": rules.policies[-1].vendor,
        "versions": [policy.version for policy in rules.policies],
        "plan": rules.plan,
        "tickets": [
            {
                "ticket": case.name,
                "label": dict(case.label),
                "plan": rules.plan_for(case),
                "severity": replayed.ticket.severity,
                "opened_at": utc_text(case.opened.at),
                "promises": [_outcome(outcome) for outcome in simulation.outcomes(replayed)],
                "pages": [
                    {"at": utc_text(page.at), "role": page.role, "severity": page.severity}
                    for page in replayed.pages
                ],
            }
            for case, replayed in simulation.replays
        ],
        "totals": [_total(severity, metric, row) for (severity, metric), row in simulation.totals().items()],
    }


def _total(severity: str, metric: str, row: Mapping[str, int]) -> dict[str, Any]:
    counted = ("paged",) if metric == PAGE else (*COUNTED, "warned")
    return {"severity": severity, "metric": metric} | {name: row[name] for name in counted}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    promise = outcome.promise
    margin = outcome.margin
    return {
        "metric": str(promise.metric),
        "severity": promise.severity,
        "started_at": utc_text(promise.started_at),
        "goal_at": _utc_text_or_none(promise.goal_at),
        "due_at": _utc_text_or_none(outcome.due_at),
        "outcome": str(outcome.result),
        "over_at": _utc_text_or_none(outcome.over_at),
        "margin_seconds": None if margin is None else int(margin.total_seconds()),
        "warned_at": _utc_text_or_none(outcome.warned_at),
        "clauses": list(promise.target.source.clauses),
    }


def _ending_json(result: str, outcome: Outcome | None) -> dict[str, Any]:
    found = None if result == "–" else result
    return {"outcome": found, "due_at": None if outcome is None else _utc_text_or_none(outcome.due_at)}


def _utc_text_or_none(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)


def run(request: SimulationRequest, histories: Histories, json_output: bool, html: Path | None) -> int:
    found = simulate(request, histories, real_now(), Console(stderr=True))
    if html is not None:
        from bot.cli.policy.simulation.html import page

        try:
            html.write_text(page(found, _tables(found)), encoding="utf-8")
        except OSError as wrong:
            raise UsageFault(f"--html: {html} cannot be written: {wrong.strerror or wrong}") from None
    if json_output:
        print_json(as_json(found))
    else:
        show(found, Console())
    return DONE
