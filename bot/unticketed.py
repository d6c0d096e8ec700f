"""How messages that belong to no ticket are treated, each kind by what its keys begin with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import auditor, drill
from bot.address import Place
from bot.desk import interview, notices, welcome
from bot.desk.core import Desk
from bot.ports import Message, Outgoing


async def _nothing(*_: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of messages needs besides delivery. The defaults are those of a ticket's messages."""

    arrived: Callable[[Desk, Outgoing, datetime], Awaitable[None]] = _nothing
    """Called once the platform has taken one, and that is stored."""
    refused: Callable[[Desk, Message, str], Awaitable[None]] = _nothing
    """Called when the platform never will, before that is stored: it may be called twice."""
    for_triage: bool = False
    """Whether agents' own channels are tried until they take it."""
    life: timedelta | None = None
    """How long it is worth saying; None: for ever."""
    posted_anew: bool = True
    """Whether an edit of a message that is gone is posted in its place."""

    def is_over(self, outgoing: Outgoing, now: datetime) -> bool:
        """Whether nobody needs it any more. `now` is real time."""
        said_at = outgoing.said_at
        return self.life is not None and said_at is not None and now - said_at >= self.life

    def must_arrive(self, desk: Desk, outgoing: Outgoing, now: datetime) -> bool:
        """Whether it is tried again although the platform refused it for good. `now` is real time."""
        to = outgoing.message.to
        is_wanted = self.for_triage and isinstance(to, Place) and desk.directory.is_triage(to)
        return is_wanted and not self.is_over(outgoing, now)


OF_A_TICKET = Kind()
KINDS = {
    auditor.TOPIC: Kind(for_triage=True, life=auditor.LIFE),
    drill.TOPIC: Kind(arrived=drill.arrived, for_triage=True, life=drill.DAY),
    interview.TOPIC: Kind(refused=interview.refused, posted_anew=False),
    notices.TOPIC: Kind(for_triage=True),
    welcome.TOPIC: Kind(refused=welcome.refused),
}


def kind_of(message: Message) -> Kind:
    """A ticket's messages have their effects, which the desk itself takes back."""
    return OF_A_TICKET if message.ticket else KINDS.get(message.key.partition("/")[0], OF_A_TICKET)
