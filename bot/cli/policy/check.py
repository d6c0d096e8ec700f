"""Checks the desk's file and policies: all faults, what would surprise an operator, and on request more."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.app import DONE, FAULT, print_faults, print_json
from bot.cli.policy import trace
from bot.cli.policy.explain import explanation
from bot.cli.policy.lookup import UsageFault, local_at_both_ends
from bot.cli.policy.oncall import ReadFeeds, fetch, rota_warnings
from bot.cli.policy.reach import reach_warnings
from bot.clock import real_now, utc_text
from bot.config.settings import DeskSettings, load_desk
from sla_core.calendar import BusinessCalendar
from sla_core.catalog.load import Fault, Faults, load, vendors
from sla_core.policy import Policy

DESK_FILE = "frontline.toml"

SAMPLE_INSTANT = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
"""A Friday, 16:30 in Berlin, in the weeks when only America is on daylight saving time."""

_WARNING = re.compile(r"(?P<file>[^:]+): (?:(?P<key>\S+|calendar \S+): )?(?P<says>.+)", re.DOTALL)

MOST_NAMED = 8
"""The most accounts, or names in a line, that the table shows one by one."""

ASK_ABOUT_HOLIDAY_WITHIN = timedelta(days=90)
"""How long before a weekend holiday `check` asks which day the vendor closes instead."""


@dataclass(frozen=True, slots=True)
class More:
    """The long parts that a command line asks for."""

    trace: bool = False
    readings: bool = False
    examples: bool = False


@dataclass
class Findings:
    """What was found in the files."""

    policies: list[Policy] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    desk: DeskSettings | None = None

    @property
    def plans_in_use(self) -> set[str]:
        """Of the desk's accounts; every plan where there is no desk's file, or no account yet."""
        accounts = self.desk.accounts.values() if self.desk else ()
        return {account.plan for account in accounts} or {p for each in self.policies for p in each.plans}


def run(folder: Path | None, more: More, json_output: bool, read_feeds: ReadFeeds) -> int:
    if folder is not None:
        found = check_path(str(folder), read_feeds)
    else:
        named = os.environ.get("FRONTLINE_CONFIG")
        found = check_all(Path(named or DESK_FILE), required=bool(named), read_feeds=read_feeds)
    print_faults(*map(str, found.faults))
    if json_output:
        print_json(as_json(found, real_now().date(), more))
    else:
        report(found, real_now().date(), more, Console())
    return FAULT if found.faults else DONE


def check_path(place: str, read_feeds: ReadFeeds) -> Findings:
    """Checks a policy's folder, one dated version, a folder with a frontline.toml, or a pack by name."""
    path = Path(place)
    if path.is_file():
        return _check_desk(path, read_feeds)
    if (path / DESK_FILE).is_file():
        return _check_desk(path / DESK_FILE, read_feeds)
    if (path / "policy.toml").is_file():
        path = path.resolve().parent
    return _check_policies(place if place in vendors() and not path.is_dir() else path)


def check_all(config: Path, required: bool, read_feeds: ReadFeeds) -> Findings:
    """Checks the desk's file and the policy it names; without such a file, every pack of the catalog."""
    if required or config.is_file():
        return _check_desk(config, read_feeds)
    found = Findings()
    for part in map(_check_policies, vendors()):
        found.policies += part.policies
        found.faults += part.faults
    return found


def _check_desk(config: Path, read_feeds: ReadFeeds) -> Findings:
    try:
        desk = load_desk(config)
    except Faults as wrong:
        return Findings(faults=wrong.faults)
    now = real_now().replace(second=0, microsecond=0)
    every = (*desk.warnings, *reach_warnings(desk), *fetch(desk, read_feeds), *rota_warnings(desk, now))
    warnings = [f"{config.name}: {warning}" for warning in every]
    return Findings(list(desk.policies), warnings=warnings, desk=desk)


def _check_policies(vendor: str | Path) -> Findings:
    try:
        return Findings(load(vendor))
    except Faults as wrong:
        return Findings(faults=wrong.faults)


def _warnings(found: Findings, today: date) -> list[str]:
    of_policies = (warnings_of(policy, today, found.plans_in_use) for policy in found.policies)
    return [*found.warnings, *(text for texts in of_policies for text in texts)]


