"""The product on one page: what people can do, who may, and where it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from bot import metrics
from bot.address import Actor, Place
from bot.desk import (
    alert,
    channels,
    doors,
    escalate,
    hand,
    hold,
    home,
    intake,
    interview,
    look,
    questions,
    resolve,
    severity,
    speak,
    thread,
    update,
)
from bot.desk.core import Desk, refusal
from bot.desk.forms import as_one, ask_text, sent_before
from bot.desk.intake_form import FORM
from bot.directory import PolicyGone
from bot.exchange import (
    Answer,
    ChannelTurned,
    Command,
    Done,
    Filling,
    HomeOpened,
    Inbound,
    Left,
    Posted,
    Press,
    Revised,
    Submission,
)
from bot.ports import Conflict, NoSuchTicket, trace_id
from sla_core.ticket import Ticket

log = structlog.get_logger(__name__)

AGENT, PARTY, ANYONE, RECIPIENT = "agent", "party", "anyone", "recipient"
"""Who may: agents · agents and the ticket's customers · everyone · those who get direct messages."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a button of a ticket does."""

    who: str
    does: Callable[[Desk, Press, Ticket], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form about a ticket does when it is sent."""

    who: str
    does: Callable[[Desk, Submission, Ticket], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class PressedByAnyone:
    """What a button does that belongs to no ticket."""

    does: Callable[[Desk, Press], Awaitable[Answer]]
    who: str = ANYONE


@dataclass(frozen=True, slots=True)
class SentByAnyone:
    """What a form does that belongs to no ticket."""

    does: Callable[[Desk, Submission], Awaitable[Answer]]
    who: str = ANYONE


def _asks(form: str) -> Callable[[Desk, Press, Ticket], Awaitable[Answer]]:
    async def ask(desk: Desk, press: Press, ticket: Ticket) -> Answer:
        return ask_text(form, press)

    return ask


PRESSES: dict[str, Pressed | PressedByAnyone] = {
    "get_help": PressedByAnyone(doors.get_help),
    questions.ACTION: PressedByAnyone(interview.pressed),
    "why": Pressed(PARTY, look.why),
    "add_details": Pressed(PARTY, _asks("add_details")),
    "escalate": Pressed(PARTY, _asks("escalate")),
    "close": Pressed(PARTY, resolve.close),
    "reopen": Pressed(PARTY, resolve.reopen),
    "acknowledge": Pressed(AGENT, hand.acknowledge),
    "take": Pressed(AGENT, hand.take),
    "reply": Pressed(AGENT, _asks("reply")),
    "update": Pressed(AGENT, update.ask),
    "milestone": Pressed(AGENT, speak.milestone),
    "severity": Pressed(AGENT, severity.ask),
    "hold": Pressed(AGENT, _asks("hold")),
    "resume": Pressed(AGENT, hold.resume),
    "resolve": Pressed(AGENT, _asks("resolve")),
    "alert_acknowledge": Pressed(RECIPIENT, alert.acknowledge),
    "alert_call": Pressed(RECIPIENT, alert.call),
    "alert_delegate": Pressed(RECIPIENT, alert.delegate),
    "alert_snooze": Pressed(RECIPIENT, alert.snooze),
}

FORMS: dict[str, Sent | SentByAnyone] = {
    FORM: SentByAnyone(intake.submit),
    "add_details": Sent(PARTY, speak.send_details),
    "escalate": Sent(PARTY, escalate.submit),
    "reply": Sent(AGENT, speak.send_reply),
    "update": Sent(AGENT, update.submit),
    "severity": Sent(AGENT, severity.submit),
    "hold": Sent(AGENT, hold.submit),
    "resolve": Sent(AGENT, resolve.submit),
    "alert_delegate": Sent(RECIPIENT, alert.submit),
}


def dispatch(desk: Desk) -> Callable[[Inbound], Awaitable[Answer]]:
    """The one function that a platform hands everything to."""
    return partial(answer, desk)


async def answer(desk: Desk, inbound: Inbound) -> Answer:
    """What the desk answers; whatever is logged meanwhile, and of the messages it sends, has the act's id."""
    if isinstance(inbound, Submission):
        inbound = as_one(inbound)
    with bound_contextvars(trace=trace_id(inbound.key)):
        what = getattr(inbound, "action", getattr(inbound, "form", ""))
        metrics.acts.labels(type(inbound).__name__).inc()
        log.info("act", kind=type(inbound).__name__, what=what)
        return await _answer(desk, inbound)


async def _answer(desk: Desk, inbound: Inbound) -> Answer:
    """Route an act to who does it, once it is clear that this person may."""
    try:
        match inbound:
            case Command():
                return await doors.command(desk, inbound)
            case Press():
                return await _pressed(desk, inbound)
            case Submission():
                return await _sent(desk, inbound)
            case Filling() | Left() if not _is_whole(inbound):
                return Done()
            case Filling():
                return await intake.filling(desk, inbound)
            case Left():
                return await intake.left(desk, inbound)
            case Posted():
                return await doors.heard(desk, inbound)
            case Revised():
                return await thread.revised(desk, inbound)
            case HomeOpened():
                return await home.opened(desk, inbound)
            case ChannelTurned():
                return await channels.turned(desk, inbound)
    except NoSuchTicket:
        return refusal("This ticket is not in the desk's records.")
    except (Conflict, PolicyGone) as wrong:
        return refusal(f"Nothing was changed: {wrong}.")


async def _pressed(desk: Desk, press: Press) -> Answer:
    route = PRESSES.get(press.action)
    if route is None:
        return refusal("This button belongs to an older version of the desk; use the newest card.")
    if isinstance(route, PressedByAnyone):
        return await route.does(desk, press)
    ticket = await desk.ticket(press.value.partition("|")[0])
    refused = _refused(desk, route.who, press.actor, press.place, ticket)
    return refused or await route.does(desk, press, ticket)


async def _sent(desk: Desk, sent: Submission) -> Answer:
    route = FORMS.get(sent.form)
    if route is None or not _is_whole(sent):
        return refusal("This form belongs to an older version of the desk; please open it again.")
    if isinstance(route, SentByAnyone):
        return await route.does(desk, sent)
    ticket = await desk.ticket(sent.context["ticket"])
    if refused := _refused(desk, route.who, sent.actor, Place.parse(sent.context["place"]), ticket):
        return refused
    answer = await route.does(desk, sent, ticket)
    return sent_before(sent) if isinstance(answer, Done) and answer.before else answer


def _is_whole(form: Submission | Filling | Left) -> bool:
    """Whether it carries what our forms carry."""
    needs = {"place", "version" if form.form == FORM else "ticket"}
    return needs <= form.context.keys() and ":" in form.context["place"]


def _refused(desk: Desk, who: str, actor: Actor, place: Place, ticket: Ticket) -> Answer | None:
    """Why this person may not, or None."""
    if who == RECIPIENT:
        if desk.directory.person(actor) is not None:
            return None
        return refusal("This message was for somebody else.")
    relation = desk.relation(actor, place, ticket)
    if relation == "agent" or (relation == "customer" and who == PARTY):
        return None
    vendor = desk.policy_of(ticket).vendor
    return refusal(
        f"Only agents of {vendor} can do that."
        if who == AGENT
        else f"Only the customer of {ticket.key} and agents of {vendor} can do that."
    )
