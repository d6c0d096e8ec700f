"""Converts Slack's mrkdwn and blocks to plain text."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from demo.slack.elements import Json
from demo.slack.state import Message, Workspace
from demo.slack.view import without_emoji

_TOKEN = re.compile(r"<([^<>\n]+)>")
_LIVE = re.compile(r"<(@[UW]\w+|#C\w+|!(?:here|channel|everyone|subteam\^S\w+)|https?://[^<>\s]+)>")
_MARKS = [re.compile(rf"(?<![\w{c}]){c}(?=\S)([^{c}\n]*?\S){c}(?![\w{c}])") for c in (r"\*", "_", "~", "`")]


def escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(words: str) -> str:
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def typed(words: str) -> str:
    """Returns typed text as Slack delivers it: mentions and links active, everything else escaped."""
    parts = _LIVE.split(words)
    return "".join(f"<{part}>" if index % 2 else escaped(part) for index, part in enumerate(parts))


def mrkdwn(workspace: Workspace, words: str, tz: str | None = None, now: datetime | None = None) -> str:
    """Replaces mentions, dates and links by what readers see, and removes emphasis and escapes."""
    pieces = []
    for index, part in enumerate(_TOKEN.split(words)):
        pieces.append(_token(workspace, part, tz, now) if index % 2 else unescaped(_unmarked(part)))
    # Emphasis may span a token, so its two marks may be in different pieces.
    return "".join(pieces) if len(pieces) == 1 else _unmarked("".join(pieces))


def _unmarked(words: str) -> str:
    for mark in _MARKS:
        words = mark.sub(r"\1", words)
    return words


def _token(workspace: Workspace, inner: str, tz: str | None, now: datetime | None) -> str:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        person = workspace.users.get(target[1:])
        return f"@{person.real_name}" if person else f"@{label or target[1:]}"
    if target.startswith("#"):
        channel = workspace.channels.get(target[1:])
        return f"#{channel.name}" if channel else f"#{label or target[1:]}"
    if target.startswith("!subteam^"):
        group = workspace.groups.get(target.removeprefix("!subteam^"))
        return f"@{group.handle}" if group else label or "@group"
    if target.startswith("!date^"):
        return date_token(target, label, tz, now)
    if target.startswith("!"):
        return f"@{target[1:]}"
    return unescaped(label or target.removeprefix("mailto:"))


def date_token(target: str, fallback: str, tz: str | None, now: datetime | None = None) -> str:
    """Returns a date as a reader in that zone sees it, or its fallback if no zone is given."""
    parts = target.split("^")
    if tz is None or len(parts) < 3 or not parts[1].isdigit():
        return unescaped(fallback)
    zone = ZoneInfo(tz)
    then = datetime.fromtimestamp(int(parts[1]), zone)
    today = (now or datetime.now(UTC)).astimezone(zone)
    return re.sub(r"\{(\w+)\}", lambda match: _part(match[1], then, today), unescaped(parts[2]))


def _part(name: str, then: datetime, today: datetime) -> str:
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    days = (then.date() - today.date()) // timedelta(days=1)
    if name.endswith("_pretty") and days in near:
        return near[days]
    last = "th" if 11 <= then.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(then.day % 10, "th")
    match name.removesuffix("_pretty"):
        case "date_num":
            return f"{then:%Y-%m-%d}"
        case "date":
            return f"{then:%B} {then.day}{last}, {then.year}"
        case "date_short":
            return f"{then:%b} {then.day}, {then.year}"
        case "date_long":
            return f"{then:%A, %B} {then.day}{last}, {then.year}"
        case "time":
            return f"{then:%H:%M}"
        case "time_secs":
            return f"{then:%H:%M:%S}"
        case "ago":
            return _ago(then, today)
        case _:
            return f"{{{name}}}"


def _ago(then: datetime, now: datetime) -> str:
    seconds = abs((now - then).total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= size or unit == "second":
            count = int(seconds // size)
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if then <= now else f"in {words}"
    raise AssertionError


def _text(workspace: Workspace, part: Json | None, tz: str | None = None, now: datetime | None = None) -> str:
    if not part:
        return ""
    raw = str(part["text"])
    return raw if part["type"] == "plain_text" else mrkdwn(workspace, raw, tz, now)


def block_lines(
    workspace: Workspace, block: Json, tz: str | None = None, now: datetime | None = None
) -> Iterator[str]:
    """Returns the lines of one block, with buttons and menus in brackets."""
    kind = block["type"]
    if kind == "divider":
        yield "———"
    elif kind in ("section", "header"):
        main = _text(workspace, block.get("text"), tz, now)
        tail = _control(block.get("accessory"))
        yield from f"{main}  {tail}".strip().split("\n") if main or tail else ()
        for field in block.get("fields", []):
            yield ": ".join(part for part in _text(workspace, field, tz, now).split("\n") if part).replace(
                "::", ":"
            )
    elif kind == "context":
        parts = [part for part in block["elements"] if part["type"] != "image"]
        yield from "  ".join(_text(workspace, part, tz, now) for part in parts).split("\n")
    elif kind == "actions":
        yield " ".join(_control(part) for part in block["elements"])
    elif kind == "image":
        yield f"({block['alt_text']})"
    elif kind == "markdown":
        yield from unescaped(_unmarked(str(block["text"]))).split("\n")
    elif kind == "rich_text":
        yield from "".join(_leaf(workspace, leaf) for leaf in _leaves(block)).strip("\n").split("\n")
    elif kind == "table":
        for row in block["rows"]:
            yield " | ".join(str(cell.get("text", "")) for cell in row)
    elif kind == "input":
        yield f"{block['label']['text']} {_control(block['element'])}".strip()


def _control(part: Json | None) -> str:
    if not part or part["type"] == "image":
        return ""
    if part["type"] == "button":
        return f"[ {without_emoji(part['text']['text'])} ]"
    if part["type"] == "overflow":
        return "[ … ]"
    return f"[ {part.get('placeholder', {}).get('text', '')} v ]"


def _leaves(part: Json) -> Iterator[Json]:
    for inner in part.get("elements", []):
        if "elements" in inner:
            yield from _leaves(inner)
            yield {"type": "text", "text": "\n"}
        else:
            yield inner


def _leaf(workspace: Workspace, leaf: Json) -> str:
    if leaf["type"] == "user":
        return _token(workspace, f"@{leaf['user_id']}", None, None)
    if leaf["type"] == "link":
        return str(leaf.get("text") or leaf["url"])
    return str(leaf.get("text") or leaf.get("fallback") or "")


def message_lines(
    workspace: Workspace, message: Message, tz: str | None = None, now: datetime | None = None
) -> list[str]:
    """Returns the visible lines of a message: its blocks, or its text if it has none."""
    if not message.blocks:
        return mrkdwn(workspace, message.text, tz, now).split("\n")
    return [line for block in message.blocks for line in block_lines(workspace, block, tz, now)]


def message_text(workspace: Workspace, message: Message, tz: str | None = None) -> str:
    return "\n".join(message_lines(workspace, message, tz))
