"""Looking around in the terminal: whose eyes, which place, which tickets, what can be typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from adapters.console.paper import buttons_of
from adapters.console.screen import Hand, Screen
from adapters.console.text import literal, one_line
from bot.views import Button

HELP = (
    ("/support [TEXT]", "open a ticket from here"),
    ("1, 2, …", "press the button of that number, on what was shown last"),
    ("press LABEL [KEY]", "press a button by its label: press Take it ACME-1"),
    ("say TEXT", "write in the ticket's thread here, as people do"),
    ("as NAME", "look through somebody else's eyes: {people}"),
    ("in PLACE", "go elsewhere: {places}, dm"),
    ("show [KEY]", "print this place again, or one ticket of it"),
    ("list", "the tickets of this place"),
    ("why [KEY]", "how the ticket's deadlines came about"),
    ("wait 2h", "let time pass: 45m, 2h, 1h 30m, 1d"),
    ("help, quit", "this list, the end"),
)
_AMOUNT = re.compile(r"(\d{1,5})\s*(d|days?|h|hours?|m|min|minutes?|s|seconds?)\b\s*", re.IGNORECASE)
_RUN = re.compile(r"(?<=[dhms])(?=\d)", re.IGNORECASE)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_LONGEST_WAIT = timedelta(days=400)


def become(screen: Screen, name: str) -> None:
    """Look through somebody's eyes, where they are at home."""
    someone = screen.cast.find(name)
    if someone is None:
        screen.warn(f"Nobody here is called “{name}”; there are {_people(screen)}.")
    else:
        screen.look(someone, someone.home)


def go(screen: Screen, label: str) -> None:
    """Go to a place that this person reads."""
    who = screen.who
    if label.casefold() in ("dm", "#dm"):
        place = who.direct(screen.place.platform) or who.direct(next(iter(who.actors)))
        assert place is not None
        screen.look(who, place)
        return
    room = screen.cast.room(label)
    if room is None:
        screen.warn(f"There is no “{label}”; there are {_places(screen)} and dm.")
    elif not who.reads(room.place):
        screen.warn(f"{who.name} is not in {room.label}.")
    else:
        screen.look(who, room.place)


def tickets(screen: Screen) -> None:
    """One line for each ticket of this place; the one that `say` and `why` mean is marked."""
    table = Table.grid(padding=(0, 2))
    found = [card for _, card in screen.wall.cards(screen.place)]
    for card in found:
        mark = "›" if card.key == screen.ticket else ""
        stands = ", ".join(line.standing for line in card.promises)
        table.add_row(
            *map(literal, (mark, card.key, card.severity, card.state, stands, one_line(card.title)))
        )
    screen.say(table if found else f"No tickets in {screen.cast.label(screen.place)}.")


def tell_help(screen: Screen) -> None:
    table = Table.grid(padding=(0, 2))
    for what, does in HELP:
        told = does.format(people=_people(screen), places=_places(screen))
        table.add_row(Text(f"  {what}", "bold"), literal(told))
    screen.say(table)


def unknown(screen: Screen, line: str) -> None:
    screen.warn(f"“{line}” is nothing that can be typed here. These can:")
    screen.say(Text(f"  {' · '.join(what for what, _ in HELP)}", "dim"))


def prompt(screen: Screen) -> str:
    """`Alice · #acme · ACME-1 › `: who acts, where, and on which ticket."""
    place = screen.cast.label(screen.place)
    return " · ".join(filter(None, (one_line(screen.who.name), place, screen.ticket))) + " › "


def button(screen: Screen, label: str, key: str | None) -> tuple[Hand, Button] | None:
    """The newest button of that label on this ticket, or on none: first here, then where else one reads."""
    for hand in _hands(screen, key):
        for found in hand.buttons:
            if one_line(found.label).casefold() == label.casefold():
                return hand, found
    return None


def _hands(screen: Screen, key: str | None) -> Iterator[Hand]:
    if screen.hand and key in (None, screen.hand.ticket):
        yield screen.hand
    wanted = {key} if key else {screen.ticket, None}
    posts = [post for post in reversed(screen.wall.posts.values()) if screen.who.reads(post.ref.place)]
    for here in (True, False):
        for post in posts:
            if (post.ref.place == screen.place) is here and screen.wall.ticket_of(post) in wanted:
                yield Hand(post.ref.place, post.ref, buttons_of(post.view))


def amount(text: str) -> timedelta | None:
    """`45m`, `2h`, `1h30m`, `2 days`; None for anything else, for nothing and for what is too long."""
    apart = _RUN.sub(" ", text.strip())
    parts = list(_AMOUNT.finditer(apart))
    if "".join(part[0] for part in parts) != apart:
        return None
    found = sum((timedelta(**{_UNITS[part[2][0].lower()]: int(part[1])}) for part in parts), timedelta())
    return found if timedelta() < found <= _LONGEST_WAIT else None


def _people(screen: Screen) -> str:
    return ", ".join(p.name for p in screen.cast.people)


def _places(screen: Screen) -> str:
    return ", ".join(room.label for room in screen.cast.rooms)
