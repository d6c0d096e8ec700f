"""Calendars, promises and histories in few words, for the tests of the core."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from sla_core.alerts import Contact
from sla_core.calendar import WEEKDAYS, BoundaryTime, BusinessCalendar, Hours
from sla_core.catalog.load import load
from sla_core.engine import Duty, Evaluation, evaluate
from sla_core.events import THE_CLOCK, Event, Opened, Undelivered, Who
from sla_core.hours.openings import NEVER_CLOSED, Closures
from sla_core.oncall import OnCall, TimedRota
from sla_core.policy import Amount, Metric, Policy, Source, Target, parse_amount
from sla_core.promise import Promise
from sla_core.ticket import Gap, Ticket, after, fold

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
WORKDAYS = "mon tue wed thu fri"
EVERY_DAY = f"{WORKDAYS} sat sun"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

ANN = Who("slack:T1:U0ANN", "Ann")
"""A customer."""
BOB = Who("slack:T0:U0BOB", "Bob")
"""An agent."""

SOURCE = Source(("X-1",), "a promise", "a page")


def utc(text: str) -> datetime:
    """`2026-03-20 15:30` and the like, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str = BERLIN, fold: int = 0) -> datetime:
    """What clocks in `zone` show, as an instant in UTC; `fold` 1 is the second time they show it."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def edge(text: str, zone: str = BERLIN) -> BoundaryTime:
    """`18:00` in a zone, or `17:00 America/New_York`."""
    clock, _, own_zone = text.partition(" ")
    hours, minutes = clock.split(":")
    return BoundaryTime(timedelta(hours=int(hours), minutes=int(minutes)), ZoneInfo(own_zone or zone))


def hours(opens: str, closes: str, days: str = WORKDAYS, zone: str = BERLIN) -> Hours:
    weekdays = frozenset(WEEKDAYS.index(day) for day in days.split())
    return Hours(weekdays, edge(opens, zone), edge(closes, zone))


def business_hours(
    opens: str = "10:00",
    closes: str = "18:00",
    days: str = WORKDAYS,
    zone: str = BERLIN,
    closures: Closures = NEVER_CLOSED,
    early: Mapping[date, timedelta] | None = None,
) -> BusinessCalendar:
    return BusinessCalendar((hours(opens, closes, days, zone),), closures, early or {})


def gold() -> BusinessCalendar:
    """Opens by Berlin's clocks, closes by New York's (M3-11)."""
    return business_hours("10:00", f"17:00 {NEW_YORK}")


def promise(
    calendar: BusinessCalendar | None = None,
    within: str | Amount = "4h",
    start: datetime | None = None,
    gaps: Sequence[Gap] = (),
    goal: str | None = None,
    metric: Metric = Metric.FIRST_RESPONSE,
    met_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> Promise:
    limit = parse_amount(within) if isinstance(within, str) else within
    target = Target(metric, limit, "hours", SOURCE, None if goal is None else parse_amount(goal))
    begun = start or local("2026-03-10 10:00")
    return Promise(target, calendar or business_hours(), "S2", begun, tuple(gaps), met_at, ended_at)


def hold(start: str, end: str | None, zone: str = BERLIN, why: str = "Bob, waits for logs") -> Gap:
    return Gap(local(start, zone), None if end is None else local(end, zone), why)


@cache
def m3ter() -> Policy:
    return load("m3ter")[-1]


@cache
def full_policy() -> Policy:
    """m3ter's, where Severity 2 also promises an update every 2 hours and a resolution within 8.

    Severity 1 promises the same around the clock: an update each hour, a resolution within 4.
    """
    policy = m3ter()
    severities = dict(policy.severities)
    for id_, calendar, update, resolution in (
        ("S1", "around-the-clock", 1, 4),
        ("S2", "support-hours", 2, 8),
    ):
        more = (
            Target(Metric.NEXT_UPDATE, timedelta(hours=update), calendar, SOURCE),
            Target(Metric.RESOLUTION, timedelta(hours=resolution), calendar, SOURCE),
        )
        severities[id_] = replace(severities[id_], targets=(*severities[id_].targets, *more))
    return replace(policy, severities=severities)


def opened(at: datetime, severity: str = "S2", plan: str = "silver") -> Opened:
    return Opened(
        at=at,
        by=ANN,
        account="acme",
        vendor="m3ter",
        plan=plan,
        version="2025-02-10",
        severity=severity,
        clause="M3-14",
        why="Production works only in part.",
        summary="Bills are late",
        details="",
        answers={},
        channel="slack:C0ACME",
        may_hold=True,
    )


def refused(at: datetime, seq: int | None = None) -> Undelivered:
    """A platform would not post a message, for good; `seq` is the event that it carried out."""
    return Undelivered(at=at, by=THE_CLOCK, message="m1", reason="the channel is archived", seq=seq)


@dataclass(frozen=True)
class Rotas:
    """People by role, first to page first; Dana is the TAM. Of `sla_core.engine.Duty`."""

    roles: Mapping[str, Sequence[str]]
    repeat: timedelta = 5 * MINUTE
    tries: int = 2
    tam: Sequence[str] = ("dana",)
    stand_in: Sequence[str] = ()
    quiet: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)
    """The quiet hours of one night, by person."""
    handovers: Mapping[datetime, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    rotations: Mapping[str, TimedRota] = field(default_factory=dict)
    """Roles that change hands, by real rotas."""

    def on_call(self, role: str, at: datetime) -> Sequence[str]:
        if role in self.rotations:
            return self.rotations[role].paging_order(at)
        found: Sequence[str] = self.roles.get(role, ())
        for since, roles in sorted(self.handovers.items()):
            if at >= since:
                found = roles.get(role, found)
        return found

    def in_turn(self, role: str) -> Collection[str]:
        return self.rotations[role].people if role in self.rotations else ()

    def on_turn(self, role: str, at: datetime) -> OnCall:
        return self.rotations[role].on_call(at)

    def last_resort(self, account: str, at: datetime) -> Sequence[str]:
        return [*self.on_call("leadership", at)[:1], *self.tam]

    def person_behind(self, who: Who) -> str | None:
        return who.name.lower()

    def told_first(self, account: str, at: datetime, escalated: bool) -> Sequence[Contact]:
        return [Contact(person) for person in self.tam]

    def backup(self, account: str, at: datetime) -> Sequence[str]:
        return self.stand_in

    def leader(self, at: datetime) -> Sequence[str]:
        return self.on_call("leadership", at)[:1]

    def quiet_until(self, person: str, at: datetime) -> datetime | None:
        start, end = self.quiet.get(person, (at, at))
        return end if start <= at < end else None


class TicketHistory:
    """A ticket's history as it grows; the engine is woken exactly when it asked to be."""

    def __init__(self, *history: Event, policy: Policy | None = None, duty: Duty | None = None) -> None:
        self.history: list[Event] = list(history)
        self.policy = policy or full_policy()
        self.duty = duty
        self._folded = self.ticket

    @property
    def ticket(self) -> Ticket:
        return fold("ACME-1", self.history)

    def add(self, *events: Event) -> Ticket:
        self.history += events
        return self.ticket

    def wake(self, now: datetime) -> Evaluation:
        if self._folded.version != len(self.history):
            self._folded = self.ticket
        found = evaluate(self._folded, self.policy, now, self.duty)
        self._folded = after(self._folded, found.events)
        self.history += found.events
        return found

    def run_until(self, end: datetime, start: datetime) -> list[datetime]:
        """Wake whenever asked from `start` to before `end`; returns the instants."""
        woken = [start]
        wake_at = self.wake(start).wake_at
        while wake_at is not None and wake_at < end:
            assert wake_at > woken[-1], f"asked to be woken at {wake_at}, which has passed"
            woken.append(wake_at)
            wake_at = self.wake(wake_at).wake_at
        return woken

    def heard(self, *kinds: type) -> list[Event]:
        return [event for event in self.history if isinstance(event, kinds)]
