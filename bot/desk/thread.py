"""A ticket's thread: whose it is, and what becomes of messages after they were written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.address import MessageRef
from bot.desk import welcome
from bot.desk.core import Desk
from bot.exchange import Answer, Done, MessageChanged
from sla_core.events import Answered, Corrected, CustomerWrote, Event
from sla_core.policy import Policy
from sla_core.ticket import Ticket


async def ticket_below(desk: Desk, root: MessageRef) -> str | None:
    """The ticket whose message this is; a channel's messages keep their ids when it moves."""
    for place in desk.directory.addresses(root.place):
        if key := await desk.store.ticket_of(replace(root, place=place)):
            return key
    return None


async def on_message_changed(desk: Desk, act: MessageChanged) -> Answer:
    """Agents see a change in the customer's thread; elsewhere it is nobody's business.

    A standing message of our own that was deleted is put back.
    """
    if act.text is None and act.thread is None:
        await welcome.repost_deleted(desk, act.message)
        return Done()
    key = await ticket_below(desk, act.thread) if act.thread else None
    if key is None:
        return Done()
    text = act.text.strip() if act.text is not None else None

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        known, reads = last_known_text(ticket, act.message.id)
        here = desk.directory.current_address(act.place) == desk.directory.channel_of(ticket)
        if not here or (known and reads == text) or not (known or text):
            return Done()
        return [Corrected(now, desk.who(act.actor), act.message.id, text)]

    return await desk.change(act.key, key, decide)


def last_known_text(ticket: Ticket, message: str) -> tuple[bool, str | None]:
    """Whether we know a message of the thread, and what it says by now: None when it is deleted."""
    known, text = False, None
    for event in ticket.history:
        if isinstance(event, Answered | CustomerWrote | Corrected) and event.message == message:
            known, text = True, None if event.text is None else event.text.strip()
    return known, text
