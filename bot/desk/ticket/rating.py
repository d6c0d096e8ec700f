"""The customer's rating of a resolution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.desk.desk import Desk, refusal
from bot.model.inbound import Answer, Done, Press
from sla_core.events import BEST_RATING, Event, Rated
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket


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
