"""Makes text safe for a terminal: nobody's text can set styles or move the cursor."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import assert_never

from rich.console import Console as Terminal
from rich.console import ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.text import Text

from bot.model.views import Link, Mention, Part, Quote, RichText, Strong, When

_UNSEEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUOTING = "│ "


def clean(text: str) -> str:
    """Removes control characters and marks that change the writing direction; lines end in a newline."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


def flat(text: str) -> str:
    """Puts text on one line and keeps blanks at the ends."""
    return clean(text).replace("\n", " ")


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def cut(text: str, longest: int) -> str:
    """Shortens a text that is shown in full elsewhere."""
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def literal(text: str, style: str = "") -> Text:
    """Any text on one line. Rich does not interpret markup in a Text."""
    return Text(flat(text), style, overflow="fold")


class Quoted:
    """A person's text, every line marked, wrapped ones too, so that none can pass for ours."""

    def __init__(self, text: str) -> None:
        self.text = Text(clean(text).strip("\n"), "italic", overflow="fold")

    def __rich_console__(self, console: Terminal, options: ConsoleOptions) -> RenderResult:
        room = options.update(width=max(options.max_width - len(_QUOTING), 1))
        for line in console.render_lines(self.text, room, pad=False):
            yield Segment(_QUOTING)
            yield from line
            yield Segment.line()


def named_time(at: datetime, zone: tzinfo | None) -> str:
    """Formats `Fri 20 Mar 2026, 16:30 CET`; without a zone, in this machine's."""
    there = at.astimezone(zone)
    return f"{day(there)} {there.year}, {there:%H:%M} {there.tzname()}"


def day(there: datetime) -> str:
    return f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]}"


def render_rich(parts: RichText, zone: tzinfo | None, before: Text | None = None) -> Group:
    """Renders rich text; each quotation gets its own lines."""
    found: list[Text | Quoted] = []
    text = before or Text(overflow="fold")
    for part in parts:
        if isinstance(part, Quote):
            found += [text, Quoted(part.text)]
            text = Text(overflow="fold")
        else:
            text.append_text(_part(part, zone))
    found.append(text)
    return Group(*(part for part in found if isinstance(part, Quoted) or _trimmed(part).plain))


def on_one_line(parts: RichText, zone: tzinfo | None) -> str:
    """Renders rich text on one line."""
    words = (_part(part, zone).plain for part in parts)
    return one_line(
        "".join(f" {w} " if isinstance(p, Quote) else w for p, w in zip(parts, words, strict=True))
    )


def _trimmed(text: Text) -> Text:
    text.rstrip()
    return text


def _part(part: Part, zone: tzinfo | None) -> Text:
    match part:
        case str():
            return literal(part)
        case Strong(text):
            return literal(text, "bold")
        case When(at):
            return literal(named_time(at, zone), "bold")
        case Mention(_, name):
            return literal(f"@{one_line(name)}", "cyan")
        case Quote(text):
            return literal(f"“{text}”")
        case Link(url, text):
            return literal(f"{text} ({url})" if text.strip() else url)
        case _:
            assert_never(part)
