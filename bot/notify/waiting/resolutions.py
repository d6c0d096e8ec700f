"""The resolution's message in the customer's thread, with the buttons that rate it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bot.model.views import Notice
from bot.notify import texts
from bot.notify.message_factory import MessageFactory
from bot.notify.waiting import closing_texts
from bot.ports import Message, Priority
from sla_core.events import Resolved, Undelivered
from sla_core.ticket import State, fold


def message(factory: MessageFactory, event: Resolved) -> Message:
    """What the customer reads when the ticket is resolved."""
    said = (*texts.resolved(factory.ticket.key, event), texts.IS_IT_SOLVED)
    if not event.follow_up:
        return factory.to_customer((*said, *factory.opener()), effect=factory.seq)
    asks = closing_texts.rating_in_words(factory.ticket.rating)
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
    in_words = closing_texts.rating_in_words if can_rate else closing_texts.final_rating
    said = (*texts.resolved(factory.ticket.key, event), *((texts.IS_IT_SOLVED,) if can_rate else ()))
    posted = then.to_customer((*said, in_words(rated.rating), *then.opener()), effect=None)
    shown = _with_buttons(posted, factory) if can_rate else posted
    yield replace(shown, key=f"{posted.key}/rating/{factory.seq}", priority=Priority.STATE, edits=posted.key)


def _with_buttons(posted: Message, factory: MessageFactory) -> Message:
    assert isinstance(posted.content, Notice)
    buttons = closing_texts.rating_buttons(factory.ticket.key)
    return replace(posted, content=replace(posted.content, buttons=buttons))
