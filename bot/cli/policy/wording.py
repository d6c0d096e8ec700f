"""How the commands write instants and lengths of time for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sla_core.calendar import BusinessCalendar


def utc_text(at: datetime) -> str:
    """UTC in whole seconds, as scripts read it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def local_text(at: datetime, zone: ZoneInfo, year: bool = True) -> str:
    """`Fri 20 Mar 2026 16:30 CET`."""
    there = at.astimezone(zone)
    return f"{there:%a} {there.day} {there:{'%b %Y' if year else '%b'}} {_time(there)}"


def local_at_both_ends(at: datetime, calendar: BusinessCalendar, year: bool = True) -> str:
    """As `local_text`, in the zone of the calendar's opening end and, where it differs, its closing end's."""
    text = local_text(at, calendar.zone, year)
    for zone in {hours.closes.zone.key: hours.closes.zone for hours in calendar.hours}.values():
        if zone.key == calendar.zone.key:
            continue
        there = at.astimezone(zone)
        other_day = there.date() != at.astimezone(calendar.zone).date()
        text += f" ({f'{there:%a} ' if other_day else ''}{_time(there)})"
    return text


def duration_text(amount: timedelta) -> str:
    """`4 h`, `1 h 30 min`, `45 s`; `–` for none."""
    seconds = int(amount.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "–"


def _time(there: datetime) -> str:
    return f"{there:%H:%M:%S %Z}" if there.second else f"{there:%H:%M %Z}"
