"""Messages between customer and agents: details, the ticket's thread, the buttons of a drafted update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.desk import writing
from bot.desk.desk import Desk, private_notice, refusal
from bot.desk.ticket import update
from bot.desk.ticket.short_forms import TEXT, context_of, rejected, text_of
from bot.model.address import MessageRef, Place
from bot.model.inbound import Answer, Ask, Done, MessageChanged, Posted, Press, Submission
from bot.notify import silence, silence_texts
from bot.ports import RedeliverLater
from sla_core.events import (
    VIA_APP,
    VIA_FORM,
    Answered,
    Attachment,
    Corrected,
    CustomerWrote,
    Event,
    Kind,
    Turn,
)
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket

TICKET_ENDED = (
    "{key} is {state}. We passed your message on to the agents. Press Reopen if you still need help."
)

NOT_MONITORED = (
    "Only you can see this thread. To answer the customer, write “status {key}” here and press Reply."
)
"""The answer to a reply in the thread of a direct message."""


async def send_details(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    text = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        if ticket.state is State.CLOSED:
            return rejected(sent, f"{ticket.key} is closed; reopen it first. Your text is still in the form.")
        by_agent = desk.relation(sent.actor, Place.parse(sent.context["place"]), ticket) == "agent"
        return [CustomerWrote(now, desk.who(sent.actor), text, VIA_FORM, by_agent)]

    if not text:
        return rejected(sent, "Please write the details to add.")
    return await desk.change(sent.key, ticket, decide)


async def on_thread_message(desk: Desk, message: Posted) -> Answer:
    """Records a message in the customer's channel, in a ticket's thread or the one that it was asked from.

    Ignores other threads, such as agents' in triage. An app's words count as nobody's answer.

    Raises RedeliverLater if the thread's root is ours and not recorded yet.
    """
    key = await ticket_below(desk, message.thread) if message.thread else None
    if key is None and message.in_own_thread:
        raise RedeliverLater("a reply came before the message it replies to was on record")
    if key is None or not (message.text.strip() or message.files):
        return Done()
    ticket = await desk.ticket(key)
    if message.place.direct:
        return refusal(NOT_MONITORED.format(key=key))
    if desk.directory.current_address(message.place) != desk.directory.channel_of(ticket):
        return Done()
    by, ref = desk.who(message.actor), message.message.id
    files = tuple(Attachment(file.name, file.url) for file in message.files)
    from_agent = desk.relation(message.actor, message.place, ticket) == "agent"

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event]:
        if message.from_app:
            return [CustomerWrote(now, by, message.text, VIA_APP, files=files, message=ref)]
        if from_agent:
            return [Answered(now, by, Kind.MESSAGE, message.text, files, ref, next=Turn.WE)]
        return [CustomerWrote(now, by, message.text, files=files, message=ref)]

    answer = await desk.change(message.key, ticket, decide)
    if not (from_agent or message.from_app) and ticket.state is not State.OPEN:
        return refusal(TICKET_ENDED.format(key=key, state=ticket.state))
    return answer


async def ticket_below(desk: Desk, root: MessageRef) -> str | None:
    """The ticket that a message belongs to. Messages keep their ids when a channel moves."""
    for place in desk.directory.addresses(root.place):
        if key := await desk.store.ticket_of(replace(root, place=place)):
            return key
    return None


async def on_message_changed(desk: Desk, act: MessageChanged) -> Answer:
    """Tells agents of an edited or deleted message in the customer's thread. Ignores all others."""
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
    """Whether a message of the thread is recorded, and its latest text: None if it was deleted."""
    known, text = False, None
    for event in ticket.history:
        if isinstance(event, Answered | CustomerWrote | Corrected) and event.message == message:
            known, text = True, None if event.text is None else event.text.strip()
    return known, text


async def send(desk: Desk, press: Press, ticket: Ticket) -> Answer:
    """Posts the draft as an update. It counts as any other one."""

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        text = _text(press, ticket, policy)
        if isinstance(text, str):
            return [Answered(now, desk.who(press.actor), Kind.UPDATE, text)]
        return text

    answer = await desk.change(press.key, ticket, decide)
    if isinstance(answer, Done):
        return private_notice(f"{ticket.key}: the update was sent to the customer.")
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
