"""Looks up plans, severities and instants that a command line names, and formats times."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import parse_instant
from bot.faults import OperatorFault
from sla_core.calendar import BusinessCalendar
from sla_core.policy import Plan, Policy, Severity

FIRST_YEAR, LAST_YEAR = 1973, 2190


class UsageFault(OperatorFault):
    """A fault of the command line, in one line that says how to fix it."""


def desk_path() -> Path:
    """The desk's file: FRONTLINE_CONFIG, else frontline.toml in the working directory."""
    return Path(os.environ.get("FRONTLINE_CONFIG") or "frontline.toml")


def plan_of(policy: Policy, name: str) -> Plan:
    """The plan with this ID or alias. Raises UsageFault."""
    for plan in policy.plans.values():
        if name.lower() in (plan.id, *plan.aliases):
            return plan
    known = [
        f"{plan.id} (also {', '.join(plan.aliases)})" if plan.aliases else plan.id
        for plan in policy.plans.values()
    ]
    raise _unknown(policy, "plan", name, known)


def severity_of(policy: Policy, name: str) -> Severity:
    if name not in policy.severities:
        raise _unknown(policy, "severity", name, policy.severities)
    return policy.severities[name]


def parse_at(text: str) -> datetime:
    """Parses an instant, in whole seconds and within the years that calendars cover. Raises UsageFault."""
    try:
        at = parse_instant(text).replace(microsecond=0)
    except OverflowError:
        raise _out_of_years(text) from None
    except ValueError as wrong:
        raise UsageFault(f"--at: {wrong}") from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise _out_of_years(text)
    return at


def _out_of_years(text: str) -> UsageFault:
    return UsageFault(
        f'--at: "{text}" is outside the years {FIRST_YEAR} to {LAST_YEAR}; choose an instant within them'
    )


def _unknown(policy: Policy, what: str, name: str, known: Iterable[str]) -> UsageFault:
    return UsageFault(f'{policy.vendor} has no {what} "{name}"; it has {", ".join(known)}')


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
    """Formats `4 h`, `1 h 30 min` or `45 s`; `–` for zero."""
    seconds = int(amount.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "–"


def _time(there: datetime) -> str:
    return f"{there:%H:%M:%S %Z}" if there.second else f"{there:%H:%M %Z}"
