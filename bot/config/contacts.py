"""Whom customers reach: the people who look after an account, and telephone numbers by plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from sla_core.catalog.crosscheck import unknown
from sla_core.policy import Policy


class LookedAfter(Protocol):
    """One of `[[accounts]]`."""

    @property
    def id(self) -> str: ...
    @property
    def plan(self) -> str: ...
    @property
    def tam(self) -> str | None: ...
    @property
    def tam_backup(self) -> str | None: ...
    @property
    def solution_architect(self) -> str | None: ...


def plan_id(policy: Policy, name: str) -> str | None:
    """The id of a plan, given its id or a former name; None if unknown."""
    return next((p.id for p in policy.plans.values() if name.lower() in (p.id, *p.aliases)), None)


def contact_faults(account: LookedAfter, people: Collection[str]) -> Iterator[tuple[str, str]]:
    """Names that are not in the file, each with its key. `people` are the ids of those that are."""
    key = f"accounts.{account.id}"
    named = {"tam": account.tam, "tam_backup": account.tam_backup}
    named |= {"solution_architect": account.solution_architect}
    for role, person in named.items():
        if person is not None and person not in people:
            yield f"{key}.{role}", unknown("person", person, people)
    if account.tam_backup is not None and account.tam_backup == account.tam:
        yield f"{key}.tam_backup", f'"{account.tam_backup}" is the TAM already; name somebody else'


def shared_contacts(
    accounts: Collection[LookedAfter], policy: Policy, *, enforced: bool
) -> Iterator[tuple[str, str]]:
    """Accounts whose first contact has more of them than the plan allows, if the policy `enforced` that."""
    for account in accounts:
        plan = policy.plans.get(plan_id(policy, account.plan) or "")
        contact = plan.first_contact if plan else None
        same = [a.id for a in accounts if a.tam and a.tam == account.tam]
        if plan and contact and contact.enforced is enforced and account.id in same[contact.most :]:
            most = f"{contact.most} that the plan {plan.id} allows, such as {same[0]}"
            yield f"accounts.{account.id}.tam", f"{account.tam} has the {most}; name somebody else"


def contact_warnings(accounts: Collection[LookedAfter], policy: Policy) -> Iterator[str]:
    """A line for each account whose people do not fit its plan. The plans must be known."""
    for account in accounts:
        plan = policy.plans[account.plan]
        if account.tam and not plan.tam:
            yield f"accounts.{account.id}.tam: the plan {plan.id} has no TAM, so nobody gets a direct message"
        if not account.tam and plan.tam:
            yield f"accounts.{account.id}: no tam is named; escalations go to leadership, else to triage"
        if account.tam_backup and not account.tam:
            yield f"accounts.{account.id}.tam_backup: the account has no tam to stand in for; name one"
        if account.solution_architect and not plan.tam:
            yield f"accounts.{account.id}.solution_architect: the plan {plan.id} has none, so nobody sees it"
    for key, says in shared_contacts(accounts, policy, enforced=False):
        yield f"{key}: {says}"


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
