"""Loads a policy pack from its folder. Reports all faults at once, each with file, key and fix."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from sla_core.catalog import ics, schema
from sla_core.catalog.calendars import CalendarReader
from sla_core.catalog.crosscheck import Files, Names, crosscheck
from sla_core.catalog.plan_times import WITHIN, calendars_of, plan_with_time
from sla_core.closures import Days, ListedDays, Season
from sla_core.policy import (
    Calls,
    Courtesy,
    Duty,
    Extension,
    FirstContact,
    Freeze,
    Metric,
    Milestone,
    Mitigation,
    Peak,
    Plan,
    Policy,
    Rarity,
    Reading,
    Severity,
    Step,
    Target,
    Uptime,
    amount_text,
)
from sla_core.triage import Advice, Option, Question, Report, Rule, Triage

PACKS = Path(__file__).parent / "packs"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file, and how to fix it."""

    file: str
    key: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.says}" if self.key else f"{self.file}: {self.says}"


class Faults(ValueError):
    """Everything that is wrong, found in one pass."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def vendors() -> list[str]:
    """The names of the packs that come with Frontline."""
    return sorted(folder.name for folder in PACKS.iterdir() if folder.is_dir())


def load(vendor: str | Path) -> list[Policy]:
    """All versions of a policy, oldest first. `vendor` is a pack's name or a folder. Raises Faults.

    A pack that comes with Frontline is read once in each process, so all its users share the calendars
    that it has compiled. An operator's folder is read each time.
    """
    if isinstance(vendor, str) and vendor in vendors():
        return list(_shipped(vendor))
    return _read(Path(vendor))


@cache
def _shipped(vendor: str) -> tuple[Policy, ...]:
    return tuple(_read(PACKS / vendor))


def _read(folder: Path) -> list[Policy]:
    if not os.path.isdir(folder):  # Path.is_dir raises for a name that is too long
        known = ", ".join(vendors())
        raise Faults([Fault(str(folder)[:80], "", f"no such vendor or folder; the catalog has {known}")])
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


@dataclass
class _Pack:
    """One dated folder while it is being read."""

    folder: Path
    label: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, file: str, key: str, says: str) -> None:
        self.faults.append(Fault(f"{self.label}/{file}", key, says))

    def raw(self, file: str, required: bool = True) -> dict[str, Any] | None:
        """The file's content, unchecked; None if it cannot be read."""
        path = self.folder / file
        if not path.is_file():
            if required:
                self.fault(file, "", "the file is missing; see docs/policies.md for what belongs into it")
            return None
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as broken:
            self.fault(file, "", f"is not valid TOML: {broken}")
        except UnicodeDecodeError:
            self.fault(file, "", "is not UTF-8 text; save it as UTF-8")
        return None

    def read(self, file: str, shape: type[T], required: bool = True) -> T | None:
        raw = self.raw(file, required)
        if raw is None:
            return None
        try:
            checked: T = TypeAdapter(shape).validate_python(raw)
        except ValidationError as wrong:
            for file_fault in faults_of(f"{self.label}/{file}", wrong):
                self.faults.append(file_fault)
            return None
        return checked

    def parts(self, file: str, shape: type[T]) -> tuple[dict[str, T], frozenset[str] | None]:
        """The valid parts of a file by name, and the names of all parts (None if it cannot be read)."""
        raw = self.raw(file)
        valid: dict[str, T] = {}
        for name, part in (raw or {}).items():
            try:
                valid[name] = TypeAdapter(shape).validate_python(part)
            except ValidationError as wrong:
                self.faults += faults_of(f"{self.label}/{file}", wrong, (name,))
        return valid, None if raw is None else frozenset(raw)

    def policy(self) -> Policy | None:
        head = self.read("policy.toml", schema.PolicyFile)
        calendars, calendar_names = self.parts("calendars.toml", schema.CalendarFile)
        severities, severity_names = self.parts("severities.toml", schema.SeverityFile)
        plans, plan_names = self.parts("plans.toml", schema.PlanFile)
        triage = self.read("triage.toml", schema.TriageFile)
        escalation = self.read("escalation.toml", schema.EscalationFile, required=False)
        milestones = self.read("milestones.toml", schema.MilestonesFile, required=False)
        mitigations = self.read("mitigations.toml", schema.MitigationsFile, required=False)
        seasons = self.read("seasons.toml", schema.SeasonsFile, required=False)
        against = mitigations.mitigation if mitigations else ()
        freezes, peaks = (seasons.freeze, seasons.peak) if seasons else ((), ())
        steps = escalation.step if escalation else ()
        reader = CalendarReader(self.fault, self._listed)
        built = {name: reader.calendar(name, file) for name, file in calendars.items()}
        told = milestones.milestone if milestones else ()
        names = Names(
            calendars=calendar_names,
            severities=severity_names,
            hours=None if plan_names is None or len(plans) < len(plan_names) else _hours(plans),
            milestones=None
            if milestones is None and self.has("milestones.toml")
            else frozenset(milestone.label for milestone in told),
            mitigations=None
            if mitigations is None and self.has("mitigations.toml")
            else tuple(each.label for each in against),
        )
        files = Files(calendars, severities, plans, triage, steps, freezes)
        for fault in crosscheck(files, names):
            self.fault(*fault)
        if self.faults or head is None or triage is None:
            return None
        return Policy(
            vendor=head.vendor,
            name=head.name,
            effective=head.effective,
            calendars={name: calendar for name, calendar in built.items() if calendar},
            severities={id_: severity(id_, file, plans) for id_, file in severities.items()},
            plans={id_: plan(id_, file, plans) for id_, file in plans.items()},
            triage=triage_of(triage),
            steps=tuple(step(file) for file in steps),
            milestones=tuple(milestone(file) for file in told),
            mitigations=tuple(mitigation(file) for file in against),
            freezes=tuple(freeze(file) for file in freezes),
            peaks=tuple(peak(file) for file in peaks),
            readings=tuple(Reading(file.clause, file.question, file.chosen) for file in head.reading),
            facts=tuple(file.source for file in (*head.fact, *calendars.values(), *plans.values())),
            not_yet=head.not_yet,
            document=head.document,
            uptime=None if head.uptime is None else Uptime(head.uptime.percent / 100, head.uptime.source),
        )

    def has(self, file: str) -> bool:
        return (self.folder / file).is_file()

    def _listed(self, key: str, name: str) -> list[ListedDays]:
        path = self.folder / name
        if path.parent != self.folder or not path.is_file():
            self.fault(
                "calendars.toml", f"{key}.ics", f'there is no file "{name}" beside this one; put it there'
            )
            return []
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            self.fault(name, "", "is not UTF-8 text; save it as UTF-8")
            return []
        listed, faults = ics.read(text)
        for line, says in faults:
            self.fault(name, f"line {line}", says)
        return listed


