"""From the files of a pack to the shapes the engine reads."""

from __future__ import annotations

from sla_core.catalog import schema
from sla_core.policy import Duty, Extension, FirstContact, Milestone, Plan, Rarity, Severity, Step, Target
from sla_core.triage import Advice, Option, Question, Report, Rule, Triage


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
        due_date=file.due_date.source if file.due_date else None,
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
    )


def first_contact(file: schema.PlanFile) -> FirstContact | None:
    named = file.first_contact
    return FirstContact(named.name, named.accounts) if named else None


def triage(file: schema.TriageFile) -> Triage:
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


def step(file: schema.StepFile) -> Step:
    duties = {severity: Duty(duty.mode, duty.hours) for severity, duty in file.duties.items()}
    return Step(file.role, file.name, duties, file.source)
