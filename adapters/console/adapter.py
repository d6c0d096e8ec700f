"""A terminal as a chat platform: what the person whose eyes we look through sees, the rest in one line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import uuid4

from rich.console import Console as Terminal
from rich.console import Group, RenderableType
from rich.text import Text

from adapters.console import rendering
from adapters.console.personas import Persona, Personas, direct, is_group
from adapters.console.rendering import buttons_of
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.views import Button, QueueBoard, TicketCard, View
from bot.ports import Charge, Priority
from bot.text import one_line

WIDEST = 100


@dataclass(frozen=True, slots=True)
class ShownButtons:
    """The buttons that numbers press, and their message; private answers have no message."""

    place: Place
    message: MessageRef | None
    buttons: tuple[Button, ...]

    @property
    def ticket(self) -> str | None:
        return next(filter(None, (button.value.partition("|")[0] for button in self.buttons)), None)


class Screen:
    """The terminal's output. `zone` is the reader's; None means this machine's."""

    def __init__(self, out: Terminal, personas: Personas, zone: tzinfo | None = None) -> None:
        self.out, self.personas, self.zone = out, personas, zone
        self.log = MessageLog()
        self.persona: Persona = personas.people[0]
        self.place: Place = self.persona.home
        self.shown_buttons: ShownButtons | None = None
        self.ticket: str | None = None
        """The ticket last seen, for `say`, `why` and `show`."""
        self._heading: str | None = None
        self._prompt: str | Callable[[], str] | None = None

    # The platform's news ------------------------------------------------------------------------

    def show_posted(self, post: Post) -> None:
        if self._is_here(post):
            self._show(post)
            return
        words = Text("  · ", "dim").append(f"{self.personas.heading(post.ref.place)}: ", "cyan")
        words.append(rendering.on_one_line(post.view, self.zone), "dim")
        self.write(words, one_line=True)

    def show_edited(self, post: Post, before: View) -> None:
        """Shows only the visible changes, in one line, and nothing for other places."""
        if not self._is_here(post):
            post.shown = False
        elif post.shown and isinstance(before, TicketCard) and isinstance(post.view, TicketCard):
            self._redrawn(post, before, post.view)
        elif isinstance(post.view, QueueBoard):
            self.write(Text(f"  · {rendering.on_one_line(post.view, self.zone)}", "dim"), one_line=True)
        elif post.view != before:
            self._show(post)

    def show_deleted(self, post: Post) -> None:
        """Shows in one line that a message is gone, if it was here."""
        if post.shown and self._is_here(post):
            what = rendering.on_one_line(post.view, self.zone)
            self.write(Text(f"  · removed: {what}", "dim"), one_line=True)

    def _redrawn(self, post: Post, before: TicketCard, after: TicketCard) -> None:
        found = rendering.card_changes(before, after, self.zone)
        if found:
            news = Text(one_line(after.key), "bold").append(" ", "").append_text(Text(" · ").join(found))
            self.write(rendering.indented(news))
        numbered = self.shown_buttons is not None and self.shown_buttons.message == post.ref
        if numbered and buttons_of(after) != buttons_of(before):
            self._number_buttons(post.ref.place, post.ref, buttons_of(after))
            self.write(rendering.indented(*rendering.button_rows(after)))

    # What is asked to be seen -------------------------------------------------------------------

    def switch_to(self, persona: Persona, place: Place) -> None:
        """Switches to a persona and place, and shows what is new there."""
        self.persona, self.place, self.shown_buttons = persona, place, None
        where = "a direct conversation with the desk" if place.direct else self.personas.label(place)
        self.write(Text(f"You are {one_line(persona.name)} ({one_line(persona.role)}), in {where}.", "bold"))
        new = [post for post in self.log.posts_in(place) if not post.shown]
        self._show_all(new)
        if not new:
            self.write(Text("Nothing new here. Type show to print the place again.", "dim"))

    def show_place(self) -> None:
        posts = list(self.log.posts_in(self.place))
        self._show_all(posts)
        if not posts:
            self.write(Text(f"There are no messages in {self.personas.label(self.place)} yet.", "dim"))

    def show_ticket(self, key: str) -> bool:
        """Shows the ticket's card and thread. Returns False if it is not in this place."""
        posts = [post for post in self.log.posts_in(self.place) if self.log.ticket_of(post) == key]
        self._show_all(posts)
        return bool(posts)

    def show_private(self, view: View) -> None:
        """Shows an answer that nobody else sees."""
        self._print_under_heading(f"only {self.persona.name} sees this", rendering.render(view, self.zone))
        if numbered_buttons := rendering.buttons_of(view):
            self._number_buttons(self.place, None, numbered_buttons)

    # Lines ----------------------------------------------------------------------------------------

    def write(self, what: RenderableType | str, one_line: bool = False) -> None:
        """Prints a line, and repeats an open prompt below it."""
        prompt, self._prompt = self._prompt, None
        self._heading = None
        if prompt is not None:
            self.out.print()
        shown = Text(what) if isinstance(what, str) else what
        width = min(self.out.width, WIDEST)
        if one_line:
            self.out.print(shown, width=width, no_wrap=True, overflow="ellipsis")
        else:
            self.out.print(shown, width=width)
        if prompt is not None:
            self.prompt(prompt)

    def warn(self, text: str) -> None:
        self.write(Text(f"! {one_line(text)}", "yellow"))

    def prompt(self, text: str | Callable[[], str]) -> None:
        """Prints a prompt. A callable is called again each time the prompt is repeated."""
        self._prompt = text
        self.out.print(Text(text if isinstance(text, str) else text(), "bold"), end="", soft_wrap=True)

    def line_entered(self, echo: str | None) -> None:
        """Notes that a line was typed, and echoes it after the prompt if given."""
        self._prompt = None
        if echo is not None:
            self.out.print(Text(one_line(echo)), soft_wrap=True)

    def _is_here(self, post: Post) -> bool:
        place = post.ref.place
        return place == self.place or (place.direct and self.persona.reads(place))

    def _show_all(self, posts: list[Post]) -> None:
        """Only the last buttons have numbers, since numbers press those."""
        last = next((post for post in reversed(posts) if rendering.buttons_of(post.view)), None)
        for post in posts:
            self._show(post, numbered=post is last)

    def _show(self, post: Post, numbered: bool = True) -> None:
        key = self.log.ticket_of(post)
        heading = self.personas.heading(post.ref.place)
        if post.thread is not None:
            where, _, readers = heading.partition(" · ")
            thread = f"thread of {key}" if key else "in a thread"
            heading = " · ".join(filter(None, (where, thread, readers)))
        self._print_under_heading(heading, rendering.render(post.view, self.zone, numbered))
        post.shown = True
        self.ticket = key or self.ticket
        if key and self.shown_buttons and self.shown_buttons.ticket != key:
            self.shown_buttons = None
        numbered_buttons = rendering.buttons_of(post.view)
        if numbered_buttons and numbered:
            self._number_buttons(post.ref.place, post.ref, numbered_buttons)

    def _print_under_heading(self, heading: str, what: RenderableType) -> None:
        """Prints under a heading, without repeating the previous heading."""
        if heading != self._heading:
            what = Group(Text(), Text(one_line(heading), "cyan"), what)
        self.write(what)
        self._heading = heading

    def _number_buttons(
        self, place: Place, message: MessageRef | None, numbered_buttons: tuple[Button, ...]
    ) -> None:
        self.shown_buttons = ShownButtons(place, message, numbered_buttons)


