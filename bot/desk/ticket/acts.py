"""Handlers of buttons: acknowledge, take, hold, resume, escalate, resolve, close, reopen, rate, `Why?`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.desk.desk import Desk, refusal
from bot.desk.ticket.short_forms import TELL, TEXT, close_form, context_of, escalate_form, rejected, text_of
from bot.model.address import Actor, Place
from bot.model.facts import facts_of
from bot.model.inbound import Answer, Ask, Done, Press, Show, Submission
from bot.model.views import Receipt, ReceiptRow, ReceiptTable
from bot.notify import history
from bot.notify.cards import METRIC_NAMES, severity_text, without_full_stop
from bot.notify.texts import no_promise, with_key
from sla_core.engine import promises
from sla_core.events import (
    BEST_RATING,
    Acknowledged,
    Closed,
    Escalated,
    Event,
    Held,
    Rated,
    Reopened,
    Resolved,
    Resumed,
    Taken,
)
from sla_core.paging import next_step
from sla_core.policy import Plan, Policy
from sla_core.promise import Promise, receipt
from sla_core.ticket import State, Ticket
from sla_core.triage import ShownAt


async def acknowledge(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        seen_by = ticket.acknowledged_by or ticket.owner
        if seen_by is not None:
            return refusal(f"{seen_by.name} has already acknowledged {ticket.key}.")
        if ticket.state is not State.OPEN:
            return refusal(f"{ticket.key} is already {ticket.state}.")
        return [Acknowledged(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)


async def take(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Makes the agent the owner and confirms the severity. An agent who replied owns the ticket already.

    An owner whose turn has ended may take it again, to stay.
    """

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        me = desk.who(press.actor)
        if ticket.state is not State.OPEN:
            return refusal(f"{ticket.key} is {ticket.state}; reopen it first.")
        mine = ticket.owner is not None and desk.directory.same_person(ticket.owner, me)
        if mine and ticket.confirmed and ticket.handover is None:
            return refusal(f"You already own {ticket.key}.")
        return [Taken(now, me)]

    return await desk.change(press.key, ticket, decide)


def _why_no_hold(ticket: Ticket) -> str | None:
    if not ticket.opened.may_hold:
        return f"The customer's plan and order form do not allow a hold on {ticket.key}."
    if ticket.state is not State.OPEN:
        return f"{ticket.key} is already {ticket.state}."
    return f"{ticket.key} is already on hold." if ticket.held else None


