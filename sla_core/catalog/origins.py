"""Times that depend on the plan, and hours that depend on the origin of a request (its door)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from sla_core.catalog.schema import CalendarFile, OriginTimeFile, PlanFile, PromiseFile
from sla_core.policy import Origin

OTHER_ORIGINS = tuple(origin for origin in Origin if origin is not Origin.CHAT)
_NAMES = {Origin.PHONE: "By phone", Origin.ALARM: "For alarms", Origin.API: "Through the API"}


def hours_by_origin(plan: str, plans: Mapping[str, PlanFile]) -> dict[str, str]:
    """The plan's calendars by origin, with those that it inherits."""
    found: dict[str, str] = {}
    for each in ancestors(plan, plans):
        found = {**plans[each].by_origin, **found}
    return found


def from_origin(
    promise: PromiseFile,
    plan: str,
    origin: Origin,
    plans: Mapping[str, PlanFile],
    calendars: Mapping[str, CalendarFile],
) -> PromiseFile | None:
    """The promise as the plan has it for requests of this origin; None if it has none.

    Where the hours are others and nobody says so, its words say which.
    """
    usual = promise.under(plan_with_time(promise, plan, plans))
    if usual is None or origin is Origin.CHAT:
        return usual
    own = usual.by_origin.get(origin)
    found = usual.through(origin)
    if found is not None and (own is None or own.calendar is None):
        found = found.model_copy(
            update={"calendar": hours_by_origin(plan, plans).get(origin, found.calendar)}
        )
    if found is None or found.calendar == usual.calendar or (own is not None and own.says is not None):
        return found
    hours = calendars.get(calendars_of(plan, plans).get(found.calendar, found.calendar))
    return found if hours is None else _in_these_hours(found, origin, hours)


def _in_these_hours(promise: PromiseFile, origin: Origin, hours: CalendarFile) -> PromiseFile:
    says = promise.says if promise.says.endswith(".") else f"{promise.says}."
    said = {
        "says": f"{says} {_NAMES[origin]}, other hours count: {hours.says}",
        "clause": tuple(dict.fromkeys((*promise.clause, *hours.clause))),
        "where": "; ".join(dict.fromkeys((promise.where, hours.where))),
    }
    return promise.model_copy(update=said)


def origin_faults(
    key: str, promise: PromiseFile, usable: Collection[str] | None
) -> Iterator[tuple[str, str]]:
    """Key, and what is wrong with what a promise says about doors. `usable` are names of hours, if known."""
    yield from _times(f"{key}.doors", promise, promise.by_origin, usable)
    for plan, own in promise.plans.items():
        said = promise.under(plan)
        if said is not None:
            yield from _times(f"{key}.plans.{plan}.doors", said, own.by_origin, usable)


def plan_origin_faults(
    plan: str, file: PlanFile, usable: Collection[str] | None
) -> Iterator[tuple[str, str]]:
    """Key, and what is wrong with the calendars that a plan has by origin."""
    for origin, name in file.by_origin.items():
        key = f"{plan}.doors.{origin}"
        yield from _unknown_origin(key, origin)
        yield from _unknown_hours(key, name, usable)


def _times(
    key: str, promise: PromiseFile, by_origin: Mapping[str, OriginTimeFile], usable: Collection[str] | None
) -> Iterator[tuple[str, str]]:
    for origin, own in by_origin.items():
        yield from _unknown_origin(f"{key}.{origin}", origin)
        if own.calendar is not None:
            yield from _unknown_hours(f"{key}.{origin}", own.calendar, usable)
        if own.within in (None, promise.within) or own.says is not None or WITHIN in promise.says:
            continue
        says = f"the words of the promise name another time: write {WITHIN} in its `says`"
        yield f"{key}.{origin}.says", f"{says}, or give this door its own"


def _unknown_origin(key: str, origin: str) -> Iterator[tuple[str, str]]:
    if origin == Origin.CHAT:
        yield key, "is the usual door: what the promise and the plan say holds for it; remove this"
    elif origin not in OTHER_ORIGINS:
        yield key, f'there is no door "{origin}"; known are {", ".join(sorted(OTHER_ORIGINS))}'


def _unknown_hours(key: str, name: str, usable: Collection[str] | None) -> Iterator[tuple[str, str]]:
    if usable is not None and name not in usable:
        yield key, f'there is no calendar "{name}"; known are {", ".join(sorted(usable)) or "none"}'


WITHIN = "{within}"
"""What stands for the time in the words of a promise whose time depends on the plan."""


def ancestors(plan: str, plans: Mapping[str, PlanFile]) -> Iterator[str]:
    """The plan and those from which it inherits, nearest first, up to one that is unknown or repeated."""
    seen: set[str] = set()
    at: str | None = plan
    while at in plans and at not in seen:
        assert at is not None
        seen.add(at)
        yield at
        at = plans[at].inherits


def plan_with_time(promise: PromiseFile, plan: str, plans: Mapping[str, PlanFile]) -> str:
    """The plan whose time of this promise holds for `plan`: itself, or the nearest that has one."""
    return next((each for each in ancestors(plan, plans) if each in promise.plans), plan)


def calendars_of(plan: str, plans: Mapping[str, PlanFile]) -> dict[str, str]:
    """The plan's calendars, with those that it inherits."""
    found: dict[str, str] = {}
    for each in ancestors(plan, plans):
        found = {**plans[each].calendars, **found}
    return found


def inheritance_faults(plans: Mapping[str, PlanFile]) -> Iterator[tuple[str, str]]:
    """Key, and what is wrong with `inherits`."""
    for id_, plan in plans.items():
        if plan.inherits is None:
            continue
        if plan.inherits not in plans:
            known = ", ".join(sorted(plans)) or "none"
            yield f"{id_}.inherits", f'there is no plan "{plan.inherits}"; known are {known}'
            continue
        line = [*ancestors(id_, plans)]
        if plans[line[-1]].inherits in line:
            yield f"{id_}.inherits", "leads back to this plan; one of them must inherit nothing"


def time_faults(key: str, promise: PromiseFile, plans: Mapping[str, PlanFile]) -> Iterator[tuple[str, str]]:
    """Key, and what is wrong with the times that a promise has by plan."""
    for plan in promise.plans:
        if plan not in plans:
            known = ", ".join(sorted(plans)) or "none"
            yield f"{key}.plans.{plan}", f'there is no plan "{plan}"; known are {known}'
    if promise.within is None:
        for plan in plans:
            if plan_with_time(promise, plan, plans) not in promise.plans:
                yield f"{key}.within", f'says nothing for the plan {plan}; give it a time, or "none"'
    for plan, own in promise.plans.items():
        if own.within in (None, promise.within) or own.says is not None or WITHIN in promise.says:
            continue
        says = f"the words of the promise name another time: write {WITHIN} in its `says`"
        yield f"{key}.plans.{plan}.says", f"{says}, or give this plan its own"
