"""Replays tickets against a policy, and says what another policy would have made of them."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.cli.lookup import Wrong, plan_of
from bot.cli.simulate_csv import Case, read_instant, read_tickets
from sla_core.catalog.load import Fault, Faults, load, vendors, version_at
from sla_core.events import Event, Opened, SeverityChanged
from sla_core.outcome import Outcome, Replay, Result, replay
from sla_core.policy import Metric, Policy, Term

Histories = Callable[[str], Iterable[tuple[str, Sequence[Event]]]]
"""The key and the history of every stored ticket of an account."""

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds after which a bar shows how far it has come."""

PAGE = "page"
"""In the differences: whether somebody was paged."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    vendor: str
    plan: str
    tickets: str | None
    account: str | None
    against: str | None
    against_plan: str | None
    mapped: Sequence[str]
    until: str | None


@dataclass(frozen=True)
class Rules:
    """A policy to replay under: its dated versions, the plan, and what it calls other policies' severities."""

    policies: Sequence[Policy]
    plan: str
    called: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.policies[-1].name}, plan {self.policies[-1].plans[self.plan].name}"

    def policy_for(self, case: Case) -> Policy:
        return version_at(list(self.policies), case.opened.at.date())


@dataclass(frozen=True)
class Simulation:
    """Every ticket under one policy, in the order given."""

    rules: Rules
    replays: Sequence[tuple[Case, Replay]]
    unjudged: frozenset[Metric] = frozenset()
    """Promises about which the tickets say too little."""

    def outcomes(self, replayed: Replay) -> list[Outcome]:
        return [o for o in replayed.outcomes if o.promise.metric not in self.unjudged]

    def verdicts(self, replayed: Replay) -> dict[str, tuple[str, Outcome | None]]:
        """Metric → the worst that became of its promises on a ticket, and which one it was."""
        worst: dict[str, tuple[str, Outcome | None]] = {}
        for outcome in self.outcomes(replayed):
            metric = str(outcome.promise.metric)
            if metric not in worst or _BADNESS[outcome.result] > _BADNESS[Result(worst[metric][0])]:
                worst[metric] = (str(outcome.result), outcome)
        return worst | ({PAGE: ("paged", None)} if replayed.pages else {})

    def totals(self) -> dict[tuple[str, str], Counter[str]]:
        """Severity and metric → how many were met, breached and so on; pages by severity."""
        found: dict[tuple[str, str], Counter[str]] = {}
        for _, replayed in self.replays:
            for outcome in self.outcomes(replayed):
                row = found.setdefault((outcome.promise.severity, str(outcome.promise.metric)), Counter())
                row[str(outcome.result)] += 1
                row["warned"] += outcome.warned_at is not None
            for page in replayed.pages:
                found.setdefault((page.severity, PAGE), Counter())["paged"] += 1
        ids = list(self.rules.policies[-1].severities)
        order = [*map(str, Metric), PAGE]

        def place(key: tuple[str, str]) -> tuple[int, str, int]:
            return (ids.index(key[0]) if key[0] in ids else len(ids), key[0], order.index(key[1]))

        return {key: found[key] for key in sorted(found, key=place)}


@dataclass(frozen=True, slots=True)
class Change:
    """A promise of a ticket that ends otherwise under the second policy."""

    case: Case
    metric: str
    was: tuple[str, Outcome | None]
    becomes: tuple[str, Outcome | None]


_BADNESS = {Result.ENDED: 0, Result.MET: 1, Result.OPEN: 2, Result.BREACHED: 3}
_NOTHING = ("–", None)


@dataclass(frozen=True)
class Comparison:
    """What was asked for: one simulation, or two and how they differ."""

    until: datetime
    first: Simulation
    second: Simulation | None
    notes: Sequence[str]

    def changes(self) -> Iterator[Change]:
        if self.second is None:
            return
        for (case, one), (_, other) in zip(self.first.replays, self.second.replays, strict=True):
            was, becomes = self.first.verdicts(one), self.second.verdicts(other)
            for metric in (*map(str, Metric), PAGE):
                pair = was.get(metric, _NOTHING), becomes.get(metric, _NOTHING)
                if pair[0][0] != pair[1][0]:
                    yield Change(case, metric, *pair)


