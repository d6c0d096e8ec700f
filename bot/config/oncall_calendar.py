"""Who is on call by an iCalendar file or feed: each event is a shift of the person whom it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sla_core.calendar import Span, instant_of
from sla_core.oncall import Shift

if TYPE_CHECKING:
    from icalendar import Event
    from recurring_ical_events import CalendarQuery

_BLOCK = timedelta(days=64)
"""Recurrences are computed for one block of time after the other, and kept."""
_NOT_ONE = "is not an iCalendar file; export the calendar as .ics"
_EPOCH = datetime(2000, 1, 3, tzinfo=UTC)


class UnreadableCalendar(ValueError):
    """The text is not an iCalendar file, or not one that says who is on call. One line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class OnCallCalendar:
    """The shifts of an iCalendar file.

    `names` maps what an event may call a person (id, name or e-mail address, casefolded) to the person's id.
    An event names the person of its ATTENDEE, else of its SUMMARY. Times without a zone are in `zone`.
    """

    def __init__(self, text: str, names: Mapping[str, str], zone: ZoneInfo) -> None:
        """Raises UnreadableCalendar."""
        from icalendar import Calendar

        self._names, self._zone = names, zone
        try:
            calendar = Calendar.from_ical(text)
        except (ValueError, LookupError, AttributeError, TypeError, OSError):
            # OSError: a time zone is looked up as a file, and its name may be too long.
            raise UnreadableCalendar([_NOT_ONE]) from None
        if not isinstance(calendar, Calendar):
            raise UnreadableCalendar([_NOT_ONE])
        self._calendar = calendar
        self._block = lru_cache(maxsize=128)(self._shifts_of_block)
        if faults := [*self._faults()]:
            raise UnreadableCalendar(faults)

    @cached_property
    def people(self) -> frozenset[str]:
        named = (self._person(event) for event in self._calendar.events)
        return frozenset(person for person in named if person is not None)

    def shifts(self, within: Span) -> Iterator[Shift]:
        first, last = ((edge - _EPOCH) // _BLOCK for edge in (within.start, within.end))
        found = dict.fromkeys(shift for number in range(first, last + 1) for shift in self._block(number))
        return (shift for shift in found if shift.span & within)

    def _shifts_of_block(self, number: int) -> tuple[Shift, ...]:
        begin = _EPOCH + number * _BLOCK
        return tuple(
            Shift(person, span)
            for event in self._query.between(begin, begin + _BLOCK)
            if (person := self._person(event)) and (span := self._span(event))
        )

    @cached_property
    def _query(self) -> CalendarQuery:
        import recurring_ical_events

        return recurring_ical_events.of(self._calendar)

    def _faults(self) -> Iterator[str]:
        events = self._calendar.events
        if not events:
            yield "has no event; export the calendar that says who is on call"
        if undated := [event for event in events if _start(event) is None]:
            yield from (
                f"{_title(event)} has no start that can be read; export it again" for event in undated
            )
            return
        for event in events:
            if not _cancelled(event) and self._person(event) is None:
                yield (
                    f"{_title(event)} names nobody, or several people, of [[people]]; write one person's id, "
                    "name or e-mail address there"
                )
            if zone := _unknown_zone(event):
                yield f'{_title(event)} has the unknown time zone "{zone}"; write one such as Europe/Berlin'
        if rateless := [event for event in events if _repeats_at_no_rate(event)]:
            yield from (
                f"{_title(event)} repeats, but its RRULE does not say how often; "
                "write for example FREQ=WEEKLY there, or export it again"
                for event in rateless
            )
            return
        try:
            self._block(0)
        except Exception as wrong:  # whatever the library stumbled over in a garbled event
            yield f"has an event that cannot be read: {wrong}; export the calendar again"

    def _person(self, event: Event) -> str | None:
        """The only person whom the event names, or None."""
        if _cancelled(event):
            return None
        attendees = event.get("ATTENDEE", [])
        addresses = [str(a) for a in (attendees if isinstance(attendees, list) else [attendees])]
        attending = {self._names.get(a.casefold().removeprefix("mailto:")) for a in addresses} - {None}
        if len(attending) == 1:
            return attending.pop()
        said = str(event.get("SUMMARY", "")).strip().casefold()
        if said in self._names:
            return self._names[said]
        named = {
            person
            for name, person in self._names.items()
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said)
        }
        return named.pop() if len(named) == 1 else None

    def _span(self, event: Event) -> Span:
        return Span(self._instant(event.start), self._instant(event.end))

    def _instant(self, at: date | datetime) -> datetime:
        """A date is its midnight."""
        moment = at if isinstance(at, datetime) else datetime.combine(at, time())
        return instant_of(moment, self._zone) if moment.tzinfo is None else moment.astimezone(UTC)


class OnCallFeed:
    """An iCalendar file that is fetched. Nobody is on call before it was read for the first time.

    `address` is a URL, or `$NAME` for an environment variable that has it.
    """

    def __init__(self, address: str, names: Mapping[str, str], zone: ZoneInfo) -> None:
        self.address = address
        self._names, self._zone = names, zone
        self._calendar: OnCallCalendar | None = None
        self.text: str | None = None
        """The file as last read."""
        self.problem: str | None = None
        """Why it could not be read the last time."""

    @property
    def people(self) -> frozenset[str]:
        return self._calendar.people if self._calendar else frozenset()

    def shifts(self, within: Span) -> Iterator[Shift]:
        return self._calendar.shifts(within) if self._calendar else iter(())

    def read(self, text: str) -> None:
        """Takes the place of the file read before. Raises UnreadableCalendar and keeps that one."""
        if text != self.text:
            self._calendar = OnCallCalendar(text, self._names, self._zone)
            self.text = text


def _cancelled(event: Event) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _start(event: Event) -> date | datetime | None:
    """None if it is missing or cannot be read."""
    try:
        start: date | datetime | None = event.DTSTART
    except ValueError:
        return None
    return start


def _repeats_at_no_rate(event: Event) -> bool:
    rules = event.get("RRULE", [])
    return any("FREQ" not in rule for rule in (rules if isinstance(rules, list) else [rules]))


def _title(event: Event) -> str:
    start = _start(event)
    when = f" of {start:%Y-%m-%d}" if start else ""
    return f'the event "{event.get("SUMMARY", "")}"{when}'


def _unknown_zone(event: Event) -> str | None:
    start = _start(event)
    zone = event["DTSTART"].params.get("TZID") if start else None
    return str(zone) if zone and isinstance(start, datetime) and start.tzinfo is None else None
