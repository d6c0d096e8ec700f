"""Builds the calendars of a pack from calendars.toml, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from sla_core.calendar import WEEKDAYS, BusinessCalendar, Hours, always
from sla_core.catalog import ics, schema
from sla_core.catalog.crosscheck import unknown
from sla_core.closures import AnnualDay, Closures, EndClosures, ListedDays, PublicHolidays
from sla_core.hours.openings import through
from sla_core.hours.published import HALF_DAY, YEARS

FILE = "calendars.toml"
_SAMPLE_DAY = date(2026, 1, 15)
_MOST_NAMED = 4
"""How many days a fault names."""


class CalendarReader:
    """Reads calendars. `fault` takes file, key and what is wrong; `listed` reads an iCalendar file."""

    def __init__(
        self, fault: Callable[[str, str, str], None], listed: Callable[[str, str], list[ListedDays]]
    ) -> None:
        self._fault = fault
        self._listed = listed

    def calendar(self, name: str, file: schema.CalendarFile) -> BusinessCalendar | None:
        """The calendar; None if it cannot be built."""
        if file.always == bool(file.open):
            self._fault(FILE, name, "needs either `always = true` or its `open` hours")
            return None
        ends = (file.closed_at_opening_end, file.closed_at_closing_end)
        if file.always:
            if file.closed or file.special or any(ends):
                self._fault(FILE, name, "is always open, so no day can be closed; remove that part")
            return always()
        hours = tuple(
            part
            for number, opening in enumerate(file.open, start=1)
            for part in self._hours(f"{name}.open.{number}", opening)
        )
        closed = file.closed or schema.ClosuresFile()
        closures = self._closures(f"{name}.closed", closed)
        self._check_half_days(f"{name}.closed", closed, closures)
        special = self._special(name, file.special)
        return BusinessCalendar(hours, closures, closed.early, self._ends(name, file, hours), special)

    def _hours(self, key: str, file: schema.OpenFile) -> list[Hours]:
        weekdays = [WEEKDAYS.index(day) for day in file.days]
        by_end = file.counts_as == "end"
        if file.until is not None:
            if len(weekdays) > 1:
                says = "is for one opening of several days: name the day on which it begins, and no other"
                self._fault(FILE, f"{key}.days", says)
            return through(weekdays[0], WEEKDAYS.index(file.until), file.from_, file.to, by_end)
        found = Hours(frozenset(weekdays), file.from_, file.to)
        if not found.on(_SAMPLE_DAY):
            self._fault(FILE, key, "closes before it opens")
        if not by_end:
            return [found]
        if file.to.after_midnight > file.from_.after_midnight:
            self._fault(FILE, f"{key}.counts_as", "is for hours that end on another day than they begin")
        return [replace(found, weekdays=frozenset((day + 1) % 7 for day in weekdays), begins=-1)]

    def _special(self, name: str, files: Sequence[schema.SpecialFile]) -> dict[date, tuple[Hours, ...]]:
        found: dict[date, tuple[Hours, ...]] = {}
        for number, file in enumerate(files, start=1):
            for day in file.dates:
                hours = Hours(frozenset(), file.from_, file.to)
                if not hours.on(day):
                    self._fault(FILE, f"{name}.special.{number}", "closes before it opens")
                found[day] = (*found.get(day, ()), hours)
        return found

    def _ends(self, name: str, file: schema.CalendarFile, hours: tuple[Hours, ...]) -> EndClosures | None:
        opening, closing = file.closed_at_opening_end, file.closed_at_closing_end
        if opening is None and closing is None:
            if file.shared_from is not None:
                says = "is for days that only the opening end's list closes; add `closed_at_opening_end`"
                self._fault(FILE, f"{name}.shared_from", says)
            return None
        if not all(opened.two_zones for opened in hours):
            says = "is for hours that open in one zone and close in another; use `closed` instead"
            key = "closed_at_opening_end" if opening else "closed_at_closing_end"
            self._fault(FILE, f"{name}.{key}", says)
        for key, end in (("closed_at_opening_end", opening), ("closed_at_closing_end", closing)):
            if end is not None and any(HALF_DAY in rule.categories for rule in end.public):
                says = f'takes whole days only; write "{HALF_DAY}" under `{name}.closed.public`'
                self._fault(FILE, f"{name}.{key}.public", says)
        return EndClosures(
            self._closures(f"{name}.closed_at_opening_end", opening or schema.DaysOffFile()),
            self._closures(f"{name}.closed_at_closing_end", closing or schema.DaysOffFile()),
            file.shared_from,
        )

    def _closures(self, key: str, file: schema.DaysOffFile) -> Closures:
        annual = []
        for day in file.annual:
            month, number = (int(part) for part in day.on.split("-"))
            try:
                date(2024, month, number)
            except ValueError:
                self._fault(FILE, f"{key}.annual.on", f'"{day.on}" is not a date; write "12-25"')
                continue
            annual.append(AnnualDay(day.name, month, number, day.observed, day.chosen))
        public = []
        for rule in file.public:
            found = PublicHolidays(**rule.model_dump())
            try:
                unknown = found.unknown_names(YEARS)
            except (NotImplementedError, ValueError) as wrong:
                self._fault(FILE, f"{key}.public", str(wrong))
                continue
            for holiday in unknown:
                self._fault(FILE, f"{key}.public", f'{rule.country} has no holiday "{holiday}"')
            public.append(found)
        listed, opened = self._lists(key, file.ics)
        certified = file.certified_until or ics.certified_until((*listed, *opened))
        half_days = file.half_days if isinstance(file, schema.ClosuresFile) else None
        return Closures(
            tuple(public), tuple(annual), file.dates, file.working, certified, listed, half_days, opened
        )

    def _lists(
        self, key: str, files: Sequence[schema.ListFile]
    ) -> tuple[tuple[ListedDays, ...], tuple[ListedDays, ...]]:
        """The closed days of iCalendar files, and the working days of such files."""
        closed: list[ListedDays] = []
        opened: list[ListedDays] = []
        for file in files:
            entries = self._listed(key, file.file)
            names = {entry.name for entry in entries}
            works = names if file.working is True else file.working
            asked = file.only | file.excluding | works
            for strange in sorted(asked - names if entries else ()):
                self._fault(FILE, f"{key}.ics", unknown(f"day in {file.file} named", strange, names))
            for entry in entries:
                if entry.name in works:
                    opened.append(entry)
                elif entry.name not in file.excluding and (not file.only or entry.name in file.only):
                    closed.append(entry)
        return tuple(closed), tuple(opened)

    def _check_half_days(self, key: str, file: schema.ClosuresFile, closures: Closures) -> None:
        """Names the half days that close at an unknown hour."""
        missing = closures.half_days_without_hour(YEARS)
        unknown = [f"{day} {name}" for day, name in missing.items() if day not in file.early]
        if unknown:
            others = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
            says = f"do not say when they close: {', '.join(unknown[:_MOST_NAMED])}{others}"
            self._fault(FILE, f"{key}.half_days", f'{says}; write half_days = "13:00"')
