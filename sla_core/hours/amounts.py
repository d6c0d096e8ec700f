"""Lengths of time as policies write them: hours, business days, calendar days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, order=True)
class BusinessDays:
    """A number of business days. The calendar that counts them is given elsewhere."""

    count: int

    def __str__(self) -> str:
        return f"{self.count} business day{'' if self.count == 1 else 's'}"


@dataclass(frozen=True, slots=True, order=True)
class CalendarDays:
    """A number of days of any kind, to the same time of day. The zone is given elsewhere."""

    days: int

    def __str__(self) -> str:
        return f"{self.days} day{'' if self.days == 1 else 's'}"


Amount = timedelta | BusinessDays | CalendarDays

FORMS = '"45m", "2h", "3 business days" or "14 days"'
_AMOUNT = re.compile(r"^\s*(\d+)\s*(m|min|minutes?|h|hours?|business days?|(?:calendar )?days?)\s*$")


def parse_amount(text: str) -> Amount:
    """Parses `45m`, `2h`, `3 business days` or `14 days`. Raises ValueError that shows the forms."""
    found = _AMOUNT.match(text)
    if not found or not int(found[1]):
        raise ValueError(f'"{text}" is not a length of time; write {FORMS}')
    count, unit = int(found[1]), found[2]
    if unit.startswith("b"):
        return BusinessDays(count)
    if unit.startswith(("d", "c")):
        return CalendarDays(count)
    return timedelta(hours=count) if unit.startswith("h") else timedelta(minutes=count)


def amount_text(amount: Amount) -> str:
    """The amount in words: `4 hours`, `45 minutes`, `1 business day`, `14 days`."""
    if not isinstance(amount, timedelta):
        return str(amount)
    minutes = int(amount.total_seconds()) // 60
    if minutes % 60 == 0:
        return f"{minutes // 60} hour{'' if minutes == 60 else 's'}"
    return f"{minutes} minutes"
