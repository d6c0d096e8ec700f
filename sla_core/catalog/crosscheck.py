"""Checks the names and figures of a pack's files against each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sla_core.catalog import schema
from sla_core.catalog.origins import (
    calendars_of,
    inheritance_faults,
    origin_faults,
    plan_origin_faults,
    time_faults,
)
from sla_core.hours.amounts import Amount, BusinessDays, CalendarDays
from sla_core.policy import Metric
from sla_core.rules import earliest_end
from sla_core.triage import OF_TICKETS

PROMISED = tuple(metric for metric in Metric if metric is not Metric.DUE_DATE)
BY_MILESTONE = (Metric.DIAGNOSIS, Metric.WORKAROUND)
"""The promises that a milestone of the pack meets."""

Found = Iterator[tuple[str, str, str]]
"""File, key, what is wrong."""


@dataclass(frozen=True, slots=True)
class Files:
    """The readable parts of a pack, each valid by itself."""

    calendars: Mapping[str, schema.CalendarFile]
    severities: Mapping[str, schema.SeverityFile]
    plans: Mapping[str, schema.PlanFile]
    triage: schema.TriageFile | None
    steps: tuple[schema.StepFile, ...]
    freezes: tuple[schema.FreezeFile, ...] = ()
    facts: tuple[schema.FactFile, ...] = ()
    deprecations: schema.DeprecationsFile | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """All names in a pack, including those of invalid parts; None if a file could not be read."""

    calendars: frozenset[str] | None
    severities: frozenset[str] | None
    hours: frozenset[str] | None
    """The names that plans give to their calendars."""
    milestones: frozenset[str] | None
    mitigations: tuple[str, ...] | None = ()
    """As often as they are there."""
    plans: frozenset[str] | None = frozenset()
    roles: tuple[str, ...] | None = ()
    """Of the steps, in order."""
    options: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of every question, by its id."""

    @property
    def steps(self) -> int | None:
        """How many there are."""
        return None if self.roles is None else len(self.roles)

    @property
    def usable(self) -> frozenset[str] | None:
        """The names that a promise or a duty may use for its hours."""
        return None if self.calendars is None or self.hours is None else self.calendars | self.hours


def crosscheck(files: Files, names: Names) -> Found:
    """Everything that does not fit together in the readable parts."""
    yield from _plan_faults(files, names)
    yield from _calls_faults(files, names)
    for id_, severity in files.severities.items():
        yield from _severity_faults(id_, severity, names)
        for promise in severity.promise:
            for key, says in time_faults(f"{id_}.promise", promise, files.plans):
                yield "severities.toml", key, says
            for key, says in origin_faults(f"{id_}.promise", promise, names.usable):
                yield "severities.toml", key, says
    for id_, plan in files.plans.items():
        for key, says in plan_origin_faults(id_, plan, names.usable):
            yield "plans.toml", key, says
    for key, says in inheritance_faults(files.plans):
        yield "plans.toml", key, says
    if files.triage is not None:
        yield from _triage_faults(files.triage, names)
        yield from _plan_rule_faults(files.triage, files.plans)
    yield from _step_faults(files.steps, names)
    yield from _freeze_faults(files.freezes, names)
    yield from _fact_faults(files, names)
    yield from _deprecation_faults(files.deprecations)
    for label in dict.fromkeys(names.mitigations or ()):
        if names.mitigations and names.mitigations.count(label) > 1:
            yield "mitigations.toml", "mitigation.label", f'there is another mitigation "{label}"'


def is_unknown(name: str | None, known: Collection[str] | None) -> bool:
    """Whether a name is certainly unknown. False if the known names could not be read."""
    return name is not None and known is not None and name not in known


def unknown(what: str, name: str | None, known: Iterable[str] | None) -> str:
    known = known or ()
    return f'there is no {what} "{name}"; known are {", ".join(sorted(known)) or "none"}'


def _plan_faults(files: Files, names: Names) -> Found:
    calendars = names.calendars
    if calendars is None:
        return
    hours = {
        calendar
        for severity in files.severities.values()
        for promise in severity.promise
        for calendar in (
            promise.calendar,
            *(own.calendar for own in promise.plans.values()),
            *(origin.calendar for origin in promise.by_origin.values()),
            *(origin.calendar for own in promise.plans.values() for origin in own.by_origin.values()),
        )
        if calendar is not None
    }
    hours |= {calendar for plan in files.plans.values() for calendar in plan.by_origin.values()}
    hours |= {duty.hours for step in files.steps for duty in step.duties.values()}
    for id_, plan in files.plans.items():
        for role, calendar in plan.calendars.items():
            if calendar not in calendars:
                yield "plans.toml", f"{id_}.calendars.{role}", unknown("calendar", calendar, calendars)
        example = next(iter(sorted(calendars)), "office")
        known = calendars | set(calendars_of(id_, files.plans))
        for name in sorted((hours & (names.usable or set())) - known):
            yield (
                "plans.toml",
                f"{id_}.calendars",
                f'does not say which calendar "{name}" is; write {name} = "{example}"',
            )


