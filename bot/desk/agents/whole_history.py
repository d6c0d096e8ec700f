"""`history KEY`: everything that happened on a ticket, with the words; a card shows its last lines only."""

from __future__ import annotations

from collections.abc import Iterator

from bot.desk.desk import Desk, refusal
from bot.model.address import Place
from bot.model.inbound import Answer, Show
from bot.model.views import Notice, Part, Quote, Strong, When
from bot.notify import history
from sla_core.events import Event
from sla_core.ticket import Ticket

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
