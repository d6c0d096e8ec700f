"""Loads a policy pack from its folder. Reports all faults at once, each with file, key and fix."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sla_core.calendar import BusinessCalendar
from sla_core.catalog import folders, ics, schema
from sla_core.catalog.calendars import CalendarReader
from sla_core.catalog.crosscheck import Files, Names, crosscheck
from sla_core.catalog.files import REFERS, PackFiles, Partial, Parts, Whole
from sla_core.catalog.files import Fault as Fault
from sla_core.catalog.files import Faults as Faults
from sla_core.catalog.origins import (
    OTHER_ORIGINS,
    WITHIN,
    calendars_of,
    from_origin,
    hours_by_origin,
    plan_with_time,
)
from sla_core.catalog.pitfalls import pitfalls, pitfalls_of_order, worked_examples
from sla_core.hours.openings import Days, Season
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
    Origin,
    Peak,
    Plan,
    Policy,
    Rarity,
    Severity,
    Step,
    Target,
    amount_text,
)
from sla_core.rules import Deprecated, Deprecations, Reading, Uptime
from sla_core.triage import Advice, Fact, Option, Question, Report, Rule, Triage

UTC = ZoneInfo("UTC")
PACKS = Path(__file__).parent / "packs"

T = TypeVar("T")


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
    dated, faults = folders.versions(folder)
    if not dated and not faults:
        example = "2026-01-31/policy.toml"
        raise Faults(
            [Fault(str(folder), "", f"holds no dated policy; put its files into {example} and beside")]
        )
    policies, heads = [], []
    for version in dated:
        pack = _Pack(PackFiles(version, f"{folder.name}/{version.name}"))
        policy = pack.policy()
        faults += pack.files.faults
        if pack.dated is not None:
            heads.append(pack.dated)
        if policy is not None:
            policies.append(policy)
    faults += folders.faults_among(heads)
    if faults:
        raise Faults(faults)
    return sorted(policies, key=lambda policy: policy.effective)


@dataclass
class _Pack:
    """One dated folder while it is being read."""

    files: PackFiles
    head: schema.PolicyFile | None = None
    dated: folders.Dated | None = None

    def fault(self, file: str, key: str, says: str) -> None:
        self.files.fault(file, key, says)

    def policy(self) -> Policy | None:
        files = self.files
        head = files.whole("policy.toml", schema.PolicyFile)
        calendars = files.parts("calendars.toml", schema.CalendarFile)
        severities = files.parts("severities.toml", schema.SeverityFile)
        plans = files.parts("plans.toml", schema.PlanFile)
        triage = files.whole("triage.toml", schema.TriageFile)
        escalation = files.whole("escalation.toml", schema.EscalationFile, required=False)
        milestones = files.whole("milestones.toml", schema.MilestonesFile, required=False)
        mitigations = files.whole("mitigations.toml", schema.MitigationsFile, required=False)
        seasons = files.whole("seasons.toml", schema.SeasonsFile, required=False)
        self.head = head.value
        self.dated = folders.dated(files.label, head.raw)
        names = Names(
            calendars=calendars.names,
            severities=severities.names,
            hours=_hours(plans.raw),
            milestones=None if milestones.unread else frozenset(milestones.listed("milestone", "label")),
            mitigations=None if mitigations.unread else tuple(mitigations.listed("mitigation", "label")),
            plans=plans.names,
            roles=None if escalation.unread else tuple(escalation.listed("step", "role")),
            options=_options(triage.raw),
        )
        valid = Files(
            calendars.valid,
            severities.valid,
            plans.valid,
            triage.value,
            escalation.value.step if escalation.value else (),
            seasons.value.freeze if seasons.value else (),
            head.value.fact if head.value else (),
            head.value.deprecations if head.value else None,
        )
        right = Files(
            {name: part.value for name, part in calendars.right.items()},
            {name: part.value for name, part in severities.right.items()},
            {name: part.value for name, part in plans.right.items()},
            triage.right.value if triage.right else None,
            escalation.right.value.step if escalation.right else (),
            seasons.right.value.freeze if seasons.right else (),
            head.right.value.fact if head.right else (),
            head.right.value.deprecations if head.right else None,
        )

        def placed(file: str, key: str) -> str:
            """The key as the file counts, where faulty items of its lists were left out."""
            name, _, rest = key.partition(".")
            if file == "severities.toml" and name in severities.right and rest:
                return f"{name}.{severities.right[name].place(rest)}"
            read: dict[str, Partial[Any] | None] = {
                "triage.toml": triage.right,
                "escalation.toml": escalation.right,
                "seasons.toml": seasons.right,
                "policy.toml": head.right,
            }
            part = read.get(file)
            return part.place(key) if part else key

        for fault in (*crosscheck(valid, names), *pitfalls_of_order(valid)):
            self.fault(*fault)
        built = self._calendars(calendars)
        faulty = files.faulty_parts("calendars.toml")
        whole = {name: calendar for name, calendar in built.items() if calendar and name not in faulty}
        referring = (each for each in crosscheck(right, names) if each[2].startswith(REFERS))
        for file, key, says in (*referring, *pitfalls(right, names), *worked_examples(right, whole)):
            self.fault(file, placed(file, key), says)
        files.faults += folders.stray_files(files.folder, files.label, _calendar_files(calendars))
        if self.dated is not None:
            files.faults += folders.name_faults(files.folder, self.dated)
        if files.faults or self.head is None or triage.value is None:
            return None
        return Policy(
            vendor=self.head.vendor,
            name=self.head.name,
            effective=self.head.effective,
            calendars={name: calendar for name, calendar in built.items() if calendar},
            severities={
                id_: severity(id_, file, plans.valid, calendars.valid)
                for id_, file in severities.valid.items()
            },
            plans={id_: plan(id_, file, plans.valid) for id_, file in plans.valid.items()},
            triage=triage_of(triage.value),
            steps=tuple(step(file) for file in valid.steps),
            milestones=tuple(milestone(file) for file in _all(milestones).milestone),
            mitigations=tuple(mitigation(file) for file in _all(mitigations).mitigation),
            freezes=tuple(freeze(file) for file in valid.freezes),
            peaks=tuple(peak(file) for file in _all(seasons).peak),
            readings=tuple(Reading(file.clause, file.question, file.chosen) for file in self.head.reading),
            facts=tuple(fact(file) for file in self.head.fact),
            hours_sources={name: file.source for name, file in calendars.valid.items()},
            not_yet=self.head.not_yet,
            document=self.head.document,
            uptime=_uptime(self.head.uptime),
            deprecations=_deprecations(self.head.deprecations),
        )

    def _calendars(self, calendars: Parts[schema.CalendarFile]) -> dict[str, BusinessCalendar | None]:
        """The valid calendars. Of the others, only the closed days are checked."""
        reader = CalendarReader(self.fault, self._listed)
        for name, part in calendars.right.items():
            if name not in calendars.valid:
                for key in ("closed", "closed_at_opening_end", "closed_at_closing_end"):
                    reader.closures(f"{name}.{key}", getattr(part.value, key) or schema.DaysOffFile(), UTC)
        return {name: reader.calendar(name, file) for name, file in calendars.valid.items()}

    def _listed(self, key: str, name: str, zone: ZoneInfo, leave_out: bool) -> ics.Listed:
        path = self.files.folder / name
        if path.parent != self.files.folder or not path.is_file():
            self.fault(
                "calendars.toml", f"{key}.ics", f'there is no file "{name}" beside this one; put it there'
            )
            return ics.Listed(None, [], [])
        listed = ics.read(ics.decoded(path.read_bytes()), zone, leave_out)
        for line, says in listed.faults:
            self.fault(name, f"line {line}", says)
        return listed


def _hours(plans: dict[str, Any] | None) -> frozenset[str] | None:
    """The names that plans give to their calendars, also faulty plans; None if the file cannot be read."""
    if plans is None:
        return None
    maps = [plan.get("calendars") for plan in plans.values() if isinstance(plan, dict)]
    return frozenset(name for named in maps if isinstance(named, dict) for name in named)


def _options(triage: dict[str, Any] | None) -> dict[str, frozenset[str]]:
    """The options of every question, also of faulty ones."""
    questions = (triage or {}).get("question")
    tables = [each for each in questions if isinstance(each, dict)] if isinstance(questions, list) else []
    return {
        each["id"]: frozenset(options if isinstance(options := each.get("options"), dict) else ())
        for each in tables
        if isinstance(each.get("id"), str)
    }


def _calendar_files(calendars: Parts[schema.CalendarFile]) -> frozenset[str] | None:
    """The iCalendar files that calendars name; None if that is not certain."""
    if calendars.names is None or len(calendars.right) < len(calendars.names):
        return None
    closed = (
        days
        for part in calendars.right.values()
        for days in (part.value.closed, part.value.closed_at_opening_end, part.value.closed_at_closing_end)
    )
    return frozenset(entry.file for days in closed if days for entry in days.ics)


def _all(file: Whole[T]) -> T:
    assert file.value is not None, "a file with a fault makes no policy"
    return file.value


def _uptime(file: schema.UptimeFile | None) -> Uptime | None:
    return None if file is None else Uptime(file.percent / 100, file.source)


def _deprecations(file: schema.DeprecationsFile | None) -> Deprecations | None:
    if file is None:
        return None
    features = tuple(Deprecated(each.name, each.announced, each.until) for each in file.feature)
    return Deprecations(file.supported_months, features, file.source)


def severity(
    id_: str,
    file: schema.SeverityFile,
    plans: Mapping[str, schema.PlanFile],
    calendars: Mapping[str, schema.CalendarFile],
) -> Severity:
    return Severity(
        id=id_,
        name=file.name,
        source=file.source,
        shown_name=file.shown,
        targets=tuple(target(promise) for promise in file.promise if promise.within is not None),
        by_plan=targets_by_plan(file.promise, plans),
        by_origin=targets_by_origin(file.promise, plans, calendars),
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


def targets_by_origin(
    promises: Sequence[schema.PromiseFile],
    plans: Mapping[str, schema.PlanFile],
    calendars: Mapping[str, schema.CalendarFile],
) -> dict[Origin, dict[str, dict[Metric, Target | None]]]:
    """By origin and plan, what promises are if they are something else than for requests in chat."""
    found: dict[Origin, dict[str, dict[Metric, Target | None]]] = {}
    for origin, plan_id, promise in product(OTHER_ORIGINS, plans, promises):
        usual = promise.under(plan_with_time(promise, plan_id, plans))
        if usual is not None and (origin in usual.by_origin or origin in hours_by_origin(plan_id, plans)):
            own = from_origin(promise, plan_id, origin, plans, calendars)
            metrics = found.setdefault(origin, {}).setdefault(plan_id, {})
            metrics[promise.metric] = target(own) if own else None
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


def fact(file: schema.FactFile) -> Fact:
    return Fact(
        source=file.source,
        tells=file.tells or file.says,
        shown=file.shown,
        plans=file.plans,
        severities=file.severities,
        when=file.when,
        hours=file.during or file.outside,
        outside=file.outside is not None,
        order_form=file.order_form,
        label=file.label,
    )


def season(file: schema.SeasonFile) -> Season:
    return Season(tuple(Days(dates.from_, dates.to) for dates in file.dates), file.zone)


def freeze(file: schema.FreezeFile) -> Freeze:
    return Freeze(season(file), file.milestone, file.urgent, file.source)


def peak(file: schema.PeakFile) -> Peak:
    return Peak(season(file), file.tells, file.source)


def step(file: schema.StepFile) -> Step:
    duties = {severity: Duty(duty.mode, duty.hours) for severity, duty in file.duties.items()}
    return Step(file.role, file.name, duties, file.source, file.ack_within, file.tries)
