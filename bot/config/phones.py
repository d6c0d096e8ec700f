"""The telephone numbers of the desk's file, which take precedence over those of the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sla_core.catalog.crosscheck import unknown
from sla_core.policy import Policy


def phone_faults(phones: Mapping[str, str], policy: Policy) -> Iterator[tuple[str, str]]:
    """Numbers for plans that the policy does not have, or whose customers have no phone line."""
    with_calls = [plan.id for plan in policy.plans.values() if plan.calls]
    for plan, phone in phones.items():
        if plan not in policy.plans:
            yield f"phones.{plan}", unknown("plan", plan, policy.plans)
        elif plan not in with_calls:
            these = ", ".join(with_calls) or "none"
            yield f"phones.{plan}", f"this plan has no phone line; plans with one: {these}"
        elif not phone.strip():
            yield f"phones.{plan}", 'is empty; write the number, such as "+49 30 1234567"'


def with_phones(policy: Policy, phones: Mapping[str, str]) -> Policy:
    """The policy with these numbers, by plan."""
    plans = {
        id_: replace(plan, calls=replace(plan.calls, phone=phones[id_].strip()))
        if plan.calls and id_ in phones
        else plan
        for id_, plan in policy.plans.items()
    }
    return replace(policy, plans=plans) if phones else policy
