"""A vendor's support policy as the engine reads it: severities, targets, plans, escalation steps."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from sla_core.calendar import BusinessCalendar, around_the_clock, instant_of
from sla_core.hours.amounts import Amount as Amount
from sla_core.hours.amounts import BusinessDays as BusinessDays
from sla_core.hours.amounts import CalendarDays
from sla_core.hours.amounts import amount_text as amount_text
from sla_core.hours.amounts import parse_amount as parse_amount
from sla_core.rules import ComingPeak as ComingPeak
from sla_core.rules import Deprecations, Reading, Uptime
from sla_core.rules import Freeze as Freeze
from sla_core.rules import Peak as Peak
from sla_core.rules import Source as Source
from sla_core.triage import Answers, Fact, ShownAt, Triage


class Metric(StrEnum):
    """What a promise is about, in the order in which promises are shown."""

    FIRST_RESPONSE = "first_response"
    ASSIGNMENT = "assignment"
    """Somebody has taken the ticket."""
    NEXT_UPDATE = "next_update"
    DIAGNOSIS = "diagnosis"
    WORKAROUND = "workaround"
    RESOLUTION = "resolution"
    DUE_DATE = "due_date"
    """The due date that an agent set for the ticket."""


class Origin(StrEnum):
    """By which way a request came in. A policy may count some of them in other hours."""

    CHAT = "chat"
    PHONE = "phone"
    ALARM = "alarm"
    API = "api"


@dataclass(frozen=True, slots=True)
class Extension:
    """Extra time that an agent may grant before the deadline, for a reason given by the policy."""

    id: str
    label: str
    extra: BusinessDays
    source: Source


@dataclass(frozen=True, slots=True)
class Rarity:
    """How many tickets of a severity to expect per calendar quarter. Agents and leadership hear of more."""

    per_quarter: int
    source: Source


@dataclass(frozen=True, slots=True)
class Courtesy:
    """How often the customer is told how a ticket stands while the hours of all its promises are closed."""

    every: timedelta
    source: Source


@dataclass(frozen=True, slots=True)
class Target:
    """One promise of a severity. Exceeding `limit` is a breach. Of a promised range, `goal` is the aim."""

    metric: Metric
    limit: Amount
    calendar: str
    source: Source
    goal: Amount | None = None
    strict: Amount | None = None
    """A stricter reading of the same text, used for warnings but not for breaches."""
    warn_at: float = 0.75
    """The share of the time after which a warning is due, if there is no stricter reading."""
    met_by_downgrade_to: str | None = None
    """The severity to which a workaround downgrades the ticket, which also meets the promise."""
    ends_with: str | None = None
    """The milestone that ends this promise."""
    wording: str | None = None
    """What the vendor calls this promise, if it differs from the plan's wording."""
    extensions: tuple[Extension, ...] = ()
    met_by: str | None = None
    """The milestone that meets a diagnosis or a workaround."""
    ends_with_due_date: bool = False
    """Whether updates end once the customer was given a due date."""

    @property
    def in_calendar_days(self) -> bool:
        return any(isinstance(amount, CalendarDays) for amount in (self.limit, self.goal, self.strict))


