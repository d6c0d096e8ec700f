"""Builds the calendars of a pack from calendars.toml, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from sla_core.calendar import WEEKDAYS, BusinessCalendar, Hours, always
from sla_core.catalog import ics, schema
from sla_core.catalog.crosscheck import unknown
from sla_core.catalog.pitfalls import holiday_faults
from sla_core.hours.openings import AnnualDay, Closures, EndClosures, ListedDays, PublicHolidays, through
from sla_core.hours.public_holidays import HALF_DAY, YEARS

FILE = "calendars.toml"
UTC = ZoneInfo("UTC")
_SAMPLE_DAY = date(2026, 1, 15)
_MOST_NAMED = 4
"""How many days a fault names."""


class CalendarReader:
    """Reads calendars. `fault` takes file, key and what is wrong.

    `listed` reads an iCalendar file. It takes the key that names it, its name, the calendar's zone, and
    whether to leave out what is no day.
    """

    def __init__(
        self,
        fault: Callable[[str, str, str], None],
        listed: Callable[[str, str, ZoneInfo, bool], ics.Listed],
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
        closures = self.closures(f"{name}.closed", closed, hours[0].opens.zone or UTC)
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
            self.closures(
                f"{name}.closed_at_opening_end", opening or schema.DaysOffFile(), hours[0].opens.zone or UTC
            ),
            self.closures(
                f"{name}.closed_at_closing_end", closing or schema.DaysOffFile(), hours[0].closes.zone or UTC
            ),
            file.shared_from,
        )

    def closures(self, key: str, file: schema.DaysOffFile, zone: ZoneInfo) -> Closures:
        """The closed days under a key. `zone` is that of the calendar's clocks."""
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
            if wrong := [*holiday_faults(found)]:
                for says in wrong:
                    self._fault(FILE, f"{key}.public", says)
                continue
            public.append(found)
        closed: list[ListedDays] = []
        opened: list[ListedDays] = []
        left_out: list[str] = []
        for entry in file.ics:
            read = self._listed(key, entry.file, zone, file.ics_not_days == "leave out")
            left_out += [f"{entry.file}, line {line}: {says}" for line, says in read.left_out]
            if read.days is not None:
                self._divide(key, entry, read.days, closed, opened)
        ends = [days.certified_until for days in (*closed, *opened)]
        certified = file.certified_until or max((end for end in ends if end), default=None)
        if file.certified_until is None and None in ends:
            certified = None  # A list that recurs has no end of its own.
        return Closures(
            public=tuple(public),
            annual=tuple(annual),
            dates=file.dates,
            working=file.working,
            certified_until=certified,
            listed=tuple(closed),
            half_days=file.half_days if isinstance(file, schema.ClosuresFile) else None,
            opened=tuple(opened),
            left_out=tuple(left_out),
        )

    def _divide(
        self,
        key: str,
        file: schema.ListFile,
        days: ListedDays,
        closed: list[ListedDays],
        opened: list[ListedDays],
    ) -> None:
        """Adds the days of an iCalendar file to those that it closes, and to those that it opens."""
        names = days.names()
        works = names if file.working is True else file.working
        for strange in sorted((file.only | file.excluding | works) - names):
            self._fault(FILE, f"{key}.ics", unknown(f"day in {file.file} named", strange, names))
        closes = (file.only & names if file.only else names) - file.excluding - works
        if closes:
            closed.append(days if closes == names else replace(days, kept=closes))
        if works & names:
            opened.append(replace(days, kept=frozenset(works & names)))

    def _check_half_days(self, key: str, file: schema.ClosuresFile, closures: Closures) -> None:
        """Names the half days that close at an unknown hour."""
        missing = closures.half_days_without_hour(YEARS)
        unknown = [f"{day} {name}" for day, name in missing.items() if day not in file.early]
        if unknown:
            others = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
            says = f"do not say when they close: {', '.join(unknown[:_MOST_NAMED])}{others}"
            self._fault(FILE, f"{key}.half_days", f'{says}; write half_days = "13:00"')
