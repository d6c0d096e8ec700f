"""Files that came with a message in Teams."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

from adapters.teams.payloads import Activity
from adapters.teams.text import one_line
from bot.exchange import File

_SHARES = (".sharepoint.com", ".sharepoint.us", ".sharepoint-mil.us", ".sharepoint.cn")
"""Where Teams keeps the files of its channels and chats; a link to elsewhere may hide anything."""
_MARKS = re.compile(r"[_*~]")


def attached_files(activity: Activity) -> tuple[File, ...]:
    """By name; a picture in the text has none. Cards, quotations and the text's own markup are no files."""
    listed = activity.attachments if isinstance(activity.attachments, list) else []
    return tuple(_file(one) for one in listed if isinstance(one, dict) and _is_file(one))


def _is_file(one: dict[str, Any]) -> bool:
    kind = one.get("contentType")
    if not isinstance(kind, str) or "card" in kind or kind == "text/html":
        return False
    return kind.startswith("image/") or bool(isinstance(one.get("name"), str) and one["name"].strip())


def _file(one: dict[str, Any]) -> File:
    name, url = one.get("name"), one.get("contentUrl")
    shown = one_line(name) if isinstance(name, str) else ""
    return File(shown or "a picture", _address(url) if isinstance(url, str) else "")


def _address(url: str) -> str:
    """As a link that no card reads as markup; empty for what is no page of the share's."""
    try:
        parts = urlsplit(url)
        known = parts.scheme == "https" and (parts.hostname or "").endswith(_SHARES) and parts.port is None
    except ValueError:
        return ""
    if not known or parts.username is not None:
        return ""
    return _MARKS.sub(lambda mark: f"%{ord(mark[0]):02X}", quote(url, safe="%/:=&?#+!$,;'@-."))
