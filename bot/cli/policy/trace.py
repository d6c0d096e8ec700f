"""`frontline check --trace`: what implements each requirement of a policy, or why nothing does yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sla_core.policy import Policy
from sla_core.triage import Fact, ShownAt

REQUIREMENTS = {
    "m3ter": ("M3", 32),
    "monetate": ("MON", 35),
    "monta": ("MTA", 26),
    "commerceup": ("CUP", 20),
}
"""Maps a vendor to the prefix of its requirement IDs and their number; IDs count from 1."""

FACT = "fact"
NAMES = {
    ShownAt.FORM: "form",
    ShownAt.CARD: "card",
    ShownAt.WHY: "Why?",
    ShownAt.HELP: "help",
    ShownAt.HOME: "Home",
    ShownAt.AGENTS: "agents' card",
    ShownAt.QUEUE: "agents' Home",
    ShownAt.TAM: "TAM's Home",
}
"""What people call the places where facts are shown."""
FORM, CARD, WHY = NAMES[ShownAt.FORM], NAMES[ShownAt.CARD], NAMES[ShownAt.WHY]
HELP, AGENTS = NAMES[ShownAt.HELP], NAMES[ShownAt.AGENTS]
THREAD, PAGES, REPORT, FORECAST = "messages to the customer", "pages", "report", "TAM's forecast"


@dataclass(frozen=True, slots=True)
class Carrier:
    """What carries a clause, and where people see it."""

    clause: str
    what: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracedRequirement:
    """A requirement. `carriers` implement it today, `not_yet` says what is missing."""

    id: str
    carriers: tuple[Carrier, ...]
    not_yet: str | None

    @property
    def unexplained(self) -> bool:
        return not self.carriers and self.not_yet is None

    @property
    def by(self) -> list[str]:
        return [*dict.fromkeys(carrier.what for carrier in self.carriers)]

    @property
    def shown(self) -> list[str]:
        return [*dict.fromkeys(place for carrier in self.carriers for place in carrier.shown)]

    def as_json(self) -> dict[str, Any]:
        """`by` are the rules that carry it, `shown` the places where people see them."""
        return {
            "id": self.id,
            "carried": bool(self.carriers) and self.not_yet is None,
            "by": self.by,
            "shown": self.shown,
            "not_yet": self.not_yet,
        }


def requirement_ids(policy: Policy) -> list[str]:
    """The vendor's own list; for an operator's own policy, all clauses that it cites."""
    if policy.vendor in REQUIREMENTS:
        letters, count = REQUIREMENTS[policy.vendor]
        return [f"{letters}-{number}" for number in range(1, count + 1)]
    hidden = (clause for fact in hidden_facts(policy) for clause in fact.source.clauses)
    return [*dict.fromkeys([*(each.clause for each in carriers(policy)), *hidden, *policy.not_yet])]


def hidden_facts(policy: Policy) -> list[Fact]:
    """The facts that nobody is shown."""
    return [fact for fact in policy.facts if not fact.shown]


def traces(policy: Policy) -> list[TracedRequirement]:
    found: dict[str, list[Carrier]] = {}
    for carrier in carriers(policy):
        found.setdefault(carrier.clause, []).append(carrier)
    return [
        TracedRequirement(id_, tuple(found.get(id_, ())), policy.not_yet.get(id_))
        for id_ in requirement_ids(policy)
    ]


def unknown_clauses(policy: Policy) -> list[str]:
    """Clauses that the policy cites but the vendor's list of requirements does not have."""
    known = set(requirement_ids(policy))
    cited = [*(each.clause for each in carriers(policy)), *policy.not_yet]
    cited += [clause for fact in policy.facts for clause in fact.source.clauses]
    cited += [reading.clause for reading in policy.readings]
    return [clause for clause in dict.fromkeys(cited) if clause not in known]


def carriers(policy: Policy) -> Iterator[Carrier]:
    """Everything that carries a clause of the policy. A fact that nobody is shown carries nothing."""
    for clauses, what, shown in (*_terms(policy), *_severities(policy), *_triage(policy), *_work(policy)):
        yield from (Carrier(clause, what, shown) for clause in clauses)


Rules = Iterator[tuple[Sequence[str], str, tuple[str, ...]]]
"""Clauses, what carries them, where people see it."""


