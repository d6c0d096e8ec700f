"""How messages that belong to no ticket are treated, each kind by what its keys begin with."""

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
    """What a kind of messages needs besides delivery. The defaults are those of a ticket's messages."""

    on_sent: Callable[[Desk, Outgoing, datetime], Awaitable[None]] = _nothing
    """Called once the platform has taken one, and that is stored."""
    on_refused: Callable[[Desk, Message, str], Awaitable[None]] = _nothing
    """Called when the platform never will, before that is stored: it may be called twice."""
    for_triage: bool = False
    """Whether agents' own channels are tried until they take it."""
    life: timedelta | None = None
    """How long it is worth saying; None: for ever."""
    retried_later: bool = False
    """Whether the desk posts another one later if one is refused: that is logged as a warning."""
    repost_if_gone: bool = True
    """Whether an edit of a message that is gone is posted in its place."""

    def is_expired(self, outgoing: Outgoing, now: datetime) -> bool:
        """Whether nobody needs it any more. `now` is real time."""
        decided_at = outgoing.decided_at
        return self.life is not None and decided_at is not None and now - decided_at >= self.life

    def must_arrive(self, desk: Desk, outgoing: Outgoing, now: datetime) -> bool:
        """Whether it is tried again although the platform refused it for good. `now` is real time."""
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
    """A ticket's messages have their effects, which the desk itself takes back."""
    return (
        TICKET_MESSAGE if message.ticket else MESSAGE_KINDS.get(message.key.partition("/")[0], TICKET_MESSAGE)
    )
