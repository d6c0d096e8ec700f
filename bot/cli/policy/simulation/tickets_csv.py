"""Reads tickets from a CSV file (opened, answered, resolved) and reports all faults at once."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bot.cli.policy.lookup import FIRST_YEAR, LAST_YEAR, UsageFault, plan_of
from bot.cli.policy.simulation.csv_export import Export, decoded, read_export
from bot.clock import parse_instant
from sla_core.catalog.load import Fault, load, vendors
from sla_core.events import Answered, Event, Kind, Opened, Resolved, SeverityChanged, Who
from sla_core.policy import Policy, Term, version_at

COLUMNS = ("opened", "severity", "responded", "resolved")
PLAN = "plan"
"""A column that a file may have: the plan of each ticket."""
INSTANTS = ("opened", "responded", "resolved")
_HOLD = re.compile(r"(?<![a-z])(holds?|held|pending|paused?|waiting)(?![a-z])")
LABELS = ("ticket", "key", "id")
"""Columns that can name a ticket; the first present one counts, else the line number."""

_CUSTOMER, _AGENT = Who("csv", "a customer"), Who("csv", "an agent")


@dataclass(frozen=True, slots=True)
class TicketCase:
    """A ticket to replay."""

    name: str
    history: tuple[Event, ...]
    label: Mapping[str, str]
    """The values of other columns."""
    where: str = ""
    """The file and line, for fault messages."""
    plan: str = ""
    """The plan that its file names; empty: the plan of all."""

    @property
    def opened(self) -> Opened:
        first = self.history[0]
        assert isinstance(first, Opened)
        return first


@dataclass(frozen=True, slots=True)
class Tickets:
    """The complete tickets of a file, and the faults of the others."""

    cases: list[TicketCase]
    faults: list[Fault]
    ignored: Sequence[str] = ()
    """Columns that change nothing."""
    holds: Sequence[str] = ()
    """Columns about holds, which are not used."""
    preamble: int = 0
    """Rows above the names of the columns."""


def read_instant(text: str) -> datetime:
    """Parses an instant in whole seconds, within the years that calendars cover. Raises ValueError."""
    try:
        at = parse_instant(text).replace(microsecond=0)
    except OverflowError:
        at = None
    if at is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f'"{text}" is outside the years {FIRST_YEAR} to {LAST_YEAR}')
    return at


def read_tickets(path: Path, theirs: Mapping[str, str] | None = None) -> Tickets:
    """Reads a file with named columns in any order. `theirs`: what the file calls some of them."""
    try:
        text = decoded(path.read_bytes())
    except OSError as wrong:
        return Tickets([], [Fault(str(path), "", f"cannot be read: {wrong.strerror or wrong}")])
    file = _File(path.name, [], [])
    try:
        needed = (*COLUMNS, PLAN) if PLAN in (theirs or {}) else COLUMNS
        export = read_export(text, needed, theirs or {})
    except csv.Error as wrong:
        file.fault("", f"is not valid CSV: {wrong}")
        return Tickets([], file.faults)
    file.read(export)
    unused = _unused(export.columns)
    holds = [column for column in unused if _HOLD.search(column)]
    ignored = [column for column in unused if column not in holds]
    return Tickets(file.cases, file.faults, ignored, holds, export.preamble)


def _line_of(fault: Fault) -> int:
    number = fault.key.removeprefix("line ").partition(",")[0]
    return int(number) if number.isdigit() else 0


def _unused(columns: Sequence[str]) -> list[str]:
    name = next((column for column in LABELS if column in columns), "")
    return [column for column in columns if column not in (*COLUMNS, PLAN, name)]


@dataclass
class _File:
    """A file that is being read."""

    name: str
    cases: list[TicketCase]
    faults: list[Fault]

    def fault(self, key: str, says: str) -> None:
        self.faults.append(Fault(self.name, key, says))

    def read(self, export: Export) -> None:
        for key, says in export.faults:
            self.fault(key, says)
        for row in export.rows:
            self._ticket(row.line, row.cells)
        self.faults.sort(key=_line_of)
        if not self.cases and not self.faults:
            self.fault("", "has no tickets; write one on each line below the first")

    def _ticket(self, line: int, row: Mapping[str, str]) -> None:
        known = len(self.faults)
        times: dict[str, datetime] = {}
        for column in INSTANTS:
            if not row[column] and column != "opened":
                continue
            try:
                times[column] = read_instant(row[column])
            except ValueError as wrong:
                self.fault(f"line {line}, {column}", str(wrong))
        if not row["severity"]:
            self.fault(f"line {line}, severity", "is empty; name a severity of the policy")
        for before, after in (("opened", "responded"), ("opened", "resolved"), ("responded", "resolved")):
            if before in times and after in times and times[after] < times[before]:
                self.fault(f"line {line}, {after}", f'"{row[after]}" is before it was {before}')
        if len(self.faults) > known:
            return
        label = {name: text for name, text in row.items() if name not in COLUMNS and name and text}
        name = next((label[column] for column in LABELS if column in label), f"line {line}")
        where = f"{self.name}: line {line}"
        history = _history(row["severity"], times)
        self.cases.append(TicketCase(name, history, label, where, row.get(PLAN, "")))


def _history(severity: str, times: Mapping[str, datetime]) -> tuple[Event, ...]:
    opened = Opened(
        at=times["opened"],
        by=_CUSTOMER,
        account="",
        vendor="",
        plan="",
        version="",
        severity=severity,
        clause="",
        why="",
        summary="",
        details="",
        answers={},
        channel="",
    )
    events: list[Event] = [opened]
    if "responded" in times:
        events.append(Answered(times["responded"], _AGENT, Kind.REPLY, "answered"))
    if "resolved" in times:
        events.append(Resolved(times["resolved"], _AGENT, "resolved"))
    return tuple(events)


@dataclass(frozen=True)
class Rules:
    """A policy's dated versions, the plan, and its names for other policies' severities."""

    policies: Sequence[Policy]
    plan: str
    severity_names: Mapping[str, str] = field(default_factory=dict)
    second: bool = False
    """Whether names are mapped even if the policy has a severity of that name."""
    by_ticket: bool = True
    """Whether tickets that name a plan count under that one."""

    @property
    def name(self) -> str:
        if self.by_ticket:
            return f"{self.policies[-1].name}, plan of each ticket"
        return f"{self.policies[-1].name}, plan {self.policies[-1].plans[self.plan].name}"

    def policy_for(self, case: TicketCase) -> Policy:
        """The version in force when the ticket was opened."""
        return version_at(list(self.policies), case.opened.at.date())

    def plan_for(self, case: TicketCase) -> str:
        """The ID of the plan that a ticket counts under. Raises UsageFault."""
        if not (self.by_ticket and case.plan):
            return self.plan
        return plan_of(self.policy_for(case), case.plan).id

    def severity(self, name: str, policy: Policy) -> str:
        """The policy's name for a ticket's severity."""
        if not self.second and name in policy.severities:
            return name
        return self.severity_names.get(name, name)

    def ignores_order_form(self, case: TicketCase) -> bool:
        """Whether to skip the order form: it applies only to the vendor that agreed to it."""
        return bool(case.opened.terms) and case.opened.vendor != self.policy_for(case).vendor

    def terms(self, case: TicketCase, policy: Policy) -> tuple[Term, ...]:
        if self.ignores_order_form(case):
            return ()
        return tuple(replace(t, severity=self.severity(t.severity, policy)) for t in case.opened.terms)

    def history(self, case: TicketCase) -> list[Event]:
        """The ticket's history as if it had been opened under this policy."""
        policy = self.policy_for(case)
        history: list[Event] = []
        for event in case.history:
            if isinstance(event, Opened):
                severity, terms = self.severity(event.severity, policy), self.terms(case, policy)
                version = policy.version
                event = replace(
                    event, plan=self.plan_for(case), version=version, severity=severity, terms=terms
                )
            elif isinstance(event, SeverityChanged):
                event = replace(event, severity=self.severity(event.severity, policy))
            history.append(event)
        return history

    def policy_faults(self, cases: Sequence[TicketCase]) -> list[Fault]:
        """Faults for severities and order-form terms that the policy does not have."""
        faults: dict[tuple[str, str], Fault] = {}
        for case in cases:
            policy = self.policy_for(case)
            for name in _severities(case):
                if self.severity(name, policy) not in policy.severities:
                    fault = self._no_severity(name, policy, case)
                    faults[fault.file, name] = fault
            try:
                plan = self.plan_for(case)
            except UsageFault as wrong:
                fault = self._no_plan(str(wrong), case)
                faults[fault.file, PLAN] = fault
                continue
            for term in self.terms(case, policy):
                if says := _term_fault(term, policy, plan):
                    faults[case.name, f"order form {term.severity}.{term.metric}"] = Fault(
                        case.name, "", says
                    )
        return list(faults.values())

    def _no_severity(self, name: str, policy: Policy, case: TicketCase) -> Fault:
        """Reported once per name for the second policy; per ticket for the first, where it may be a typo."""
        says = f'{policy.vendor} has no severity "{name}"; it has {", ".join(policy.severities)}'
        advice = f"map it to one, such as --map {name}={policy.worst.id}"
        if self.second:
            return Fault("--against", "", f"{says}; {advice}")
        if case.where:
            return Fault(f"{case.where}, severity", "", says)
        return Fault(case.name, "", f"{says}; {advice}")

    def _no_plan(self, says: str, case: TicketCase) -> Fault:
        if self.second:
            return Fault("--against", "", f"{says}; name one for all tickets with --against-plan")
        return Fault(f"{case.where}, {PLAN}", "", says)


