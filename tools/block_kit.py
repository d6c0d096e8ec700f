"""Renders Block Kit as HTML that resembles Slack, to see what we send without a Slack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape, unescape
from typing import Any
from zoneinfo import ZoneInfo

Json = Mapping[str, Any]

_TOKEN = re.compile(r"<([^<>\n]+)>")
_MARKS = {"*": "b", "_": "i", "~": "s", "`": "code"}
_MARKED = re.compile(r"(?<![\w*_~`])([*_~`])(?=\S)([^\n]*?\S)\1(?![\w*_~`])")


@dataclass(frozen=True)
class Reader:
    """The reader's identity, zone and time, and the names behind IDs."""

    zone: ZoneInfo
    now: datetime
    names: Mapping[str, str] = field(default_factory=dict)

    def mrkdwn(self, text: str) -> str:
        """Slack's mrkdwn as HTML. The text is already escaped, as Slack requires."""
        lines = [self._line(line) for line in text.split("\n")]
        return "<br>".join(lines).replace("</blockquote><br>", "</blockquote>")

    def _line(self, line: str) -> str:
        quoted = line.startswith(("&gt;", ">"))
        words = line.removeprefix("&gt;").removeprefix(">").strip() if quoted else line
        told = _TOKEN.sub(lambda found: self._token(found[1]), words)
        told = _MARKED.sub(lambda found: f"<{_MARKS[found[1]]}>{found[2]}</{_MARKS[found[1]]}>", told)
        return f"<blockquote>{told}</blockquote>" if quoted else told

    def _token(self, inner: str) -> str:
        target, _, label = inner.partition("|")
        if target.startswith("!date^"):
            return escape(self.date(target))
        if target.startswith(("@", "#", "!")):
            name = self.names.get(target[1:], label or target[1:])
            return f'<span class="mention">{"#" if target[0] == "#" else "@"}{escape(name)}</span>'
        return f'<a href="#">{label or target.removeprefix("mailto:")}</a>'

    def date(self, target: str) -> str:
        """`!date^SECONDS^{date_short_pretty} at {time}` as the reader sees it."""
        _, seconds, shape = target.split("^")[:3]
        at = datetime.fromtimestamp(int(seconds), self.zone)
        days = (at.date() - self.now.astimezone(self.zone).date()) // timedelta(days=1)
        near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
        short = f"{at:%b} {at.day}, {at.year}"
        words = {
            "{date_short_pretty}": near.get(days, short),
            "{date_pretty}": near.get(days, f"{at:%B} {at.day}, {at.year}"),
            "{date_short}": short,
            "{date}": f"{at:%B} {at.day}, {at.year}",
            "{date_num}": f"{at:%Y-%m-%d}",
            "{time}": f"{at:%H:%M}",
        }
        for token, told in words.items():
            shape = shape.replace(token, told)
        if "{" in shape:
            raise ValueError(f"unknown token of {shape!r}")
        return shape

    def blocks(self, blocks: Iterable[Json]) -> str:
        return "".join(f'<div class="{block["type"]}">{self._block(block)}</div>' for block in blocks)

    def _block(self, block: Json) -> str:
        match block["type"]:
            case "section":
                body = self._text(block["text"]) if "text" in block else ""
                if "fields" in block:
                    cells = "".join(f"<div>{self._text(cell)}</div>" for cell in block["fields"])
                    body += f'<div class="fields">{cells}</div>'
                aside = self._element(block["accessory"]) if "accessory" in block else ""
                return f'<div class="text">{body}</div>{aside}'
            case "header":
                return self._text(block["text"])
            case "divider":
                return "<hr>"
            case "context":
                return " ".join(f"<span>{self._text(each)}</span>" for each in block["elements"])
            case "actions":
                return "".join(map(self._element, block["elements"]))
            case "input":
                return self._input(block)
            case "table":
                return self._table(block["rows"])
            case "rich_text":
                return "".join(map(self._rich, block["elements"]))
            case other:
                raise ValueError(f"unknown block {other!r}")

    def _text(self, text: Json) -> str:
        if text["type"] == "mrkdwn":
            return self.mrkdwn(text["text"])
        return escape(unescape(text["text"])).replace("\n", "<br>")

    def _element(self, element: Json) -> str:
        match element["type"]:
            case "button":
                return f'<button class="{element.get("style", "")}">{self._text(element["text"])}</button>'
            case "static_select" | "multi_static_select" | "users_select" | "multi_users_select":
                chosen = element.get("initial_option") or {}
                shown = chosen.get("text") or element.get("placeholder") or {"type": "", "text": "Select"}
                return f'<div class="box select">{self._text(shown)}<i>⌄</i></div>'
            case "radio_buttons" | "checkboxes":
                given = element.get("initial_options") or [element.get("initial_option") or {}]
                chosen = [option.get("value") for option in given]
                return "".join(
                    self._option(option, option["value"] in chosen, element["type"])
                    for option in element["options"]
                )
            case "overflow":
                return '<button class="more">⋯</button>'
            case "plain_text_input" | "datepicker" | "timepicker" | "file_input":
                size = " long" if element.get("multiline") else ""
                hint = element.get("placeholder", {}).get("text", "")
                words = element.get("initial_value") or ""
                shown = escape(words) if words else f'<span class="subtle">{escape(hint)}</span>'
                return f'<div class="box{size}">{shown}</div>'
            case "mrkdwn" | "plain_text":
                return self._text(element)
            case other:
                raise ValueError(f"unknown element {other!r}")

    def _option(self, option: Json, chosen: bool, kind: str) -> str:
        below = option.get("description")
        more = f'<br><span class="subtle">{self._text(below)}</span>' if below else ""
        mark = f'<span class="mark {kind}{" chosen" if chosen else ""}"></span>'
        return f'<div class="option">{mark}<div>{self._text(option["text"])}{more}</div></div>'

    def _input(self, block: Json) -> str:
        optional = ' <span class="subtle">(optional)</span>' if block.get("optional") else ""
        hint = f'<div class="subtle">{self._text(block["hint"])}</div>' if "hint" in block else ""
        label = f'<div class="label">{self._text(block["label"])}{optional}</div>'
        return f"{label}{self._element(block['element'])}{hint}"

    def _table(self, rows: Sequence[Sequence[Json]]) -> str:
        def cell(part: Json) -> str:
            if part["type"] == "rich_text":
                return "".join(map(self._rich, part["elements"]))
            return escape(str(part.get("text", "")))

        lines = ("".join(f"<td>{cell(part)}</td>" for part in row) for row in rows)
        return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def _rich(self, element: Json) -> str:
        match element["type"]:
            case "rich_text_section" | "rich_text_quote" | "rich_text_preformatted":
                tags = {"rich_text_quote": "blockquote", "rich_text_preformatted": "pre"}
                tag = tags.get(element["type"], "div")
                return f"<{tag}>{''.join(map(self._rich, element['elements']))}</{tag}>"
            case "rich_text_list":
                return f"<ul>{''.join(f'<li>{self._rich(each)}</li>' for each in element['elements'])}</ul>"
            case "text":
                told = escape(element["text"]).replace("\n", "<br>")
                for mark, tag in (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code")):
                    if element.get("style", {}).get(mark):
                        told = f"<{tag}>{told}</{tag}>"
                return told
            case "user":
                name = self.names.get(element["user_id"], element["user_id"])
                return f'<span class="mention">@{escape(name)}</span>'
            case "link":
                return f'<a href="#">{escape(element.get("text", element["url"]))}</a>'
            case "emoji":
                codes = element.get("unicode", "")
                if not codes:
                    return f":{element['name']}:"
                return "".join(chr(int(code, 16)) for code in codes.split("-"))
            case "date":
                return escape(self.date(f"!date^{element['timestamp']}^{element['format']}"))
            case other:
                raise ValueError(f"unknown {other!r} in rich text")
