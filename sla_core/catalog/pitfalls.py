"""What is valid in a pack, and would hurt all the same: nobody could name it, reach it or be paged for it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

from sla_core.calendar import BusinessCalendar
from sla_core.catalog import schema
from sla_core.catalog.crosscheck import Files, Names
from sla_core.catalog.origins import calendars_of, from_origin, plan_with_time
from sla_core.hours.amounts import Amount, BusinessDays, CalendarDays
from sla_core.hours.openings import PublicHolidays
from sla_core.policy import Origin
from sla_core.promise import due

Found = Iterator[tuple[str, str, str]]
"""File, key, what is wrong."""

FORM_FIELDS = ("account", "came_in", "details", "known", "summary")
"""What the form asks by itself; a question of that id would take the answer's place."""
ORDER_FORM_KEYS = ("cites", "hold")
"""What an order form says beside SEVERITY.METRIC."""

SUBMITTED = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)
"""When the tickets of the worked examples are opened."""
SHORTEST = timedelta(minutes=1)

_PLAN = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def pitfalls(files: Files, names: Names) -> Found:
    """What is wrong whatever else is missing in the files."""
    yield from _plan_names(files, names)
    yield from _severity_names(names)
    for id_, severity in files.severities.items():
        if severity.pages and names.steps == 0:
            says = (
                "pages nobody: there is no step in escalation.toml; write one ([[step]], "
                'role = "first_line"), or remove this'
            )
            yield "severities.toml", f"{id_}.pages", says
        if severity.milestones and names.milestones == frozenset():
            says = (
                "there is no milestone; write some into milestones.toml "
                '([[milestone]], label = "Fix developed"), or remove this'
            )
            yield "severities.toml", f"{id_}.milestones", says
    if files.triage is not None:
        for number, question in enumerate(files.triage.question, start=1):
            if question.id in FORM_FIELDS:
                says = (
                    f'"{question.id}" is asked by the form itself, and this answer would take its place; '
                    f'write another one, such as id = "{question.id}_of_it", or remove the question'
                )
                yield "triage.toml", f"question.{number}.id", says


def pitfalls_of_order(files: Files) -> Found:
    """What depends on the order of valid parts: rules never tried, severities that are not milder."""
    rules = files.triage.rule if files.triage else ()
    always = (number for number, rule in enumerate(rules, start=1) if not (rule.when or rule.plans))
    final = next(always, len(rules))
    for number in range(final + 1, len(rules) + 1):
        if number < len(rules) or not rules[number - 1].when:
            says = f"is never tried: rule {final} has no `when` and always holds; put this one before it"
            yield "triage.toml", f"rule.{number}", says
    order = [*files.severities]
    for id_, severity in files.severities.items():
        for number, promise in enumerate(severity.promise, start=1):
            milder = promise.met_by_downgrade_to
            if milder in order and order.index(milder) <= order.index(id_):
                says = (
                    f'"{milder}" is not milder than {id_}; write a severity that comes after it in this file'
                )
                yield "severities.toml", f"{id_}.promise.{number}.met_by_downgrade_to", says


def holiday_faults(rule: PublicHolidays) -> Iterator[str]:
    """What of a country's holidays the package does not have."""
    try:
        unknown = rule.unknown_names(range(2020, 2030))
    except (NotImplementedError, ValueError) as wrong:
        yield f'the holidays package does not know it ({wrong}); write country = "GB", subdivision = "ENG"'
        return
    if unknown:
        every = PublicHolidays(rule.country, rule.subdivision, rule.categories)
        names = sorted({part for name in every.in_year(SUBMITTED.year).values() for part in name.split("; ")})
        for name in unknown:
            near = difflib.get_close_matches(name, names, 1, 0) or names[:1]
            known = f'; did you mean "{near[0]}"? Known are {", ".join(names)}' if near else "; remove it"
            yield f'{rule.country} has no holiday "{name}"{known}'


