"""The holidays that the `holidays` package publishes: whole days, half days, and names with a mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

# The library is slow to load, so only calendars that need it import it.
if TYPE_CHECKING:
    from holidays import HolidayBase


HALF_DAY, WORKDAY = "half_day", "workday"
"""Categories whose days close in the afternoon only, and not at all."""
YEARS = range(2020, 2031)
"""The years in which a name must occur to be known, and in which half days need an hour."""

_HOUR = re.compile(r"\((?:[^()]*\s)?(\d{1,2})(?::(\d{2}))?\s?(am|pm)\)$", re.IGNORECASE)
_AFTERNOON = re.compile(r"\(afternoon\)$", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"^(?P<name>.*\S)\s*\([^()]*\)$")


@dataclass(frozen=True, slots=True)
class HalfDay:
    """A day on which the afternoon is closed. `closes`: the time after midnight, if the name gives one."""

    name: str
    closes: timedelta | None


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """A country's holidays from the `holidays` package. `only` and `excluding` use that package's names.

    A name also stands for the same name with a mark in brackets, such as `(estimated)`.
    """

    country: str
    subdivision: str | None = None
    categories: tuple[str, ...] = ("public",)
    only: frozenset[str] = frozenset()
    excluding: frozenset[str] = frozenset()

    def in_year(self, year: int) -> dict[date, str]:
        """The days that are closed as a whole. Raises NotImplementedError for an unknown country."""
        closed = {
            day: "; ".join(part for part in parts if _half_day(part) is None)
            for day, parts in self._chosen(self._whole, year)
        }
        return {day: name for day, name in closed.items() if name}

    def half_days_in(self, year: int) -> dict[date, HalfDay]:
        """The days that close in the afternoon: the half days of the package, and days named as such."""
        found: dict[date, HalfDay] = {}
        for day, parts in self._chosen(self._whole, year):
            for half in (_half_day(part) for part in parts):
                if half is not None:
                    found[day] = half
        for day, parts in self._chosen((HALF_DAY,) if HALF_DAY in self.categories else (), year):
            for part in parts:
                found[day] = _half_day(part) or HalfDay(part, None)
        return found

    @property
    def _whole(self) -> tuple[str, ...]:
        return tuple(each for each in self.categories if each not in (HALF_DAY, WORKDAY))

    def _chosen(self, categories: tuple[str, ...], year: int) -> Iterator[tuple[date, list[str]]]:
        """The days of these categories, each with the names that close it."""
        if not categories:
            return
        for day, joined in _published(self.country, self.subdivision, categories, year).items():
            parts = [part for part in joined.split("; ") if self._closes(part)]
            if parts:
                yield day, parts

    def _closes(self, part: str) -> bool:
        if not self.only and not self.excluding:
            return True
        names = self._names(part)
        return not names & self.excluding and (not self.only or bool(names & self.only))

    def _names(self, part: str) -> frozenset[str]:
        return _names(self.country, self.subdivision, self.categories, part)

    def unknown_names(self, years: Iterable[int]) -> list[str]:
        """Names in `only` or `excluding` that occur in none of these years."""
        seen = {
            name
            for year in years
            for joined in _published(self.country, self.subdivision, self.categories, year).values()
            for part in joined.split("; ")
            for name in self._names(part)
        }
        return sorted((self.only | self.excluding) - seen)


def _half_day(name: str) -> HalfDay | None:
    """The half day that a name such as `Christmas Eve (from 1pm)` describes, or None."""
    if found := _HOUR.search(name):
        hour = int(found[1]) % 12 + (12 if found[3].lower() == "pm" else 0)
        return HalfDay(name, timedelta(hours=hour, minutes=int(found[2] or 0)))
    return HalfDay(name, None) if _AFTERNOON.search(name) else None


@lru_cache(maxsize=4096)
def _names(country: str, subdivision: str | None, categories: tuple[str, ...], part: str) -> frozenset[str]:
    """The names by which an operator may mean this holiday: without each mark, from the last one on.

    What is in brackets is a mark, unless the name before it is that of another holiday: of `Dussehra` and
    `Dussehra (Saptami)`, each has a name of its own.
    """
    names = [part]
    while found := _IN_BRACKETS.match(names[-1]):
        bare = found["name"]
        is_mark = any(label.match(names[-1]) for label in _labels(country, subdivision))
        if not is_mark and _half_day(names[-1]) is None:
            if bare in _bare_names(country, subdivision, categories):
                break
        names.append(bare)
    return frozenset(names)


@lru_cache(maxsize=512)
def _labels(country: str, subdivision: str | None) -> tuple[re.Pattern[str], ...]:
    """The package's own marks for this country, such as `… (observed, estimated)`, in its language."""
    entity = _entity(country, subdivision, ("public",), YEARS[0])
    written = (getattr(entity, name) for name in dir(entity) if name.endswith("_label"))
    labels = {str(entity.tr(label)) for label in written if isinstance(label, str)}
    marks = (label for label in labels if label.startswith("%s (") and label.endswith(")"))
    return tuple(re.compile(f"^.+{re.escape(mark.removeprefix('%s'))}$") for mark in sorted(marks))


@lru_cache(maxsize=512)
def _bare_names(country: str, subdivision: str | None, categories: tuple[str, ...]) -> frozenset[str]:
    """The names without brackets, of all years in which names are known."""
    days = (_published(country, subdivision, categories, year) for year in YEARS)
    parts = {part for year in days for joined in year.values() for part in joined.split("; ")}
    return frozenset(part for part in parts if not _IN_BRACKETS.match(part))


@lru_cache(maxsize=2048)
def _published(
    country: str, subdivision: str | None, categories: tuple[str, ...], year: int
) -> dict[date, str]:
    """English holiday names by date, with the days observed for holidays on a weekend.

    Raises NotImplementedError for an unknown country or subdivision.
    """
    return dict(_entity(country, subdivision, categories, year).items())


def _entity(country: str, subdivision: str | None, categories: tuple[str, ...], year: int) -> HolidayBase:
    import holidays

    return holidays.country_holidays(
        country, subdiv=subdivision, years=year, categories=categories, language="en_US"
    )
