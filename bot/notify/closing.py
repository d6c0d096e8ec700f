"""The end of a ticket: the resolution with its rating, reminders, the announcement that it closes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.model.views import Button, Notice, Part, Quote, RichText, Strong, When
from bot.notify import texts
from bot.notify.history import rated
from bot.notify.message_factory import MessageFactory
from bot.ports import Message, Priority
from bot.text import one_line
from sla_core.events import (
    BEST_RATING,
    FRONTLINE,
    Answered,
    Closed,
    ClosingAnnounced,
    Resolved,
    Turn,
    Undelivered,
)
from sla_core.ticket import State, Ticket, fold

RATE = "rate"
"""The action of the rating's buttons."""
QUOTED = 300
"""How many characters of our question a reminder repeats."""
HOW_WAS_IT = " How did we do? 1 is poor, 5 is very good."


def nudge(ticket: Ticket) -> RichText:
    """To a customer who has said nothing since a resolution or since we asked something."""
    if ticket.state is State.OPEN:
        asked = _asked(ticket)
        waits = "We are still waiting for your answer"
        to = (f"{waits} to {asked.by.name}'s message:", Quote(_cut(asked.text))) if asked else (f"{waits}. ",)
        return _with_key(ticket.key, *to, "Please reply here.")
    said = "This ticket was resolved, and we have not heard whether that fixed it. If it did, press Close on "
    return _with_key(ticket.key, f"{said}the card. If you still need help, press Reopen.")


def closing(key: str, event: ClosingAnnounced) -> RichText:
    """Announces that the ticket will be closed unless the customer says something."""
    return _with_key(
        key,
        "We will close this ticket ",
        When(event.closes_at),
        ", because nobody has written here since it was resolved. To keep it from being closed, write here. "
        "If you still need help, press Reopen on the card.",
    )


def if_not_solved(event: Closed) -> RichText:
    """For the customer, after the text of a closing that she did not choose."""
    return (" If you still need help, press Reopen on the card.",) if event.by == FRONTLINE else ()


def _asked(ticket: Ticket) -> Answered | None:
    """The message after which the customer's answer is awaited."""
    undone = {event.seq for event in ticket.history if isinstance(event, Undelivered)}
    for seq, event in reversed([*enumerate(ticket.history, start=1)]):
        if isinstance(event, Answered) and event.next is Turn.CUSTOMER and seq not in undone:
            return event if event.text.strip() else None
    return None


def _cut(text: str) -> str:
    said = one_line(text)
    return said if len(said) <= QUOTED else f"{said[:QUOTED].rstrip()} …"


def rating_in_words(rating: int | None) -> str:
    """Follows the text of a resolution while it can be rated."""
    return HOW_WAS_IT if rating is None else f" You rated this {rated(rating)}. You can still change it."


def final_rating(rating: int | None) -> str:
    """Follows the text of a resolution that can no longer be rated."""
    return "" if rating is None else f" Rated {rated(rating)}."


def rating_buttons(key: str) -> tuple[Button, ...]:
    return tuple(Button(RATE, str(number), f"{key}|{number}") for number in range(1, BEST_RATING + 1))


def _with_key(key: str, *parts: Part) -> RichText:
    return (Strong(key), " ", *parts)


def message(factory: MessageFactory, event: Resolved) -> Message:
    """What the customer reads when the ticket is resolved."""
    said = (*texts.resolved(factory.ticket.key, event), texts.IS_IT_SOLVED)
    if not event.follow_up:
        return factory.to_customer((*said, *factory.opener()), effect=factory.seq)
    asks = rating_in_words(factory.ticket.rating)
    posted = factory.to_customer((*said, asks, *factory.opener()), effect=factory.seq)
    return _with_buttons(posted, factory)


def redrawn(factory: MessageFactory) -> Iterator[Message]:
    """The edit of the last resolution's message: it shows the rating, with buttons only while resolved."""
    history = factory.ticket.history[: factory.seq]
    undone = {event.seq for event in history if isinstance(event, Undelivered)}
    numbered = enumerate(history, start=1)
    found = [seq for seq, event in numbered if isinstance(event, Resolved) and seq not in undone]
    event = history[found[-1] - 1] if found else None
    if not isinstance(event, Resolved) or not event.follow_up:
        return
    then = factory.at_event(fold(factory.ticket.key, history[: found[-1]]), found[-1])
    rated = factory.ticket if factory.ticket.state is not State.OPEN else factory.before
    can_rate = factory.ticket.state is State.RESOLVED
    in_words = rating_in_words if can_rate else final_rating
    said = (*texts.resolved(factory.ticket.key, event), *((texts.IS_IT_SOLVED,) if can_rate else ()))
    posted = then.to_customer((*said, in_words(rated.rating), *then.opener()), effect=None)
    shown = _with_buttons(posted, factory) if can_rate else posted
    yield replace(shown, key=f"{posted.key}/rating/{factory.seq}", priority=Priority.STATE, edits=posted.key)


def _with_buttons(posted: Message, factory: MessageFactory) -> Message:
    assert isinstance(posted.content, Notice)
    buttons = rating_buttons(factory.ticket.key)
    return replace(posted, content=replace(posted.content, buttons=buttons))
