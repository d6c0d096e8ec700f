"""The end of a ticket: agents resolve, customers close, either side reopens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.desk.core import Desk, refusal
from bot.desk.forms import rejected, text_of
from bot.exchange import Answer, Press, Submission
from sla_core.events import Closed, Event, Reopened, Resolved
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    text = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is not State.OPEN:
            return rejected(sent, f"{ticket.key} is {ticket.state} already. Your text is kept here.")
        if not text:
            return rejected(sent, "Please say what was done; it goes to the customer.")
        return [Resolved(now, desk.who(sent.actor), text)]

    return await desk.change(sent.key, ticket, decide)


async def close(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """The customer's word that it is over. An agent's would end the clocks of an open ticket unanswered."""

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is State.CLOSED:
            return refusal(f"{ticket.key} is closed already.")
        if ticket.state is State.OPEN and desk.relation(press.actor, press.place, ticket) == "agent":
            return refusal(f"Closing {ticket.key} is the customer's to do. Resolve it in triage instead.")
        return [Closed(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)


async def reopen(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is State.OPEN:
            return refusal(f"{ticket.key} is open already.")
        return [Reopened(now, desk.who(press.actor))]

    return await desk.change(press.key, ticket, decide)
