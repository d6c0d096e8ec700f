"""`frontline explain`: every clock of a ticket, and how its deadline is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bot.cli.app import DONE, print_json
from bot.cli.policy.lookup import (
    UsageFault,
    desk_path,
    duration_text,
    local_at_both_ends,
    parse_at,
    plan_of,
    severity_of,
)
from bot.clock import utc_text
from bot.config.settings import DeskSettings, load_desk
from sla_core.catalog.load import load
from sla_core.catalog.schema import zone
from sla_core.policy import Origin, Plan, Policy, Severity, Term, amount_text, version_at
from sla_core.promise import OPEN, Promise, Stretch, receipt

BAR_WIDTH = 60


@dataclass(frozen=True)
class PromiseClock:
    """A promise: when it is due, and every stretch until then."""

    promise: Promise
    due_at: datetime
    goal_at: datetime | None
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Explanation:
    """All promises to a ticket submitted at an instant."""

    policy: Policy
    plan: Plan
    severity: Severity
    submitted_at: datetime
    clocks: tuple[PromiseClock, ...]


def run(
    vendor: str | None,
    plan: str | None,
    severity: str,
    at: str,
    json_output: bool,
    account: str | None = None,
    customers_zone: str | None = None,
    origin: str | None = None,
) -> int:
    """Either of a plan, or of an account of the desk's file, with its order form and its zone."""
    submitted_at, by = parse_at(at), _origin(origin)
    if account is not None:
        found = of_account(load_desk(desk_path()), account, severity, submitted_at, by)
    else:
        assert vendor is not None
        assert plan is not None
        found = explanation(load(vendor), plan, severity, submitted_at, zone=_zone(customers_zone), origin=by)
    if json_output:
        print_json(as_json(found))
    else:
        show(found, Console())
    return DONE


def explain(vendor: str | Path, plan: str, severity: str, at: datetime) -> dict[str, Any]:
    """The output of `frontline explain --json`. Raises Faults or UsageFault."""
    return as_json(explanation(load(vendor), plan, severity, at))


def of_account(
    desk: DeskSettings, account: str, severity: str, at: datetime, origin: Origin = Origin.CHAT
) -> Explanation:
    """Every clock of a ticket of an account. Raises UsageFault for an account that the file does not have."""
    if account not in desk.accounts:
        known = ", ".join(desk.accounts) or "none"
        raise UsageFault(f'the desk has no account "{account}"; it has {known}')
    found = desk.accounts[account]
    return explanation(desk.policies, found.plan, severity, at, found.terms, found.zone, origin)


def _origin(name: str | None) -> Origin:
    if name is None:
        return Origin.CHAT
    try:
        return Origin(name)
    except ValueError:
        raise UsageFault(f'--door: there is no door "{name}"; known are {", ".join(Origin)}') from None


def _zone(name: str | None) -> str:
    if name is None:
        return ""
    try:
        return zone(name).key
    except ValueError as wrong:
        raise UsageFault(f"--zone: {wrong}") from None


def explanation(
    policies: Sequence[Policy],
    plan: str,
    severity: str,
    at: datetime,
    terms: tuple[Term, ...] = (),
    zone: str = "",
    origin: Origin = Origin.CHAT,
) -> Explanation:
    """Every clock of such a ticket, under the policy version in force at that instant.

    `terms` are those of an order form; `zone` is the customer's time zone, for hours that follow it.
    """
    policy = version_at(list(policies), at.date())
    bought, class_ = plan_of(policy, plan), severity_of(policy, severity)
    clocks = []
    for target in policy.targets(class_.id, terms, bought.id, origin):
        calendar = policy.clock(bought.id, target, zone)
        if not zone and policy.calendar(bought.id, target.calendar).follows_customer:
            says = "counts hours in the customer's zone; name it by --zone Europe/Berlin, or an --account"
            raise UsageFault(f"{policy.vendor}: {class_.id}: {target.metric}: {says}")
        promise = Promise(target, calendar, class_.id, at)
        try:
            due_at, goal_at = promise.due_at, promise.goal_at
        except ValueError as never:
            raise UsageFault(f"{policy.vendor}: {class_.id}: {target.metric}: {never}") from None
        assert due_at is not None
        clocks.append(PromiseClock(promise, due_at, goal_at, tuple(receipt(promise.calendar, at, due_at))))
    return Explanation(policy, bought, class_, at, tuple(clocks))


