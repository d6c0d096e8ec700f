"""How to handle messages that belong to no ticket, by the prefix of their keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.desk import channels
from bot.desk.desk import Desk
from bot.desk.intake import conversation
from bot.model.address import Place
from bot.ports import Message, Outgoing
from bot.runtime import monitor, pager_test


async def _nothing(*_: object) -> None: ...


@dataclass(frozen=True, slots=True)
class MessageKind:
    """What a kind of message needs besides delivery. The defaults apply to a ticket's messages."""

    on_sent: Callable[[Desk, Outgoing, datetime], Awaitable[None]] = _nothing
    """Called after the platform has accepted a message and that is stored."""
    on_refused: Callable[[Desk, Message, str], Awaitable[None]] = _nothing
    """Called when the platform rejects a message for good, before that is stored; so maybe twice."""
    for_triage: bool = False
    """Whether to retry in triage even after the platform rejected it for good."""
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


TICKET_MESSAGE = MessageKind()
MESSAGE_KINDS = {
    monitor.TOPIC: MessageKind(for_triage=True, life=monitor.ALARM_LIFE),
    pager_test.TOPIC: MessageKind(on_sent=pager_test.record_arrival, for_triage=True, life=pager_test.DAY),
    conversation.TOPIC: MessageKind(on_refused=conversation.on_refused, repost_if_gone=False),
    channels.NOTICES: MessageKind(for_triage=True),
    channels.HELP_MESSAGES: MessageKind(on_refused=channels.on_refused, retried_later=True),
}


def kind_of(message: Message) -> MessageKind:
    """The kind of a message. Messages of tickets all have one kind; the desk undoes their effects."""
    return (
        TICKET_MESSAGE if message.ticket else MESSAGE_KINDS.get(message.key.partition("/")[0], TICKET_MESSAGE)
    )
