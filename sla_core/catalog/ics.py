"""Reads an operator's list of closed days from an iCalendar file: all-day events, once or yearly.

Anything that is not whole closed days is a fault, and never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from sla_core.closures import ListedDays

LONGEST = 366
"""The most days of one event; a longer one is a mistake in its end."""

EARLIEST, LATEST = 1900, 2200

RULE_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST")

_LINE = re.compile(r'^([A-Za-z0-9-]+)((?:;(?:"[^"]*"|[^":])*)?):(.*)$')
_DATE = re.compile(r"^\d{8}$")
_DURATION = re.compile(r"^P(\d{1,4})([DW])$")
_NUMBER = re.compile(r"^[1-9]\d{0,3}$")
_ESCAPED = re.compile(r"\\([\\;,nN])")

Faults = list[tuple[int, str]]
"""Line numbers, and what is wrong there and how to fix it."""


class Wrong(ValueError):
    """A line that cannot be read as closed days."""

    def __init__(self, line: int, says: str) -> None:
        super().__init__(says)
        self.line = line


@dataclass(frozen=True, slots=True)
class Property:
    """One line of an event, continuation lines included."""

    line: int
    name: str
    value: str


@dataclass
class Event:
    """A VEVENT: its first line number, and its properties by name."""

    line: int
    properties: dict[str, list[Property]] = field(default_factory=dict)

    def one(self, name: str) -> Property | None:
        found = self.properties.get(name, [])
        if len(found) > 1:
            raise Wrong(found[1].line, f"there is more than one {name} in this event; keep one")
        return found[0] if found else None


def read(text: str) -> tuple[list[ListedDays], Faults]:
    """The closed days that the file lists, and all of its faults."""
    listed: list[ListedDays] = []
    faults: Faults = []
    try:
        events = list(_events(text))
    except Wrong as wrong:
        return [], [(wrong.line, str(wrong))]
    for event in events:
        try:
            entry = _entry(event)
        except Wrong as wrong:
            faults.append((wrong.line, str(wrong)))
            continue
        if entry is not None:
            listed.append(entry)
    if not events:
        faults.append((1, "lists no event; export the calendar that has the closed days"))
    return listed, faults


def certified_until(listed: Sequence[ListedDays]) -> date | None:
    """The end of the last year in a list; None for a list with yearly events."""
    if not listed or any(entry.rule for entry in listed):
        return None
    last = max(entry.first + timedelta(entry.days - 1) for entry in listed)
    return date(last.year, 12, 31)


def _events(text: str) -> Iterator[Event]:
    inside: list[str] = []
    event: Event | None = None
    line = 1
    for line, content in _unfolded(text):
        found = _LINE.match(content)
        if not found:
            raise Wrong(line, f'"{content[:40]}" is not a line of an iCalendar file; export the list again')
        name, value = found[1].upper(), found[3].strip()
        if not inside and (name, value.upper()) != ("BEGIN", "VCALENDAR"):
            raise Wrong(line, "an iCalendar file begins with BEGIN:VCALENDAR; export the list as .ics")
        if name == "BEGIN":
            inside.append(value.upper())
            if inside == ["VCALENDAR", "VEVENT"]:
                event = Event(line)
        elif name == "END":
            if value.upper() != inside.pop():
                raise Wrong(line, f"END:{value} has no matching BEGIN; export the list again")
            if event is not None and len(inside) == 1:
                yield event
                event = None
        elif event is not None and len(inside) == 2:
            event.properties.setdefault(name, []).append(Property(line, name, value))
    if inside:
        raise Wrong(line, f"the file ends inside {inside[-1]}; export the list again")


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. A line that begins with a blank continues the one before."""
    whole, begun = "", 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if line[:1] in (" ", "\t") and whole:
            whole += line[1:]
            continue
        if whole.strip():
            yield begun, whole
        whole, begun = line, number
    if whole.strip():
        yield begun, whole