def rules(path: str, plan: str, severity_names: Mapping[str, str]) -> Rules:
    """The rules of the first policy. Raises Faults or UsageFault."""
    return _checked(Rules(policies_of(path), plan, severity_names))


def second_rules(path: str, plan: str | None, severity_names: Mapping[str, str], first: Rules) -> Rules:
    """The rules of the second policy. Its default plan is its only one, or the one with the first's name."""
    policies = policies_of(path)
    plans = policies[-1].plans
    chosen = plan or (next(iter(plans)) if len(plans) == 1 else first.plan)
    try:
        by_ticket = plan is None and len(plans) > 1
        return _checked(Rules(policies, chosen, severity_names, second=True, by_ticket=by_ticket))
    except UsageFault as wrong:
        raise wrong if plan else UsageFault(f"{wrong}; name one with --against-plan") from None


def unknown_severities(sets: Sequence[Rules], severity_names: Mapping[str, str]) -> list[Fault]:
    """Faults for each `--map` to a severity that no policy has."""
    known = {id_: None for rules in reversed(sets) for policy in rules.policies for id_ in policy.severities}
    return [
        Fault("--map", theirs, f'there is no severity "{ours}"; choose from {", ".join(known)}')
        for theirs, ours in severity_names.items()
        if ours not in known
    ]