def _hours(plans: Mapping[str, schema.PlanFile]) -> frozenset[str]:
    return frozenset(name for plan in plans.values() for name in plan.calendars)


def faults_of(file: str, wrong: ValidationError, within: tuple[str, ...] = ()) -> Iterator[Fault]:
    """The schema's errors in an operator's words. `within` is the key of the checked part."""
    for error in wrong.errors():
        key = ".".join(str(part + 1) if isinstance(part, int) else part for part in (*within, *error["loc"]))
        match error["type"]:
            case "extra_forbidden":
                says = "is not a key that Frontline knows; fix or remove it"
            case "missing":
                says = "is missing"
            case "value_error":
                says = str(error["ctx"]["error"])
            case _:
                says = f"{error['msg'][0].lower()}{error['msg'][1:]}"
        yield Fault(file, key, says)


def severity(id_: str, file: schema.SeverityFile, plans: Mapping[str, schema.PlanFile]) -> Severity:
    return Severity(
        id=id_,
        name=file.name,
        source=file.source,
        targets=tuple(target(promise) for promise in file.promise if promise.within is not None),
        by_plan=targets_by_plan(file.promise, plans),
        effort=file.effort,
        pages=file.pages,
        staffed=file.staffed,
        milestones=file.milestones,
        known_first=file.known_first.source if file.known_first else None,
        rarity=Rarity(file.rarity.per_quarter, file.rarity.source) if file.rarity else None,
        courtesy=Courtesy(file.courtesy.every, file.courtesy.source) if file.courtesy else None,
        due_date=file.due_date.source if file.due_date else None,
        mitigations=file.mitigations,
        disables_services=file.disables_services.source if file.disables_services else None,
    )