def _entry(event: Event) -> ListedDays | None:
    status = event.one("STATUS")
    if status is not None and status.value.upper() == "CANCELLED":
        return None
    for name, fix in (
        ("RECURRENCE-ID", "list the day as an event of its own, and leave it out of the series by EXDATE"),
        ("RDATE", "give each day an event of its own"),
        ("EXRULE", "leave days out by EXDATE"),
    ):
        for strange in event.properties.get(name, []):
            raise Wrong(strange.line, f"{name} is not supported; {fix}")
    summary, start = event.one("SUMMARY"), event.one("DTSTART")
    name = _text(summary.value) if summary else ""
    if not name:
        raise Wrong(event.line, "the event has no SUMMARY; receipts show it as the holiday's name")
    if start is None:
        raise Wrong(event.line, "the event has no DTSTART; write DTSTART;VALUE=DATE:20261224")
    first = _day(start, start.value)
    days = _length(event, first)
    if not 1 <= days <= LONGEST:
        raise Wrong(event.line, f"the event lasts {days} days; its end is the first day that is open again")
    entry = ListedDays(name, first, days, _rule(event), frozenset(_skipped(event)))
    _check_rule(event, entry)
    return entry


def _text(value: str) -> str:
    plain = _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value)
    return " ".join(plain.split())


def _day(where: Property, value: str) -> date:
    if not _DATE.match(value):
        raise Wrong(
            where.line,
            f"{where.name} {value} is not a whole day; make it an all-day event (VALUE=DATE:20261224), "
            "or write a half day under `early`",
        )
    try:
        day = date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        raise Wrong(where.line, f"{where.name} {value} is not a date; write it as 20261224") from None
    if not EARLIEST <= day.year <= LATEST:
        raise Wrong(where.line, f"{where.name} {value} is not between {EARLIEST} and {LATEST}; fix the year")
    return day


def _length(event: Event, first: date) -> int:
    end, duration = event.one("DTEND"), event.one("DURATION")
    if end is not None:
        return (_day(end, end.value) - first).days
    if duration is None:
        return 1
    found = _DURATION.match(duration.value)
    if not found:
        raise Wrong(duration.line, f"DURATION {duration.value} is not a number of days; write P1D")
    return int(found[1]) * (7 if found[2] == "W" else 1)


def _skipped(event: Event) -> Iterator[date]:
    for exception in event.properties.get("EXDATE", []):
        for value in exception.value.split(","):
            yield _day(exception, value.strip())


def _rule(event: Event) -> str | None:
    rule = event.one("RRULE")
    if rule is None:
        return None
    parts = dict(part.partition("=")[::2] for part in rule.value.upper().split(";") if part)
    strange = [name for name in parts if name not in RULE_PARTS]
    if strange:
        raise Wrong(rule.line, f"RRULE with {strange[0]} is not supported; known are {', '.join(RULE_PARTS)}")
    if parts.get("FREQ") != "YEARLY":
        raise Wrong(
            rule.line,
            f"RRULE with FREQ={parts.get('FREQ', '')} is not supported; only FREQ=YEARLY closes days",
        )
    for name in ("INTERVAL", "COUNT"):
        if not _NUMBER.match(parts.get(name, "1")):
            raise Wrong(rule.line, f"RRULE with {name}={parts[name]} cannot be counted; write 1 or more")
    if "UNTIL" in parts:
        parts["UNTIL"] = f"{_day(rule, parts['UNTIL'][:8]):%Y%m%d}"
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _check_rule(event: Event, entry: ListedDays) -> None:
    """Checks that the rule is valid and includes its first day."""
    rule = event.one("RRULE")
    if rule is None:
        return
    try:
        holds = entry.first in replace(entry, skipped=frozenset()).in_year(entry.first.year)
    except (ValueError, TypeError) as broken:
        raise Wrong(rule.line, f"RRULE cannot be read: {broken}") from None
    if not holds:
        says = f"RRULE does not include its own first day, {entry.first}; fix DTSTART or the rule"
        raise Wrong(rule.line, says)
