"""Read a policy pack from its folder: every fault at once, each with file, key and cure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sla_core.calendar import WEEKDAYS, BusinessCalendar, Hours, always
from sla_core.catalog import schema
from sla_core.closures import NEVER_CLOSED, AnnualDay, Closures, PublicHolidays
from sla_core.policy import (
    Duty,
    Milestone,
    Plan,
    Policy,
    Reading,
    Severity,
    Step,
    Target,
)
from sla_core.triage import Option, Question, Rule, Triage

PACKS = Path(__file__).parent / "packs"
NO_CLOCK = "none"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file, in words that say how to mend it."""

    file: str
    key: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.says}" if self.key else f"{self.file}: {self.says}"


class Faults(ValueError):
    """Everything that is wrong, found in one reading."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def vendors() -> list[str]:
    """The packs that come with Frontline."""
    return sorted(folder.name for folder in PACKS.iterdir() if folder.is_dir())


def load(vendor: str | Path) -> list[Policy]:
    """Every dated version of a vendor's policy, oldest first. `vendor` is a pack's name or a folder.

    Raises Faults with all that is wrong.
    """
    folder = PACKS / vendor if isinstance(vendor, str) and vendor in vendors() else Path(vendor)
    if not folder.is_dir():
        known = ", ".join(vendors())
        raise Faults([Fault(str(vendor), "", f"no such vendor or folder; the catalog has {known}")])
    dated = sorted(child for child in folder.iterdir() if (child / "policy.toml").is_file())
    if not dated:
        example = "2026-01-31/policy.toml"
        raise Faults(
            [Fault(str(folder), "", f"holds no dated policy; put its files into {example} and beside")]
        )
    faults: list[Fault] = []
    policies = []
    for version in dated:
        pack = _Pack(version, f"{folder.name}/{version.name}")
        policy = pack.policy()
        faults += pack.faults
        if policy is not None:
            policies.append(policy)
    if faults:
        raise Faults(faults)
    return sorted(policies, key=lambda policy: policy.effective)


def version_at(policies: list[Policy], on: date) -> Policy:
    """The version in force on a date; before the first one, the first."""
    in_force = [policy for policy in policies if policy.effective <= on]
    return in_force[-1] if in_force else policies[0]


@dataclass
class _Pack:
    """One dated folder while it is being read."""

    folder: Path
    label: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, file: str, key: str, says: str) -> None:
        self.faults.append(Fault(f"{self.label}/{file}", key, says))

    def read(self, file: str, shape: type[T], required: bool = True) -> T | None:
        path = self.folder / file
        if not path.is_file():
            if required:
                self.fault(file, "", "the file is missing; see docs/policies.md for what belongs into it")
            return None
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as broken:
            self.fault(file, "", f"is no valid TOML: {broken}")
            return None
        except UnicodeDecodeError:
            self.fault(file, "", "is not UTF-8 text; save it as UTF-8")
            return None
        try:
            checked: T = TypeAdapter(shape).validate_python(raw)
        except ValidationError as wrong:
            for file_fault in faults_of(f"{self.label}/{file}", wrong):
                self.faults.append(file_fault)
            return None
        return checked

    def policy(self) -> Policy | None:
        head = self.read("policy.toml", schema.PolicyFile)
        calendars = self.read("calendars.toml", dict[str, schema.CalendarFile])
        severities = self.read("severities.toml", dict[str, schema.SeverityFile])
        plans = self.read("plans.toml", dict[str, schema.PlanFile])
        triage = self.read("triage.toml", schema.TriageFile)
        escalation = self.read("escalation.toml", schema.EscalationFile, required=False)
        milestones = self.read("milestones.toml", schema.MilestonesFile, required=False)
        if head is None or calendars is None or severities is None or plans is None or triage is None:
            return None
        steps = escalation.step if escalation else ()
        built = {name: self._calendar(name, file) for name, file in calendars.items()}
        self._check_names(set(built), severities, plans, triage, steps)
        if self.faults:
            return None
        return Policy(
            vendor=head.vendor,
            name=head.name,
            effective=head.effective,
            calendars={name: calendar for name, calendar in built.items() if calendar},
            severities={id_: _severity(id_, file) for id_, file in severities.items()},
            plans={id_: _plan(id_, file) for id_, file in plans.items()},
            triage=_triage(triage),
            steps=tuple(_step(file) for file in steps),
            milestones=tuple(
                Milestone(file.label, file.tells, file.source, file.repeatable)
                for file in (milestones.milestone if milestones else ())
            ),
            readings=tuple(Reading(file.clause, file.question, file.chosen) for file in head.reading),
            facts=tuple(file.source for file in (*head.fact, *calendars.values(), *plans.values())),
            not_yet=head.not_yet,
        )

    def _calendar(self, name: str, file: schema.CalendarFile) -> BusinessCalendar | None:
        if file.always == bool(file.open):
            self.fault("calendars.toml", name, "needs either `always = true` or its `open` hours")
            return None
        if file.always:
            return always()
        hours = tuple(
            Hours(frozenset(WEEKDAYS.index(day) for day in opening.days), opening.from_, opening.to)
            for opening in file.open
        )
        for number, opening in enumerate(hours, start=1):
            if not opening.on(date(2026, 1, 15)):
                self.fault("calendars.toml", f"{name}.open.{number}", "closes before it opens")
        closed = file.closed
        if closed is None:
            return BusinessCalendar(hours)
        return BusinessCalendar(hours, self._closures(name, closed), closed.early)

    def _closures(self, name: str, file: schema.ClosuresFile) -> Closures:
        key = f"{name}.closed"
        annual = []
        for day in file.annual:
            month, number = (int(part) for part in day.on.split("-"))
            try:
                date(2024, month, number)
            except ValueError:
                self.fault("calendars.toml", f"{key}.annual.on", f'"{day.on}" is no date; write "12-25"')
                continue
            annual.append(AnnualDay(day.name, month, number, day.observed, day.chosen))
        public = []
        for rule in file.public:
            found = PublicHolidays(**rule.model_dump())
            try:
                unknown = found.unknown_names(range(2020, 2030))
            except (NotImplementedError, ValueError) as wrong:
                self.fault("calendars.toml", f"{key}.public", str(wrong))
                continue
            for holiday in unknown:
                self.fault("calendars.toml", f"{key}.public", f'{rule.country} has no holiday "{holiday}"')
            public.append(found)
        if self.faults:
            return NEVER_CLOSED
        return Closures(tuple(public), tuple(annual), file.dates, file.working, file.certified_until)

    def _check_names(
        self,
        calendars: set[str],
        severities: Mapping[str, schema.SeverityFile],
        plans: Mapping[str, schema.PlanFile],
        triage: schema.TriageFile,
        steps: tuple[schema.StepFile, ...],
    ) -> None:
        """Names in one file that another should know."""
        for id_, plan in plans.items():
            for role, calendar in plan.calendars.items():
                if calendar not in calendars:
                    says = _unknown("calendar", calendar, calendars)
                    self.fault("plans.toml", f"{id_}.calendars.{role}", says)
        usable = calendars.union(*(plan.calendars for plan in plans.values()))
        for id_, severity in severities.items():
            for promise in severity.promise:
                if promise.calendar not in usable:
                    says = _unknown("calendar", promise.calendar, usable)
                    self.fault("severities.toml", f"{id_}.promise.calendar", says)
        for file, key, says in chain(
            _triage_faults(triage, set(severities)), _step_faults(steps, severities, usable)
        ):
            self.fault(file, key, says)


def faults_of(file: str, wrong: ValidationError) -> Iterator[Fault]:
    """Each complaint of the schema in an operator's words."""
    for error in wrong.errors():
        key = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
        match error["type"]:
            case "extra_forbidden":
                says = "is not a key that Frontline knows; mend or remove it"
            case "missing":
                says = "is missing"
            case "value_error":
                says = str(error["ctx"]["error"])
            case _:
                says = f"{error['msg'][0].lower()}{error['msg'][1:]}"
        yield Fault(file, key, says)


