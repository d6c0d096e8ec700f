"""The product on one page: what people can do, who may do it, and which function handles it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from bot import spans, telemetry
from bot.config.directory import PolicyVersionMissing
from bot.desk import channels, home, queue, queue_filters, writing
from bot.desk.agents import assign, reply, send_to_customer
from bot.desk.desk import Desk, refusal
from bot.desk.intake import alarms, conversation, conversation_steps, entry_points, open
from bot.desk.intake.form import FORM
from bot.desk.tam import away, tam_home
from bot.desk.ticket import acts, calls, direct_messages, milestones, pages, severity, thread, update
from bot.desk.ticket.short_forms import open_text_form, sent_before, sent_elsewhere, sent_too_late
from bot.model.address import Actor, Place
from bot.model.forms import OPENED_AT, OUT_OF_DATE, form_key, is_expired
from bot.model.inbound import (
    AlarmChanged,
    Answer,
    Ask,
    ChannelChanged,
    Command,
    Done,
    FormChanged,
    FormClosed,
    HomeOpened,
    Inbound,
    MessageAction,
    MessageChanged,
    PagerAcknowledged,
    Posted,
    Press,
    Show,
    Submission,
)
from bot.model.views import Audience
from bot.notify import agent_notes, closing
from bot.ports import Conflict, NoSuchTicket, trace_id
from sla_core.ticket import Ticket

log = structlog.get_logger(__name__)

AGENT, PARTICIPANT, CUSTOMER, ANYONE = "agent", "party", "customer", "anyone"
RECIPIENT, TAM = "recipient", "tam"
"""Who may act: agents; agents and the ticket's customers; these; everyone; people who get direct messages;
TAMs."""


@dataclass(frozen=True, slots=True)
class ButtonRoute:
    """The handler of a button that belongs to a ticket, and who may press it."""

    who: str
    handler: Callable[[Desk, Press, Ticket], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class FormRoute:
    """The handler of a submitted form about a ticket, and who may submit it."""

    who: str
    handler: Callable[[Desk, Submission, Ticket], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class PublicButtonRoute:
    """The handler of a button that belongs to no ticket."""

    handler: Callable[[Desk, Press], Awaitable[Answer]]
    who: str = ANYONE


@dataclass(frozen=True, slots=True)
class PublicFormRoute:
    """The handler of a submitted form that belongs to no ticket."""

    handler: Callable[[Desk, Submission], Awaitable[Answer]]
    who: str = ANYONE


def _opens(form: str) -> Callable[[Desk, Press, Ticket], Awaitable[Answer]]:
    async def ask(desk: Desk, press: Press, ticket: Ticket) -> Answer:
        return open_text_form(form, press)

    return ask


BUTTONS: dict[str, ButtonRoute | PublicButtonRoute] = {
    "get_help": PublicButtonRoute(entry_points.get_help),
    agent_notes.OPEN: PublicButtonRoute(entry_points.open_unticketed, AGENT),
    agent_notes.DISMISS: PublicButtonRoute(entry_points.dismiss_unticketed, AGENT),
    conversation_steps.ACTION: PublicButtonRoute(conversation.on_button),
    "why": ButtonRoute(PARTICIPANT, acts.explain),
    "add_details": ButtonRoute(PARTICIPANT, _opens("add_details")),
    "escalate": ButtonRoute(PARTICIPANT, acts.ask_to_escalate),
    "call_request": ButtonRoute(PARTICIPANT, calls.ask),
    "close": ButtonRoute(PARTICIPANT, acts.close),
    "reopen": ButtonRoute(PARTICIPANT, acts.reopen),
    closing.RATE: ButtonRoute(CUSTOMER, acts.rate),
    "acknowledge": ButtonRoute(AGENT, acts.acknowledge),
    "take": ButtonRoute(AGENT, acts.take),
    assign.FORM: ButtonRoute(AGENT, assign.ask),
    "reply": ButtonRoute(AGENT, reply.ask),
    "update": ButtonRoute(AGENT, update.ask),
    "milestone": ButtonRoute(AGENT, milestones.milestone),
    milestones.FORM: ButtonRoute(AGENT, milestones.milestone),
    "mitigation": ButtonRoute(AGENT, milestones.mitigate),
    "services_disabled": ButtonRoute(AGENT, _opens("services_disabled")),
    "services_enabled": ButtonRoute(AGENT, _opens("services_enabled")),
    "severity": ButtonRoute(AGENT, severity.ask),
    "hold": ButtonRoute(AGENT, _opens("hold")),
    "resume": ButtonRoute(AGENT, acts.resume),
    "resolve": ButtonRoute(AGENT, _opens("resolve")),
    "draft_send": ButtonRoute(AGENT, thread.send),
    "draft_edit": ButtonRoute(AGENT, thread.edit),
    "alert_acknowledge": ButtonRoute(RECIPIENT, direct_messages.acknowledge),
    "alert_call": ButtonRoute(RECIPIENT, direct_messages.call),
    "alert_delegate": ButtonRoute(RECIPIENT, direct_messages.delegate),
    "alert_snooze": ButtonRoute(RECIPIENT, direct_messages.ask_to_snooze),
    queue_filters.ACTION: PublicButtonRoute(queue_filters.press, AGENT),
    tam_home.ACTION: PublicButtonRoute(tam_home.press_filter, TAM),
    away.BACK.action: PublicButtonRoute(away.pressed_back, TAM),
    "page_acknowledge": ButtonRoute(RECIPIENT, pages.acknowledge),
    "page_call": ButtonRoute(RECIPIENT, pages.call),
    "page_delegate": ButtonRoute(RECIPIENT, pages.ask_to_delegate),
    "page_snooze": ButtonRoute(RECIPIENT, pages.ask_to_snooze),
}

FORMS: dict[str, FormRoute | PublicFormRoute] = {
    FORM: PublicFormRoute(open.submit),
    "add_details": FormRoute(PARTICIPANT, thread.send_details),
    "escalate": FormRoute(PARTICIPANT, acts.escalate),
    "call_request": FormRoute(PARTICIPANT, calls.submit),
    assign.FORM: FormRoute(AGENT, assign.submit),
    "reply": FormRoute(AGENT, reply.submit),
    send_to_customer.FORM: FormRoute(AGENT, send_to_customer.submit),
    "update": FormRoute(AGENT, update.submit),
    "severity": FormRoute(AGENT, severity.submit),
    milestones.FORM: FormRoute(AGENT, milestones.submit),
    "services_disabled": FormRoute(AGENT, milestones.disable_services),
    "services_enabled": FormRoute(AGENT, milestones.enable_services),
    "hold": FormRoute(AGENT, acts.hold),
    "resolve": FormRoute(AGENT, acts.resolve),
    "close": FormRoute(PARTICIPANT, acts.confirm_close),
    "alert_delegate": FormRoute(RECIPIENT, direct_messages.submit),
    "alert_snooze": FormRoute(RECIPIENT, direct_messages.snooze),
    away.FORM: PublicFormRoute(away.submit, TAM),
    "page_delegate": FormRoute(RECIPIENT, pages.delegate),
    "page_snooze": FormRoute(RECIPIENT, pages.snooze),
}


def dispatch(desk: Desk) -> Callable[[Inbound], Awaitable[Answer]]:
    """The function that platforms call with everything that people do."""
    return partial(answer, desk)


async def answer(desk: Desk, inbound: Inbound) -> Answer:
    """The desk's answer to an act. Log lines and messages that the act causes carry its trace id."""
    if isinstance(inbound, Submission):
        # A form counts once, whoever sends it.
        inbound = replace(inbound, key=form_key(inbound.context) or inbound.key)
    with bound_contextvars(trace=trace_id(inbound.key)):
        what = getattr(inbound, "action", getattr(inbound, "form", ""))
        telemetry.acts.labels(type(inbound).__name__).inc()
        log.info("act", kind=type(inbound).__name__, what=what)
        with spans.span(spans.Work.ACT, *_traced(inbound)):
            answered = await _answer(desk, inbound)
            spans.note(spans.OUTCOME, _outcome_of(answered))
        return _dated(desk, inbound, answered)


