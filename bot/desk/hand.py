"""Having a ticket in hand: seen (`Acknowledge`), mine (`Take it`). Either confirms the proposed severity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.desk.core import Desk, refusal
from bot.exchange import Answer, Press
from sla_core.events import Acknowledged, Event, Taken
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket


async def acknowledge(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        seen_by = ticket.acknowledged_by or ticket.owner
        if seen_by is not None:
            return refusal(f"{seen_by.name} already has {ticket.key}.")
        if ticket.state is not State.OPEN:
            return refusal(f"{ticket.key} is {ticket.state} already.")
        return [Acknowledged(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)


async def take(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Whoever replied has it already, and confirms the severity by this."""

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        me = desk.who(press.actor)
        if ticket.state is not State.OPEN:
            return refusal(f"{ticket.key} is {ticket.state}; reopen it first.")
        mine = ticket.owner is not None and ticket.owner.id == me.id
        if mine and ticket.confirmed:
            return refusal(f"{ticket.key} is yours already.")
        return [Taken(now, me)]

    return await desk.change(press.key, ticket, decide)
