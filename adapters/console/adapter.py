"""A terminal as a chat platform, in place of the one that the desk's file names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adapters.console.personas import direct, is_group
from adapters.console.screen import Screen
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import View
from bot.ports import Charge, Priority


class Console:
    """Implements bot.ports.ChatPlatform. Each configured platform has one; all share one screen."""

    def __init__(self, name: str, screen: Screen) -> None:
        self.name = name
        self.screen = screen

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        log = self.screen.log
        ref = log.ref(to if isinstance(to, Place) else direct(to))
        self.screen.show_posted(log.add(ref, view, thread))
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        """Edits a message. One from an earlier run is unknown here, so it is posted again."""
        log = self.screen.log
        post = log.find(message)
        if post is None:
            self.screen.show_posted(log.add(message, view))
            return
        before, post.view = post.view, view
        self.screen.show_edited(post, before)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """Finds nothing: in a terminal no answer is ever lost."""
        return None

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """A terminal has no rate limits."""
        return ()

    def is_group(self, id: str) -> bool:
        return is_group(self.name, id)

    async def members(self, group: str) -> frozenset[UserRef]:
        return self.screen.personas.members(self.name, group)

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        for persona in self.screen.personas.people:
            actor = persona.actors.get(user.platform)
            if actor and actor.user.id == user.id:
                return frozenset(place for place in persona.channels if place.platform == self.name)
        return frozenset()