@dataclass(slots=True)
class Post:
    """The current version of a message. `shown` is True once this terminal has shown it."""

    ref: MessageRef
    view: View
    thread: MessageRef | None = None
    shown: bool = False


class MessageLog:
    def __init__(self) -> None:
        self.posts: dict[MessageRef, Post] = {}
        self._ids = (f"{uuid4().hex[:12]}-{n}" for n in itertools.count(1))

    def ref(self, place: Place) -> MessageRef:
        """A reference with an ID that no message of this or an earlier run has."""
        return MessageRef(_bare(place), next(self._ids))

    def add(self, ref: MessageRef, view: View, thread: MessageRef | None = None) -> Post:
        post = Post(_known(ref), view, _known(thread) if thread else None)
        self.posts[post.ref] = post
        return post

    def find(self, ref: MessageRef) -> Post | None:
        return self.posts.get(_known(ref))

    def remove(self, ref: MessageRef) -> Post | None:
        return self.posts.pop(_known(ref), None)

    def posts_in(self, place: Place) -> Iterator[Post]:
        """All messages of a place, each followed by its thread."""
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
        """The ticket of a message, from its card, its thread or its buttons."""
        if isinstance(post.view, TicketCard):
            return post.view.key
        root = self.posts.get(post.thread) if post.thread else None
        if root is not None:
            return self.ticket_of(root)
        values = (button.value.partition("|")[0] for button in buttons_of(post.view))
        return next(filter(None, values), None)


def _bare(place: Place) -> Place:
    """The place as parsed from its text, because stores may lose that it is direct."""
    return Place(place.platform, place.id, place.id.startswith("D-"))


def _known(ref: MessageRef) -> MessageRef:
    return MessageRef(_bare(ref.place), ref.id)


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

    async def delete(self, message: MessageRef) -> None:
        post = self.screen.log.remove(message)
        if post is not None:
            self.screen.show_deleted(post)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """Finds nothing: in a terminal no answer is ever lost."""
        return None

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """A terminal has no rate limits."""
        return ()

    async def location(self, message: MessageRef) -> Location:
        """Names the channel: a terminal has no addresses."""
        return Location(self.screen.personas.label(message.place))

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

    async def name_of(self, user: UserRef, place: Place) -> str:
        actors = (persona.actors.get(user.platform) for persona in self.screen.personas.people)
        return next((actor.name for actor in actors if actor and actor.user.id == user.id), user.id)
