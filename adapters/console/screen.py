"""What the terminal shows: all that reaches the person whose eyes we look through; the rest in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from rich.console import Console as Terminal
from rich.console import Group, RenderableType
from rich.text import Text

from adapters.console import paper
from adapters.console.cast import Cast, Someone
from adapters.console.text import one_line
from adapters.console.wall import Post, Wall
from bot.address import MessageRef, Place
from bot.views import Button, TicketCard, View

WIDEST = 100


@dataclass(frozen=True, slots=True)
class Hand:
    """The buttons that a number presses, and the message they stand on; a private answer has none."""

    place: Place
    message: MessageRef | None
    buttons: tuple[Button, ...]

    @property
    def ticket(self) -> str | None:
        return next(filter(None, (button.value.partition("|")[0] for button in self.buttons)), None)


class Screen:
    """`zone` is the reader's; without one, this machine's."""

    def __init__(self, out: Terminal, cast: Cast, zone: tzinfo | None = None) -> None:
        self.out, self.cast, self.zone = out, cast, zone
        self.wall = Wall()
        self.who: Someone = cast.people[0]
        self.place: Place = self.who.home
        self.hand: Hand | None = None
        self.ticket: str | None = None
        """The ticket last seen, for `say`, `why` and `show`."""
        self._heading: str | None = None
        self._prompt: str | Callable[[], str] | None = None

    # The platform's news ------------------------------------------------------------------------

    def arrived(self, post: Post) -> None:
        if self._is_here(post):
            self._show(post)
            return
        words = Text("  · ", "dim").append(f"{self.cast.heading(post.ref.place)}: ", "cyan")
        words.append(paper.in_short(post.view, self.zone), "dim")
        self.say(words, one_line=True)

    def edited(self, post: Post, before: View) -> None:
        """Only what reads differently, in a line; a person who is elsewhere sees it when they come."""
        if not self._is_here(post):
            post.shown = False
        elif post.shown and isinstance(before, TicketCard) and isinstance(post.view, TicketCard):
            self._redrawn(post, before, post.view)
        elif post.view != before:
            self._show(post)

    def _redrawn(self, post: Post, before: TicketCard, after: TicketCard) -> None:
        found = paper.changes(before, after, self.zone)
        if found:
            news = Text(one_line(after.key), "bold").append(" ", "").append_text(Text(" · ").join(found))
            self.say(paper.indented(news))
        if self.hand and self.hand.message == post.ref and after.buttons != before.buttons:
            self._take_hold(post.ref.place, post.ref, after.buttons)
            self.say(paper.indented(paper.Buttons(after.buttons)))

    # What is asked to be seen -------------------------------------------------------------------

    def look(self, who: Someone, place: Place) -> None:
        """Through these eyes, at this place: what is new there."""
        self.who, self.place, self.hand = who, place, None
        where = "a direct conversation with the desk" if place.direct else self.cast.label(place)
        self.say(Text(f"You are {one_line(who.name)} ({one_line(who.role)}), in {where}.", "bold"))
        new = [post for post in self.wall.within(place) if not post.shown]
        self._show_all(new)
        if not new:
            self.say(Text("Nothing new here; show prints the place again.", "dim"))

    def show_place(self) -> None:
        posts = list(self.wall.within(self.place))
        self._show_all(posts)
        if not posts:
            self.say(Text(f"Nothing was said in {self.cast.label(self.place)} yet.", "dim"))

    def show_ticket(self, key: str) -> bool:
        """The ticket's card here and its thread; whether there is one."""
        posts = [post for post in self.wall.within(self.place) if self.wall.ticket_of(post) == key]
        self._show_all(posts)
        return bool(posts)

    def private(self, view: View) -> None:
        """An answer that nobody else sees."""
        self._said(f"only {self.who.name} sees this", paper.drawn(view, self.zone))
        if held := paper.buttons_of(view):
            self._take_hold(self.place, None, held)

    # Lines ----------------------------------------------------------------------------------------

    def say(self, what: RenderableType | str, one_line: bool = False) -> None:
        """Print something of our own; a prompt that stands is written again below it."""
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
        self.say(Text(f"! {one_line(text)}", "yellow"))

    def prompt(self, text: str | Callable[[], str]) -> None:
        """Asks for a line; a text that may change is asked for anew."""
        self._prompt = text
        self.out.print(Text(text if isinstance(text, str) else text(), "bold"), end="", soft_wrap=True)

    def prompted(self, echo: str | None) -> None:
        """A line was typed; where its writer did not see it, it is written behind the prompt."""
        self._prompt = None
        if echo is not None:
            self.out.print(Text(one_line(echo)), soft_wrap=True)

    def _is_here(self, post: Post) -> bool:
        place = post.ref.place
        return place == self.place or (place.direct and self.who.reads(place))

    def _show_all(self, posts: list[Post]) -> None:
        """Numbers stand on the last buttons only, as those are the ones they press."""
        last = next((post for post in reversed(posts) if paper.buttons_of(post.view)), None)
        for post in posts:
            self._show(post, numbered=post is last)

    def _show(self, post: Post, numbered: bool = True) -> None:
        key = self.wall.ticket_of(post)
        heading = self.cast.heading(post.ref.place)
        if post.thread is not None:
            where, _, readers = heading.partition(" · ")
            thread = f"thread of {key}" if key else "in a thread"
            heading = " · ".join(filter(None, (where, thread, readers)))
        self._said(heading, paper.drawn(post.view, self.zone, numbered))
        post.shown = True
        self.ticket = key or self.ticket
        if key and self.hand and self.hand.ticket != key:
            self.hand = None
        held = paper.buttons_of(post.view)
        if held and numbered:
            self._take_hold(post.ref.place, post.ref, held)

    def _said(self, heading: str, what: RenderableType) -> None:
        """Under its heading, which is not said twice in a row."""
        if heading != self._heading:
            what = Group(Text(), Text(one_line(heading), "cyan"), what)
        self.say(what)
        self._heading = heading

    def _take_hold(self, place: Place, message: MessageRef | None, held: tuple[Button, ...]) -> None:
        self.hand = Hand(place, message, held)
