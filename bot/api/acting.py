"""What a token does, as an agent: it fills in the desk's own forms, so the same rules and refusals apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.api.documents import Document, Opening, TicketDocument
from bot.api.faults import ApiFault, invalid
from bot.api.reading import reached_ticket, read_ticket
from bot.desk import routes
from bot.desk.desk import Desk
from bot.desk.intake.form import (
    ACCOUNT,
    DETAILS,
    FORM,
    KNOWN,
    LONGEST_DETAILS,
    LONGEST_SUMMARY,
    OFFERED,
    SOMETHING_NEW,
    SUMMARY,
)
from bot.desk.ticket.severity import BECAUSE, MISJUDGED, SEVERITY, WORKAROUND
from bot.desk.ticket.short_forms import NEXT, TEXT
from bot.model.address import Actor, UserRef
from bot.model.api_token import API, Scope, Token
from bot.model.inbound import Answer, Ask, Show, Submission
from bot.model.views import Audience, Notice, Quote
from bot.notify.message_factory import card_key
from bot.ports import Message, Priority
from bot.text import UTC_ZONE, clean, plain_text, typed
from sla_core.events import Turn
from sla_core.policy import Policy
from sla_core.ticket import State

LONGEST_TEXT = 3000
"""Characters, as in the forms."""
_Id = Annotated[str, Field(max_length=100)]


class Body(BaseModel):
    """The body of a request. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


_Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class OpenBody(Body):
    """A ticket to open on the customer's behalf."""

    account: _Id
    summary: Annotated[str, Field(min_length=1, max_length=LONGEST_SUMMARY)]
    details: Annotated[str, Field(max_length=LONGEST_DETAILS)] = ""
    answers: Annotated[dict[_Id, str | list[str]], Field(max_length=100)] = {}
    """The answers of the intake form, by question; `frontline questions` lists questions and options."""
    same_as: _Id | None = None
    """The key of an open ticket about the same problem, to which the text is added instead."""


class ReplyBody(Body):
    """A message to the customer. It meets the first response."""

    text: _Text
    next: Turn = Turn.WE
    """Whose turn it is then."""


class SeverityBody(Body):
    """A change of severity, which the customer is told."""

    severity: _Id
    reason: _Text
    because: Literal["workaround", "misjudged"] | None = None
    """Required for a severity that only a workaround leads to."""


class ResolveBody(Body):
    """A resolution, which the customer is told."""

    text: _Text


assert {WORKAROUND, MISJUDGED} == {"workaround", "misjudged"}


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks for an act, and its envelope: two acts with the same envelope are one act."""

    token: Token
    envelope: str

    @property
    def actor(self) -> Actor:
        return Actor(UserRef(API, "", self.token.name), "", f"{self.token.name} (API)", self.token)


async def open_ticket(desk: Desk, call: Call, body: OpenBody) -> Opening:
    """Opens a ticket, as an agent in triage does. Raises ApiFault."""
    account = desk.directory.settings.accounts.get(body.account)
    if account is None or not call.token.reaches(account.id):
        raise invalid({"account": "is none that this token reaches"})
    now = desk.real_clock.now()
    full_until = desk.openings.full_until(str(call.actor.user), account.id, now)
    if full_until is not None and not await desk.store.ticket_of_envelope(call.envelope):
        wait = (full_until - now + timedelta(seconds=1)) // timedelta(seconds=1)
        raise ApiFault(429, "Too many tickets were opened in the last hour.", retry_after=wait)
    policy = desk.directory.policy_on(desk.clock.now().date())
    if body.same_as and not await desk.store.ticket_of_envelope(call.envelope):
        same = await reached_ticket(desk, call.token, body.same_as)
        if same.opened.account != account.id or same.state is not State.OPEN:
            raise invalid({"same_as": f"is no open ticket of {account.id}"})
    answers = {
        name: (given,) if isinstance(given, str) else tuple(given) for name, given in body.answers.items()
    }
    if unknown := [
        name for name in answers if name not in {question.id for question in policy.triage.questions}
    ]:
        raise invalid({f"answers.{name}": "is no question of this policy" for name in unknown})
    values = answers | {
        ACCOUNT: (account.id,),
        SUMMARY: (body.summary,),
        DETAILS: (body.details,),
        KNOWN: (body.same_as or SOMETHING_NEW,),
    }
    place = desk.directory.triage_for(desk.directory.channels_of(account)[0])
    context = {"place": str(place), "version": policy.version}
    if body.same_as:
        context[OFFERED] = body.same_as
    answer = await _dispatch(desk, call, FORM, values, context)
    key = answer.ticket if isinstance(answer, Show) or not isinstance(answer, Ask) else ""
    if not key:
        raise _refusal(answer, _fields_of_opening(policy))
    ticket = await read_ticket(desk, call.token, key)
    return Opening(ticket=ticket, says=_said(answer) or None)


def _fields_of_opening(policy: Policy) -> dict[str, str]:
    return {question.id: f"answers.{question.id}" for question in policy.triage.questions} | {
        KNOWN: "same_as"
    }


async def reply(desk: Desk, call: Call, key: str, body: ReplyBody) -> TicketDocument:
    """Raises ApiFault."""
    return await _act(desk, call, key, "reply", {TEXT: (body.text,), NEXT: (body.next,)})


async def change_severity(desk: Desk, call: Call, key: str, body: SeverityBody) -> TicketDocument:
    """Raises ApiFault."""
    values = {SEVERITY: (body.severity,), TEXT: (body.reason,)}
    values |= {BECAUSE: (body.because,)} if body.because else {}
    return await _act(desk, call, key, "severity", values, {TEXT: "reason"})


async def resolve(desk: Desk, call: Call, key: str, body: ResolveBody) -> TicketDocument:
    """Raises ApiFault."""
    return await _act(desk, call, key, "resolve", {TEXT: (body.text,)})


async def _act(
    desk: Desk,
    call: Call,
    key: str,
    form: str,
    values: Mapping[str, tuple[str, ...]],
    fields: Mapping[str, str] | None = None,
) -> TicketDocument:
    """Submits the form of a ticket's button. Raises ApiFault."""
    ticket = await reached_ticket(desk, call.token, key)
    known = await desk.store.ticket_of_envelope(call.envelope)
    if known is None:
        place = desk.directory.triage_for(desk.directory.channel_of(ticket))
        answer = await _dispatch(desk, call, form, values, {"ticket": ticket.key, "place": str(place)})
        if isinstance(answer, Show | Ask):
            raise _refusal(answer, fields or {})
    return await read_ticket(desk, call.token, key)


async def _dispatch(
    desk: Desk, call: Call, form: str, values: Mapping[str, tuple[str, ...]], context: Mapping[str, str]
) -> Answer:
    return await routes.answer(
        desk, Submission(call.envelope, desk.clock.now(), call.actor, form, values, context)
    )


def _refusal(answer: Answer, fields: Mapping[str, str]) -> ApiFault:
    """The refusal of a form, with its fields by the names that the API has for them."""
    if isinstance(answer, Ask) and answer.form.errors:
        return invalid({fields.get(name, name): says for name, says in answer.form.errors.items()})
    return ApiFault(409, _said(answer) or "Nothing was changed.")


def _said(answer: Answer) -> str:
    view = answer.view if isinstance(answer, Show) else None
    return plain_text(view.text, UTC_ZONE).strip() if isinstance(view, Notice) else ""


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
