"""The only module that writes mrkdwn and Block Kit. It escapes all text: nobody can mention or format.

Blocks stay within Slack's limits, and a list of them fits one message.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from hashlib import sha256
from itertools import groupby
from typing import Any, assert_never

from bot.model.address import UserRef
from bot.model.views import Button, Link, Mention, Menu, Part, Quote, RichText, Strong, Style, When
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


Json = dict[str, Any]

MOST_BLOCKS = 50
MOST_TEXT = 12_000
"""Slack rejects longer messages with `msg_blocks_too_long`; the limit itself is not documented."""
LONGEST_FALLBACK = 3000
_ROW = 25
_COPY = "#"
MENU = "menu"
_SEPARATOR = "|"
MOST_OPTIONS = 100
MOST_OPTION_VALUE = 150


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """A message: its blocks, and the text that notifications and old clients show."""

    text: str
    blocks: list[Json]


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def section(text: str) -> Json:
    return {"type": "section", "text": mrkdwn(text)}


def literal(text: str) -> Iterator[Json]:
    """Text exactly as typed; plain_text has no markup."""
    for piece in pieces(clean(text).strip("\n"), LONGEST):
        if piece.strip():
            yield {"type": "section", "text": plain(piece)}


def header(text: str) -> Json:
    return {"type": "header", "text": plain(cut(text, 150))}


def context(text: str) -> Json:
    return {"type": "context", "elements": [mrkdwn(text)]}


def pieces_of_lines(lines: Iterable[str]) -> Iterator[str]:
    """Joins lines of mrkdwn to texts that each fit one block."""
    text = ""
    for line in lines:
        if text and size_sent(f"{text}\n{line}") > LONGEST:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def rich(renderer: MrkdwnRenderer, parts: RichText) -> Iterator[Json]:
    """Our words as mrkdwn; what somebody typed as an exact quotation in its own block."""
    for quotes, run in groupby(parts, lambda part: isinstance(part, Quote)):
        if not quotes:
            yield from (section(text.strip("\n")) for text in renderer.chunks(tuple(run)) if text.strip())
            continue
        for part in run:
            yield from _quotation(part)


def _quotation(part: Part) -> Iterator[Json]:
    assert isinstance(part, Quote)
    words = clean(part.text).strip("\n")
    if not words.strip():
        return
    if is_inert(words) and size_sent(quoted(words)) <= LONGEST:
        yield section(quoted(words))
    else:
        yield from literal(f"“{words}”")


def actions(
    buttons: Sequence[Button], menus: Sequence[Menu] = (), drawn_at: datetime | None = None
) -> Iterator[Json]:
    """Rows of buttons, then the menus. Repeated actions get a suffix, so that ids stay unique.

    Slack keeps what is chosen in a menu while the id of its block stays the same, so a row with menus has
    one for each `drawn_at`.
    """
    seen: dict[str, int] = {}
    elements = []
    for button in buttons:
        count = seen[button.action] = seen.get(button.action, 0) + 1
        name = button.action if count == 1 else f"{button.action}{_COPY}{count}"
        if len(name) > 255 or len(button.value) > 2000:
            raise ValueError(f"button {name[:80]!r} has an id or a value that Slack does not take")
        element: Json = {"type": "button", "action_id": name, "text": plain(cut(button.label, 75))}
        if button.value:
            element["value"] = button.value
        if button.style is not Style.PLAIN:
            element["style"] = button.style.value
        elements.append(element)
    elements += [_menu(menu, number) for number, menu in enumerate(menus, start=1) if menu.buttons]
    for start in range(0, len(elements), _ROW):
        row: Json = {"type": "actions", "elements": elements[start : start + _ROW]}
        if menus and drawn_at is not None:
            row["block_id"] = f"menus-{start}-{drawn_at.timestamp():.3f}"
        yield row


def _menu(menu: Menu, number: int) -> Json:
    """A select. An overflow element would hold five options at most."""
    if len(menu.buttons) > MOST_OPTIONS:
        raise ValueError(f"menu {menu.label[:80]!r} has more options than Slack takes")
    options = []
    for button in menu.buttons:
        value = f"{button.action}{_SEPARATOR}{button.value}"
        if len(value) > MOST_OPTION_VALUE:
            raise ValueError(f"option {value[:80]!r} is longer than Slack takes")
        options.append({"text": plain(cut(button.label, 75)), "value": value})
    placeholder = plain(cut(menu.label, 150))
    return {
        "type": "static_select",
        "action_id": f"{MENU}{_COPY}{number}",
        "placeholder": placeholder,
        "options": options,
    }


def read_option(value: str) -> tuple[str, str]:
    """Returns action and value of an option that `_menu` made."""
    action, _, what = value.partition(_SEPARATOR)
    return action, what


def action_of(action_id: str) -> str:
    """Returns the action behind an id that `actions` made."""
    name, mark, count = action_id.rpartition(_COPY)
    return name if mark and count.isdigit() else action_id


def fit(
    head: Sequence[Json], body: Sequence[Json], tail: Sequence[Json], rest: str, most: int = MOST_BLOCKS
) -> list[Json]:
    """Keeps head and tail, and as much of the body as fits; a line says what was left out."""
    room = most - len(head) - len(tail)
    text = MOST_TEXT - sum(map(length, (*head, *tail)))
    kept: list[Json] = []
    left = list(body)
    while left and len(kept) < room - (len(left) > 1) and length(left[0]) <= text:
        text -= length(left[0])
        kept.append(left.pop(0))
    if left:
        missing = sum(map(length, left))
        kept.append(context(f"… {missing:,} more characters{rest}"))
    return [*head, *kept, *tail]


def length(block: Json) -> int:
    """Returns the number of characters in the block's texts."""
    texts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    return sum(len(text["text"]) for text in texts if text and isinstance(text.get("text"), str))


def with_block_ids(blocks: Sequence[Json]) -> list[Json]:
    """Adds block ids that change with the content, as Slack requires for updated messages."""
    digest = hashlib.sha256(json.dumps(blocks, sort_keys=True).encode()).hexdigest()[:10]
    return [{"block_id": f"{digest}-{index}", **block} for index, block in enumerate(blocks)]


def fallback(text: str) -> str:
    """Cuts a long text between words; the blocks hold all of it."""
    if size(text) <= LONGEST_FALLBACK:
        return text or "…"
    return f"{text[: LONGEST_FALLBACK // 5].rsplit(' ', 1)[0].rsplit('<', 1)[0]} …"


CLOCK_TOLERANCE = timedelta(seconds=30)
"""How long before our own time of sending to start looking for a message."""


def message_metadata(key: str) -> Json:
    """The key is hashed: anybody in the channel can read metadata."""
    mark = sha256(key.encode()).hexdigest()[:32]
    return {"event_type": "frontline_message", "event_payload": {"mark": mark}}
