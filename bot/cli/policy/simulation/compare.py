"""Replays tickets under a policy and compares the results with another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from bot.cli.policy.lookup import UsageFault
from bot.cli.policy.simulation.tickets_csv import (
    COLUMNS,
    PLAN,
    Rules,
    TicketCase,
    read_instant,
    read_tickets,
    rules,
    second_rules,
    unknown_severities,
)
from bot.cli.progress import with_progress
from sla_core.catalog.load import Fault, Faults
from sla_core.events import Event
from sla_core.outcome import Outcome, Replay, Result, replay
from sla_core.policy import Metric

Histories = Callable[[str], Iterable[tuple[str, Sequence[Event]]]]
"""The key and the history of every stored ticket of an account."""

_NOT_IN_A_CSV = frozenset({Metric.ASSIGNMENT, Metric.NEXT_UPDATE, Metric.DIAGNOSIS, Metric.WORKAROUND})
"""Promises whose acts a file of tickets does not have."""

COUNTED = ("met", "breached", "open", "ended")
"""The results of promises that totals count, in the order shown."""

PAGE = "page"
"""In comparisons: whether someone was paged."""


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """The options of `frontline simulate`."""

    vendor: str
    plan: str
    tickets: str | None
    account: str | None
    against: str | None
    against_plan: str | None
    mapped: Sequence[str]
    columns: Sequence[str]
    """What the file calls its columns: `opened=Created at`."""
    until: str | None


@dataclass(frozen=True)
class Simulation:
    """Every ticket under one policy, in the order given."""

    rules: Rules
    replays: Sequence[tuple[TicketCase, Replay]]
    not_judged: frozenset[Metric] = frozenset()
    """Promises that cannot be judged from the tickets' data."""

    def outcomes(self, replayed: Replay) -> list[Outcome]:
        return [o for o in replayed.outcomes if o.promise.metric not in self.not_judged]

    def verdicts(self, replayed: Replay) -> dict[str, tuple[str, Outcome | None]]:
        """Maps each metric to the worst result of its promises on a ticket, and that promise's outcome."""
        worst: dict[str, tuple[str, Outcome | None]] = {}
        for outcome in self.outcomes(replayed):
            metric = str(outcome.promise.metric)
            if metric not in worst or _WORST_LAST[outcome.result] > _WORST_LAST[Result(worst[metric][0])]:
                worst[metric] = (str(outcome.result), outcome)
        return worst | ({PAGE: ("paged", None)} if replayed.pages else {})

    def totals(self) -> dict[tuple[str, str], Counter[str]]:
        """Maps severity and metric to counts of met, breached and so on; pages by severity."""
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
class ChangedOutcome:
    """A promise of a ticket that ends differently under the second policy."""

    case: TicketCase
    metric: str
    was: tuple[str, Outcome | None]
    becomes: tuple[str, Outcome | None]


_WORST_LAST = {Result.ENDED: 0, Result.MET: 1, Result.OPEN: 2, Result.BREACHED: 3}
_NOTHING = ("–", None)


@dataclass(frozen=True)
class Comparison:
    """The result: one simulation, or two and their differences."""

    until: datetime
    first: Simulation
    second: Simulation | None
    notes: Sequence[str]

    def changes(self) -> Iterator[ChangedOutcome]:
        if self.second is None:
            return
        for (case, one), (_, other) in zip(self.first.replays, self.second.replays, strict=True):
            was, becomes = self.first.verdicts(one), self.second.verdicts(other)
            for metric in (*map(str, Metric), PAGE):
                pair = was.get(metric, _NOTHING), becomes.get(metric, _NOTHING)
                if pair[0][0] != pair[1][0]:
                    yield ChangedOutcome(case, metric, *pair)


