"""What a TAM's forecast says, and once in the week before a peak season how ready we are (MON-31)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bot.model.queue import QueueSummary
from bot.model.views import Part, RichText, Strong, When
from bot.notify.cards import METRIC_NAMES, without_full_stop
from bot.notify.emergency_texts import day_text
from bot.notify.tam.alert_texts import listed
from sla_core.policy import ComingPeak

MOST = 15
"""The most tickets under one heading."""


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """A ticket: its key, as a link if its address is known, its account's name, and how it stands."""

    key: Part
    account: str
    summary: QueueSummary


def morning(
    until: datetime,
    due: Sequence[ForecastRow],
    hidden: Sequence[tuple[ForecastRow, Sequence[str]]],
    missed: Sequence[ForecastRow],
    on_call: Sequence[tuple[str, str]],
) -> RichText:
    """The morning's message. `hidden` are deadlines with the holidays before them."""
    parts: list[Part] = []
    if due:
        parts += [Strong("Due before your next forecast"), ", ", When(until), ":"]
        parts += ticket_lines(due)
    if hidden:
        parts += [*_gap(parts), Strong("Later than it looks, because of a holiday:")]
        parts += _listed([[*_ticket(line), *_due(line), f" ({', '.join(why)})"] for line, why in hidden])
    if missed:
        parts += [*_gap(parts), Strong("Missed since your last forecast:")]
        parts += _listed([[*_ticket(line), f": {_standing(line.summary)}"] for line in missed])
    if on_call:
        named = ", ".join(f"{name} ({step})" for step, name in on_call)
        parts += [*_gap(parts), Strong("On call: "), f"{named}."]
    return tuple(parts)


def evening(kept: Sequence[str], missed: Sequence[str], new: Sequence[str]) -> RichText:
    """The line that the message gets at the end of the day, of keys of tickets."""
    said = [
        f"{what} {', '.join(keys[:MOST])}{' and more' if len(keys) > MOST else ''}"
        for what, keys in (("kept:", kept), ("missed:", missed), ("new:", new))
        if keys
    ]
    return ("\n\n", Strong("Since this morning: "), f"{'; '.join(said)}.")


def ticket_lines(lines: Sequence[ForecastRow]) -> Iterator[Part]:
    """Each ticket with its next deadline, on a line of its own."""
    yield from _listed([[*_ticket(line), *_due(line)] for line in lines])


def _listed(lines: Sequence[Sequence[Part]]) -> Iterator[Part]:
    for line in lines[:MOST]:
        yield "\n"
        yield from line
    if len(lines) > MOST:
        yield f"\nand {len(lines) - MOST} more"


def _gap(parts: Sequence[Part]) -> Sequence[Part]:
    return ("\n\n",) if parts else ()


def _ticket(line: ForecastRow) -> Iterator[Part]:
    yield line.key
    severity = line.summary.severity_shown or line.summary.severity
    yield f" {line.account}, {severity}: {without_full_stop(line.summary.title)}"


def _due(line: ForecastRow) -> Iterator[Part]:
    due = line.summary.due
    if due is not None and due.due_at is not None:
        yield f", {METRIC_NAMES[due.metric].lower()} due "
        yield When(due.due_at)


def _standing(summary: QueueSummary) -> str:
    """Where a ticket with a missed promise stands now."""
    if summary.state != "open":
        return f"now {summary.state}"
    answered = "waiting for the customer" if summary.customers_turn else "waiting for us"
    return f"open, {answered}, {f'owner {summary.owner}' if summary.owner else 'unassigned'}"


_DAY = timedelta(days=1)


def readiness(
    coming: ComingPeak,
    on_call: Sequence[tuple[str, str]],
    vacant: Sequence[str],
    without_backup: Sequence[str],
    still_open: Sequence[ForecastRow],
) -> RichText:
    """`on_call` are steps and who begins the season on call for them, `vacant` the steps without anybody.

    `without_backup` are names of accounts, `still_open` the open tickets that are not named above it.
    """
    parts: list[Part] = [
        Strong(f"Peak season from {_days(coming.first, coming.end)}."),
        f" {coming.peak.source.says}",
    ]
    for freeze_first, freeze_end in coming.freezes:
        when = (
            "On these days"
            if (freeze_first, freeze_end) == (coming.first, coming.end)
            else (f"From {_days(freeze_first, freeze_end)}")
        )
        parts.append(f"\n{when}, there is a code freeze: only urgent fixes are deployed.")
    if on_call:
        parts.append(f"\nOn call when it begins: {', '.join(f'{name} ({step})' for step, name in on_call)}.")
    if vacant:
        parts.append(f"\nNobody is on call then: {listed(vacant)}.")
    if without_backup:
        parts.append(f"\nYou have no backup for {listed(without_backup)}.")
    if still_open:
        parts += ["\n", Strong("Also open:"), *ticket_lines(still_open)]
    return tuple(parts)


def _days(first: date, end: date) -> str:
    """`Mon 9 Nov 2026 to Sun 6 Dec 2026`; `end` is the first day after them."""
    return f"{day_text(first)} to {day_text(end - _DAY)}"