def _terms(policy: Policy) -> Rules:
    """Facts, calendars, plans, and the time that the service is to be up."""
    for fact in policy.facts:
        if fact.shown:
            places = tuple(name for place, name in NAMES.items() if place in fact.shown)
            yield fact.source.clauses, _named(fact), places
    for name, source in policy.hours_sources.items():
        yield source.clauses, f"calendar {name}", (CARD, WHY)
    for id_, plan in policy.plans.items():
        yield plan.source.clauses, f"plan {id_}", (HELP, AGENTS)
        calls = plan.calls
        if calls is not None and (calls.phone or calls.on_request or calls.recommended):
            told = (FORM, WHY, HELP) if calls.phone else ()
            card = (CARD,) if calls.on_request or calls.recommended else ()
            yield calls.source.clauses, f"calls under plan {id_}", (*card, *told)
    if policy.deprecations is not None:
        yield policy.deprecations.source.clauses, "registry of deprecations", (HELP,)
    if policy.uptime is not None:
        yield policy.uptime.source.clauses, "uptime line of the report", (REPORT,)


def _named(fact: Fact) -> str:
    """A fact as the trace names it, with what it depends on."""
    parts = [", ".join(sorted(each)) for each in (fact.plans, fact.severities, fact.when) if each]
    if fact.hours is not None:
        parts.append(f"{'outside' if fact.outside else 'during'} {fact.hours}")
    if fact.order_form is not None:
        parts.append(f"{'with' if fact.order_form else 'without'} an order form")
    return f"fact ({'; '.join(parts)})" if parts else FACT


def _severities(policy: Policy) -> Rules:
    for severity in policy.severities.values():
        yield severity.source.clauses, f"severity {severity.id}", (FORM, CARD, WHY)
        for target in severity.every_target:
            yield target.source.clauses, f"promise {severity.id} {target.metric}", (CARD, WHY)
            for extension in target.extensions:
                yield extension.source.clauses, f"extension {extension.id}", (AGENTS, THREAD)
        rules = (
            ("open ones are shown first", severity.known_first, FORM),
            ("how often it is expected", severity.rarity.source if severity.rarity else None, AGENTS),
            (
                "courtesy updates outside its hours",
                severity.courtesy.source if severity.courtesy else None,
                THREAD,
            ),
            ("agents set a due date", severity.due_date, CARD),
            ("agents may disable the services", severity.disables_services, AGENTS),
            ("never without an owner on duty", severity.source if severity.staffed else None, AGENTS),
        )
        for what, source, shown in rules:
            if source is not None:
                yield source.clauses, f"severity {severity.id}: {what}", (shown,)


def _triage(policy: Policy) -> Rules:
    triage = policy.triage
    for question in triage.questions:
        yield question.clauses, f"question {question.id}", (FORM,)
    for rule in triage.rules:
        yield (rule.clause,), f"triage rule to {rule.severity}", (FORM, AGENTS, WHY)
    for advice in triage.advice:
        yield (advice.clause,), "advice in the form", (FORM,)
    if triage.report is not None:
        yield (triage.report.clause,), "the form shows how complete a request is", (FORM,)


def _work(policy: Policy) -> Rules:
    """What agents do: steps of the escalation, milestones, mitigations, seasons."""
    for step in policy.steps:
        yield step.source.clauses, f"escalation step {step.role}", (PAGES, CARD)
    for milestone in policy.milestones:
        yield milestone.source.clauses, f"milestone {milestone.label}", (AGENTS, THREAD)
    for each in policy.mitigations:
        yield each.source.clauses, f"mitigation {each.label}", (AGENTS, THREAD)
    for freeze in policy.freezes:
        yield freeze.source.clauses, f"code freeze, asked at {freeze.milestone}", (AGENTS, THREAD)
    for peak in policy.peaks:
        yield peak.source.clauses, "peak season", (FORM, CARD, FORECAST)


def show(policy: Policy, console: Console) -> None:
    table = Table(
        title=escape(f"{policy.name}, {policy.version}: what carries each requirement"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("requirement", no_wrap=True)
    table.add_column("what carries it")
    table.add_column("where people see it")
    for traced in traces(policy):
        parts = [", ".join(traced.by)] if traced.carriers else []
        if traced.not_yet is not None:
            parts.append(f"{'partly; ' if traced.carriers else ''}not yet: {traced.not_yet}")
        carried = "\n".join(parts) or "nothing, and no reason is given"
        table.add_row(traced.id, escape(carried), escape(", ".join(traced.shown)))
    console.print(table)
