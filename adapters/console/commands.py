"""The terminal's own commands: switch the persona or the place, list tickets, show the help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from adapters.console import rendering
from adapters.console.adapter import Screen, ShownButtons
from adapters.console.rendering import buttons_of, literal
from bot.model.views import Button
from bot.text import one_line

HELP = (
    ("/support [TEXT]", "open a ticket from here"),
    ("1, 2, …", "press the button with that number on the last message"),
    ("press LABEL [KEY]", "press a button by its label: press Take it ACME-1"),
    ("say TEXT", "write in the ticket's thread here"),
    ("as NAME", "become another person: {people}"),
    ("in PLACE", "go elsewhere: {places}, dm"),
    ("show [KEY]", "print this place again, or one ticket of it"),
    ("list", "the tickets of this place"),
    ("why [KEY]", "how the ticket's deadlines were computed"),
    ("wait 2h", "let time pass: 45m, 2h, 1h 30m, 1d"),
    ("help, quit", "show this list, leave"),
)
_LENGTH = re.compile(r"(\d{1,5})\s*(d|days?|h|hours?|m|min|minutes?|s|seconds?)\b\s*", re.IGNORECASE)
_RUN = re.compile(r"(?<=[dhms])(?=\d)", re.IGNORECASE)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_LONGEST_WAIT = timedelta(days=400)


def switch_persona(screen: Screen, name: str) -> None:
    """Switches to a persona, in their home place."""
    persona = screen.personas.find(name)
    if persona is None:
        screen.warn(f"No person is called “{name}”. Choose from {_people(screen)}.")
    else:
        screen.switch_to(persona, persona.home)


def switch_place(screen: Screen, label: str) -> None:
    """Switches to a place that the persona can read."""
    persona = screen.persona
    if label.casefold() in ("dm", "#dm"):
        place = persona.direct(screen.place.platform) or persona.direct(next(iter(persona.actors)))
        assert place is not None
        screen.switch_to(persona, place)
        return
    channel = screen.personas.channel(label)
    if channel is None:
        screen.warn(f"No place is called “{label}”. Choose from {_places(screen)} and dm.")
    elif not persona.reads(channel.place):
        screen.warn(f"{persona.name} is not in {channel.label}.")
    else:
        screen.switch_to(persona, channel.place)


def list_tickets(screen: Screen) -> None:
    """Lists the tickets of this place and marks the one that `say` and `why` refer to."""
    table = Table.grid(padding=(0, 2))
    found = [card for _, card in screen.log.cards(screen.place)]
    for card in found:
        mark = "›" if card.key == screen.ticket else ""
        stands = ", ".join(rendering.standing(line, screen.zone) for line in card.promises)
        table.add_row(
            *map(literal, (mark, card.key, card.severity, card.state, stands, one_line(card.title)))
        )
    screen.write(table if found else f"No tickets in {screen.personas.label(screen.place)}.")


def show_help(screen: Screen) -> None:
    table = Table.grid(padding=(0, 2))
    for what, does in HELP:
        line_text = does.format(people=_people(screen), places=_places(screen))
        table.add_row(Text(f"  {what}", "bold"), literal(line_text))
    screen.write(table)


def show_unknown(screen: Screen, line: str) -> None:
    screen.warn(f"“{line}” is not a command. The commands are:")
    screen.write(Text(f"  {' · '.join(what for what, _ in HELP)}", "dim"))


def prompt(screen: Screen) -> str:
    """The prompt, such as `Alice · #acme · ACME-1 › `: persona, place and ticket."""
    place = screen.personas.label(screen.place)
    return " · ".join(filter(None, (one_line(screen.persona.name), place, screen.ticket))) + " › "


def find_button(screen: Screen, label: str, key: str | None) -> tuple[ShownButtons, Button] | None:
    """The newest button with that label on this ticket, or on none: first here, then elsewhere."""
    for shown_buttons in _button_rows(screen, key):
        for found in shown_buttons.buttons:
            if one_line(found.label).casefold() == label.casefold():
                return shown_buttons, found
    return None


def _button_rows(screen: Screen, key: str | None) -> Iterator[ShownButtons]:
    if screen.shown_buttons and key in (None, screen.shown_buttons.ticket):
        yield screen.shown_buttons
    wanted = {key} if key else {screen.ticket, None}
    posts = [post for post in reversed(screen.log.posts.values()) if screen.persona.reads(post.ref.place)]
    for here in (True, False):
        for post in posts:
            if (post.ref.place == screen.place) is here and screen.log.ticket_of(post) in wanted:
                yield ShownButtons(post.ref.place, post.ref, buttons_of(post.view))


def parse_length(text: str) -> timedelta | None:
    """Parses `45m`, `2h`, `1h30m` or `2 days`. Returns None for zero, too long and other texts."""
    apart = _RUN.sub(" ", text.strip())
    parts = list(_LENGTH.finditer(apart))
    if "".join(part[0] for part in parts) != apart:
        return None
    found = sum((timedelta(**{_UNITS[part[2][0].lower()]: int(part[1])}) for part in parts), timedelta())
    return found if timedelta() < found <= _LONGEST_WAIT else None


def _people(screen: Screen) -> str:
    return ", ".join(p.name for p in screen.personas.people)


def _places(screen: Screen) -> str:
    return ", ".join(channel.label for channel in screen.personas.channels)
