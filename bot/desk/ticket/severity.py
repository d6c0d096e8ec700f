"""Changing the severity: agents only, with a reason. Recounts all clocks from the ticket's opening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.desk import rarity
from bot.desk.desk import Desk, refusal
from bot.desk.ticket.short_forms import TEXT, context_of, text_of, titled
from bot.model.forms import ChoiceField, Field, Form, TextField
from bot.model.inbound import Answer, Ask, Done, Press, Submission
from sla_core.events import Event, SeverityChanged
from sla_core.policy import Policy, Severity
from sla_core.ticket import State, Ticket
from sla_core.triage import Option

SEVERITY, BECAUSE = "severity", "because"
WORKAROUND, MISJUDGED = "workaround", "misjudged"


def _downgrade_to(policy: Policy, severity: str, plan: str) -> str | None:
    """The severity to which a workaround downgrades this one, keeping its promise of a resolution."""
    targets = policy.targets(severity, (), plan)
    return next((t.met_by_downgrade_to for t in targets if t.met_by_downgrade_to), None)


def _is_milder(policy: Policy, severity: str, ticket: Ticket) -> bool:
    """Whether the form asks why, and this severity is milder than the ticket's."""
    worst_first = list(policy.severities)
    asked = _downgrade_to(policy, ticket.severity, ticket.opened.plan) is not None
    return asked and worst_first.index(severity) > worst_first.index(ticket.severity)


def form(policy: Policy, context: Mapping[str, str], now: str, plan: str) -> Form:
    options = tuple(Option(s.id, _option(s)) for s in policy.severities.values())
    fields: list[Field] = [ChoiceField(SEVERITY, "Severity", options, value=(now,))]
    milder = _downgrade_to(policy, now, plan)
    if milder:
        never = Option(MISJUDGED, f"It never was {policy.shown(now)}")
        why = (Option(WORKAROUND, "A workaround is in place"), never)
        shown = policy.shown(milder)
        label = f"Why {shown}? Required if you choose {shown}"
        fields.append(ChoiceField(BECAUSE, label, why, required=False))
    fields.append(TextField(TEXT, "Reason", long=True, hint="The customer will see this."))
    return Form("severity", titled(context, "Change severity"), "Change severity", tuple(fields), context)


def _option(severity: Severity) -> str:
    return ": ".join(filter(None, (severity.shown, severity.name_beside)))[:75]


async def ask(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    if ticket.state is not State.OPEN:
        return refusal(f"{ticket.key} is {ticket.state}; reopen it first.")
    return Ask(form(desk.policy_of(ticket), context_of(press), ticket.severity, ticket.opened.plan))


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    chosen = next(iter(sent.values.get(SEVERITY, ())), "")
    because = next(iter(sent.values.get(BECAUSE, ())), "")
    reason = text_of(sent)

    policy, account = desk.policy_of(ticket), desk.account_of(ticket)
    earlier: tuple[str, ...] = ()
    if account is not None and chosen in policy.severities:
        earlier = await rarity.earlier_tickets(desk, account, policy, chosen, ticket.key)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        is_downgrade = chosen == _downgrade_to(policy, ticket.severity, ticket.opened.plan)
        errors = {}
        if chosen not in policy.severities:
            errors[SEVERITY] = "Please choose a severity."
        elif chosen == ticket.severity:
            errors[SEVERITY] = f"{ticket.key} is {policy.shown(chosen)} already; choose another one."
        elif ticket.state is not State.OPEN:
            errors[SEVERITY] = f"{ticket.key} is {ticket.state}; reopen it first."
        if is_downgrade and not because:
            errors[BECAUSE] = (
                f"Please choose one of the two: a workaround that is in place meets our promise for "
                f"{policy.shown(ticket.severity)}, a wrong severity does not."
            )
        if not reason:
            errors[TEXT] = "Please give a reason. The customer will see it."
        if errors:
            return Ask(
                form(policy, sent.context, ticket.severity, ticket.opened.plan).rejected(sent.values, errors)
            )
        workaround = is_downgrade and because == WORKAROUND
        misjudged = because == MISJUDGED and _is_milder(policy, chosen, ticket)
        who = desk.who(sent.actor)
        return [SeverityChanged(now, who, chosen, reason, workaround, earlier, misjudged)]

    answer = await desk.change(sent.key, ticket, decide)
    if isinstance(answer, Done) and not answer.duplicate and account is not None:
        await rarity.count_again(desk, account, policy, chosen, ticket.key)
    return answer
