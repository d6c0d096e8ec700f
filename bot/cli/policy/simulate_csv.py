"""Tickets from a CSV file: when each was opened, answered and resolved. Every fault at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.cli.policy.lookup import FIRST_YEAR, LAST_YEAR
from bot.clock import parse_instant
from sla_core.catalog.load import Fault
from sla_core.events import Answered, Event, Kind, Opened, Resolved, Who

COLUMNS = ("opened", "severity", "responded", "resolved")
INSTANTS = ("opened", "responded", "resolved")
LABELS = ("ticket", "key", "id")
"""Columns whose text names a ticket, the first that is there; else its line does."""

_CUSTOMER, _AGENT = Who("csv", "a customer"), Who("csv", "an agent")


@dataclass(frozen=True, slots=True)
class TicketCase:
    """A ticket to be replayed."""

    name: str
    history: tuple[Event, ...]
    label: Mapping[str, str]
    """What other columns say of it."""
    where: str = ""
    """Where its severity is written, for a fault."""

    @property
    def opened(self) -> Opened:
        first = self.history[0]
        assert isinstance(first, Opened)
        return first


@dataclass(frozen=True, slots=True)
class Tickets:
    """What a file has: the tickets that are whole, and what is wrong with the others."""

    cases: list[TicketCase]
    faults: list[Fault]


def read_instant(text: str) -> datetime:
    """An instant in whole seconds, within the years that calendars answer for. Raises ValueError."""
    try:
        at = parse_instant(text).replace(microsecond=0)
    except OverflowError:
        at = None
    if at is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f'"{text}" is outside the years {FIRST_YEAR} to {LAST_YEAR}')
    return at


def read_tickets(path: Path) -> Tickets:
    """The tickets of a file: columns by name in any order, `,` or `;` between them, UTF-8."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return Tickets([], [Fault(str(path), "", "is not UTF-8 text; save it as UTF-8")])
    except OSError as wrong:
        return Tickets([], [Fault(str(path), "", f"cannot be read: {wrong.strerror or wrong}")])
    file = _File(path.name, [], [])
    try:
        file.read(text)
    except csv.Error as wrong:
        file.fault("", f"is no valid CSV: {wrong}")
    return Tickets(file.cases, file.faults)


@dataclass
class _File:
    """A file while it is read."""

    name: str
    cases: list[TicketCase]
    faults: list[Fault]

    def fault(self, key: str, says: str) -> None:
        self.faults.append(Fault(self.name, key, says))

    def read(self, text: str) -> None:
        rows = _rows(text)
        at, header = next(rows, (1, []))
        columns = [name.strip().lower() for name in header]
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            says = f"lacks the column{plural} {', '.join(missing)}; it begins with {','.join(COLUMNS)}"
            self.fault(f"line {at}", says)
        for twice in sorted({name for name in columns if name and columns.count(name) > 1}):
            self.fault(f"line {at}, {twice}", "is there more than once; keep one of them")
        if self.faults:
            return
        for line, cells in rows:
            if len(cells) != len(columns):
                self.fault(f"line {line}", f"has {len(cells)} cells, but line {at} names {len(columns)}")
                continue
            self._ticket(line, {name: cell.strip() for name, cell in zip(columns, cells, strict=True)})
        if not self.cases and not self.faults:
            self.fault("", "has no tickets; write one on each line below the first")

    def _ticket(self, line: int, row: Mapping[str, str]) -> None:
        known = len(self.faults)
        times: dict[str, datetime] = {}
        for column in INSTANTS:
            if not row[column] and column != "opened":
                continue
            try:
                times[column] = read_instant(row[column])
            except ValueError as wrong:
                self.fault(f"line {line}, {column}", str(wrong))
        if not row["severity"]:
            self.fault(f"line {line}, severity", "is empty; name a severity of the policy")
        for before, after in (("opened", "responded"), ("opened", "resolved"), ("responded", "resolved")):
            if before in times and after in times and times[after] < times[before]:
                self.fault(f"line {line}, {after}", f'"{row[after]}" is before it was {before}')
        if len(self.faults) > known:
            return
        label = {name: text for name, text in row.items() if name not in COLUMNS and name and text}
        name = next((label[column] for column in LABELS if column in label), f"line {line}")
        where = f"{self.name}: line {line}, severity"
        self.cases.append(TicketCase(name, _history(row["severity"], times), label, where))


def _rows(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Each row that has anything in it, with the number of its last line."""
    first = text.lstrip().partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _history(severity: str, times: Mapping[str, datetime]) -> tuple[Event, ...]:
    opened = Opened(
        at=times["opened"],
        by=_CUSTOMER,
        account="",
        vendor="",
        plan="",
        version="",
        severity=severity,
        clause="",
        why="",
        summary="",
        details="",
        answers={},
        channel="",
    )
    events: list[Event] = [opened]
    if "responded" in times:
        events.append(Answered(times["responded"], _AGENT, Kind.REPLY, "answered"))
    if "resolved" in times:
        events.append(Resolved(times["resolved"], _AGENT, "resolved"))
    return tuple(events)
