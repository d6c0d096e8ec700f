"""`frontline oncall`: who holds each role, as a table, JSON or iCalendar; and where a rota has gaps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.app import DONE, FAULT, print_faults, print_json
from bot.cli.policy.lookup import UsageFault, desk_path, local_text, parse_at
from bot.cli.policy.reach import is_reachable, platform_names
from bot.clock import real_now, utc_text
from bot.config.settings import DeskSettings, load_desk
from bot.model.address import Person
from sla_core.calendar import Span
from sla_core.oncall import ListRota, OnCall, Rota, Shift, gaps
from sla_core.policy import version_at

CHECKED = timedelta(days=90)
"""How far ahead `frontline check` looks for gaps."""
PUBLISHED = timedelta(days=365)
"""How far ahead the iCalendar file of a role goes."""
BEGUN = timedelta(days=92)
"""How far back it looks for the start of the present shift."""
NAMED = 3
"""The most stretches that warnings of one kind name one by one."""
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class RoleOnCall:
    """A role of the escalation policy, and who holds it."""

    role: str
    on_call: OnCall
    zone: ZoneInfo


ReadFeeds = Callable[[DeskSettings], list[str]]
"""Fetches the calendars of all rotas that have one at an address. Returns a line for each that failed."""


def run(at: str | None, json_output: bool, ics_of: str | None, read_feeds: ReadFeeds) -> int:
    """Exit code 1 if a calendar could not be fetched and no earlier version of it is known."""
    instant = parse_at(at) if at is not None else real_now().replace(microsecond=0)
    path = desk_path()
    settings = load_desk(path)
    print_faults(*(f"{path.name}: {problem}" for problem in fetch(settings, read_feeds)))
    code = FAULT if any(feed.text is None for feed in settings.feeds.values()) else DONE
    if ics_of is not None:
        sys.stdout.write(ics(settings, ics_of, instant))
        return code
    found = roles_at(settings, instant)
    if json_output:
        print_json(as_json(found, instant))
    else:
        show(found, settings.people, instant, Console())
    return code


def fetch(settings: DeskSettings, read_feeds: ReadFeeds) -> list[str]:
    """Fetches the calendars, if there are any."""
    return read_feeds(settings) if settings.feeds else []


def roles_at(settings: DeskSettings, at: datetime) -> list[RoleOnCall]:
    """Every role of the escalation policy in force, in its order."""
    policy = version_at(list(settings.policies), at.date())
    rotas = {step.role: settings.rotas.get(step.role) for step in policy.steps}
    return [
        RoleOnCall(role, rota.on_call(at) if rota else OnCall(None), _zone(rota))
        for role, rota in rotas.items()
    ]


def _zone(rota: Rota | None) -> ZoneInfo:
    return _UTC if rota is None or isinstance(rota, ListRota) else rota.zone


def as_json(found: Sequence[RoleOnCall], at: datetime) -> dict[str, Any]:
    return {
        "at": utc_text(at),
        "roles": [
            {
                "role": each.role,
                "person": each.on_call.person,
                "until": utc_text(each.on_call.until) if each.on_call.until else None,
                "next": each.on_call.next,
            }
            for each in found
        ],
    }


def show(found: Sequence[RoleOnCall], people: Mapping[str, Person], at: datetime, console: Console) -> None:
    """Prints a table for people, with times in the zone of each rota."""
    console.print(f"On call at {local_text(at, _UTC)}")
    if not found:
        console.print("The policy has no escalation steps, so nobody is called.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("role", "on call", "until", "next"):
        table.add_column(heading)
    for each in found:
        on_call = each.on_call
        holder = escape(people[on_call.person].name) if on_call.person else "[yellow]nobody[/]"
        until = local_text(on_call.until, each.zone) if on_call.until else ""
        follower = people[on_call.next].name if on_call.next else ""
        if on_call.until and on_call.next_at and on_call.next_at > on_call.until:
            follower += f" from {local_text(on_call.next_at, each.zone)}"
        table.add_row(escape(each.role), holder, escape(until), escape(follower))
    console.print(table)


def ics(settings: DeskSettings, role: str, at: datetime) -> str:
    """The shifts of a role as an iCalendar file: the present one, and those of a year.

    Raises UsageFault for an unknown role.
    """
    from icalendar import Calendar, Event

    rota = settings.rotas.get(role)
    if rota is None:
        known = ", ".join(settings.rotas) or "none"
        raise UsageFault(f'--ics: nobody holds a role "{role}"; [rotas] has {known}')
    calendar = Calendar()
    calendar.add("prodid", "-//Frontline//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"On call: {role}")
    for shift in rota.timeline(Span(at - BEGUN, at + PUBLISHED)):
        if shift.person is None or shift.span.end <= at:
            continue
        person, event = settings.people[shift.person], Event()
        event.add("uid", f"{shift.span.start:%Y%m%dT%H%M%SZ}-{role}-{person.id}@frontline")
        event.add("dtstamp", at)
        event.add("summary", person.name)
        event.add("dtstart", shift.span.start)
        event.add("dtend", shift.span.end)
        if person.email:
            event.add("attendee", f"mailto:{person.email}")
        calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text.decode()


def rota_warnings(settings: DeskSettings, now: datetime) -> Iterator[str]:
    """When a role has nobody, or somebody who cannot be paged, in the time that is checked."""
    within = Span(now, now + CHECKED)
    for role, rota in settings.rotas.items():
        zone = _zone(rota)
        if rota.people:
            yield from _stretches(f"rotas.{role}: nobody is on call", gaps(rota, within), zone)
        unreachable = {id_ for id_ in rota.people if not is_reachable(settings, settings.people[id_])}
        always = [Shift(id_, within) for id_ in rota.people]
        shifts = always if isinstance(rota, ListRota) else [*rota.timeline(within)]
        for id_ in sorted(unreachable):
            held = [shift.span for shift in shifts if shift.person == id_]
            says = f"{id_} cannot be reached on {platform_names(settings.chats)}, but is on call"
            yield from _stretches(f"rotas.{role}: {says}", held, zone)


def _stretches(says: str, spans: Sequence[Span], zone: ZoneInfo) -> Iterator[str]:
    """One line for each of the first stretches, and one for all others."""
    for span in spans[:NAMED]:
        yield f"{says} from {local_text(span.start, zone)} to {local_text(span.end, zone)}"
    if len(spans) > NAMED:
        more, last = len(spans) - NAMED, local_text(spans[-1].end, zone)
        yield f"{says} {more} more {'time' if more == 1 else 'times'} until {last}"