def as_json(found: Explanation) -> dict[str, Any]:
    return {
        "vendor": found.policy.vendor,
        "plan": found.plan.id,
        "severity": found.severity.id,
        "submitted_at": utc_text(found.submitted_at),
        "clocks": [_clock(clock) for clock in found.clocks],
    }


def _clock(clock: PromiseClock) -> dict[str, Any]:
    strict_at = clock.promise.strict_at
    return {
        "metric": str(clock.promise.metric),
        "goal_at": None if clock.goal_at is None else utc_text(clock.goal_at),
        "due_at": utc_text(clock.due_at),
        **({} if strict_at is None else {"strict_at": utc_text(strict_at)}),
        "clauses": list(clock.promise.target.source.clauses),
        "receipt": [_line(stretch) for stretch in clock.stretches],
    }


def _line(stretch: Stretch) -> dict[str, Any]:
    return {
        "from": utc_text(stretch.span.start),
        "to": utc_text(stretch.span.end),
        "counted_seconds": int(stretch.counted.total_seconds()),
        "why": stretch.why,
    }


def show(found: Explanation, console: Console) -> None:
    """Prints the explanation for people."""
    source = found.severity.source
    console.print(
        f"[bold]{escape(found.policy.name)}, plan {escape(found.plan.name)}, {escape(found.severity.name)}[/]"
    )
    console.print(
        f"{escape(source.says)} [dim]{escape(', '.join(source.clauses))}; {escape(source.where)}[/]"
    )
    console.print(f"Policy of {found.policy.version}, submitted {utc_text(found.submitted_at)}")
    if not found.clocks:
        console.print("\nNo clock runs on such a ticket: the policy promises no time for it.")
    for clock in found.clocks:
        console.print()
        _show_clock(clock, console)


def _show_clock(clock: PromiseClock, console: Console) -> None:
    target, calendar = clock.promise.target, clock.promise.calendar
    clauses = escape(", ".join(target.source.clauses))
    console.print(
        f"[bold]{str(target.metric).replace('_', ' ').capitalize()}[/]: {escape(target.source.says)}"
    )
    console.print(f"[dim]{clauses}; {escape(target.source.where)}[/]")
    if clock.goal_at is not None and target.goal is not None:
        aim = f"{amount_text(target.goal)}, by {local_at_both_ends(clock.goal_at, calendar)}"
        console.print(f"aim   {escape(aim)}")
    console.print(f"due   [bold]{escape(local_at_both_ends(clock.due_at, calendar))}[/]")
    if clock.promise.warn_at is not None:
        console.print(f"warns {escape(local_at_both_ends(clock.promise.warn_at, calendar))}")
    console.print(_bar(clock, console.encoding.lower().startswith("utf")))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("from", "to", "counts", "why"):
        table.add_column(heading, justify="right" if heading == "counts" else "left")
    for stretch in clock.stretches:
        table.add_row(
            escape(local_at_both_ends(stretch.span.start, calendar, year=False)),
            escape(local_at_both_ends(stretch.span.end, calendar, year=False)),
            duration_text(stretch.counted),
            escape(stretch.why),
            style=None if stretch.why == OPEN else "dim",
        )
    counted = sum((stretch.counted for stretch in clock.stretches), timedelta(0))
    table.add_section()
    table.add_row("", "", duration_text(counted), "counted in all")
    console.print(table)


def _bar(clock: PromiseClock, blocks: bool) -> Text:
    """A bar of counted and uncounted time, to scale; every stretch is visible, however short."""
    counts, waits = ("█", "░") if blocks else ("#", ".")
    whole = clock.due_at - clock.promise.started_at
    bar = Text()
    for stretch in clock.stretches:
        width = max(1, round(BAR_WIDTH * (stretch.span.length / whole)))
        counted = stretch.why == OPEN
        bar.append((counts if counted else waits) * width, style="green" if counted else "dim")
    return bar