def _traced(inbound: Inbound) -> tuple[str, spans.Known]:
    """The name of the act's span, and what is known at its begin: of buttons and forms, only our own."""
    kind, what, ticket = type(inbound).__name__, "", ""
    if isinstance(inbound, Press) and inbound.action in BUTTONS:
        what, ticket = inbound.action, inbound.value.partition("|")[0]
    elif isinstance(inbound, Submission | FormChanged | FormClosed) and inbound.form in FORMS:
        what, ticket = inbound.form, inbound.context.get("ticket", "")
    known: spans.Known = {spans.KIND: kind, spans.TRACE: trace_id(inbound.key), **spans.about(ticket)}
    return f"{kind} {what}".strip(), known


def _outcome_of(answered: Answer) -> str:
    """`done`, `duplicate`, `asked` (a form), or `shown`: something private, such as a refusal."""
    match answered:
        case Done():
            return "duplicate" if answered.duplicate else "done"
        case Ask():
            return "asked"
        case Show():
            return "shown"


def _dated(desk: Desk, inbound: Inbound, answer: Answer) -> Answer:
    """Adds to a form when it was opened. A form that is shown again keeps that instant until it expires."""
    if not isinstance(answer, Ask):
        return answer
    now = desk.real_clock.now()
    context = inbound.context if isinstance(inbound, Submission | FormChanged) else {}
    opened_at = now.isoformat() if is_expired(context, now) else context.get(OPENED_AT, now.isoformat())
    form = answer.form
    return replace(answer, form=replace(form, context={**form.context, OPENED_AT: opened_at}))


