"""Finding what a command line names, and saying plainly what is known when it is not there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.clock import parse_instant
from bot.faults import OperatorFault
from sla_core.policy import Plan, Policy, Severity

FIRST_YEAR, LAST_YEAR = 1973, 2190


class UsageFault(OperatorFault):
    """One fault of the command line, in one line that says how to mend it."""


def plan_of(policy: Policy, name: str) -> Plan:
    """The plan of that id, or the one formerly known under that name."""
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
    """An instant of the command line, in whole seconds and within the years that calendars answer for."""
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
        f'--at: "{text}" is outside the years {FIRST_YEAR} to {LAST_YEAR}; give an instant in them'
    )


def _unknown(policy: Policy, what: str, name: str, known: Iterable[str]) -> UsageFault:
    return UsageFault(f'{policy.vendor} has no {what} "{name}"; known are {", ".join(known)}')
