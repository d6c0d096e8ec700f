"""Text helpers that all platforms share; what is safe to show differs by platform and stays there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, tzinfo
from math import ceil
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from bot.model.views import Link, Mention, Part, PromiseLine, Quote, RichText, Strong, When
from sla_core.promise import Phase, Tone

TICKET_KEY = re.compile(r"[A-Z][A-Z0-9-]{0,23}-[1-9][0-9]{0,8}")
UTC_ZONE = ZoneInfo("UTC")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Removes control characters and marks that change the writing direction; lines end in a newline."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def storable(value: Any) -> Any:
    """The same JSON value without null characters, each half of an emoji replaced by a question mark.

    No database stores the former, and no platform accepts the latter.
    """
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case dict():
            return {storable(key): storable(inner) for key, inner in value.items()}
        case list():
            return [storable(inner) for inner in value]
        case _:
            return value


_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that Unicode counts as letters or symbols although they show nothing."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Me", "Mn", "Zl", "Zp", "Zs"})
"""Categories of control characters, of marks that need a letter, and of blanks."""


def typed(text: str) -> str:
    """What a person typed, without blanks around it; empty if nothing of it can be seen."""
    return text.strip() if any(_is_visible(character) for character in text) else ""


def _is_visible(character: str) -> bool:
    return character not in _BLANKS and unicodedata.category(character) not in _INVISIBLE


def one_line(text: str) -> str:
    """Puts cleaned text on one line, with single blanks."""
    return " ".join(clean(text).split())


def named_day(there: datetime) -> str:
    """Formats `Fri 20 Mar`, in the zone of the instant."""
    return f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]}"


def named_time(at: datetime, zone: tzinfo | None) -> str:
    """Formats `Fri 20 Mar 2026, 16:30 CET`; without a zone, in this machine's."""
    there = at.astimezone(zone)
    return f"{named_day(there)} {there.year}, {there:%H:%M} {there.tzname()}"


def named_hour(at: datetime, zone: tzinfo) -> str:
    """Formats `Fri 16:30 CET`. The weekday matters: a date beside it can be a day off."""
    there = at.astimezone(zone)
    return f"{weekday_time(at, zone)} {there.tzname()}"


def weekday_time(at: datetime, zone: tzinfo | None) -> str:
    """Formats `Fri 16:30`, in a zone that is clear from elsewhere."""
    there = at.astimezone(zone)
    return f"{_DAYS[there.weekday()]} {there:%H:%M}"


def named_stretch(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Formats `Fri 20 Mar 2026, 16:30 – 18:00 CET`; with the end's date if it is on another day."""
    start, end = start.astimezone(zone), end.astimezone(zone)
    until = f"{end:%H:%M}" if end.date() == start.date() else named_time(end, zone).rsplit(" ", 1)[0]
    return f"{named_time(start, zone).rsplit(' ', 1)[0]} – {until} {end.tzname()}"


def zone_named(name: str) -> tzinfo:
    """The time zone of this name, or UTC if this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC_ZONE


def plain_part(part: Part, zone: tzinfo | None) -> str:
    """A part as plain text, which may still contain control characters."""
    match part:
        case str():
            return part
        case Strong(text):
            return text
        case When(at):
            return named_time(at, zone)
        case Mention(_, name):
            return f"@{one_line(name)}"
        case Quote(text):
            return f"“{text}”"
        case Link(url, text):
            return f"{text} ({url})" if text.strip() else url
        case _:
            assert_never(part)


def plain_text(parts: RichText, zone: tzinfo | None) -> str:
    """Rich text as one line of plain text, with instants in `zone`; without one, in this machine's."""
    words = ((part, plain_part(part, zone)) for part in parts)
    return one_line("".join(f" {text} " if isinstance(part, Quote) else text for part, text in words))


TONE_MARKS = {Tone.CALM: "", Tone.WARN: "⚠️ ", Tone.ALARM: "🚨 ", Tone.DONE: "✅ "}
"""Before a text: the tone by shape as well as colour, for colour-blind readers."""
_PHASE_SYMBOLS = {Phase.PAUSED: "🌙", Phase.ON_HOLD: "⏸️", Phase.ENDED: "⏹️"}
_RUNNING_SYMBOLS = {Tone.CALM: "🕒", Tone.WARN: "⚠️", Tone.ALARM: "🚨", Tone.DONE: "✅"}


def is_over(line: PromiseLine) -> bool:
    return line.phase in (Phase.MET, Phase.ENDED)


def promise_symbol(line: PromiseLine) -> str:
    """Shows how a promise stands by shape as well as colour."""
    if line.phase is Phase.MET:
        return "✅"
    if line.phase is Phase.BREACHED:
        return "🚨"
    if line.tone in (Tone.WARN, Tone.ALARM):
        return _RUNNING_SYMBOLS[line.tone]
    return _PHASE_SYMBOLS.get(line.phase, _RUNNING_SYMBOLS[line.tone])


def promise_bar(line: PromiseLine, width: int) -> str:
    """How much of a promise's time is spent, as `width` characters; full once it is breached."""
    spent = 1.0 if line.phase is Phase.BREACHED else min(max(line.spent, 0.0), 1.0)
    # Rounded up, so that a bar never looks better than it is.
    full = ceil(round(spent * width, 6))
    return "▰" * full + "▱" * (width - full)


def standing_text(
    line: PromiseLine, time: Callable[[datetime], str], escape: Callable[[str], str] = str
) -> str:
    """Formats `less than 4 h left`, `met Mon 09:12` or `paused until Mon 10:00, then less than 4 h left`.

    `time` formats an instant, `escape` all other text.
    """
    shown = escape(line.standing)
    if line.standing_at is not None:
        shown += f" {time(line.standing_at)}"
    return f"{shown}, {escape(line.then)}" if line.then else shown


def due_text(line: PromiseLine, when: Callable[[datetime], str]) -> str:
    """Formats `due …` or `was due …`, with the instant as `when` writes it; empty without one."""
    if line.due_at is None:
        return ""
    was = "was " if is_over(line) or line.phase is Phase.BREACHED else ""
    return f"{was}due {when(line.due_at)}"


def in_sentence(name: str) -> str:
    """A name of a policy within a sentence: `second line` for `Second line`; `Partner Support` stays."""
    return name.lower() if name[1:].islower() else name
