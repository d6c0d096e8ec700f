"""Implements the desk's ChatPlatform port for services that messages only go out to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from aiohttp import web

from bot.config.settings import DeskSettings
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.inbound import Dispatch
from bot.model.views import Notice, View
from bot.ports import Charge, PermanentFailure, Priority
from bot.runtime.doctor import Finding

TIMEOUT = 3.5
"""Seconds for one call, less than delivery waits, so that what went wrong is known."""


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sender(Protocol):
    """Sends notices to one kind of service. Its calls raise TemporaryFailure or PermanentFailure."""

    async def start(self) -> None:
        """Connects. Raises OperatorFault: one line with the fix."""

    async def close(self) -> None: ...

    async def send(self, to: Place | UserRef, notice: Notice, key: str) -> MessageRef:
        """Sends a notice. `key` is its message's; the same key again is the same notice."""
        ...

    async def edit(self, message: MessageRef, notice: Notice) -> None:
        """Says what became of a notice, by the tone: CALM, somebody has answered; DONE, it is over."""

    def examine(self) -> Iterator[Finding]:
        """What `frontline doctor` says of it without sending anything."""
        ...


class OneWay:
    """A platform without people who write to us. `name` is what addresses call it."""

    def __init__(self, name: str, sender: Sender) -> None:
        self.name, self.sender = name, sender

    async def start(self) -> None:
        """Connects. Raises OperatorFault."""
        await self.sender.start()

    async def close(self) -> None:
        await self.sender.close()

    async def learn(self) -> None:
        """Does nothing: no other process changes anything."""

    async def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]:
        """Yields the findings for `frontline doctor`."""
        for finding in self.sender.examine():
            yield finding

    def readiness_faults(self) -> list[str]:
        return []

    def routes(self, dispatch: Dispatch) -> list[tuple[str, str, _Handler]]:
        """None: what comes from pagers arrives at the desk's hooks."""
        return []

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        return await self.sender.send(to, _notice(view), key or "")

    async def update(self, message: MessageRef, view: View) -> None:
        await self.sender.edit(message, _notice(view))

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """Always returns None: none of these services can be asked. Sending again does no harm.

        A pager adds a repetition to the same incident; a phone rings twice, which is better than not at all.
        """
        return None

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """None that we know beforehand: a pager that is called too often says how long to wait."""
        return ()

    async def location(self, message: MessageRef) -> Location:
        return Location()

    async def delete(self, message: MessageRef) -> None:
        """Does nothing: only boards are deleted."""

    def is_group(self, id: str) -> bool:
        return False

    async def members(self, group: str) -> frozenset[UserRef]:
        return frozenset()

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        return frozenset()

    async def name_of(self, user: UserRef, place: Place) -> str:
        return user.id


def _notice(view: View) -> Notice:
    if not isinstance(view, Notice):
        raise PermanentFailure("only pages go to pagers and phones")
    return view