def as_json(found: Findings, today: date, more: More) -> dict[str, Any]:
    """Faults and warnings by file and key; with `more`, readings and the newest policies' requirements."""
    every: dict[str, Any] = {
        "faults": [{"file": each.file, "key": each.key, "says": each.says} for each in found.faults],
        "warnings": _by_key(_warnings(found, today)),
    }
    if more.readings:
        every["readings"] = _by_key(text for policy in found.policies for text in readings_of(policy))
    if more.trace:
        newest = {each.id: each for policy in found.policies for each in trace.traces(policy)}
        every["requirements"] = [each.as_json() for each in newest.values()]
    return every


def _by_key(texts: Iterable[str]) -> list[dict[str, str]]:
    parts = (_WARNING.fullmatch(text) for text in texts)
    return [part.groupdict(default="") for part in parts if part]


def report(found: Findings, today: date, more: More, out: Console) -> None:
    """Prints what was read, and the warnings; with `more`, readings, requirements and worked examples."""
    if found.desk is not None:
        out.print(_desk_table(found.desk, real_now()))
    elif found.policies:
        out.print(_policy_table(found.policies))
    warnings = _warnings(found, today)
    for text in warnings:
        out.print(f"[yellow]warning[/] {escape(text)}", highlight=False)
    readings = [text for policy in found.policies for text in readings_of(policy)]
    if more.readings:
        for text in readings:
            out.print(f"[cyan]reading[/] {escape(text)}", highlight=False)
    for policy in found.policies:
        if more.trace:
            out.print()
            trace.show(policy, out)
        if more.examples:
            out.print()
            out.print(_examples(policy))
    if found.policies:
        count = f"{len(found.policies)} polic{'y' if len(found.policies) == 1 else 'ies'} read"
    else:
        count = "No policy was read"
    out.print(f"{count}, {_counted(len(found.faults), 'fault')}, {_counted(len(warnings), 'warning')}.")
    if readings and not more.readings:
        says = f"The policy's text leaves {_counted(len(readings), 'point')} open: frontline check --readings"
        out.print(says, highlight=False)


def _desk_table(desk: DeskSettings, now: datetime) -> Table:
    """What the desk's file says, in a few lines however many accounts it has. `now`: for who is on call."""
    policy = desk.policies[-1]
    table = _grid()
    table.add_row("policy", escape(f"{policy.name}, in force from {policy.version}"))
    for chat in desk.chats.values():
        triage = f"triage {chat.triage.id}" if chat.triage else "no triage"
        agents = _first_few(chat.agents) or "those of the rotas and accounts"
        table.add_row(chat.platform, escape(f"{triage}; agents: {agents}"))
    for role in dict.fromkeys(step.role for step in policy.steps):
        rota = desk.rotas.get(role)
        holders = _first_few(rota.paging_order(now)) if rota else ""
        table.add_row(escape(role), escape(holders) or "[yellow]nobody[/]")
    for account in [*desk.accounts.values()][:MOST_NAMED]:
        tam = f", TAM {account.tam}" if account.tam else ""
        channels = _first_few([str(channel) for channel in account.channels])
        table.add_row(escape(account.id), escape(f"{account.name}: {account.plan}{tam}; {channels}"))
    if (others := len(desk.accounts) - MOST_NAMED) > 0:
        table.add_row("", f"and {_counted(others, 'more account')}")
    if not desk.accounts:
        table.add_row("accounts", "[yellow]none yet: nobody can open a ticket[/]")
    return table


def _policy_table(policies: list[Policy]) -> Table:
    table = _grid()
    for policy in policies:
        plans, severities = ", ".join(policy.plans), ", ".join(policy.severities)
        table.add_row(
            escape(f"{policy.vendor}/{policy.version}"), escape(f"plans {plans}; severities {severities}")
        )
    return table


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    return table


