"""A terminal as a chat platform: it stands in for the one that the desk's file names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adapters.console.cast import direct, is_group
from adapters.console.screen import Screen
from bot.address import MessageRef, Place, UserRef
from bot.ports import Cost, Priority
from bot.views import View


class Console:
    """Implements bot.ports.ChatPlatform. Several of them, one for each chat, share one screen."""

    def __init__(self, name: str, screen: Screen) -> None:
        self.name = name
        self.screen = screen

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        wall = self.screen.wall
        ref = wall.ref(to if isinstance(to, Place) else direct(to))
        self.screen.arrived(wall.pin(ref, view, thread))
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        """Something said in an earlier run, by another terminal, is said again."""
        wall = self.screen.wall
        post = wall.find(message)
        if post is None:
            self.screen.arrived(wall.pin(message, view))
            return
        before, post.view = post.view, view
        self.screen.edited(post, before)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """A terminal loses no answer."""
        return None

    def costs(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Cost]:
        """A terminal lets everything through."""
        return ()

    def is_group(self, id: str) -> bool:
        return is_group(self.name, id)

    async def members(self, group: str) -> frozenset[UserRef]:
        return self.screen.cast.members(self.name, group)

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        for someone in self.screen.cast.people:
            actor = someone.actors.get(user.platform)
            if actor and actor.user.id == user.id:
                return frozenset(place for place in someone.rooms if place.platform == self.name)
        return frozenset()
