"""The buttons of a drafted update: Send posts it as it is, Update opens the form with its text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.desk.colleagues import writing
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.ticket import update
from bot.desk.ticket.short_forms import TEXT, context_of
from bot.model.inbound import Answer, Ask, Done, Press
from bot.notify import silence, silence_texts
from sla_core.events import Answered, Event, Kind
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket


async def send(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Posts the draft as an update. It counts as any other one."""

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        text = _text(press, ticket, policy)
        if isinstance(text, str):
            return [Answered(now, desk.who(press.actor), Kind.UPDATE, text)]
        return text

    answer = await desk.change(press.key, ticket, decide)
    if isinstance(answer, Done):
        return private_notice(f"{ticket.key}: the customer has got this update.")
    return answer


async def edit(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Opens the form of `Update` with the draft in it."""
    policy = desk.policy_of(ticket)
    text = _text(press, ticket, policy)
    if not isinstance(text, str):
        return text
    form = update.form(ticket, policy, context_of(press) | {"ticket": ticket.key})
    return Ask(await writing.begin(desk, press.actor, ticket, form.filled({TEXT: (text,)})))


def _text(press: Press, ticket: Ticket, policy: Policy) -> str | Answer:
    """The draft as it was offered; a refusal if it needs no answer any more."""
    number = press.value.partition("|")[2]
    seq = int(number) if number.isascii() and number.isdecimal() else 0
    then = silence.draft_of(ticket, seq)
    if then is None:
        return refusal(f"{ticket.key}: this draft is out of date. Please press Update on the ticket's card.")
    over = silence.ended_by(ticket.history, seq)
    if over is not None or ticket.state is not State.OPEN:
        return refusal(silence_texts.draft_over(ticket.key, over or ticket.history[-1], policy))
    return silence_texts.draft(then, policy)