def _unknown(what: str, name: str, known: set[str]) -> str:
    return f'there is no {what} "{name}"; known are {", ".join(sorted(known))}'


def _triage_faults(triage: schema.TriageFile, severities: set[str]) -> Iterator[tuple[str, str, str]]:
    options = {question.id: set(question.options) for question in triage.question}
    for number, question in enumerate(triage.question, start=1):
        if bool(question.options) == (question.kind == "text"):
            says = "a text takes no options" if question.options else "a choice needs its options"
            yield "triage.toml", f"question.{number}.options", says
    for number, rule in enumerate(triage.rule, start=1):
        if rule.severity not in severities:
            says = _unknown("severity", rule.severity, severities)
            yield "triage.toml", f"rule.{number}.severity", says
        for question_id, chosen in rule.when.items():
            if question_id not in options:
                says = _unknown("question", question_id, set(options))
                yield "triage.toml", f"rule.{number}.when.{question_id}", says
                continue
            for option in sorted(chosen - options[question_id]):
                says = _unknown("option", option, options[question_id])
                yield "triage.toml", f"rule.{number}.when.{question_id}", says
    if triage.rule[-1].when:
        yield (
            "triage.toml",
            f"rule.{len(triage.rule)}",
            "the last rule must hold for every answer: give it no `when`",
        )


def _step_faults(
    steps: tuple[schema.StepFile, ...], severities: Mapping[str, object], calendars: set[str]
) -> Iterator[tuple[str, str, str]]:
    for number, step in enumerate(steps, start=1):
        for severity, duty in step.duties.items():
            if severity not in severities:
                says = _unknown("severity", severity, set(severities))
                yield "escalation.toml", f"step.{number}.duties.{severity}", says
            if duty.hours not in calendars:
                says = _unknown("calendar", duty.hours, calendars)
                yield "escalation.toml", f"step.{number}.duties.{severity}.hours", says


def _severity(id_: str, file: schema.SeverityFile) -> Severity:
    targets = tuple(Target(p.metric, p.within, p.calendar, p.source, p.goal, p.warn_at) for p in file.promise)
    return Severity(id_, file.name, file.source, targets, file.effort, file.pages)


def _plan(id_: str, file: schema.PlanFile) -> Plan:
    return Plan(
        id_, file.name, file.source, file.calendars, file.aliases, file.chat, file.tam, file.hold, file.way_in
    )


def _triage(file: schema.TriageFile) -> Triage:
    questions = tuple(
        Question(
            q.id,
            q.label,
            q.kind,
            q.clause,
            tuple(Option(id_, label) for id_, label in q.options.items()),
            q.required,
            q.hint,
        )
        for q in file.question
    )
    return Triage(questions, tuple(Rule(r.severity, r.clause, r.says, r.when) for r in file.rule))


def _step(file: schema.StepFile) -> Step:
    duties = {severity: Duty(duty.mode, duty.hours) for severity, duty in file.duties.items()}
    return Step(file.role, file.name, duties, file.source)