def simulate(asked: Asked, histories: Histories | None, now: datetime, progress: Console) -> Comparison:
    """Replays what was asked for. Raises Faults or Wrong."""
    until = now if asked.until is None else _until(asked.until)
    cases, faults = _cases(asked, histories)
    second = None
    called = dict(_pair(text) for text in asked.mapped)
    first = _rules(asked.vendor, asked.plan, called)
    sets = [first]
    if asked.against is not None:
        second = _rules(asked.against, asked.against_plan, called, asked.plan)
        sets.append(second)
    faults += _strange_names(sets, called)
    faults += _misfits(first, cases, always=False)
    faults += _misfits(second, cases, always=True) if second else []
    if faults:
        raise Faults(faults)
    early = [case for case in cases if case.opened.at <= until]
    notes = []
    if len(early) < len(cases):
        notes.append(f"{len(cases) - len(early)} of {len(cases)} tickets were opened later and are left out")
    unjudged = frozenset[Metric]()
    if asked.tickets is not None:
        unjudged = frozenset({Metric.NEXT_UPDATE})
        notes.append("next updates are not judged: a CSV file does not say when they were given")
    for rules in sets:
        foreign = [case for case in early if case.opened.terms and not _own(case, rules.policy_for(case))]
        if foreign:
            vendor = rules.policies[-1].vendor
            count = f"{len(foreign)} ticket{'s' if len(foreign) > 1 else ''}"
            notes.append(f"the order forms of {count} are another vendor's and not applied under {vendor}")
    work = [(rules, case, rules is second) for rules in sets for case in early]
    replays = [_replayed(*part, until) for part in tracked(work, "Replaying tickets", progress)]
    one = Simulation(first, list(zip(early, replays[: len(early)], strict=True)), unjudged)
    other = replays[len(early) :]
    two = Simulation(second, list(zip(early, other, strict=True)), unjudged) if second else None
    return Comparison(until, one, two, notes)


def tracked(items: Sequence[T], what: str, console: Console) -> Iterator[T]:
    """The items; a bar on `console` (a terminal) counts them once they take longer than a moment."""
    begun = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=len(items))
    shown = False
    try:
        for number, item in enumerate(items):
            if not shown and console.is_terminal and time.monotonic() - begun > PATIENCE:
                bar.start()
                shown = True
            bar.update(task, completed=number)
            yield item
    finally:
        if shown:
            bar.stop()


def _cases(asked: Asked, histories: Histories | None) -> tuple[list[Case], list[Fault]]:
    if asked.tickets is not None:
        found = read_tickets(Path(asked.tickets))
        return found.cases, found.faults
    account = asked.account or ""
    if histories is None:
        raise Wrong("stored tickets cannot be read here; give a file with --tickets")
    cases = [Case(key, tuple(history), {}) for key, history in histories(account)]
    if not cases:
        raise Wrong(f'the database of DATABASE_URL has no ticket of an account "{account}"')
    return sorted(cases, key=lambda case: case.opened.at), []


def _until(text: str) -> datetime:
    try:
        return read_instant(text)
    except ValueError as wrong:
        raise Wrong(f"--until: {wrong}") from None


def _pair(text: str) -> tuple[str, str]:
    theirs, equals, ours = (part.strip() for part in text.partition("="))
    if not (theirs and equals and ours):
        raise Wrong(f'--map: "{text}" is no pair of severities; write S1=P1')
    return theirs, ours


def _rules(place: str, plan: str | None, called: Mapping[str, str], like: str = "") -> Rules:
    """`plan`, or else the one named as in the first policy, or else the only one there is."""
    policies = _policies(place)
    newest = policies[-1]
    if plan is None:
        plan = next(iter(newest.plans)) if len(newest.plans) == 1 else like
        try:
            plan_of(newest, plan)
        except Wrong as wrong:
            raise Wrong(f"{wrong}; name it with --against-plan") from None
    id_ = plan_of(newest, plan).id
    for policy in policies:
        plan_of(policy, id_)
    return Rules(policies, id_, called)


