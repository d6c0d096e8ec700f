"""Saved replies: `replies/*.md` beside the desk's file, which agents choose in the form of `Reply`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.text import clean, one_line
from sla_core.catalog.load import Fault

FOLDER = "replies"
FIELDS = ("customer", "agent", "key", "summary", "account", "severity", "due")
"""What a saved reply may name in braces; docs/configuration.md explains each."""
LONGEST = 2500
"""Characters of a saved reply: a reply has at most 3000, and the fields take some."""
MOST = 100
LONGEST_NAME = 60
_FIELD = re.compile(r"\{([A-Za-z_-]+)\}")
"""One word in braces; anything else in braces is text."""
_HEADING = re.compile(r"\A#[ \t]+(.+?)[ \t]*(?:\n|\Z)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


@dataclass(frozen=True, slots=True)
class SavedReply:
    """A text to answer with. `id` is the file's name without `.md`; fields stand in braces."""

    id: str
    name: str
    text: str

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with a value for each of FIELDS."""
        return _FIELD.sub(lambda found: one_line(values[found[1]]), self.text)


def read_saved_replies(beside: Path) -> tuple[tuple[SavedReply, ...], list[Fault]]:
    """The replies in the folder beside the desk's file, by name, and what is wrong with the others."""
    folder = beside / FOLDER
    found: list[SavedReply] = []
    faults: list[Fault] = []
    paths = sorted(folder.glob("*.md")) if folder.is_dir() else []
    for path in paths:
        read = _read(path)
        if isinstance(read, SavedReply):
            found.append(read)
        else:
            faults += [Fault(f"{FOLDER}/{path.name}", "", says) for says in read]
    if len(paths) > MOST:
        faults.append(Fault(FOLDER, "", f"has {len(paths)} files; a form offers at most {MOST}"))
    names = [reply.name.casefold() for reply in found]
    faults += [
        Fault(f"{FOLDER}/{reply.id}.md", "", f'another saved reply is called "{reply.name}", too')
        for reply in found
        if names.count(reply.name.casefold()) > 1
    ]
    return tuple(sorted(found, key=lambda reply: reply.name.casefold())), faults


def _read(path: Path) -> SavedReply | list[str]:
    try:
        whole = clean(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        return ["is not UTF-8; save it in that encoding"]
    except OSError as unreadable:
        return [f"cannot be read: {unreadable.strerror}"]
    heading = _HEADING.match(whole)
    text = (whole[heading.end() :] if heading else whole).strip()
    name = one_line(heading[1]) if heading else path.stem.replace("-", " ").replace("_", " ")
    return list(_faults(path, name, text)) or SavedReply(path.stem, name, text)


def _faults(path: Path, name: str, text: str) -> Iterator[str]:
    if not _NAME.fullmatch(path.stem):
        yield "has a name that is not made of letters, digits, - and _ (at most 60)"
    if len(name) > LONGEST_NAME:
        yield f"has a heading of {len(name)} characters; write at most {LONGEST_NAME}"
    if not text:
        yield "is empty; write the text of the reply"
    if len(text) > LONGEST:
        yield f"has {len(text)} characters; a saved reply has at most {LONGEST}"
    for field in dict.fromkeys(_FIELD.findall(text)):
        if field not in FIELDS:
            known = ", ".join(f"{{{each}}}" for each in FIELDS)
            yield f"names the field {{{field[:40]}}}, which does not exist; there are {known}"