async def _answer(desk: Desk, inbound: Inbound) -> Answer:
    """Passes an act to its handler after checking that this person may do it."""
    try:
        match inbound:
            case Command():
                return await entry_points.command(desk, inbound)
            case Press():
                return await _route_press(desk, inbound)
            case Submission():
                return await _route_submission(desk, inbound)
            case FormChanged() | FormClosed() if not _is_complete(inbound):
                return Done()
            case FormChanged(form=reply.FORM):
                return await reply.changed(desk, inbound, await desk.ticket(inbound.context["ticket"]))
            case FormChanged():
                return await open.form_changed(desk, inbound)
            case FormClosed():
                return await _form_closed(desk, inbound)
            case MessageAction():
                return await send_to_customer.ask(desk, inbound)
            case Posted():
                return await entry_points.on_message(desk, inbound)
            case MessageChanged():
                return await entry_points.on_message_changed(desk, inbound)
            case HomeOpened():
                return await home.opened(desk, inbound)
            case ChannelChanged():
                return await channels.channel_changed(desk, inbound)
            case AlarmChanged():
                return await alarms.changed(desk, inbound)
            case PagerAcknowledged():
                return await pages.acknowledged_in_pager(desk, inbound)
    except NoSuchTicket:
        return refusal("This ticket does not exist.")
    except (Conflict, PolicyVersionMissing) as wrong:
        return refusal(f"Nothing was changed: {wrong}.")


async def _route_press(desk: Desk, press: Press) -> Answer:
    route = BUTTONS.get(press.action)
    if route is None:
        return refusal("This button is out of date. Please use the ticket's newest card.")
    if isinstance(route, PublicButtonRoute):
        return await route.handler(desk, press)
    ticket = await desk.ticket(press.value.partition("|")[0])
    refused = _refusal(desk, route.who, press.actor, press.place, ticket)
    answer = refused or await route.handler(desk, press, ticket)
    if press.from_menu and not isinstance(answer, Done):
        # The same choice could not be made again while the menu still shows it.
        await desk.redraw_card(ticket, Audience.AGENTS, press.key)
    return answer


async def _route_submission(desk: Desk, sent: Submission) -> Answer:
    route = FORMS.get(sent.form)
    if route is None or not _is_complete(sent):
        return refusal(OUT_OF_DATE)
    try:
        if not await _is_from_its_place(desk, sent):
            log.warning("a form was sent from another place", form=sent.form, place=str(sent.place))
            return sent_elsewhere(sent)
    except queue.ChannelsUnknown as why:
        return refusal(f"{why}.")
    if isinstance(route, PublicFormRoute):
        return await route.handler(desk, sent)
    ticket = await desk.ticket(sent.context["ticket"])
    if refused := _refusal(desk, route.who, sent.actor, Place.parse(sent.context["place"]), ticket):
        return refused
    if is_expired(sent.context, desk.real_clock.now()):
        return sent_too_late(sent)
    answer = await route.handler(desk, sent, ticket)
    return sent_before(sent) if isinstance(answer, Done) and answer.duplicate else answer


async def _is_from_its_place(desk: Desk, sent: Submission) -> bool:
    """Whether it was sent from where it was opened, or by the same account's people in a place of theirs.

    Raises ChannelsUnknown.
    """
    if sent.place is None:
        return True
    directory = desk.directory
    here, opened_in = (
        directory.current_address(place) for place in (sent.place, Place.parse(sent.context["place"]))
    )
    if str(here) == str(opened_in):
        return True
    account = directory.account_of(opened_in)
    if account is None or not here.direct:
        return account is not None and account == directory.account_of(here)
    return directory.is_agent(sent.actor, account) or account in await queue.accounts_of(
        desk, sent.actor.user
    )


async def _form_closed(desk: Desk, act: FormClosed) -> Answer:
    """Keeps what was filled in, and shows what the form took the place of."""
    if act.form == FORM:
        await open.form_closed(desk, act)
    else:
        await writing.end(desk, act.actor, act.context["ticket"])
    if act.message is None:
        return Done()
    shown = await desk.shown(act.message)
    return Show(shown) if shown else Done()


def _is_complete(form: Submission | FormChanged | FormClosed) -> bool:
    """Whether its context has the keys that our forms put there."""
    needs = {"place", "version" if form.form == FORM else "ticket"}
    return needs <= form.context.keys() and ":" in form.context["place"]


def _refusal(desk: Desk, who: str, actor: Actor, place: Place, ticket: Ticket) -> Answer | None:
    """The refusal if this person may not do it, or None."""
    if who == RECIPIENT:
        if desk.directory.person(actor) is not None:
            return None
        return refusal(direct_messages.NOT_YOURS)
    relation = desk.relation(actor, place, ticket)
    if who == CUSTOMER:
        return None if relation == "customer" else refusal(f"Only the customer of {ticket.key} can do that.")
    if relation == "agent" or (relation == "customer" and who == PARTICIPANT):
        return None
    vendor = desk.policy_of(ticket).name
    return refusal(
        f"Only agents of {vendor} can do that on {ticket.key}."
        if who == AGENT
        else f"Only the customer of {ticket.key} and agents of {vendor} can do that."
    )
