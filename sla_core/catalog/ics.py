"""Reads an operator's list of closed days from an iCalendar file, with the library that recurs them.

Every event becomes one of whole days, by the clocks of a zone. What is not whole days is a fault, or is named
and left out. Nothing is ignored in silence.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sla_core.hours.openings import ListedDays

# Slow to load, so only policies that name such a file import it.
if TYPE_CHECKING:
    from icalendar import Calendar

LONGEST = 366
"""The most days of one event; a longer one is a mistake in its end."""
EARLIEST, LATEST = 1900, 2200
LAST_MINUTE = time(23, 59)
"""An end from then on is the end of that day."""
OF_DAYS = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
READ = ("VCALENDAR", "VTIMEZONE", "STANDARD", "DAYLIGHT", "VEVENT")
OF_HOURS = ("BYHOUR", "BYMINUTE", "BYSECOND")

_LINE = re.compile(r'^([A-Za-z0-9-]+)((?:;(?:"[^"]*"|[^":])*)?):(.*)$')
_AGAIN = "export the list again"
_WHOLE_DAY = "make it an all-day event (VALUE=DATE:20261224), or write a half day under `early`"

Faults = list[tuple[int, str]]
"""Line numbers, and what is wrong there and how to fix it."""


class Wrong(ValueError):
    """An event, or a file, that cannot be read."""

    def __init__(self, line: int, says: str) -> None:
        super().__init__(says)
        self.line = line


class NotADay(Wrong):
    """An event that can be read, and is not whole days."""


@dataclass(frozen=True)
class Listed:
    """The closed days of a file; None if it has none. `left_out` are events that are not whole days."""

    days: ListedDays | None
    faults: Faults
    left_out: Faults


@dataclass
class _Entry:
    """An event of whole days."""

    name: str
    line: int
    uid: str
    sequence: int
    cancelled: bool
    replaces: date | None
    """The day of the series that it stands for."""
    and_future: bool
    first: date
    days: int
    rule: dict[str, Any] | None
    skipped: list[date]
    added: list[date]


@dataclass
class _Lines:
    """Where an event stands in the file: its first line, and those of its properties."""

    begin: int
    properties: dict[str, list[int]] = field(default_factory=dict)

    def of(self, name: str, number: int = 0) -> int:
        return self.properties.get(name, [self.begin] * (number + 1))[number]


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8 or UTF-16 with their marks, else in the encoding of older programs."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read(text: str, zone: ZoneInfo | None = None, leave_out: bool = False) -> Listed:
    """The closed days that the file lists, and all of its faults.

    `zone` (default UTC) is that of the business calendar: its clocks say on which day an instant in UTC
    is, unless the file names a zone of its own. `leave_out`: events that are not whole days are no faults.
    """
    faults: Faults = []
    left_out: Faults = []
    entries: list[_Entry] = []
    try:
        lines = list(_event_lines(text))
        calendars = _calendars(text)
    except Wrong as wrong:
        return Listed(None, [(wrong.line, str(wrong))], [])
    events = [(each, event) for each in calendars for event in each.walk("VEVENT")]
    if len(events) != len(lines):
        return Listed(None, [(1, f"has events within events; {_AGAIN}")], [])
    for where, (calendar, event) in zip(lines, events, strict=True):
        try:
            entries.append(_entry(event, where, _own_zone(calendar) or zone or ZoneInfo("UTC")))
        except NotADay as wrong:
            (left_out if leave_out else faults).append((wrong.line, str(wrong)))
            if leave_out and (changed := _changed_day(event, where, zone or ZoneInfo("UTC"))):
                entries.append(changed)
        except Wrong as wrong:
            faults.append((wrong.line, str(wrong)))
    if not events:
        faults.append((1, "lists no event; export the calendar that has the closed days"))
    try:
        kept = _in_force(entries)
    except Wrong as wrong:
        return Listed(None, [*faults, (wrong.line, str(wrong))], left_out)
    return Listed(None if faults else _listed(kept), faults, left_out)


def _event_lines(text: str) -> Iterator[_Lines]:
    inside: list[str] = []
    event: _Lines | None = None
    number = 0
    for number, content in _unfolded(text):
        found = _LINE.match(content)
        if not found:
            raise Wrong(number, f'"{content[:40]}" is not a line of an iCalendar file; {_AGAIN}')
        name, value = found[1].upper(), found[3].strip().upper()
        if not inside and (name, value) != ("BEGIN", "VCALENDAR"):
            raise Wrong(number, "an iCalendar file begins with BEGIN:VCALENDAR; export the list as .ics")
        if name == "BEGIN":
            inside.append(value)
            if value == "VEVENT":
                event = _Lines(number)
        elif name == "END":
            if value != inside.pop():
                raise Wrong(number, f"END:{value} has no matching BEGIN; {_AGAIN}")
            if value == "VEVENT" and event is not None:
                yield event
                event = None
        elif event is not None and inside[-1] == "VEVENT":
            event.properties.setdefault(name, []).append(number)
    if inside:
        raise Wrong(number, f"the file ends inside {inside[-1]}; {_AGAIN}")


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


def _with_events_only(text: str) -> Iterator[str]:
    """The unfolded lines without alarms, tasks and the like, whose faults concern nobody here."""
    skipped = 0
    for _, content in _unfolded(text):
        name, _, value = content.partition(":")
        named = value.strip().upper()
        if name.upper() == "BEGIN" and (skipped or named not in READ):
            skipped += 1
        elif name.upper() == "END" and skipped:
            skipped -= 1
        elif not skipped:
            yield content


def _calendars(text: str) -> list[Calendar]:
    from icalendar import Calendar

    try:
        found = Calendar.from_ical("\r\n".join(_with_events_only(text)), multiple=True)
    except (ValueError, LookupError, AttributeError, TypeError, OSError) as broken:
        # OSError: a time zone is looked up as a file, and its name may be too long.
        raise Wrong(1, f"is not a whole iCalendar file ({broken}); {_AGAIN}") from None
    return [each for each in found if isinstance(each, Calendar)]


def _own_zone(calendar: Calendar) -> ZoneInfo | None:
    try:
        return ZoneInfo(str(calendar["X-WR-TIMEZONE"]))
    except (KeyError, ValueError, OSError):
        return None


def _entry(event: Any, lines: _Lines, zone: ZoneInfo) -> _Entry:
    cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    for name, message in event.errors:
        if not (cancelled and name == "DTEND"):
            says = f"{name} cannot be read ({message}); write DTSTART;VALUE=DATE:20261224"
            raise Wrong(lines.of(str(name)), says)
    for name in ("DTSTART", "DTEND", "DURATION", "RRULE", "SUMMARY", "STATUS"):
        if isinstance(event.get(name), list):
            raise Wrong(lines.of(name, 1), f"there is more than one {name} in this event; keep one")
    if "EXRULE" in event:
        raise Wrong(lines.of("EXRULE"), "EXRULE is not supported; leave days out by EXDATE")
    name = " ".join(str(event.get("SUMMARY", "")).split())
    if not name and not cancelled:
        raise Wrong(lines.begin, "the event has no SUMMARY; receipts show it as the holiday's name")
    if "DTSTART" not in event:
        raise Wrong(lines.begin, "the event has no DTSTART; write DTSTART;VALUE=DATE:20261224")
    replaces = event.get("RECURRENCE-ID")
    if cancelled:
        first, days, rule = _date_in(event["DTSTART"].dt, zone), 1, None
    else:
        first, days = _days(event, lines, zone)
        rule = _rule(event, lines, first, zone)
    return _Entry(
        name=name,
        line=lines.begin,
        uid=str(event.get("UID", "")) or f"line {lines.begin}",
        sequence=int(event.get("SEQUENCE", 0)),
        cancelled=cancelled,
        replaces=_date_in(replaces.dt, zone) if replaces is not None else None,
        and_future=replaces is not None and replaces.params.get("RANGE") == "THISANDFUTURE",
        first=first,
        days=days,
        rule=rule,
        skipped=_dates(event.get("EXDATE"), zone),
        added=_dates(event.get("RDATE"), zone),
    )


def _changed_day(event: Any, lines: _Lines, zone: ZoneInfo) -> _Entry | None:
    """A day of a series that was changed into something else than a day, so the series is open then."""
    replaces = event.get("RECURRENCE-ID")
    if replaces is None:
        return None
    day = _date_in(replaces.dt, zone)
    sequence = int(event.get("SEQUENCE", 0))
    return _Entry("", lines.begin, str(event.get("UID")), sequence, True, day, False, day, 1, None, [], [])


def _days(event: Any, lines: _Lines, zone: ZoneInfo) -> tuple[date, int]:
    """The first day and how many there are."""
    start = event["DTSTART"].dt
    first = _date_in(start, zone)
    if not EARLIEST <= first.year <= LATEST:
        says = f"DTSTART {first} is not between {EARLIEST} and {LATEST}; fix the year"
        raise Wrong(lines.of("DTSTART"), says)
    if isinstance(start, datetime) and _clock(start, zone) != time():
        says = f"DTSTART {_clock(start, zone):%H:%M} of {first} is not a whole day; {_WHOLE_DAY}"
        raise NotADay(lines.of("DTSTART"), says)
    if "DTEND" in event:
        end = event["DTEND"].dt
        days = (_end_day(end, lines, zone) - first).days
        if days == 0 and not isinstance(start, datetime) and not isinstance(end, datetime):
            days = 1  # Not by the standard, but all official calendars of France are written so.
    elif "DURATION" in event:
        length = event["DURATION"].dt
        if length % timedelta(days=1):
            raise NotADay(lines.of("DURATION"), f"DURATION {length} is not a number of days; write P1D")
        days = length.days
    else:
        days = 0 if isinstance(start, datetime) else 1
    if days == 0:
        raise NotADay(lines.begin, f"the event of {first} lasts no day; {_WHOLE_DAY}")
    if not 1 <= days <= LONGEST:
        raise Wrong(lines.begin, f"the event lasts {days} days; its end is the first day that is open again")
    return first, days


def _end_day(end: date | datetime, lines: _Lines, zone: ZoneInfo) -> date:
    """The first day after the event."""
    day = _date_in(end, zone)
    if not isinstance(end, datetime) or (at := _clock(end, zone)) == time():
        return day
    if at >= LAST_MINUTE:
        return day + timedelta(days=1)
    raise NotADay(lines.of("DTEND"), f"DTEND {at:%H:%M} of {day} is not the end of a day; {_WHOLE_DAY}")


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """By the clocks of its own zone; an instant in UTC by those of the calendar."""
    return at.astimezone(zone) if at.tzinfo is not None and at.tzname() == "UTC" else at


def _clock(at: datetime, zone: ZoneInfo) -> time:
    return _local(at, zone).time()


def _date_in(at: date | datetime, zone: ZoneInfo) -> date:
    return _local(at, zone).date() if isinstance(at, datetime) else at


def _dates(value: Any, zone: ZoneInfo) -> list[date]:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    moments = (each.dt for dates in listed for each in dates.dts)
    return [_date_in(at[0] if isinstance(at, tuple) else at, zone) for at in moments]


def _rule(event: Any, lines: _Lines, first: date, zone: ZoneInfo) -> dict[str, Any] | None:
    """The parts of its RRULE, with the last day as a date by the calendar's clocks."""
    if "RRULE" not in event:
        return None
    line = lines.of("RRULE")
    rule = {str(name).upper(): parts for name, parts in event["RRULE"].items()}
    frequency = str((rule.get("FREQ") or [""])[0])
    if frequency not in OF_DAYS or any(name in rule for name in OF_HOURS):
        says = f"RRULE with {frequency or 'no FREQ'} closes no whole days; write FREQ=YEARLY"
        raise NotADay(line, says)
    for name in ("INTERVAL", "COUNT"):
        if any(int(number) < 1 for number in rule.get(name, [1])):
            raise Wrong(line, f"RRULE with {name}={rule[name][0]} cannot be counted; write 1 or more")
    if "UNTIL" in rule:
        rule["UNTIL"] = [_date_in(rule["UNTIL"][0], zone)]
    alone = _Entry("x", line, "x", 0, False, None, False, first, 1, rule, [], [])
    try:
        holds = first in _days_of([alone]).in_year(first.year)
    except (ValueError, TypeError, OverflowError) as broken:
        raise Wrong(line, f"RRULE cannot be read ({broken}); write FREQ=YEARLY") from None
    if not holds or not _includes(alone):
        raise Wrong(line, f"RRULE does not include its own first day, {first}; fix DTSTART or the rule")
    return rule


