"""Builds the calendars of a pack from calendars.toml, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sla_core.calendar import WEEKDAYS, BusinessCalendar, Hours, always
from sla_core.catalog import ics, schema
from sla_core.closures import AnnualDay, Closures, EndClosures, ListedDays, PublicHolidays
from sla_core.hours.published import HALF_DAY, YEARS

FILE = "calendars.toml"
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
            if file.closed or any(ends):
                self._fault(FILE, name, "is always open, so no day can be closed; remove that part")
            return always()
        hours = tuple(
            Hours(frozenset(WEEKDAYS.index(day) for day in opening.days), opening.from_, opening.to)
            for opening in file.open
        )
        for number, opening in enumerate(hours, start=1):
            if not opening.on(date(2026, 1, 15)):
                self._fault(FILE, f"{name}.open.{number}", "closes before it opens")
        closed = file.closed or schema.ClosuresFile()
        closures = self._closures(f"{name}.closed", closed)
        self._check_half_days(f"{name}.closed", closed, closures)
        return BusinessCalendar(hours, closures, closed.early, self._ends(name, file, hours))

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
        listed = tuple(entry for ics_file in file.ics for entry in self._listed(key, ics_file))
        certified = file.certified_until or ics.certified_until(listed)
        half_days = file.half_days if isinstance(file, schema.ClosuresFile) else None
        return Closures(tuple(public), tuple(annual), file.dates, file.working, certified, listed, half_days)

    def _check_half_days(self, key: str, file: schema.ClosuresFile, closures: Closures) -> None:
        """Names the half days that close at an unknown hour."""
        missing = closures.half_days_without_hour(YEARS)
        unknown = [f"{day} {name}" for day, name in missing.items() if day not in file.early]
        if unknown:
            others = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
            says = f"do not say when they close: {', '.join(unknown[:_MOST_NAMED])}{others}"
            self._fault(FILE, f"{key}.half_days", f'{says}; write half_days = "13:00"')
