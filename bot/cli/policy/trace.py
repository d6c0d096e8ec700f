"""`frontline check --trace`: what implements each requirement of a policy, or why nothing does yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sla_core.policy import Policy, Severity

REQUIREMENTS = {
    "m3ter": ("M3", 29),
    "monetate": ("MON", 34),
    "monta": ("MTA", 24),
    "commerceup": ("CUP", 19),
}
"""Maps a vendor to the prefix of its requirement IDs and their number; IDs count from 1."""
FACT = "fact"
"""What carries a rule that the desk shows or a person applies."""


@dataclass(frozen=True, slots=True)
class TracedRequirement:
    """A requirement. `carriers` say what implements it today, `not_yet` what is missing."""

    id: str
    carriers: tuple[str, ...]
    not_yet: str | None

    @property
    def unexplained(self) -> bool:
        return not self.carriers and self.not_yet is None

    def as_json(self) -> dict[str, Any]:
        """`by` are the rules that carry it; `shown` is whether the policy states it as a fact for people."""
        return {
            "id": self.id,
            "carried": bool(self.carriers) and self.not_yet is None,
            "by": [carrier for carrier in self.carriers if carrier != FACT],
            "shown": FACT in self.carriers,
            "not_yet": self.not_yet,
        }


def requirement_ids(policy: Policy) -> list[str]:
    """The vendor's own list; for an operator's own policy, all clauses that it cites."""
    if policy.vendor in REQUIREMENTS:
        letters, count = REQUIREMENTS[policy.vendor]
        return [f"{letters}-{number}" for number in range(1, count + 1)]
    return list(dict.fromkeys([*(clause for clause, _ in cited_clauses(policy)), *policy.not_yet]))


def traces(policy: Policy) -> list[TracedRequirement]:
    carriers: dict[str, list[str]] = {}
    for clause, carrier in cited_clauses(policy):
        carriers.setdefault(clause, []).append(carrier)
    return [
        TracedRequirement(id_, tuple(dict.fromkeys(carriers.get(id_, []))), policy.not_yet.get(id_))
        for id_ in requirement_ids(policy)
    ]


def unknown_clauses(policy: Policy) -> list[str]:
    """Clauses that the policy cites but the vendor's list of requirements does not have."""
    known = set(requirement_ids(policy))
    cited = [*(clause for clause, _ in cited_clauses(policy)), *policy.not_yet]
    cited += [reading.clause for reading in policy.readings]
    return [clause for clause in dict.fromkeys(cited) if clause not in known]


def cited_clauses(policy: Policy) -> Iterator[tuple[str, str]]:
    """Every cited clause of the policy, with what cites it."""
    named = {id_: plan.source for id_, plan in policy.plans.items()}
    # A policy lists its calendars' sources between its own facts and its plans'.
    ends = len(policy.facts) - len(named)
    begins = ends - len(policy.calendars)
    for source in policy.facts[:begins]:
        yield from ((clause, FACT) for clause in source.clauses)
    for name, source in zip(policy.calendars, policy.facts[begins:ends], strict=True):
        yield from ((clause, f"calendar {name}") for clause in source.clauses)
    for id_, source in named.items():
        yield from ((clause, f"plan {id_}") for clause in source.clauses)
    for id_, plan in policy.plans.items():
        if plan.calls is not None:
            yield from ((clause, f"calls under plan {id_}") for clause in plan.calls.source.clauses)
    for severity in policy.severities.values():
        yield from ((clause, f"severity {severity.id}") for clause in severity.source.clauses)
        for target in severity.targets:
            carrier = f"promise {severity.id} {target.metric}"
            yield from ((clause, carrier) for clause in target.source.clauses)
            for extension in target.extensions:
                yield from ((clause, f"extension {extension.id}") for clause in extension.source.clauses)
        yield from _other_rules(severity)
    for question in policy.triage.questions:
        yield from ((clause, f"question {question.id}") for clause in question.clauses)
    for rule in policy.triage.rules:
        yield rule.clause, f"triage rule to {rule.severity}"
    for advice in policy.triage.advice:
        yield advice.clause, "advice in the form"
    if policy.triage.report is not None:
        yield policy.triage.report.clause, "the form shows how complete a request is"
    for step in policy.steps:
        yield from ((clause, f"escalation step {step.role}") for clause in step.source.clauses)
    for milestone in policy.milestones:
        yield from ((clause, f"milestone {milestone.label}") for clause in milestone.source.clauses)
    for each in policy.mitigations:
        yield from ((clause, f"mitigation {each.label}") for clause in each.source.clauses)
    for freeze in policy.freezes:
        yield from ((clause, f"code freeze, asked at {freeze.milestone}") for clause in freeze.source.clauses)
    for peak in policy.peaks:
        yield from (
            (clause, "peak season, in the form, on cards and a week before in the TAM's forecast")
            for clause in peak.source.clauses
        )
    if policy.uptime is not None:
        yield from ((clause, "uptime line of the report") for clause in policy.uptime.source.clauses)


def _other_rules(severity: Severity) -> Iterator[tuple[str, str]]:
    """The rules of a severity other than its promises."""
    rules = {
        "open ones are shown first": severity.known_first,
        "how often it is expected": severity.rarity.source if severity.rarity else None,
        "courtesy updates outside its hours": severity.courtesy.source if severity.courtesy else None,
        "agents set a due date": severity.due_date,
        "agents may disable the services": severity.disables_services,
        "never without an owner on duty": severity.source if severity.staffed else None,
    }
    for what, source in rules.items():
        if source is not None:
            yield from ((clause, f"severity {severity.id}: {what}") for clause in source.clauses)


def show(policy: Policy, console: Console) -> None:
    table = Table(
        title=escape(f"{policy.name}, {policy.version}: what carries each requirement"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("requirement", no_wrap=True)
    table.add_column("what carries it")
    for traced in traces(policy):
        parts = [", ".join(traced.carriers)] if traced.carriers else []
        if traced.not_yet is not None:
            parts.append(f"{'partly; ' if traced.carriers else ''}not yet: {traced.not_yet}")
        table.add_row(traced.id, escape("\n".join(parts) or "nothing, and no reason is given"))
    console.print(table)
