"""Drafts of replies: a program proposes a text, and only a person sends it."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

from pydantic import Field

from bot.api.acting import LONGEST_TEXT, Body, Call
from bot.api.documents import Document
from bot.api.faults import ApiFault, invalid
from bot.api.reading import reached_ticket
from bot.desk.desk import Desk
from bot.model.api_token import Scope
from bot.model.views import Audience, Notice, Quote
from bot.notify.message_factory import card_key
from bot.ports import Message, Priority
from bot.text import clean, typed
from sla_core.ticket import State

_TOPIC = "draft"
"""What follows the ticket in the keys of these messages."""


class DraftBody(Body):
    """A reply that a person may send."""

    key: Annotated[str, Field(max_length=40)]
    """The ticket's key."""
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class Drafted(Document):
    ticket: str
    says: str


async def draft_reply(desk: Desk, call: Call, body: DraftBody) -> Drafted:
    """Shows the text to agents, in the thread of their card; the same text once. Raises ApiFault."""
    if call.token.scope is not Scope.WRITE:
        raise ApiFault(403, "This token may only read.")
    ticket = await reached_ticket(desk, call.token, body.key)
    text = typed(clean(body.text))
    if not text:
        raise invalid({"text": "is empty"})
    if ticket.state is State.CLOSED:
        raise ApiFault(409, f"{ticket.key} is closed; reopen it first.")
    words = (f"{call.actor.name} drafted a reply to {ticket.key}: ", Quote(text))
    advice = " The customer has not seen it. To send it, press Reply on the card."
    name = sha256(f"{call.token.name}\0{text}".encode()).hexdigest()[:16]
    triage = desk.directory.triage_for(desk.directory.channel_of(ticket))
    draft = Message(
        f"{ticket.key}/{_TOPIC}/{ticket.version}/{name}",
        ticket.key,
        triage,
        Notice((*words, advice)),
        Priority.REPLY,
        card_key(ticket.key, Audience.AGENTS),
    )
    await desk.store.enqueue([draft])
    return Drafted(
        ticket=ticket.key, says="Agents see the draft in triage. Nothing was sent to the customer."
    )