def targets_by_plan(
    promises: Sequence[schema.PromiseFile], plans: Mapping[str, schema.PlanFile]
) -> dict[str, dict[Metric, Target | None]]:
    """What promises are for the plans for which they are something else, or that inherit from such a plan."""
    found: dict[str, dict[Metric, Target | None]] = {}
    for plan_id in plans:
        for promise in promises:
            named = plan_with_time(promise, plan_id, plans)
            if named in promise.plans:
                own = promise.under(named)
                found.setdefault(plan_id, {})[promise.metric] = target(own) if own else None
    return found


def target(file: schema.PromiseFile) -> Target:
    """The target of a promise that has a time. `{within}` in its words stands for the time."""
    assert file.within is not None
    said = replace(file.source, says=file.says.replace(WITHIN, amount_text(file.within)))
    return Target(
        metric=file.metric,
        limit=file.within,
        calendar=file.calendar,
        source=said,
        goal=file.goal,
        strict=file.strict,
        warn_at=file.warn_at,
        met_by_downgrade_to=file.met_by_downgrade_to,
        ends_with=file.ends_with,
        wording=file.wording,
        met_by=file.met_by,
        ends_with_due_date=file.ends_with_due_date,
        extensions=tuple(Extension(e.id, e.label, e.extra, e.source) for e in file.extension),
    )


def plan(id_: str, file: schema.PlanFile, plans: Mapping[str, schema.PlanFile]) -> Plan:
    return Plan(
        id=id_,
        name=file.name,
        source=file.source,
        calendars=calendars_of(id_, plans),
        aliases=file.aliases,
        chat=file.chat,
        tam=file.tam,
        hold=file.hold,
        way_in=file.way_in,
        wording=file.wording,
        first_contact=first_contact(file),
        emergency_contact=file.emergency_contact,
        calls=calls(file.calls) if file.calls else None,
    )


def calls(file: schema.CallsFile) -> Calls:
    return Calls(
        source=file.source,
        phone=file.phone,
        severities=file.severities,
        recommended=file.recommended,
        on_request=file.on_request,
        roles=file.roles,
        spares_on_call=file.spares_on_call,
    )


def first_contact(file: schema.PlanFile) -> FirstContact | None:
    named = file.first_contact
    return FirstContact(named.name, named.accounts, named.enforce == "fault") if named else None


def triage_of(file: schema.TriageFile) -> Triage:
    questions = tuple(
        Question(
            id=q.id,
            label=q.label,
            kind=q.kind,
            clauses=q.clause,
            options=tuple(Option(id_, label) for id_, label in q.options.items()),
            required=q.required,
            hint=q.hint,
            when=q.when,
        )
        for q in file.question
    )
    rules = tuple(Rule(r.severity, r.clause, r.says, r.when, r.overrides, r.plans) for r in file.rule)
    advice = tuple(Advice(a.clause, a.says, a.where, a.when, a.refers, a.plans) for a in file.advice)
    told = file.report
    report = Report(told.clause, told.says, told.where, told.hint) if told else None
    return Triage(questions, rules, advice, file.intro, report)


def milestone(file: schema.MilestoneFile) -> Milestone:
    return Milestone(file.label, file.tells, file.source, file.repeatable)


def mitigation(file: schema.MitigationFile) -> Mitigation:
    return Mitigation(file.label, file.tells, file.source, file.repeatable)


def season(file: schema.SeasonFile) -> Season:
    return Season(tuple(Days(dates.from_, dates.to) for dates in file.dates), file.zone)


def freeze(file: schema.FreezeFile) -> Freeze:
    return Freeze(season(file), file.milestone, file.urgent, file.source)


def peak(file: schema.PeakFile) -> Peak:
    return Peak(season(file), file.tells, file.source)


def step(file: schema.StepFile) -> Step:
    duties = {severity: Duty(duty.mode, duty.hours) for severity, duty in file.duties.items()}
    return Step(file.role, file.name, duties, file.source, file.ack_within, file.tries)