def _first_few(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def readings_of(policy: Policy) -> Iterator[str]:
    """What the policy's text leaves open, and how it is read."""
    name = f"{policy.vendor}/{policy.version}"
    for reading in policy.readings:
        yield f"{name}: {reading.clause} is open: {reading.open_question} Read here as: {reading.chosen}"


def warnings_of(policy: Policy, today: date, plans: Collection[str] | None = None) -> Iterator[str]:
    """Rules whose effect may surprise an operator. `plans`: those in use (default: all)."""
    name = f"{policy.vendor}/{policy.version}"
    for label, calendar in policy.calendars.items():
        yield from (f"{name}: calendar {label}: {text}" for text in _calendar_warnings(calendar, today))
    for season in (*(each.season for each in policy.freezes), *(each.season for each in policy.peaks)):
        if end := season.over_since(today):
            yield f"{name}: the last season in seasons.toml ended on {end}; add the next one's dates"
    for plan in (plan for plan in policy.plans.values() if plans is None or plan.id in plans):
        if not plan.tam:
            yield f"{name}: plan {plan.id} has no TAM: its escalations go to leadership, else to triage"
        if not plan.chat:
            way_in = (
                f"others are sent to {plan.way_in}" if plan.way_in else "and it names no way in for others"
            )
            yield (
                f"{name}: plan {plan.id} has no chat: {policy.worst.id} is accepted as an exception, {way_in}"
            )
    for severity in policy.severities:
        if all(policy.triage_for(plan).example(severity) is None for plan in policy.plans):
            yield f"{name}: no answers lead to {severity}: only an agent can give a ticket that severity"
    for traced in trace.traces(policy):
        if traced.unexplained:
            yield f"{name}: nothing carries {traced.id}, and not_yet gives no reason"
    for fact in trace.hidden_facts(policy):
        cited = ", ".join(fact.source.clauses)
        yield f'{name}: nobody is shown the fact of {cited}; say where, such as shown = ["help", "why"]'
    for clause in trace.unknown_clauses(policy):
        yield f"{name}: {clause} is cited, but is not a requirement of this vendor"
    if policy.not_yet:
        waiting = _counted(len(policy.not_yet), "requirement")
        yield f"{name}: {waiting} not carried in full yet ({', '.join(policy.not_yet)}); --trace says why"


def _calendar_warnings(calendar: BusinessCalendar, today: date) -> Iterator[str]:
    closures = calendar.closures
    if calendar.always_open:
        return
    for hours in calendar.hours:
        if hours.loses_a_minute:
            yield f"{hours}: from 23:59 to midnight it is closed; write 24:00 for the end of the day"
    ends = calendar.ends
    parts = (closures, ends.opening, ends.closing) if ends else (closures,)
    if not any(part.any for part in parts):
        yield "no holiday closes it"
    for certified in sorted({part.certified_until for part in parts if part.certified_until}):
        if certified < today:
            yield f"its holidays were certified until {certified}, which is past; later ones follow the rules"
    for part in parts:
        yield from (f"{text}: left out, it closes nothing" for text in part.left_out)
    if ends:
        yield from _two_zone_warnings(calendar)
    for annual in closures.annual:
        if not annual.observed:
            continue
        for year in (today.year, today.year + 1):
            itself, *instead = annual.of_year(year) or (date.max,)
            if instead and year not in annual.chosen and today <= itself <= today + ASK_ABOUT_HOLIDAY_WITHIN:
                yield (
                    f"{annual.name} {itself} falls on a weekend: {instead[0]} is closed too, unless the"
                    f" vendor chooses another day (`chosen` of that day's entry)"
                )


def _two_zone_warnings(calendar: BusinessCalendar) -> Iterator[str]:
    """What happens on a day that only one end's list closes."""
    for hours in calendar.hours:
        opening, closing = hours.opens.zone.key, hours.closes.zone.key
        yield (
            f"a holiday at both ends closes it; one of {opening} alone opens it at"
            f" {calendar.shared_from(hours)}, one of {closing} alone leaves its hours as they are"
        )


def _examples(policy: Policy) -> Table:
    table = Table(
        title=escape(f"{policy.name}, {policy.version}: a ticket submitted {utc_text(SAMPLE_INSTANT)}"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("plan", "severity", "promise", "due"):
        table.add_column(heading)
    for plan in policy.plans:
        for severity in policy.severities:
            for promise, due in _promise_rows(policy, plan, severity):
                table.add_row(escape(plan), escape(severity), promise, escape(due))
    return table


def _promise_rows(policy: Policy, plan: str, severity: str) -> list[tuple[str, str]]:
    try:
        found = explanation([policy], plan, severity, SAMPLE_INSTANT)
    except UsageFault as wrong:
        return [("–", str(wrong))]
    return [
        (
            str(clock.promise.metric).replace("_", " "),
            local_at_both_ends(clock.due_at, clock.promise.calendar),
        )
        for clock in found.clocks
    ] or [("–", "no clock")]


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