def worked_examples(files: Files, calendars: Mapping[str, BusinessCalendar]) -> Found:
    """The promises whose deadline cannot be computed, for any plan."""
    closed = {name for name, calendar in calendars.items() if not _reaches(calendar, SHORTEST)}
    for name in sorted(closed):
        says = 'is never open; write an opening on days that stay open, such as days = ["mon"]'
        yield "calendars.toml", name, says
    for id_, severity in files.severities.items():
        for number, promise in enumerate(severity.promise, start=1):
            for key, amount, counted in _amounts(promise, files.plans):
                open_ones = [name for name in counted if name in calendars and name not in closed]
                if never := [name for name in open_ones if not _reaches(calendars[name], amount)]:
                    right = {BusinessDays: "3 business days", CalendarDays: "14 days"}.get(type(amount), "4h")
                    says = (
                        f"is never over in the calendar {', '.join(never)}; write a shorter time, "
                        f'such as {key.rpartition(".")[2]} = "{right}"'
                    )
                    yield "severities.toml", f"{id_}.promise.{number}.{key}", says


def _amounts(
    promise: schema.PromiseFile, plans: Mapping[str, schema.PlanFile]
) -> Iterator[tuple[str, Amount, Sequence[str]]]:
    """Each time of a promise: its key, the time, and the calendars in which it counts for some plan."""
    counted: dict[tuple[str, Amount], list[str]] = {}
    for plan, origin in product(plans or ("",), Origin):
        named = plan_with_time(promise, plan, plans)
        own = from_origin(promise, plan, origin, plans, {})
        if own is None:
            continue
        calendar = calendars_of(plan, plans).get(own.calendar, own.calendar)
        under = f"plans.{named}." if named in promise.plans else ""
        under += f"doors.{origin}." if origin in own.by_origin else ""
        for key, amount in (("within", own.within), ("goal", own.goal), ("strict", own.strict)):
            if amount is not None:
                where = f"{under}{key}" if getattr(promise, key) != amount else key
                names = counted.setdefault((where, amount), [])
                names += [] if calendar in names else [calendar]
    for (key, amount), names in counted.items():
        yield key, amount, names


def _reaches(calendar: BusinessCalendar, amount: Amount) -> bool:
    try:
        due(calendar, SUBMITTED, amount)
    except (ValueError, OverflowError):
        return False
    return True


def _plan_names(files: Files, names: Names) -> Found:
    taken: dict[str, str] = {}
    for id_ in names.plans or ():
        if not _PLAN.fullmatch(id_):
            fit = re.sub(r"[^a-z0-9._-]+", "-", id_.lower()).strip("-._")[:40] or "basic"
            says = (
                "no command and no account can name this plan; "
                f'write [{fit}], and name = "{id_}" for people to read'
            )
            yield "plans.toml", id_, says
        taken[id_.lower()] = id_
    for id_, plan in files.plans.items():
        for alias in plan.aliases:
            if alias != alias.lower() or not alias.strip():
                fit = alias.strip().lower() or "basic"
                says = f'no account can use "{alias}"; write it in lower case, aliases = ["{fit}"]'
                yield "plans.toml", f"{id_}.aliases", says
            elif taken.get(alias, id_) != id_:
                says = f'"{alias}" is a name of the plan {taken[alias]} too; leave it to one of them'
                yield "plans.toml", f"{id_}.aliases", says
            taken.setdefault(alias, id_)


def _severity_names(names: Names) -> Found:
    for id_ in sorted(names.severities or ()):
        if id_.lower() in ORDER_FORM_KEYS:
            says = f"an order form could not tell this severity from its key `{id_.lower()}`; write [P1]"
            yield "severities.toml", id_, says
        elif "=" in id_ or id_ != " ".join(id_.split()) or not id_:
            says = 'no command can name this severity; write [P1], and name = "Urgent" for people to read'
            yield "severities.toml", id_, says