def _calls_faults(files: Files, names: Names) -> Found:
    for id_, plan in files.plans.items():
        if plan.calls is None:
            continue
        for part in ("severities", "recommended"):
            for severity in sorted(getattr(plan.calls, part)):
                if is_unknown(severity, names.severities):
                    key = f"{id_}.calls.{part}"
                    yield "plans.toml", key, unknown("severity", severity, names.severities)
        for role in plan.calls.roles:
            if is_unknown(role, names.roles):
                yield "plans.toml", f"{id_}.calls.roles", unknown("role", role, names.roles)


def _severity_faults(id_: str, severity: schema.SeverityFile, names: Names) -> Found:
    file, key = "severities.toml", f"{id_}.promise"
    if severity.mitigations and names.mitigations == ():
        yield file, f"{id_}.mitigations", "there is no mitigation; write some into mitigations.toml"
    if severity.courtesy and not severity.promise:
        says = "has no promise whose hours could be closed; add a promise, or remove this"
        yield file, f"{id_}.courtesy", says
    metrics = [promise.metric for promise in severity.promise]
    for metric in sorted({metric for metric in metrics if metrics.count(metric) > 1}):
        yield file, key, f"{metric} is promised more than once"
    own = (each.under(plan) for each in severity.promise for plan in each.plans)
    for promise in (*severity.promise, *(each for each in own if each is not None)):
        yield from _act_faults(id_, severity, promise, names)
        if promise.metric not in PROMISED:
            yield file, f"{key}.metric", unknown("metric", promise.metric, PROMISED)
        if is_unknown(promise.calendar, names.usable):
            yield file, f"{key}.calendar", unknown("calendar", promise.calendar, names.usable)
        for name, sooner in (("goal", promise.goal), ("strict", promise.strict)):
            if sooner is not None and promise.within is not None and not _shorter(sooner, promise.within):
                yield file, f"{key}.{name}", "must be shorter than what it is within, in the same unit"
        milder = promise.met_by_downgrade_to
        if is_unknown(milder, names.severities):
            yield file, f"{key}.met_by_downgrade_to", unknown("severity", milder, names.severities)
        if is_unknown(promise.ends_with, names.milestones):
            yield file, f"{key}.ends_with", unknown("milestone", promise.ends_with, names.milestones)
        if promise.extension and not isinstance(promise.within, BusinessDays | None):
            yield file, f"{key}.extension", "adds business days, so the promise must be in business days too"


def _act_faults(id_: str, severity: schema.SeverityFile, promise: schema.PromiseFile, names: Names) -> Found:
    """What meets or ends a promise must be there, and be something that agents can do."""
    file, key = "severities.toml", f"{id_}.promise"
    if promise.metric in BY_MILESTONE and promise.met_by is None:
        says = f"is missing: name the milestone that meets the {promise.metric}"
        yield file, f"{key}.met_by", f'{says}, such as met_by = "Root cause found"'
    elif promise.met_by is not None and promise.metric not in BY_MILESTONE:
        yield (
            file,
            f"{key}.met_by",
            f"is for {' and '.join(BY_MILESTONE)} only; an act of its own meets this promise",
        )
    elif is_unknown(promise.met_by, names.milestones):
        yield file, f"{key}.met_by", unknown("milestone", promise.met_by, names.milestones)
    elif promise.met_by is not None and not severity.milestones:
        yield file, f"{id_}.milestones", f'must be true, so that agents can report "{promise.met_by}"'
    if promise.ends_with_due_date and promise.metric is not Metric.NEXT_UPDATE:
        yield file, f"{key}.ends_with_due_date", "is for next_update only"
    elif promise.ends_with_due_date and severity.due_date is None:
        yield (
            file,
            f"{id_}.due_date",
            "is missing: updates end with a due date, so agents must be able to set one",
        )


def _plan_rule_faults(triage: schema.TriageFile, plans: Collection[str]) -> Found:
    named = [(f"rule.{number}", rule.plans) for number, rule in enumerate(triage.rule, start=1)]
    named += [(f"advice.{number}", each.plans) for number, each in enumerate(triage.advice, start=1)]
    for key, asked in named:
        for plan in sorted(asked - set(plans)):
            yield "triage.toml", f"{key}.plans", unknown("plan", plan, plans)
    if triage.rule[-1].plans:
        says = "the last rule must hold for every plan: give it no `plans`"
        yield "triage.toml", f"rule.{len(triage.rule)}", says


def _shorter(one: Amount, other: Amount) -> bool:
    match one, other:
        case (timedelta(), timedelta()) | (BusinessDays(), BusinessDays()) | (CalendarDays(), CalendarDays()):
            return one < other  # type: ignore[operator]
        case _:
            return False


