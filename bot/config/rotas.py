"""`[rotas]` of the desk's file: a list of people, a rotation, layers by hours, or a calendar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from bot.config.oncall_calendar import OnCallCalendar, OnCallFeed, UnreadableCalendar
from sla_core.calendar import WEEKDAYS, BoundaryTime, BusinessCalendar, Hours, Span, instant_of
from sla_core.catalog.crosscheck import unknown
from sla_core.catalog.files import Fault, faults_of
from sla_core.catalog.schema import Strict, TimeText, Weekdays, zone
from sla_core.oncall import Layer, ListRota, Overrides, Rota, Rotation, Shift, TimedRota, next_handover

Found = Iterator[tuple[str, str]]
"""Keys below `rotas`, and what is wrong there."""

_TURN = re.compile(r"^([1-9]\d{0,3}) (hour|day|week)s?$")
_HOURS = re.compile(r"^(\d{1,2}:\d{2})-(\d{1,2}:\d{2})$")
_FEED = re.compile(r"(https?|webcal)://|\$[A-Z]")
_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_UTC = ZoneInfo("UTC")
_FORMS = "write people with zone, starts and turn; or a calendar; or [[rotas.{role}.layer]] parts"


def _turn(text: object) -> timedelta | str:
    """A length, or an RRULE that begins with FREQ."""
    found = _TURN.match(text) if isinstance(text, str) else None
    if found:
        return int(found[1]) * _UNITS[found[2]]
    rule = text.strip().upper().removeprefix("RRULE:") if isinstance(text, str) else ""
    if not rule.startswith("FREQ="):
        raise ValueError(f'{text!r} is not a turn; write "1 week", "12 hours" or an RRULE (FREQ=WEEKLY;…)')
    if re.search(r"\b(COUNT|UNTIL)=", rule) or re.match("FREQ=(MINUTELY|SECONDLY)", rule):
        raise ValueError(f"{text!r} must go on forever and be no more often than hourly; fix the RRULE")
    return rule


def _local(at: datetime) -> datetime:
    if at.tzinfo is not None:
        raise ValueError("has an offset; write local time in the rota's zone, such as 2026-01-05T09:00:00")
    return at


def _hours(text: object) -> tuple[timedelta, timedelta]:
    found = _HOURS.match(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is not a part of the day; write "08:00-20:00"')
    opens, closes = (_TIME.validate_python(part) for part in found.groups())
    return opens, closes


_TIME: TypeAdapter[timedelta] = TypeAdapter(TimeText)
Zone = Annotated[ZoneInfo, BeforeValidator(zone)]
LocalTime = Annotated[datetime, AfterValidator(_local)]
DayPart = Annotated[tuple[timedelta, timedelta], BeforeValidator(_hours)]
"""`"22:00-07:00"`: two times since midnight."""


class _RotationPart(Strict):
    """People who take turns, all day or for some hours."""

    people: tuple[str, ...] | None = None
    zone: Zone | None = None
    starts: LocalTime | None = None
    turn: Annotated[timedelta | str, BeforeValidator(_turn)] | None = None
    hours: DayPart | None = None
    days: Weekdays | None = None


class _OverridePart(Strict):
    person: str
    from_: LocalTime = Field(alias="from")
    to: LocalTime


class _Table(_RotationPart):
    calendar: Annotated[str, Field(min_length=1)] | None = None
    layer: tuple[_RotationPart, ...] = ()
    override: tuple[_OverridePart, ...] = ()


_LIST: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])


def read_rotas(
    raw: Any, file: str, folder: Path, names: Mapping[str, str]
) -> tuple[dict[str, Rota], list[Fault]]:
    """The rotas by role, and everything that is wrong with them.

    `names` maps ids, names and addresses to ids, as `OnCallCalendar` takes them. Calendars are in `folder`.
    """
    if not isinstance(raw, dict):
        return {}, [Fault(file, "rotas", 'names roles and their people; write first_line = ["bob"]')]
    rotas: dict[str, Rota] = {}
    faults: list[Fault] = []
    for role, value in raw.items():
        key = f"rotas.{role}"
        try:
            parsed = _LIST.validate_python(value) if isinstance(value, list) else _Table.model_validate(value)
        except ValidationError as wrong:
            faults += faults_of(file, wrong, _Table, ("rotas", role))
            continue
        found = [*_faults(parsed, role, set(names.values()))]
        faults += [Fault(file, f"{key}.{where}" if where else key, says) for where, says in found]
        if found:
            continue
        try:
            rotas[role] = _rota(parsed, folder, names)
        except UnreadableCalendar as unreadable:
            faults += [Fault(file, f"{key}.calendar", says) for says in unreadable.faults]
    return rotas, faults


def _faults(rota: tuple[str, ...] | _Table, role: str, people: set[str]) -> Found:
    if not isinstance(rota, _Table):
        yield from (("", unknown("person", name, people)) for name in rota if name not in people)
        return
    given = {"people": rota.people is not None, "calendar": bool(rota.calendar), "layer": bool(rota.layer)}
    forms = [form for form, is_given in given.items() if is_given]
    if len(forms) != 1:
        has = f"has {' and '.join(forms)}" if forms else "says nothing about who is on call"
        yield "", f"{has}; {_FORMS.format(role=role)}"
    elif forms == ["people"]:
        yield from _turn_faults(rota, rota.zone, people)
    for number, layer in enumerate(rota.layer, start=1):
        for where, says in _turn_faults(layer, layer.zone or rota.zone, people):
            yield f"layer.{number}.{where}", says
    if rota.override and rota.zone is None and forms != ["people"]:
        yield "zone", "is missing; the times of an override are local times in it"
    for number, override in enumerate(rota.override, start=1):
        if override.person not in people:
            yield f"override.{number}.person", unknown("person", override.person, people)
        if override.to <= override.from_:
            yield f"override.{number}.to", "is not after from; it is the instant at which the override ends"


def _turn_faults(turns: _RotationPart, zone: ZoneInfo | None, people: set[str]) -> Found:
    needed = {"people": turns.people, "zone": zone, "starts": turns.starts, "turn": turns.turn}
    yield from ((key, "is missing") for key, value in needed.items() if value is None)
    if turns.people == ():
        yield "people", "names nobody; name at least one person"
    strangers = [name for name in turns.people or () if name not in people]
    yield from (("people", unknown("person", name, people)) for name in strangers)
    if isinstance(turns.turn, str) and turns.starts is not None:
        try:
            if next_handover(turns.turn, turns.starts) is None:
                yield "turn", f"{turns.turn} has no handover after starts; fix the RRULE"
        except (ValueError, TypeError) as broken:
            yield "turn", f"{turns.turn} cannot be read: {broken}"


def _rota(rota: tuple[str, ...] | _Table, folder: Path, names: Mapping[str, str]) -> Rota:
    """Raises UnreadableCalendar."""
    if not isinstance(rota, _Table):
        return ListRota(rota)
    layers: tuple[Layer, ...]
    if rota.calendar is not None:
        if _FEED.match(rota.calendar):
            layers = (OnCallFeed(rota.calendar, names, rota.zone or _UTC),)
        else:
            layers = (_calendar(folder / rota.calendar, names, rota.zone or _UTC),)
    else:
        layers = tuple(_rotation(turns, rota.zone) for turns in rota.layer or (rota,))
    shown_in = rota.zone or next((turns.zone for turns in rota.layer if turns.zone), _UTC)
    overrides = tuple(
        Shift(o.person, Span(instant_of(o.from_, shown_in), instant_of(o.to, shown_in)))
        for o in rota.override
    )
    return TimedRota(layers, shown_in, Overrides(overrides))


def _calendar(path: Path, names: Mapping[str, str], zone: ZoneInfo) -> OnCallCalendar:
    try:
        return OnCallCalendar(path.read_text(encoding="utf-8"), names, zone)
    except OSError as wrong:
        says = f"cannot be read: {wrong.strerror}; put it beside the desk's file"
        raise UnreadableCalendar([f"{path.name} {says}"]) from None
    except UnicodeDecodeError as wrong:
        raise UnreadableCalendar([f"{path.name} is not an iCalendar file: {wrong}"]) from None
    except UnreadableCalendar as wrong:
        raise UnreadableCalendar([f"{path.name}: {says}" for says in wrong.faults]) from None


def _rotation(turns: _RotationPart, default: ZoneInfo | None) -> Rotation:
    zone = turns.zone or default
    assert turns.people
    assert zone
    assert turns.starts
    assert turns.turn
    hours = None
    if turns.hours is not None or turns.days is not None:
        opens, closes = turns.hours or (timedelta(0), timedelta(days=1))
        weekdays = frozenset(map(WEEKDAYS.index, turns.days or WEEKDAYS))
        hours = BusinessCalendar((Hours(weekdays, BoundaryTime(opens, zone), BoundaryTime(closes, zone)),))
    return Rotation(turns.people, zone, turns.starts, turns.turn, hours)
