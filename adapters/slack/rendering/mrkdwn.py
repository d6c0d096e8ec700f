"""The only module that writes mrkdwn. It escapes all text, so that nobody can mention, link or format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import assert_never

from bot.model.address import UserRef
from bot.model.views import Link, Mention, Part, Quote, RichText, Strong, When
from bot.text import UTC_ZONE, clean, named_hour, named_time, one_line, weekday_time

LONGEST = 2900
"""Maximum characters in one text object; Slack accepts 3000."""

# mrkdwn has no escapes for its markup characters: only a look-alike character is safe.
_LOOKALIKES = {"*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ"}
_MARKS = re.compile(r"[*~`]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_QUOTING = re.compile(r"^([^\S\n]*)>", re.MULTILINE)
_USER = re.compile(r"[UW][A-Z0-9]+")
_URL = re.compile(r"(https?://|mailto:)[^\s<>|]+")


def size(text: str) -> int:
    """Returns the most characters that Slack may count: escaped, and astral ones twice."""
    return size_sent(escape_entities(text))


def escape_entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_mrkdwn(text: str) -> str:
    """Escapes any text, so that mrkdwn only shows it."""
    tame = _QUOTING.sub(r"\1›", clean(text))
    return escape_entities(_MARKS.sub(lambda mark: _LOOKALIKES[mark[0]], tame))


def is_inert(text: str) -> bool:
    """Returns whether mrkdwn shows the text unchanged."""
    return escape_mrkdwn(text) == text


def strong(text: str) -> str:
    """Makes text bold; Slack requires spaces at the ends to stay outside."""
    words = escape_mrkdwn(one_line(text))
    before, after = text[:1].isspace(), text[-1:].isspace()
    return f"{' ' * before}*{words}*{' ' * after}" if words else ""


def cut(text: str, longest: int) -> str:
    """Cuts a label or header whose full text is shown elsewhere."""
    line = one_line(text)
    if size(line) <= longest:
        return line
    while size(line) > longest - 1:
        line = line[:-1]
    return f"{line.rstrip()}…"


def pieces(text: str, longest: int = LONGEST) -> Iterator[str]:
    """Splits text into parts of at most `longest`, at lines or spaces; joined, they are the text."""
    while size(text) > longest:
        end = min(len(text), longest)
        while size(text[:end]) > longest:
            end -= max(1, (size(text[:end]) - longest) // 6)
        blank = max(text.rfind("\n", 0, end), text.rfind(" ", 0, end)) + 1
        line = text.rfind("\n", 0, end) + 1
        stop = line if line > end // 2 else blank if blank > end // 2 else end
        yield text[:stop]
        text = text[stop:]
    if text:
        yield text


@dataclass(frozen=True, slots=True)
class MrkdwnRenderer:
    """Writes mrkdwn. Set `plain_dates` if the client does not render date tokens."""

    plain_dates: bool = False
    zone: tzinfo = UTC_ZONE

    def when(self, at: datetime) -> str:
        """The time in the reader's zone, followed by a named zone."""
        local = self.reader_time(at)
        return local if self.plain_dates else f"{local} ({escape_entities(named_hour(at, self.zone))})"

    def reader_time(self, at: datetime) -> str:
        """The time in the reader's zone only, where nobody calculates with it."""
        words = escape_entities(named_time(at, self.zone))
        if self.plain_dates:
            return words
        return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{words}>"

    def short_time(self, at: datetime) -> str:
        """The same in few words, for an instant in the coming days: `Mon 10:00` where tokens do not work."""
        words = weekday_time(at, self.zone)
        if self.plain_dates:
            return words
        return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{words}>"

    def part(self, part: Part) -> str:
        match part:
            case str():
                return escape_mrkdwn(part)
            case Strong(text):
                return strong(text)
            case When(at):
                return self.when(at)
            case Mention(user, name):
                return mention(user, name)
            case Quote(text):
                return quoted(text)
            case Link(url, text):
                return link(url, text)
            case _:
                assert_never(part)

    def line(self, rich: RichText) -> str:
        """Renders everything as one mrkdwn text of any length."""
        written = ""
        for part in rich:
            gap = "\n" if written and not written.endswith("\n") and isinstance(part, Quote) else ""
            written += gap + self.part(part) + ("\n" if isinstance(part, Quote) else "")
        return written.strip("\n")

    def chunks(self, rich: RichText) -> Iterator[str]:
        """Renders the same as texts that each fit one block; never splits a token."""
        text = ""
        for part in rich:
            for atom in self._unbroken(part):
                if size_sent(text + atom) > LONGEST:
                    yield text
                    text = ""
                text += atom
        yield text

    def _unbroken(self, part: Part) -> Iterator[str]:
        match part:
            case str():
                yield from (escape_mrkdwn(piece) for piece in pieces(clean(part), LONGEST // 2))
            case Strong(text):
                yield from (strong(piece) for piece in pieces(clean(text), LONGEST // 2))
            case Link(url, text) if size(url) + size(text) > LONGEST // 2:
                yield from self._unbroken(f"{text} ({url})")
            case _:
                yield self.part(part)


def size_sent(text: str) -> int:
    """Returns the size of a text that is already mrkdwn."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def mention(user: UserRef, name: str) -> str:
    if user.platform == "slack" and _USER.fullmatch(user.id):
        return f"<@{user.id}>"
    return escape_mrkdwn(one_line(name))


def quoted(text: str) -> str:
    return "\n".join(f"> {escape_mrkdwn(line)}" for line in clean(text).strip("\n").split("\n"))


def link(url: str, text: str) -> str:
    words = escape_mrkdwn(one_line(text)).replace("|", "¦")
    if not _URL.fullmatch(url):
        return f"{words} ({escape_mrkdwn(one_line(url))})"
    return f"<{url.replace('&', '&amp;')}|{words}>" if words else f"<{url.replace('&', '&amp;')}>"