async def hold(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    reason = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        why_not = _why_no_hold(ticket) or (None if reason else "Please say what you are waiting for.")
        return rejected(sent, why_not) if why_not else [Held(now, desk.who(sent.actor), reason)]

    return await desk.change(sent.key, ticket, decide)


async def resume(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if not ticket.held:
            return refusal(f"{ticket.key} is not on hold.")
        return [Resumed(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)


async def ask_to_escalate(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    by_agent = desk.relation(press.actor, press.place, ticket) == "agent"
    return Ask(escalate_form(by_agent, context_of(press)))


async def escalate(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    """An agent's escalation pages the next step and stays internal unless the customer is to be told."""
    reason = text_of(sent)
    by_agent = desk.relation(sent.actor, Place.parse(sent.context["place"]), ticket) == "agent"
    tell = not by_agent or bool(sent.values.get(TELL))

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        why_not = None if reason else "Please give a reason. The people we alert read it first."
        if ticket.state is not State.OPEN:
            why_not = f"{ticket.key} is {ticket.state}; reopen it first. Your text is still in the form."
        if why_not:
            form = escalate_form(by_agent, sent.context)
            return Ask(form.rejected(sent.values, {TEXT: why_not}))
        me, found = desk.who(sent.actor), next_step(ticket, policy, desk.duty, now) if by_agent else None
        calls_at = found.opens_at if found and found.opens_at > now else None
        return [Escalated(now, me, reason, by_agent, found.step if found else None, calls_at, tell)]

    return await desk.change(sent.key, ticket, decide)


async def resolve(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    text = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is not State.OPEN:
            return rejected(sent, f"{ticket.key} is already {ticket.state}. Your text is still in the form.")
        if not text:
            return rejected(sent, "Please say what you did. The customer will see it.")
        account = desk.account_of(ticket)
        close_after = account.auto_close if account else None
        return [Resolved(now, desk.who(sent.actor), text, follow_up=True, close_after=close_after)]

    return await desk.change(sent.key, ticket, decide)


async def close(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Closes at once; while a promise runs, asks first, since a stray click would end it (contract.md)."""

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if refused := _why_no_close(desk, press.actor, press.place, ticket):
            return refused
        running = [promise for promise in promises(ticket, policy) if not promise.settled]
        if running:
            return Ask(close_form(ticket, running, context_of(press), now))
        return [Closed(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)


async def confirm_close(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    place = Place.parse(sent.context["place"])

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        return _why_no_close(desk, sent.actor, place, ticket) or [Closed(now, desk.who(sent.actor))]

    return await desk.change(sent.key, ticket, decide)


def _why_no_close(desk: Desk, actor: Actor, place: Place, ticket: Ticket) -> Answer | None:
    """Agents cannot close an open ticket: it would end its promises unanswered."""
    if ticket.state is State.CLOSED:
        return refusal(f"{ticket.key} is already {ticket.state}.")
    if ticket.state is State.OPEN and desk.relation(actor, place, ticket) == "agent":
        return refusal(f"Until {ticket.key} is resolved, only the customer can close it. Resolve it instead.")
    return None


async def reopen(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is State.OPEN:
            return refusal(f"{ticket.key} is already {ticket.state}.")
        return [Reopened(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)


async def explain(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Shows the severity with the clause that proposed it, and the receipt of each promise."""
    policy = desk.policy_of(ticket)
    opened = ticket.opened
    severity = policy.severities[ticket.severity]
    said = f"is {severity_text(ticket, policy)}: {severity.source.says}"
    if ticket.severity == opened.severity:
        said += f" Proposed because: {without_full_stop(opened.why)}."
    elif ticket.downgraded_from is not None:
        said += f" A workaround lowered the severity from {policy.shown(ticket.downgraded_from)}."
    else:
        before, last = policy.shown(ticket.severities[-2][1]), history.last_severity_change(ticket)
        if last is not None and last.misjudged:
            said += f" The severity was corrected from {before}: it never was {before}."
        else:
            said += f" The severity was changed from {before}."
    running, now = promises(ticket, policy), desk.clock.now()
    nothing = "" if running else f" {no_promise(policy)}"
    said += f" Source: {policy.cited(severity.source)}."
    plan = policy.plans[opened.plan]
    if plan.calls is not None and (phone := plan.phone_text(ticket.severity)):
        nothing += f" {phone}. Source: {policy.cited(plan.calls.source)}."
    for fact in facts_of(ticket, policy, ShownAt.WHY, now):
        nothing += f"\n{fact.tells} Source: {policy.cited(fact.source)}."
    shown = Receipt(
        ticket.key,
        with_key(ticket.key, said + nothing),
        tuple(_table(promise, policy, plan, now) for promise in running),
    )
    return Show(shown, public=_may_all_read(desk, press.place, ticket))


def _may_all_read(desk: Desk, place: Place, ticket: Ticket) -> bool:
    """Whether everybody in this place may know of the ticket."""
    account = desk.directory.account_of(place)
    is_customers = account is not None and account.id == ticket.opened.account
    return is_customers or desk.directory.is_triage(place)


def _hours(promise: Promise, policy: Policy, plan: Plan) -> str:
    """What the policy says of the hours that count a promise; empty if they are all hours."""
    name = promise.target.calendar
    source = policy.hours_sources.get(plan.calendars.get(name, name))
    return f" Hours: {source.says}" if source and not promise.calendar.always_open else ""


def _table(promise: Promise, policy: Policy, plan: Plan, now: datetime) -> ReceiptTable:
    """The receipt of one promise, up to its deadline or, on hold, up to `now`."""
    source = promise.target.source
    cites = f"Source: {policy.cited(source)}"
    rows = []
    for stretch in receipt(promise.calendar, promise.started_at, promise.due_at or now, promise.gaps):
        counted = _length(stretch.counted) if stretch.counted else ""
        rows.append(ReceiptRow(stretch.span.start, stretch.span.end, stretch.why, counted))
    return ReceiptTable(
        title=METRIC_NAMES[promise.metric],
        says=f"{without_full_stop(source.says)}.{_hours(promise, policy, plan)}",
        cites=cites,
        due_at=promise.due_at,
        rows=tuple(rows),
        zone=promise.calendar.zone.key,
    )


def _length(counted: timedelta) -> str:
    """`4 h`, `2 h 30 min`, `45 s`."""
    seconds = int(counted.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


async def rate(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Records the rating that the button names after the ticket's key. It may change until the closing."""
    number = press.value.partition("|")[2]
    rating = int(number) if number in {str(each) for each in range(1, BEST_RATING + 1)} else None

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if rating is None:
            return refusal("This button is out of date. Please use the newest message of the ticket.")
        if ticket.state is not State.RESOLVED:
            why = "is closed, so its rating stays." if ticket.state is State.CLOSED else "is open again."
            return refusal(f"{ticket.key} {why}")
        return Done() if ticket.rating == rating else [Rated(now, desk.who(press.actor), rating)]

    return await desk.change(press.key, ticket, decide)
