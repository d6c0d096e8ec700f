"""What each kind of message needs besides delivery: drawing, what follows, and for how long to try."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.api import webhooks
from bot.desk import channels, ticket_board, unticketed
from bot.desk.desk import Desk
from bot.desk.intake import conversation
from bot.logs import log_fault
from bot.model.address import Place
from bot.model.views import Audience, View
from bot.notify.message_factory import WEBHOOKS
from bot.notify.pages import page_of
from bot.ports import Card, Message, Outgoing, StoreUnavailable
from bot.runtime import monitor, pager_test

log = structlog.get_logger(__name__)


async def _nothing(*_: object) -> None: ...


async def _render(desk: Desk, message: Message) -> View | None:
    return await desk.render(message)


@dataclass(frozen=True, slots=True)
class MessageKind:
    """What a kind of message needs besides delivery. The defaults apply to a ticket's messages."""

    draw: Callable[[Desk, Message], Awaitable[View | None]] = _render
    """What it shows now; None if nothing, and then it is removed or not posted at all."""
    on_sent: Callable[[Desk, Outgoing, View | None, datetime], Awaitable[None]] = _nothing
    """Called with the view after the platform has accepted a message and that is stored."""
    on_refused: Callable[[Desk, Message, str], Awaitable[None]] = _nothing
    """Called when the platform rejects a message for good, before that is stored; so maybe twice."""
    for_triage: bool = False
    """Whether one to triage is still retried, until its life is over, if the platform rejects it for good."""
    life: timedelta | None = None
    """How long to try to deliver it; None: forever."""
    retried_later: bool = False
    """Whether the desk posts another one later if one is rejected; that is logged as a warning."""
    repost_if_gone: bool = True
    """Whether to post an edit as a new message if the old one is gone."""

    def is_expired(self, outgoing: Outgoing, now: datetime) -> bool:
        """Whether its life is over. `now` is real time."""
        decided_at = outgoing.decided_at
        return self.life is not None and decided_at is not None and now - decided_at >= self.life

    def must_arrive(self, desk: Desk, outgoing: Outgoing, now: datetime) -> bool:
        """Whether to retry it although the platform rejected it for good. `now` is real time."""
        to = outgoing.message.to
        wanted = self.for_triage and isinstance(to, Place) and desk.directory.is_triage(to)
        return wanted and not self.is_expired(outgoing, now)


async def _on_ticket_message_sent(desk: Desk, outgoing: Outgoing, view: View | None, now: datetime) -> None:
    """Links the two cards of a ticket, and counts a new card as standing below `Get help`.

    Errors are only logged: nothing is lost by them.
    """
    message = outgoing.message
    try:
        await desk.link_cards(message, view)
        if message.edits is None and message.content == Card(Audience.CUSTOMER):
            assert isinstance(message.to, Place)
            await channels.on_message(desk, message.to, message.key)
    except Exception:
        log_fault(log, "could not link or count a ticket's card", message=message.key)


TICKET_MESSAGE = MessageKind(on_sent=_on_ticket_message_sent)
MESSAGE_KINDS = {
    monitor.TOPIC: MessageKind(for_triage=True, life=monitor.ALARM_LIFE),
    pager_test.TOPIC: MessageKind(on_sent=pager_test.record_arrival, for_triage=True, life=pager_test.DAY),
    conversation.TOPIC: MessageKind(on_refused=conversation.on_refused, repost_if_gone=False),
    channels.NOTICES: MessageKind(for_triage=True),
    webhooks.NOTICES: MessageKind(for_triage=True),
    WEBHOOKS: MessageKind(webhooks.draw, retried_later=True),
    channels.HELP_MESSAGES: MessageKind(
        channels.draw_help, on_refused=channels.on_refused, retried_later=True
    ),
    ticket_board.BOARDS: MessageKind(
        ticket_board.draw, on_refused=ticket_board.on_refused, retried_later=True
    ),
    unticketed.UNTICKETED: MessageKind(
        unticketed.draw, on_refused=unticketed.on_refused, retried_later=True, repost_if_gone=False
    ),
}


def kind_of(message: Message) -> MessageKind:
    """The kind of a message. Messages of tickets all have one kind; the desk undoes their effects."""
    return (
        TICKET_MESSAGE if message.ticket else MESSAGE_KINDS.get(message.key.partition("/")[0], TICKET_MESSAGE)
    )


async def record(desk: Desk, message: Message) -> None:
    """Records it if the message is a page, before the message is stored as sent.

    A crash in between repeats both. Raises StoreUnavailable.
    """
    seq = page_of(message, desk.directory.settings.people)
    if message.ticket is None or seq is None:
        return
    try:
        await desk.record_accepted_page(message.ticket, seq)
    except StoreUnavailable:
        raise
    except Exception:  # the page must still not be sent again
        log_fault(log, "could not record that a page arrived", message=message.key)