def _policies(place: str) -> list[Policy]:
    """A pack, a folder of dated versions, or one of these versions."""
    head = Path(place) / "policy.toml"
    if place in vendors() or not head.is_file():
        return load(place)
    versions = load(head.resolve().parent.parent)
    effective = tomllib.loads(head.read_text(encoding="utf-8"))["effective"]
    return [policy for policy in versions if policy.effective == effective]


def _strange_names(sets: Sequence[Rules], called: Mapping[str, str]) -> list[Fault]:
    """`--map` to a severity that no policy has."""
    known = {id_: None for rules in reversed(sets) for policy in rules.policies for id_ in policy.severities}
    return [
        Fault("--map", theirs, f'there is no severity "{ours}"; known are {", ".join(known)}')
        for theirs, ours in called.items()
        if ours not in known
    ]


def _severity(name: str, rules: Rules, policy: Policy, always: bool) -> str:
    """What a policy calls it. `always`: as mapped even if it knows the name, being the second policy."""
    if not always and name in policy.severities:
        return name
    return rules.called.get(name, name)


def _misfits(rules: Rules, cases: Sequence[Case], always: bool) -> list[Fault]:
    """Severities and order-form terms that the policy cannot place; each name once for the second policy."""
    faults: dict[tuple[str, str, str], Fault] = {}
    for case in cases:
        policy = rules.policy_for(case)
        place = case.where or case.name
        for name in _severities(case):
            if _severity(name, rules, policy, always) in policy.severities:
                continue
            known = ", ".join(policy.severities)
            says = f'{policy.vendor} has no severity "{name}"; known are {known}'
            example = f"--map {name}={policy.worst.id}"
            if always:
                fault = Fault("--against", "", f"{says}; say which one it is: {example}")
            else:
                fault = Fault(place, "", says if case.where else f"{says}; say which one it is: {example}")
            faults[("" if always else place, policy.vendor, name)] = fault
        for term in _terms(case, rules, policy, always):
            if says := _misfit(term, policy, rules.plan):
                faults[case.name, "term", f"{term.severity}.{term.metric}"] = Fault(case.name, "", says)
    return list(faults.values())


def _misfit(term: Term, policy: Policy, plan: str) -> str | None:
    """Why the policy cannot apply a term of an order form."""
    severity = policy.severities.get(term.severity)
    what = f"its order form's {term.severity}.{term.metric}"
    if severity is None:
        return None
    if term.calendar is None:
        promised = any(target.metric is term.metric for target in severity.targets)
        return None if promised else f"{what} replaces a promise that {policy.vendor} does not make"
    known = {*policy.calendars, *policy.plans[plan].calendars}
    return None if term.calendar in known else f'{what} needs a calendar "{term.calendar}"'


def _severities(case: Case) -> list[str]:
    names = [case.opened.severity, *(e.severity for e in case.history if isinstance(e, SeverityChanged))]
    return list(dict.fromkeys(names))


def _own(case: Case, policy: Policy) -> bool:
    return case.opened.vendor == policy.vendor


def _terms(case: Case, rules: Rules, policy: Policy, always: bool) -> tuple[Term, ...]:
    """The order form that was in force, under the vendor that it was agreed with."""
    if not _own(case, policy):
        return ()
    terms = case.opened.terms
    return tuple(replace(t, severity=_severity(t.severity, rules, policy, always)) for t in terms)


def _replayed(rules: Rules, case: Case, always: bool, until: datetime) -> Replay:
    policy = rules.policy_for(case)
    history: list[Event] = []
    for event in case.history:
        if isinstance(event, Opened | SeverityChanged):
            event = replace(event, severity=_severity(event.severity, rules, policy, always))
        if isinstance(event, Opened):
            terms = _terms(case, rules, policy, always)
            event = replace(event, plan=rules.plan, version=policy.version, terms=terms)
        history.append(event)
    try:
        return replay(case.name, history, policy, until)
    except ValueError as wrong:
        raise Wrong(f"{case.name}: {wrong}") from None