def _triage_faults(triage: schema.TriageFile, names: Names) -> Found:
    severities = names.severities
    options = {question.id: frozenset(question.options) for question in triage.question}
    faulty = {id_: known for id_, known in names.options.items() if id_ not in options}
    ids = [question.id for question in triage.question]
    for number, question in enumerate(triage.question, start=1):
        if question.id in ids[: number - 1]:
            yield "triage.toml", f"question.{number}.id", f'there is another question "{question.id}"'
        if bool(question.options) == (question.kind == "text"):
            says = "a text takes no options" if question.options else "a choice needs its options"
            yield "triage.toml", f"question.{number}.options", says
        earlier = faulty | {id_: options[id_] for id_ in ids[: number - 1]}
        yield from _condition_faults(f"question.{number}", question.when, earlier, "earlier question")
    for number, rule in enumerate(triage.rule, start=1):
        if is_unknown(rule.severity, severities):
            yield "triage.toml", f"rule.{number}.severity", unknown("severity", rule.severity, severities)
        yield from _condition_faults(f"rule.{number}", rule.when, faulty | options)
    for number, advice in enumerate(triage.advice, start=1):
        yield from _condition_faults(f"advice.{number}", advice.when, faulty | options)
    if triage.rule[-1].when:
        yield (
            "triage.toml",
            f"rule.{len(triage.rule)}",
            "the last rule must hold for every answer: give it no `when`",
        )


def _condition_faults(
    key: str,
    when: Mapping[str, frozenset[str]],
    options: Mapping[str, frozenset[str]],
    what: str = "question",
    file: str = "triage.toml",
) -> Found:
    for question, chosen in when.items():
        if question not in options:
            yield file, f"{key}.when.{question}", unknown(what, question, options)
            continue
        for option in sorted(chosen - options[question]):
            yield file, f"{key}.when.{question}", unknown("option", option, options[question])


def _step_faults(steps: tuple[schema.StepFile, ...], names: Names) -> Found:
    for number, step in enumerate(steps, start=1):
        for severity, duty in step.duties.items():
            key = f"step.{number}.duties.{severity}"
            if is_unknown(severity, names.severities):
                yield "escalation.toml", key, unknown("severity", severity, names.severities)
            if is_unknown(duty.hours, names.usable):
                yield "escalation.toml", f"{key}.hours", unknown("calendar", duty.hours, names.usable)


def _freeze_faults(freezes: tuple[schema.FreezeFile, ...], names: Names) -> Found:
    for number, freeze in enumerate(freezes, start=1):
        key = f"freeze.{number}"
        if is_unknown(freeze.milestone, names.milestones):
            yield "seasons.toml", f"{key}.milestone", unknown("milestone", freeze.milestone, names.milestones)
        for severity in sorted(freeze.urgent):
            if is_unknown(severity, names.severities):
                yield "seasons.toml", f"{key}.urgent", unknown("severity", severity, names.severities)


def _fact_faults(files: Files, names: Names) -> Found:
    """A fact names plans, severities, answers and hours that are there, at places that know of them."""
    file = "policy.toml"
    for number, fact in enumerate(files.facts, start=1):
        key = f"fact.{number}"
        for plan in sorted(fact.plans):
            if is_unknown(plan, names.plans):
                yield file, f"{key}.plans", unknown("plan", plan, names.plans)
        for severity in sorted(fact.severities):
            if is_unknown(severity, names.severities):
                yield file, f"{key}.severities", unknown("severity", severity, names.severities)
        if fact.during is not None and fact.outside is not None:
            yield file, f"{key}.outside", "is one too many beside `during`; write two facts, one for each"
        for part in ("during", "outside"):
            if is_unknown(getattr(fact, part), names.usable):
                yield file, f"{key}.{part}", unknown("calendar", getattr(fact, part), names.usable)
        if files.triage is not None:
            yield from _condition_faults(key, fact.when, names.options, file=file)
        without = ", ".join(sorted(fact.shown - OF_TICKETS))
        for part in ("severities", "when"):
            if getattr(fact, part) and without:
                says = f"is known on tickets only, not at {without}; remove this, or write two facts"
                yield file, f"{key}.{part}", says


def _deprecation_faults(deprecations: schema.DeprecationsFile | None) -> Found:
    """No feature ends sooner after its notice than the policy promises."""
    for number, feature in enumerate(deprecations.feature if deprecations else (), start=1):
        months = deprecations.supported_months if deprecations else 0
        earliest = earliest_end(feature.announced, months)
        if feature.until < earliest:
            key = f"deprecations.feature.{number}.until"
            says = f"is too soon: {feature.name} is supported for {months} months from its notice"
            yield "policy.toml", key, f"{says}, so write {earliest} or later"
