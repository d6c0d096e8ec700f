"""What an account's plan takes in here, and what is said where it does not."""

from __future__ import annotations

from sla_core.policy import Plan, Policy
from sla_core.triage import Proposal


def plan_refusal(policy: Policy, plan: Plan, proposal: Proposal) -> str | None:
    """Why this is not opened here, and where to turn; None where it is."""
    if plan.chat or proposal.severity == policy.worst.id:
        return None
    return (
        f"The plan {plan.name} does not include support by chat. Please raise this at {plan.way_in}. "
        f"Only {policy.worst.id} is taken here; nothing you typed is lost while this form is open."
    )


def plan_exception(plan: Plan, proposal: Proposal) -> str | None:
    """Under what exception it is opened, for the record."""
    if plan.chat:
        return None
    return f"accepted as {proposal.severity} although the plan {plan.name} does not include chat"