def simulate(
    request: SimulationRequest, histories: Histories, now: datetime, progress: Console
) -> Comparison:
    """Runs the requested simulation. Raises Faults or UsageFault."""
    until = now if request.until is None else _until(request.until)
    severity_names = dict(_pair(text) for text in request.mapped)
    first = rules(request.vendor, request.plan, severity_names)
    sets = [first]
    if request.against is not None:
        sets.append(second_rules(request.against, request.against_plan, severity_names, first))
    cases, faults, notes_of_file = _cases(request, histories)
    plans_named = any(case.plan for case in cases)
    sets = [replace(one, by_ticket=one.by_ticket and plans_named) for one in sets]
    faults += unknown_severities(sets, severity_names)
    for one in sets:
        faults += one.policy_faults(cases)
    if faults:
        raise Faults(faults)
    early = [case for case in cases if case.opened.at <= until]
    work = [(one, case) for one in sets for case in early]
    replays = [
        _replay_case(one, case, until) for one, case in with_progress(work, "Replaying tickets", progress)
    ]
    not_judged = _NOT_IN_A_CSV if request.tickets else frozenset[Metric]()
    simulations = [
        Simulation(one, list(zip(early, replays[i * len(early) :], strict=False)), not_judged)
        for i, one in enumerate(sets)
    ]
    second = simulations[1] if request.against is not None else None
    return Comparison(
        until, simulations[0], second, [*notes_of_file, *_notes(sets, cases, early, not_judged)]
    )


def _notes(
    sets: Sequence[Rules],
    cases: Sequence[TicketCase],
    early: Sequence[TicketCase],
    not_judged: Collection[Metric],
) -> list[str]:
    """Notes needed to read the figures."""
    notes = []
    if len(early) < len(cases):
        notes.append(f"{len(cases) - len(early)} of {len(cases)} tickets were opened later and are left out")
    if not_judged:
        notes.append("next updates are not judged: a CSV file does not say when they were given")
    for one in sets:
        if one.by_ticket:
            counts = Counter(map(one.plan_for, early))
            shown = ", ".join(f"{plan} {count}" for plan, count in sorted(counts.items()))
            notes.append(f"{one.name}: {shown}")
        if ignored := sum(map(one.ignores_order_form, early)):
            count = f"{ignored} ticket{'' if ignored == 1 else 's'}"
            notes.append(
                f"{one.name}: order forms of {count} were agreed with another vendor, so not applied"
            )
    return notes


def _cases(
    request: SimulationRequest, histories: Histories
) -> tuple[list[TicketCase], list[Fault], list[str]]:
    """The tickets, what is wrong with them, and what a reader of the figures has to know of their file."""
    if request.tickets is not None:
        found = read_tickets(Path(request.tickets), dict(_column(text) for text in request.columns))
        notes = []
        if found.preamble:
            notes.append(f"{found.preamble} rows above the names of the columns are left out")
        if found.ignored:
            notes.append(
                f"columns that change nothing here: {', '.join(found.ignored)}; holds and changes of "
                "severity count only for the desk's own tickets (--account)"
            )
        if found.holds:
            notes.append(
                f"not used, though holds could change the results: {', '.join(found.holds)}; holds count "
                "only for the desk's own tickets (--account), which say when each began and ended"
            )
        return found.cases, found.faults, notes
    account = request.account or ""
    cases = [TicketCase(key, tuple(history), {}) for key, history in histories(account)]
    if not cases:
        raise UsageFault(f'the database of DATABASE_URL has no ticket of an account "{account}"')
    return sorted(cases, key=lambda case: case.opened.at), [], []


def _until(text: str) -> datetime:
    try:
        return read_instant(text)
    except ValueError as wrong:
        raise UsageFault(f"--until: {wrong}") from None


def _pair(text: str) -> tuple[str, str]:
    theirs, equals, ours = (part.strip() for part in text.partition("="))
    if not (theirs and equals and ours):
        raise UsageFault(f'--map: "{text}" is not a pair of severities; write S1=P1')
    return theirs, ours


def _column(text: str) -> tuple[str, str]:
    ours, equals, theirs = (part.strip() for part in text.partition("="))
    if ours not in (*COLUMNS, PLAN) or not (equals and theirs):
        known = ", ".join((*COLUMNS, PLAN))
        raise UsageFault(f'--column: "{text}" names none of {known}; write opened="Created at"')
    return ours, theirs


def _replay_case(rules: Rules, case: TicketCase, until: datetime) -> Replay:
    try:
        return replay(case.name, rules.history(case), rules.policy_for(case), until)
    except ValueError as wrong:
        raise UsageFault(f"{case.name}: {wrong}") from None
