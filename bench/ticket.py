"""A busy ticket under a policy of its own: three running clocks, two holds, twenty events."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from bench.contenders import BERLIN, two_zones
from sla_core.events import (
    Acknowledged,
    Alerted,
    CustomerWrote,
    Escalated,
    Event,
    Held,
    Opened,
    Resumed,
    SeverityChanged,
    Taken,
    Who,
)
from sla_core.policy import Amount, BusinessDays, Metric, Plan, Policy, Severity, Source, Target
from sla_core.ticket import Ticket, fold
from sla_core.triage import Rule, Triage

_SOURCE = Source(("X-1",), "a promise", "a page")
_CUSTOMER = Who("slack:T1:U0ANN", "Ann")
_AGENT = Who("slack:T0:U0BOB", "Bob")
_OPENED_AT = datetime(2026, 3, 20, 15, 30, tzinfo=BERLIN)
_MINUTE = timedelta(minutes=1)


def _target(metric: Metric, limit: Amount) -> Target:
    return Target(metric, limit, "support hours", _SOURCE)


POLICY = Policy(
    vendor="bench",
    name="Made for measuring",
    effective=date(2026, 1, 1),
    calendars={"gold": two_zones()},
    severities={
        "S2": Severity(
            "S2",
            "Severity 2",
            _SOURCE,
            (
                _target(Metric.FIRST_RESPONSE, timedelta(hours=16)),
                _target(Metric.NEXT_UPDATE, timedelta(hours=24)),
                _target(Metric.RESOLUTION, BusinessDays(5)),
            ),
        ),
    },
    plans={"gold": Plan("gold", "Gold", _SOURCE, {"support hours": "gold"}, hold=True)},
    triage=Triage((), (Rule("S2", "X-1", "always"),)),
)

_OPENED = Opened(
    at=_OPENED_AT,
    by=_CUSTOMER,
    account="acme",
    vendor="bench",
    plan="gold",
    version=POLICY.version,
    severity="S2",
    clause="X-1",
    why="It was made so.",
    summary="Bills are late",
    details="",
    answers={},
    channel="slack:C0ACME",
    may_hold=True,
)


def _history() -> list[Event]:
    """No event meets a promise, so that all three clocks still run at the end."""
    at = [_OPENED_AT + n * 7 * _MINUTE for n in range(20)]
    return [
        _OPENED,
        Escalated(at[1], _CUSTOMER, "payday is near", by_agent=False),
        Alerted(at[2], _AGENT, "snooze", "dana", until=at[3]),
        Alerted(at[3], _AGENT, "acknowledge", "dana"),
        Acknowledged(at[4], _AGENT),
        Taken(at[5], _AGENT),
        Held(at[6], _AGENT, "waits for logs"),
        CustomerWrote(at[7], _CUSTOMER, "here they are"),
        SeverityChanged(at[8], _AGENT, "S2", "as proposed"),
        Held(at[9], _AGENT, "waits for a time to call"),
        Resumed(at[10], _AGENT),
        *(CustomerWrote(moment, _CUSTOMER, "any news?") for moment in at[11:]),
    ]


TICKET: Ticket = fold("A-1", _history())
"""Two holds: the customer's message ended the first, `Resumed` the second."""

NOWS = [TICKET.history[-1].at + n * 10 * _MINUTE for n in range(200)]
assert len(TICKET.history) == 20
assert len(TICKET.holds) == 2