def _includes(entry: _Entry) -> bool:
    """Whether the rule itself, and not only DTSTART, gives the first day."""
    from dateutil.rrule import rrulestr

    text = _rule_text(entry)
    begin = datetime.combine(entry.first, time())
    found = rrulestr(text, dtstart=begin).after(begin - timedelta(days=1))
    return bool(found == begin)


def _rule_text(entry: _Entry) -> str:
    from icalendar import vRecur

    rule: Any = vRecur({name: parts for name, parts in (entry.rule or {}).items() if name != "UNTIL"})
    text: str = rule.to_ical().decode()
    return text


def _in_force(entries: Iterable[_Entry]) -> list[_Entry]:
    """Of each event the one with the highest SEQUENCE, without those that are cancelled."""
    newest: dict[tuple[str, date | None], _Entry] = {}
    for entry in entries:
        key = entry.uid, entry.replaces
        other = newest.get(key)
        if other is not None and other.sequence == entry.sequence and _content(other) != _content(entry):
            says = (
                f"is the event of line {other.line} again (UID {entry.uid[:40]}), on another day; "
                "give it a UID of its own, or the newer one a higher SEQUENCE"
            )
            raise Wrong(entry.line, says)
        if other is None or entry.sequence >= other.sequence:
            newest[key] = entry
    series = {entry.uid: entry for entry in newest.values() if entry.replaces is None}
    kept = []
    for entry in newest.values():
        whole = series.get(entry.uid)
        if entry.replaces is not None and whole is not None:
            if whole.cancelled:
                continue
            if entry.cancelled:
                whole.skipped.append(entry.replaces)
        if not entry.cancelled:
            kept.append(entry)
    return kept


