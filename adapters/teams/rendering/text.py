"""The only module that writes Teams' markup. It escapes all text: nobody can mention, link, format or date.

Adaptive Cards have two kinds of text. A TextBlock reads Markdown, `<at>` and `{{DATE()}}`; its backslash
escapes differ between clients, so we replace its markup by look-alike characters. The runs of a
RichTextBlock read dates only: they show text exactly, as long as no run holds a whole token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, assert_never

from bot.model.address import UserRef
from bot.model.views import Link, Mention, Part, Quote, RichText, Strong, When
from bot.text import UTC_ZONE, clean, named_hour, named_time, one_line, weekday_time

_LOOKALIKES = {
    "*": "∗",
    "_": "ˍ",
    "~": "∼",
    "`": "ˋ",
    "[": "［",
    "]": "］",
    "<": "‹",
    ">": "›",
    "|": "¦",
    "\\": "∖",
    "&": "＆",
    "{": "｛",
}
_MARKS = re.compile(
    r"[*~`\[\]<>|\\]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # formats, links, mentions, tables, escapes
    r"|&(?=#?\w*(?:;|$))|\{(?=\{|$)"  # entities and dates, also those that the next part would complete
)
_LEADING = {"#": "＃", "-": "‐", "+": "＋", "=": "＝"}
_LEADS = re.compile(r"^(\s*)([#\-+=][#\-+=\s]*)")
_NUMBERED = re.compile(r"^(\s*\d{1,9})([.)])(?=\s|$)")
_NUMBERS = {".": "․", ")": "❩"}
_TOKENS = re.compile(r"(?<=\{)(?=\{)|(?<=<)(?=/?at)", re.IGNORECASE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_URL = re.compile(r"(https?://|mailto:)[^\s<>()\[\]{}\\*_~`]+")


def length(text: str) -> int:
    """Returns the length in bytes, as Teams counts."""
    return len(text.encode("utf-8", "surrogatepass"))


def cut(text: str, longest: int) -> str:
    """Cuts a label or title whose full text is shown elsewhere."""
    line = one_line(text)
    if length(line) <= longest:
        return line
    return f"{line.encode()[: longest - 3].decode('utf-8', 'ignore').rstrip()}…"


def pieces(text: str, longest: int) -> Iterator[str]:
    """Splits text into parts of at most `longest` bytes, at lines or spaces; joined, they are the text."""
    while length(text) > longest:
        end = len(text.encode("utf-8", "surrogatepass")[:longest].decode("utf-8", "ignore"))
        line = text.rfind("\n", 0, end) + 1
        blank = text.rfind(" ", 0, end) + 1
        stop = line if line > end // 2 else blank if blank > end // 2 else end
        yield text[:stop]
        text = text[stop:]
    if text:
        yield text


def escape_markdown(text: str) -> str:
    """Escapes any text as part of a Markdown line, so that Markdown only shows it."""
    tame = re.sub(r"\s+", " ", clean(text))
    return _MARKS.sub(lambda mark: _LOOKALIKES[mark[0]], tame)


def escape_line_start(line: str) -> str:
    """Escapes the start of a line, so that it is never a heading, list or rule."""
    line = _LEADS.sub(lambda lead: lead[1] + "".join(_LEADING.get(c, c) for c in lead[2]), line)
    return _NUMBERED.sub(lambda lead: lead[1] + _NUMBERS[lead[2]], line)


def label(text: str, longest: int) -> str:
    """Text for a button, label or choice, which some clients read as Markdown."""
    return escape_line_start(escape_markdown(cut(text, longest)))


def runs(text: str, **style: str | bool) -> list[Json]:
    """Text exactly as typed, in runs that never hold a whole token; indents stay visible."""
    shown = _INDENT.sub(lambda blanks: blanks[0].replace("\t", "    ").replace(" ", "\u00a0"), clean(text))
    return [{"type": "TextRun", "text": piece, **style} for piece in _TOKENS.split(shown) if piece]


def url_of(link: Link) -> str | None:
    """Returns the address if a reader may follow it, else None."""
    return link.url if _URL.fullmatch(link.url) else None


def _nobody(user: UserRef) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class CardTextRenderer:
    """Writes text for one conversation.

    `plain_zone` is the zone of the text next to each reader's own time; `plain_dates` writes only that
    text. `mri` returns a person's Teams id, or None. `dialogs` is whether the client opens dialogs, which
    the Agents Playground does not.
    """

    plain_zone: tzinfo = UTC_ZONE
    plain_dates: bool = False
    mri: Callable[[UserRef], str | None] = field(default=_nobody)
    dialogs: bool = True

    def when(self, at: datetime) -> str:
        """The time in the reader's zone, followed by a named zone. Safe in both kinds of text."""
        local = self.reader_time(at)
        if self.plain_dates:
            return local
        return f"{local} ({escape_markdown(named_hour(at, self.plain_zone)).replace('{', '｛')})"

    def reader_time(self, at: datetime) -> str:
        """The time in the reader's zone only, where nobody calculates with it. Safe in both kinds of text."""
        if self.plain_dates:
            return escape_markdown(named_time(at, self.plain_zone)).replace("{", "｛")
        instant = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return f"{{{{DATE({instant},SHORT)}}}}, {{{{TIME({instant})}}}}"

    def short_time(self, at: datetime) -> str:
        """The same, and `Mon 10:00` where the client does not render dates."""
        return self.plain_short_time(at) if self.plain_dates else self.reader_time(at)

    def plain_short_time(self, at: datetime) -> str:
        """`Mon 10:00`, for text without dates."""
        return weekday_time(at, self.plain_zone)

    def mentions(self, *texts: RichText) -> dict[Mention, Json]:
        """Returns the entity of each mention that Teams supports."""
        found: dict[Mention, Json] = {}
        taken: dict[str, str] = {}
        for part in (part for text in texts for part in text if isinstance(part, Mention)):
            id_ = self.mri(part.user) if part.user.platform == "teams" else None
            name = escape_line_start(escape_markdown(cut(part.name, 90))).strip()
            if not id_ or not name:
                continue
            tag, count = name, 1
            while taken.setdefault(tag, id_) != id_:
                count += 1
                tag = f"{name} ({count})"
            who = {"id": id_, "name": name}
            found[part] = {"type": "mention", "text": f"<at>{tag}</at>", "mentioned": who}
        return found

    def plain(self, rich: RichText) -> str:
        """Renders everything as one line without markup, for notifications."""
        return " ".join("".join(self._plain(part) for part in rich).split())

    def _plain(self, part: Part) -> str:
        match part:
            case str():
                return clean(part)
            case Strong(text) | Mention(name=text) | Link(text=text):
                return clean(text)
            case Quote(text):
                return f" “{clean(text).strip()}” "
            case When(at):
                return named_time(at, self.plain_zone)
            case _:
                assert_never(part)

    def exact_runs(self, part: Part) -> list[Json]:
        """Renders a part as runs of a RichTextBlock."""
        match part:
            case str():
                return runs(part)
            case Strong(text):
                return runs(text, weight="Bolder")
            case Mention(_, name):
                return runs(one_line(name), weight="Bolder")
            case When(at):
                return [{"type": "TextRun", "text": self.when(at)}]
            case Link():
                url = url_of(part)
                if url is None:
                    return runs(f"{one_line(part.text)} ({one_line(part.url)})")
                action = {"type": "Action.OpenUrl", "url": url}
                return [{**run, "selectAction": action} for run in runs(one_line(part.text) or url)]
            case Quote(text):
                return runs(f"“{text}”")
            case _:
                assert_never(part)

    def markdown(self, part: Part, entities: Mapping[Mention, Json]) -> str:
        """Renders a part as Markdown, the only text that can mention."""
        match part:
            case str():
                return escape_markdown(part)
            case Strong(text):
                words = escape_markdown(one_line(text))
                before, after = text[:1].isspace(), text[-1:].isspace()
                return f"{' ' * before}**{words}**{' ' * after}" if words else ""
            case Mention():
                return (
                    str(entities[part]["text"]) if part in entities else escape_markdown(one_line(part.name))
                )
            case When(at):
                return self.when(at)
            case Link():
                url, words = url_of(part), escape_markdown(one_line(part.text))
                return f"[{words or url}]({url})" if url else f"{words} ({escape_markdown(part.url)})"
            case Quote(text):
                return f"“{escape_markdown(text)}”"
            case _:
                assert_never(part)


Json = dict[str, Any]

MOST_BYTES = 28_000
"""Bytes of one card in a message. Teams rejected larger ones; the exact limit is not documented."""
MOST_FORM = 40_000
"""Bytes of one form; it holds what somebody typed, which we never cut."""
MOST_CONTEXT = 4_000
"""Bytes of a form's hidden data."""
MOST_IN_SET = 3
"""Buttons side by side; Teams drops the seventh, and a phone cuts off what does not fit."""
ROW_WIDTH = 42
"""Characters in such a row on a phone, where each button's edges take the width of four."""
MOST_VALUE = 1_000
LONGEST_LABEL = 150
LONGEST_FIELD = 300
LONGEST_TITLE = 600
LONGEST_PIECE = 1_500
LONGEST_FALLBACK = 1_000
FEW = 10
"""Options that are all visible; more become a drop-down list."""


def compact_json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def size(content: object) -> int:
    """Returns the size in bytes as sent."""
    return len(compact_json(content).encode())
