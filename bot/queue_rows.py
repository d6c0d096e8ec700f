"""A ticket as one line of a queue: what is stored of it with each change, and how that line reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import cards
from bot.ports import QueueEntry, QueueSummary
from bot.views import Audience, QueueRow
from sla_core.countdown import Countdown, Phase, Tone
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket

OPEN, RESOLVED, CLOSED = (state.value for state in State)


def queue_summary(ticket: Ticket, policy: Policy, now: datetime) -> QueueSummary:
    """What a queue sorts by and shows of the ticket at `now`."""
    due = cards.next_due(ticket, policy, now)
    return QueueSummary(
        title=ticket.opened.summary,
        state=ticket.state.value,
        severity=ticket.severity,
        severity_name=policy.severities[ticket.severity].name,
        rank=list(policy.severities).index(ticket.severity),
        vendor=policy.name,
        opened_at=ticket.opened.at,
        ended_at=ticket.ended_at,
        owner=ticket.owner.name if ticket.owner else "",
        acknowledged_by=ticket.acknowledged_by.name if ticket.acknowledged_by else "",
        held=ticket.held,
        customers_turn=ticket.customers_turn,
        due=due,
        wording=cards.wording_of(ticket, policy, due.metric) if due else "target",
    )


def queue_row(key: str, summary: QueueSummary, audience: Audience, now: datetime) -> QueueRow:
    """The line as it reads at `now`. Agents can take a ticket that nobody owns."""
    for_agents = audience is Audience.AGENTS
    is_open = summary.state == OPEN
    due = _at(summary.due, now) if summary.due else None
    return QueueRow(
        key=key,
        title=summary.title,
        state="on hold" if is_open and summary.held else summary.state,
        severity=summary.severity,
        severity_name=summary.severity_name,
        turn=_turn(summary, for_agents),
        owner=cards.who_works_on_it(summary.owner, summary.acknowledged_by) if is_open else "",
        tone=Tone.DONE if not is_open else due.tone if due else Tone.CALM,
        promise=cards.promise_line(due, summary.wording) if due else None,
        button=cards.take_button(key) if for_agents and is_open and not summary.owner else None,
    )


def queue_order(entry: QueueEntry) -> tuple[bool, int, bool, datetime, datetime, str]:
    """Sorts entries that have a summary as Store.queue does."""
    assert entry.summary is not None
    summary = entry.summary
    due_at = summary.due.due_at if summary.due else None
    return (
        summary.state != OPEN,
        summary.rank,
        due_at is None,
        due_at or summary.opened_at,
        summary.opened_at,
        entry.key,
    )


def _at(due: Countdown, now: datetime) -> Countdown:
    """A promise that fell due since the last change reads so before its breach is recorded."""
    if due.due_at is None or now < due.due_at or due.phase is Phase.BREACHED:
        return due
    return replace(due, phase=Phase.BREACHED, tone=Tone.ALARM, bound=None, spent=1.0)


def _turn(summary: QueueSummary, for_agents: bool) -> str:
    if summary.state == CLOSED:
        return "nobody's turn"
    if summary.state == RESOLVED or summary.customers_turn:
        return "the customer's turn" if for_agents else "your turn"
    return "our turn" if for_agents else f"{cards.possessive(summary.vendor)} turn"