def policies_of(path: str) -> list[Policy]:
    """Loads a pack, a folder of dated versions, or one of these versions."""
    head = Path(path) / "policy.toml"
    if path in vendors() or not head.is_file():
        return load(path)
    versions = load(head.resolve().parent.parent)
    effective = tomllib.loads(head.read_text(encoding="utf-8"))["effective"]
    return [policy for policy in versions if policy.effective == effective]


def _checked(rules: Rules) -> Rules:
    """The rules with the plan's ID. Raises UsageFault unless every version has the plan."""
    ids = [plan_of(policy, rules.plan).id for policy in rules.policies]
    return replace(rules, plan=ids[-1])


def _term_fault(term: Term, policy: Policy, plan: str) -> str | None:
    """Why the policy cannot apply a term of an order form, or None."""
    severity = policy.severities.get(term.severity)
    what = f"its order form's {term.severity}.{term.metric}"
    if severity is None:
        return None
    if term.calendar is None:
        promised = any(target.metric is term.metric for target in policy.targets(severity.id, (), plan))
        return None if promised else f"{what} replaces a promise that {policy.vendor} does not make here"
    known = {*policy.calendars, *policy.plans[plan].calendars}
    return None if term.calendar in known else f'{what} needs a calendar "{term.calendar}"'


def _severities(case: TicketCase) -> list[str]:
    names = [case.opened.severity, *(e.severity for e in case.history if isinstance(e, SeverityChanged))]
    return list(dict.fromkeys(names))