@dataclass(frozen=True, slots=True)
class Severity:
    """A severity. `targets` is empty for a severity without clocks."""

    id: str
    name: str
    source: Source
    targets: tuple[Target, ...] = ()
    """Those of every plan for which `by_plan` has nothing else."""
    by_plan: Mapping[str, Mapping[Metric, Target | None]] = field(default_factory=dict)
    """Targets of single plans; None: the plan has no such promise."""
    by_origin: Mapping[Origin, Mapping[str, Mapping[Metric, Target | None]]] = field(default_factory=dict)
    """By origin and plan, the targets that are others than in chat."""
    effort: str | None = None
    pages: bool = False
    """Whether such a ticket calls the first step of the escalation policy at once."""
    staffed: bool = False
    """Whether it is worked on without pause, so that it needs an owner on duty at all times."""
    milestones: bool = False
    """Whether the customer gets messages about milestones."""
    known_first: Source | None = None
    """Why the form asks whether the problem is one of the open tickets; None: it does not ask."""
    rarity: Rarity | None = None
    courtesy: Courtesy | None = None
    """None: nothing is said outside the hours of its promises."""
    due_date: Source | None = None
    """Why agents set a due date for it; None: they do not."""
    mitigations: bool = False
    """Whether agents are offered the mitigations."""
    disables_services: Source | None = None
    """Why agents may disable the customer's services meanwhile; None: they may not."""
    shown_name: str | None = None
    """What people read in place of the ID and the name; None: both."""

    @property
    def shown(self) -> str:
        """What people read in place of the ID, which the policy may replace."""
        return self.shown_name or self.id

    @property
    def name_beside(self) -> str:
        """The name to show beside `shown`; empty if `shown` is a name itself."""
        return "" if self.shown_name else self.name

    @property
    def every_target(self) -> tuple[Target, ...]:
        """The targets of any plan, in the order in which promises are shown."""
        plans = [
            *self.by_plan.values(),
            *(plan for origin in self.by_origin.values() for plan in origin.values()),
        ]
        own = (target for plan in plans for target in plan.values() if target)
        return tuple(sorted((*self.targets, *own), key=lambda target: [*Metric].index(target.metric)))


@dataclass(frozen=True, slots=True)
class FirstContact:
    """The customer's first contact. `name` is what the plan calls this person's role."""

    name: str
    accounts: int | None = None
    """How many accounts one person may have; None: any number."""
    enforced: bool = False
    """Whether a desk's file with more is refused. Otherwise it only gets a warning."""

    @property
    def most(self) -> int:
        return sys.maxsize if self.accounts is None else self.accounts


@dataclass(frozen=True, slots=True)
class Calls:
    """A number that customers may call, if it is known, and calls that they may ask for.

    After the TAM, people of `roles` are asked to call, then the first line.
    """

    source: Source
    phone: str | None = None
    severities: frozenset[str] = frozenset()
    """The severities for which there are calls; empty: all."""
    recommended: frozenset[str] = frozenset()
    """The severities for which the vendor recommends calling."""
    on_request: bool = False
    """Whether customers may ask to be called."""
    roles: tuple[str, ...] = ()
    spares_on_call: bool = False
    """Whether the owner and the person on call first are asked only if nobody else is left."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an account has bought: its calendars by the names of hours, and the channels it may use."""

    id: str
    name: str
    source: Source
    calendars: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    chat: bool = True
    tam: bool = True
    hold: bool = False
    way_in: str | None = None
    """How to reach support without chat, shown if the plan does not include chat."""
    wording: str = "target"
    """What the vendor calls its promises: target, aim, goal or contract."""
    first_contact: FirstContact | None = None
    """If set, customers see their account's contact, who is mentioned in new tickets."""
    emergency_contact: str | None = None
    """Another way to report an emergency, shown to customers who open one."""
    calls: Calls | None = None
    """None: there are no calls under this plan."""

    def calls_for(self, severity: str) -> Calls | None:
        """The calls that there are for a severity, or None."""
        calls = self.calls
        return calls if calls and (not calls.severities or severity in calls.severities) else None

    def phone_text(self, severity: str) -> str | None:
        """What customers read about calling for a severity, without a full stop; None: nothing."""
        calls = self.calls_for(severity)
        also = f"You can also call us: {calls.phone}" if calls and calls.phone else None
        return self.recommended_call(severity) or also

    def recommended_call(self, severity: str) -> str | None:
        """The sentence that recommends calling for a severity, without a full stop. None: it does not."""
        if self.calls is None or severity not in self.calls.recommended:
            return None
        return f"We recommend calling{f': {self.calls.phone}' if self.calls.phone else ' us'}"


class Mode(StrEnum):
    """How a step of the escalation policy takes part."""

    AVAILABLE = "available"
    RESOLVER = "default resolver"
    ESCALATED_TO = "escalated to"