def _content(entry: _Entry) -> tuple[object, ...]:
    return entry.cancelled, entry.first, entry.days, entry.rule


def _listed(entries: list[_Entry]) -> ListedDays | None:
    return _days_of(entries) if entries else None


def _days_of(entries: list[_Entry]) -> ListedDays:
    """The entries as a file of whole days, for the library that recurs them."""
    from icalendar import Calendar, Event, vRecur

    calendar: Any = Calendar()
    calendar.add("VERSION", "2.0")
    for entry in entries:
        event: Any = Event()
        event.add("SUMMARY", entry.name)
        event.add("UID", entry.uid)
        event.add("SEQUENCE", entry.sequence)
        event.add("DTSTART", entry.first)
        event.add("DTEND", entry.first + timedelta(days=entry.days))
        if entry.rule is not None:
            event.add("RRULE", vRecur(entry.rule))
        if entry.skipped:
            event.add("EXDATE", entry.skipped)
        if entry.added:
            event.add("RDATE", entry.added)
        if entry.replaces is not None:
            future = {"RANGE": "THISANDFUTURE"} if entry.and_future else {}
            event.add("RECURRENCE-ID", entry.replaces, parameters=future)
        calendar.add_component(event)
    recurs = any(entry.rule is not None for entry in entries)
    last = max(max([e.first + timedelta(e.days - 1), *e.added]) for e in entries)
    return ListedDays(calendar.to_ical().decode(), None if recurs else date(last.year, 12, 31))
