"""Loads a policy pack from its folder. Reports all faults at once, each with file, key and fix."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from sla_core.calendar import WEEKDAYS, BusinessCalendar, Hours, always
from sla_core.catalog import ics, schema
from sla_core.catalog.crosscheck import Files, Names, crosscheck
from sla_core.closures import (
    NEVER_CLOSED,
    AnnualDay,
    Closures,
    Days,
    EndClosures,
    ListedDays,
    PublicHolidays,
    Season,
)
from sla_core.policy import (
    Calls,
    Courtesy,
    Duty,
    Extension,
    FirstContact,
    Freeze,
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
    """All versions of a policy, oldest first. `vendor` is a pack's name or a folder. Raises Faults."""
    folder = PACKS / vendor if isinstance(vendor, str) and vendor in vendors() else Path(vendor)
    if not os.path.isdir(folder):  # Path.is_dir raises for a name that is too long
        known = ", ".join(vendors())
        raise Faults([Fault(str(vendor)[:80], "", f"no such vendor or folder; the catalog has {known}")])
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
        built = {name: self._calendar(name, file) for name, file in calendars.items()}
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
            severities={id_: severity(id_, file) for id_, file in severities.items()},
            plans={id_: plan(id_, file) for id_, file in plans.items()},
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

    def _calendar(self, name: str, file: schema.CalendarFile) -> BusinessCalendar | None:
        if file.always == bool(file.open):
            self.fault("calendars.toml", name, "needs either `always = true` or its `open` hours")
            return None
        ends = (file.closed_at_opening_end, file.closed_at_closing_end)
        if file.always:
            if file.closed or any(ends):
                self.fault(
                    "calendars.toml", name, "is always open, so no day can be closed; remove that part"
                )
            return always()
        hours = tuple(
            Hours(frozenset(WEEKDAYS.index(day) for day in opening.days), opening.from_, opening.to)
            for opening in file.open
        )
        for number, opening in enumerate(hours, start=1):
            if not opening.on(date(2026, 1, 15)):
                self.fault("calendars.toml", f"{name}.open.{number}", "closes before it opens")
        closed = file.closed or schema.ClosuresFile()
        closures = self._closures(f"{name}.closed", closed)
        return BusinessCalendar(hours, closures, closed.early, self._ends(name, file, hours))

    def _ends(self, name: str, file: schema.CalendarFile, hours: tuple[Hours, ...]) -> EndClosures | None:
        opening, closing = file.closed_at_opening_end, file.closed_at_closing_end
        if opening is None and closing is None:
            if file.shared_from is not None:
                says = "is for days that only the opening end's list closes; add `closed_at_opening_end`"
                self.fault("calendars.toml", f"{name}.shared_from", says)
            return None
        if not all(opened.two_zones for opened in hours):
            says = "is for hours that open in one zone and close in another; use `closed` instead"
            key = "closed_at_opening_end" if opening else "closed_at_closing_end"
            self.fault("calendars.toml", f"{name}.{key}", says)
        return EndClosures(
            self._closures(f"{name}.closed_at_opening_end", opening or schema.DaysOffFile()),
            self._closures(f"{name}.closed_at_closing_end", closing or schema.DaysOffFile()),
            file.shared_from,
        )

    def _closures(self, key: str, file: schema.DaysOffFile) -> Closures:
        annual = []
        for day in file.annual:
            month, number = (int(part) for part in day.on.split("-"))
            try:
                date(2024, month, number)
            except ValueError:
                self.fault("calendars.toml", f"{key}.annual.on", f'"{day.on}" is not a date; write "12-25"')
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
        listed = tuple(entry for ics_file in file.ics for entry in self._listed(key, ics_file))
        if self.faults:
            return NEVER_CLOSED
        certified = file.certified_until or ics.certified_until(listed)
        return Closures(tuple(public), tuple(annual), file.dates, file.working, certified, listed)

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


def severity(id_: str, file: schema.SeverityFile) -> Severity:
    return Severity(
        id=id_,
        name=file.name,
        source=file.source,
        targets=tuple(target(promise) for promise in file.promise),
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


def target(file: schema.PromiseFile) -> Target:
    return Target(
        metric=file.metric,
        limit=file.within,
        calendar=file.calendar,
        source=file.source,
        goal=file.goal,
        strict=file.strict,
        warn_at=file.warn_at,
        met_by_downgrade_to=file.met_by_downgrade_to,
        ends_with=file.ends_with,
        wording=file.wording,
        extensions=tuple(Extension(e.id, e.label, e.extra, e.source) for e in file.extension),
    )


def plan(id_: str, file: schema.PlanFile) -> Plan:
    return Plan(
        id=id_,
        name=file.name,
        source=file.source,
        calendars=file.calendars,
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
    rules = tuple(Rule(r.severity, r.clause, r.says, r.when, r.overrides) for r in file.rule)
    advice = tuple(Advice(a.clause, a.says, a.where, a.when, a.refers) for a in file.advice)
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