@dataclass(frozen=True, slots=True)
class Duty:
    """What a step does for one severity, and during which hours (the name of a plan's calendar)."""

    mode: Mode
    calendar: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the escalation policy: a role, and its duty by severity."""

    role: str
    name: str
    duties: Mapping[str, Duty]
    source: Source
    ack_within: timedelta | None = None
    """How long a page waits for an answer; None: as the desk's file says."""
    tries: int | None = None
    """How often a person is paged before the next one is; None: as the desk's file says."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone of the work, and the text that tells the customer about it."""

    label: str
    says: str
    source: Source
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Mitigation:
    """A step against an emergency, and the text that tells the customer that it was taken."""

    label: str
    says: str
    source: Source
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """One clause of an account's order form, which overrides the plan's."""

    severity: str
    metric: Metric
    limit: Amount
    cites: str
    calendar: str | None = None
    """The calendar that counts it; required if the plan makes no such promise."""
    name: str = ""
    """What the order form calls it, such as `metering SLA`; empty: nothing of its own."""


@dataclass(frozen=True)
class Policy:
    """One dated version of a vendor's policy."""

    vendor: str
    name: str
    effective: date
    calendars: Mapping[str, BusinessCalendar]
    severities: Mapping[str, Severity]
    """Worst first; the severity without a clock last."""
    plans: Mapping[str, Plan]
    triage: Triage
    steps: tuple[Step, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    """In the order in which they are suggested."""
    freezes: tuple[Freeze, ...] = ()
    peaks: tuple[Peak, ...] = ()
    readings: tuple[Reading, ...] = ()
    facts: tuple[Fact, ...] = ()
    hours_sources: Mapping[str, Source] = field(default_factory=dict)
    """Where each calendar comes from."""
    not_yet: Mapping[str, str] = field(default_factory=dict)
    """Clause IDs that are not implemented yet, each with a one-line reason."""
    document: str = ""
    """The title of the vendor's document, as `Why?` cites it."""
    uptime: Uptime | None = None
    deprecations: Deprecations | None = None

    @cached_property
    def version(self) -> str:
        return self.effective.isoformat()

    @property
    def worst(self) -> Severity:
        return next(iter(self.severities.values()))

    def shown(self, severity: str) -> str:
        """What people read in place of this severity's ID."""
        known = self.severities.get(severity)
        return known.shown if known else severity

    def calendar(self, plan: str, name: str, zone: str = "") -> BusinessCalendar:
        """The calendar with this name, which may be a plan's name for its hours.

        `zone` is the customer's time zone, for hours that follow it.
        """
        return self.calendars[self.plans[plan].calendars.get(name, name)].in_zone(zone)

    def clock(self, plan: str, target: Target, zone: str = "") -> BusinessCalendar:
        """The calendar that counts a target: for calendar days, every hour in the zone of its calendar."""
        calendar = self.calendar(plan, target.calendar, zone)
        return around_the_clock(calendar.zone.key) if target.in_calendar_days else calendar

    def facts_for(
        self,
        shown_at: ShownAt,
        plan: str | None,
        now: datetime,
        severity: str | None = None,
        answers: Answers | None = None,
        zone: str = "",
        terms: Collection[Term] | None = None,
    ) -> Iterator[Fact]:
        """The facts to show there at `now`. Without a plan, only those of every plan at any time.

        `terms` are those of the order form; None if it is not known whether there are any.
        """
        for fact in self.facts:
            if shown_at not in fact.shown or not fact.concerns(plan, severity, answers or {}):
                continue
            if fact.order_form is not None and (terms is None or fact.order_form is not bool(terms)):
                continue
            if fact.hours is None or (
                plan is not None and self.calendar(plan, fact.hours, zone).is_open(now) is not fact.outside
            ):
                yield fact

    def triage_for(self, plan: str) -> Triage:
        """The questions and rules that hold under a plan."""
        if plan not in self._triages:
            self._triages[plan] = self.triage.under(plan)
        return self._triages[plan]

    @cached_property
    def _triages(self) -> dict[str, Triage]:
        """A cache of `triage_for`."""
        return {}

    def zone(self, plan: str) -> ZoneInfo:
        """The zone of the plan's office hours, or of the vendor's; UTC if there are none."""
        own = (self.calendars[name] for name in self.plans[plan].calendars.values())
        hours = (calendar for calendar in (*own, *self.calendars.values()) if not calendar.always_open)
        return next((calendar.zone for calendar in hours), ZoneInfo("UTC"))

    def targets(
        self, severity: str, terms: tuple[Term, ...] = (), plan: str = "", origin: Origin = Origin.CHAT
    ) -> tuple[Target, ...]:
        """The targets of a severity under a plan, with those of the order form on top.

        Without a plan, those that hold for every plan without times of its own.
        """
        cache_key = severity, terms, plan, origin
        if (known := self._targets.get(cache_key)) is not None:
            return known
        class_ = self.severities[severity]
        found = {target.metric: target for target in class_.targets}
        by_origin = class_.by_origin.get(origin, {}).get(plan, {})
        for metric, own in {**class_.by_plan.get(plan, {}), **by_origin}.items():
            if own is None:
                found.pop(metric, None)
            else:
                found[metric] = own
        for term in terms:
            if term.severity == severity:
                found[term.metric] = _by_order_form(term, found.get(term.metric))
        self._targets[cache_key] = targets = tuple(found[metric] for metric in Metric if metric in found)
        return targets

    @cached_property
    def _targets(self) -> dict[tuple[str, tuple[Term, ...], str, Origin], tuple[Target, ...]]:
        """A cache of `targets`, which is called several times for every ticket at every wake-up."""
        return {}

    def origins(self, plan: str) -> frozenset[Origin]:
        """The origins with times or hours of their own under a plan."""
        severities = self.severities.values()
        return frozenset(
            origin for each in severities for origin, plans in each.by_origin.items() if plan in plans
        )

    def follows_customer(self, plan: str) -> bool:
        """Whether promises or steps count hours in the zone of the plan's customers."""
        named = [target.calendar for each in self.severities.values() for target in each.every_target]
        named += [duty.calendar for step in self.steps for duty in step.duties.values()]
        return any(self.calendar(plan, name).follows_customer for name in named)

    def cited(self, source: Source) -> str:
        """The vendor's document and the section; for a term of an order form, what it cites."""
        return f"{self.document}, {source.where}" if source.in_document else source.where

    def freeze_at(self, now: datetime) -> tuple[Freeze, date] | None:
        """The freeze in force at `now`, and the first day after it; None if there is none."""
        for freeze in self.freezes:
            if end := freeze.season.ends_on(now):
                return freeze, end
        return None

    def peak_at(self, now: datetime) -> Peak | None:
        return next((peak for peak in self.peaks if peak.season.ends_on(now)), None)

    def coming_peak(self, now: datetime, within: timedelta) -> ComingPeak | None:
        """The peak season that begins next, if that is `within` this time after `now`."""
        for peak in self.peaks:
            found = peak.season.begins_after(now)
            if found is None or peak.season.ends_on(now):
                continue
            first, end = found
            begins_at = instant_of(datetime.combine(first, time()), peak.season.zone)
            if begins_at - now <= within:
                coming = (freeze.season.begins_after(now) for freeze in self.freezes)
                freezes = tuple(sorted(each for each in coming if each and each[0] < end and each[1] > first))
                return ComingPeak(peak, first, end, begins_at, freezes)
        return None

    def opens_at(
        self, plan: str, step: Step, severity: str, now: datetime, zone: str = ""
    ) -> datetime | None:
        """When a step may be called: `now`, or when its hours begin. None if it has no duty."""
        duty = step.duties.get(severity)
        return None if duty is None else self.calendar(plan, duty.calendar, zone).next_opening(now)


def _by_order_form(term: Term, replaced: Target | None) -> Target:
    clauses = replaced.source.clauses if replaced else ("order form",)
    cited = Source(clauses, f"{amount_text(term.limit)} by order form", term.cites, in_document=False)
    if replaced is None:
        if term.calendar is None:
            raise ValueError(f"{term.cites}: {term.severity}.{term.metric} needs a calendar")
        return Target(term.metric, term.limit, term.calendar, cited)
    calendar = term.calendar or replaced.calendar
    return replace(replaced, limit=term.limit, goal=None, strict=None, source=cited, calendar=calendar)


def version_at(policies: Sequence[Policy], on: date) -> Policy:
    """The version in force on a date; the first one if none is in force yet."""
    in_force = [policy for policy in policies if policy.effective <= on]
    return in_force[-1] if in_force else policies[0]
