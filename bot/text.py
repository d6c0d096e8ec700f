"""Text helpers that all platforms share; what is safe to show differs by platform and stays there."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

UTC_ZONE = ZoneInfo("UTC")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Removes control characters and marks that change the writing direction; lines end in a newline."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Puts cleaned text on one line, with single blanks."""
    return " ".join(clean(text).split())


def named_day(there: datetime) -> str:
    """Formats `Fri 20 Mar`, in the zone of the instant."""
    return f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]}"


def named_time(at: datetime, zone: tzinfo | None) -> str:
    """Formats `Fri 20 Mar 2026, 16:30 CET`; without a zone, in this machine's."""
    there = at.astimezone(zone)
    return f"{named_day(there)} {there.year}, {there:%H:%M} {there.tzname()}"


def named_hour(at: datetime, zone: tzinfo) -> str:
    """Formats `Fri 16:30 CET`. The weekday matters: a date beside it can be a day off."""
    there = at.astimezone(zone)
    return f"{_DAYS[there.weekday()]} {there:%H:%M} {there.tzname()}"
