"""What sending the intake form will lead to, said while it is being filled in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bot import cards
from bot.desk import entitlement
from bot.settings import Account
from bot.views import Part, RichText, Strong, When
from sla_core.events import THE_CLOCK, Opened
from sla_core.policy import Policy
from sla_core.ticket import fold
from sla_core.triage import Answers, Proposal

MORE_ANSWERS_NEEDED = "More answers are needed to say how urgent this is and by when somebody responds."


def preview(policy: Policy, account: Account | None, answers: Answers, now: datetime) -> RichText:
    """The proposed severity and what is due first, or why there is none; `answers` are those that matter."""
    elsewhere = policy.triage.referral(answers)
    if elsewhere is not None:
        return (
            Strong("No ticket is opened for this. "),
            f"{cards.with_clauses(elsewhere.says, [elsewhere.clause])}.",
        )
    proposal = policy.triage.certain_proposal(answers)
    if account is None or proposal is None:
        return (MORE_ANSWERS_NEEDED,)
    refused = entitlement.plan_refusal(policy, policy.plans[account.plan], proposal)
    if refused is not None:
        return (Strong(f"{_named(policy, proposal)} is not taken here. "), refused)
    advice = [
        f"\n{cards.with_clauses(advice.says, [advice.clause])}." for advice in policy.triage.advised(answers)
    ]
    return (Strong(f"Proposed: {_named(policy, proposal)}."), *_due(policy, account, proposal, now), *advice)


def preview_of_duplicate(key: str) -> RichText:
    """For who says that it is a ticket which is open already."""
    return ("What you write here is added to ", Strong(key), "; no other ticket is opened.")


def preview_of_report(policy: Policy, empty: tuple[str, ...], among: int) -> RichText:
    """How much of a report is there, where the vendor's text asks for it; `empty` are labels."""
    report = policy.triage.report
    if report is None or not empty:
        return ()
    told = f"Still empty: {'; '.join(empty)}."
    if among > 1:
        told = f"Filled in: {among - len(empty)} of {among}. {told}"
    return (f"\n{told} {cards.with_clauses(report.says, [report.clause])}.",)


def _named(policy: Policy, proposal: Proposal) -> str:
    name = policy.severities[proposal.severity].name
    return f"{proposal.severity}, {name}" if name.casefold() != proposal.severity.casefold() else name


def _due(policy: Policy, account: Account, proposal: Proposal, now: datetime) -> Iterator[Part]:
    """As it would be if the form were sent now."""
    opened = Opened(
        at=now,
        by=THE_CLOCK,
        account=account.id,
        vendor=policy.vendor,
        plan=account.plan,
        version=policy.version,
        severity=proposal.severity,
        clause=proposal.clause,
        why=proposal.says,
        summary="",
        details="",
        answers={},
        channel="",
        terms=account.terms,
        may_hold=account.may_hold,
    )
    ticket = fold("", (opened,))
    due = cards.next_due(ticket, policy, now)
    if due is None or due.due_at is None:
        yield " No time is promised for it."
        return
    first = cards.promise_line(due, cards.wording_of(ticket, policy, due.metric))
    yield f" {first.label} due by "
    yield When(due.due_at)
    yield "."
