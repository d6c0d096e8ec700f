"""Holding the clocks, where plan or order form grants it: announced, and ended by any customer message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.desk.core import Desk, refusal
from bot.desk.forms import rejected, text_of
from bot.exchange import Answer, Press, Submission
from sla_core.events import Event, Held, Resumed
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket


def _why_not(ticket: Ticket) -> str | None:
    if not ticket.opened.may_hold:
        return f"Neither the plan nor the order form of {ticket.key} grants holding its clocks."
    if ticket.state is not State.OPEN:
        return f"{ticket.key} is {ticket.state}."
    return f"{ticket.key} is on hold already." if ticket.held else None


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    reason = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        why_not = _why_not(ticket) or (None if reason else "Please say what you are waiting for.")
        return rejected(sent, why_not) if why_not else [Held(now, desk.who(sent.actor), reason)]

    return await desk.change(sent.key, ticket, decide)


async def resume(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if not ticket.held:
            return refusal(f"{ticket.key} is not on hold.")
        return [Resumed(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)
