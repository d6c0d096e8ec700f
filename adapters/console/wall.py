"""What was said, where and in whose thread: a chat platform's memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from adapters.console.paper import buttons_of
from bot.address import MessageRef, Place
from bot.views import TicketCard, View


@dataclass(slots=True)
class Post:
    """A message as it stands now. `shown` once the eyes of this terminal have seen it so."""

    ref: MessageRef
    view: View
    thread: MessageRef | None = None
    shown: bool = False


class MessageLog:
    def __init__(self) -> None:
        self.posts: dict[MessageRef, Post] = {}
        self._ids = (f"{uuid4().hex[:12]}-{n}" for n in itertools.count(1))

    def ref(self, place: Place) -> MessageRef:
        """An id that no message of this or an earlier run has."""
        return MessageRef(_bare(place), next(self._ids))

    def add(self, ref: MessageRef, view: View, thread: MessageRef | None = None) -> Post:
        post = Post(_known(ref), view, _known(thread) if thread else None)
        self.posts[post.ref] = post
        return post

    def find(self, ref: MessageRef) -> Post | None:
        return self.posts.get(_known(ref))

    def posts_in(self, place: Place) -> Iterator[Post]:
        """All that stands in a place: each message with its thread right after it."""
        here = [post for post in self.posts.values() if post.ref.place == _bare(place)]
        tops = [post for post in here if post.thread is None or post.thread not in self.posts]
        for top in tops:
            yield top
            yield from (post for post in here if post.thread == top.ref)

    def cards(self, place: Place) -> Iterator[tuple[Post, TicketCard]]:
        for post in self.posts_in(place):
            if isinstance(post.view, TicketCard):
                yield post, post.view

    def ticket_of(self, post: Post) -> str | None:
        """The ticket that a message is about: its card's, its thread's or its buttons'."""
        if isinstance(post.view, TicketCard):
            return post.view.key
        root = self.posts.get(post.thread) if post.thread else None
        if root is not None:
            return self.ticket_of(root)
        values = (button.value.partition("|")[0] for button in buttons_of(post.view))
        return next(filter(None, values), None)


def _bare(place: Place) -> Place:
    """A place as its text form gives it back: stores may forget that it is direct."""
    return Place(place.platform, place.id, place.id.startswith("D-"))


def _known(ref: MessageRef) -> MessageRef:
    return MessageRef(_bare(ref.place), ref.id)
