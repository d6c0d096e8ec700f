"""Times that depend on the plan: which plan has them, which inherits them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sla_core.catalog.schema import PlanFile, PromiseFile

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
