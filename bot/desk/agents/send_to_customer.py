"""`Send to customer`: an agent's message in triage becomes a reply; and `history KEY` with all words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.desk import writing
from bot.desk.agents.reply import FILES, can_copy_files
from bot.desk.desk import Desk, refusal
from bot.desk.ticket.short_forms import NEXT, TEXT, TURNS, next_turn, text_of, titled, why_not_sent
from bot.desk.ticket.thread import ticket_below
from bot.model.address import Place
from bot.model.forms import ChoiceField, Form, TextField, opening_context
from bot.model.inbound import Answer, Ask, Done, MessageAction, Show, Submission
from bot.model.views import Notice, Part, Quote, Strong, When
from bot.notify import history
from bot.text import one_line, typed
from sla_core.events import Answered, Attachment, Event, Kind, Turn
from sla_core.policy import Policy
from sla_core.ticket import State, Ticket
from sla_core.triage import Option

FORM, LABEL = "send_to_customer", "Send to customer"
MOST_FILES = 10
_ELSEWHERE = "Only a message in triage, below a ticket's card, can be sent to a customer."
_NO_TICKET = "This message belongs to no ticket. Write it in the thread of a ticket's card, then send it."
_NOT_OURS = "Only what one of our agents wrote can be sent to a customer."
_HINT = "The customer will see this in the ticket's thread, as your reply."
_LEFT_OUT = (
    "These files will not be sent: {files}. "
    "If the customer can open their links, add the links to your text. "
)


async def ask(desk: Desk, act: MessageAction) -> Answer:
    """Shows what would be sent, to be changed or confirmed: a wrong entry of a menu is chosen easily."""
    ticket = await _ticket(desk, act)
    if isinstance(ticket, Show):
        return ticket
    copied = [file for file in act.files if file.id and can_copy_files(desk, ticket)][:MOST_FILES]
    context = {"ticket": ticket.key, "place": str(act.place), **opening_context(act.key)}
    context |= {FILES: json.dumps({file.id: one_line(file.name)[:60] for file in copied})} if copied else {}
    names = ", ".join(file.name for file in act.files if file not in copied)
    intro = (_LEFT_OUT.format(files=names),) if names else ()
    asked = form(context).filled({TEXT: (act.text.strip(),)})
    return Ask(await writing.begin(desk, act.actor, ticket, replace(asked, intro=intro)))


async def _ticket(desk: Desk, act: MessageAction) -> Ticket | Show:
    """The ticket that the message belongs to, or why it cannot be sent."""
    if not desk.directory.is_triage(act.place):
        return refusal(_ELSEWHERE)
    key = await ticket_below(desk, act.thread) if act.thread else None
    if key is None:
        return refusal(_NO_TICKET)
    ticket = await desk.ticket(key)
    if desk.relation(act.actor, act.place, ticket) != "agent":
        return refusal(f"Only agents of {desk.policy_of(ticket).name} can do that on {key}.")
    if act.author is None or not desk.directory.is_agent(act.author, desk.account_of(ticket)):
        return refusal(_NOT_OURS)
    if not typed(act.text) and not act.files:
        return refusal("This message has no text that could be sent.")
    if ticket.state is State.CLOSED:
        return refusal(f"{ticket.key} is closed; reopen it first.")
    return ticket


def form(context: Mapping[str, str]) -> Form:
    """The words for the customer, which can be changed, and whose turn it is then."""
    text = TextField(TEXT, "To the customer", long=True, hint=_HINT)
    turn = ChoiceField(NEXT, "Next", TURNS, required=False, value=(Turn.WE,))
    files = _files(context)
    options = tuple(Option(id_, name) for id_, name in files.items())
    copies = ChoiceField(FILES, "Files", options, required=False, many=True, value=tuple(files))
    fields = (text, copies, turn) if files else (text, turn)
    return Form(FORM, titled(context, LABEL), LABEL, fields, context)


def _files(context: Mapping[str, str]) -> dict[str, str]:
    """The names of the message's files that can be copied, by their ids."""
    found: dict[str, str] = json.loads(context.get(FILES, "{}"))
    return found


async def submit(desk: Desk, sent: Submission, ticket: Ticket) -> Answer:
    text = text_of(sent)

    def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
        again = form(sent.context)
        if why_not := why_not_sent(ticket, text):
            return Ask(again.rejected(sent.values, {TEXT: why_not}))
        if answered := writing.answered_since(desk, sent.actor, ticket, sent.context):
            return Ask(writing.shown_again(again.filled(sent.values), ticket, answered))
        chosen = sent.values.get(FILES, ())
        files = tuple(
            Attachment(name, "", id_) for id_, name in _files(sent.context).items() if id_ in chosen
        )
        return [Answered(now, desk.who(sent.actor), Kind.REPLY, text, files, next=next_turn(sent))]

    answer = await desk.change(sent.key, ticket, decide)
    if isinstance(answer, Done):
        await writing.end(desk, sent.actor, ticket.key)
    return answer


MOST_EVENTS, MOST_CHARACTERS = 12, 5000
"""On one page, so that every platform takes it. A page has at least one event."""
_NOT_HERE = "Everybody in this channel could read that. Please ask in triage or in a direct message."


def show(desk: Desk, place: Place, ticket: Ticket, page: int) -> Answer:
    """A page of the ticket's history, for agents; page 1 has what happened last."""
    if desk.directory.account_of(place) is not None:
        return refusal(_NOT_HERE)
    pages = _pages([event for event in ticket.history if history.is_shown(event)])
    if not 1 <= page <= len(pages):
        return refusal(f"The history of {ticket.key} has {len(pages)} pages.")
    of = f", page {page} of {len(pages)}" if len(pages) > 1 else ""
    policy, people = desk.policy_of(ticket), desk.directory.settings.people
    text: list[Part] = [Strong(ticket.key), f" {ticket.opened.summary}{of}"]
    for event in pages[page - 1]:
        text += ["\n", When(event.at), f" {history.line(event, policy, people)}"]
        text += [Quote(words)] if (words := history.words(event)) else []
    if page < len(pages):
        text.append(f"\nEarlier: history {ticket.key} {page + 1}")
    return Show(Notice(tuple(text)), public=desk.directory.is_triage(place))


def _pages(events: list[Event]) -> list[list[Event]]:
    """The last events first, in the order in which they happened on each page."""
    return [page[::-1] for page in _filled(events[::-1])]


def _filled(events: list[Event]) -> Iterator[list[Event]]:
    page: list[Event] = []
    characters = 0
    for event in events:
        length = len(history.words(event))
        if page and (len(page) == MOST_EVENTS or characters + length > MOST_CHARACTERS):
            yield page
            page, characters = [], 0
        page.append(event)
        characters += length
    yield page
