"""Saved replies beside the desk's file (docs/configuration.md), and what `check` says of wrong ones."""

from __future__ import annotations

from pathlib import Path

from bot.config.saved_replies import FIELDS, read_saved_replies
from bot.config.settings import load_desk
from tests.harness import DESK_FILE


def written(folder: Path, **files: str | bytes) -> Path:
    """Saved replies, by their files' names without `.md`; an underscore stands for a hyphen."""
    (folder / "replies").mkdir(exist_ok=True)
    for name, text in files.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / "replies" / f"{name.replace('_', '-')}.md").write_bytes(content)
    return folder


def test_they_are_read_with_the_desks_file(tmp_path: Path) -> None:
    """A heading names a reply; otherwise its file does. They come by name. Other braces are text."""
    written(tmp_path, ask_logs="# Which logs\n\nDear {customer},\n\nsend {the logs}.\n", thanks="Ta.\r\n")
    (tmp_path / "replies" / "notes.txt").write_text("{nothing}")
    file = tmp_path / "frontline.toml"
    file.write_text(DESK_FILE)
    thanks, logs = load_desk(file).saved_replies
    assert (thanks.id, thanks.name, thanks.text) == ("thanks", "thanks", "Ta.")
    assert (logs.id, logs.name) == ("ask-logs", "Which logs")
    values = dict.fromkeys(FIELDS, "") | {"customer": "Alice\nB."}
    assert logs.filled(values) == "Dear Alice B.,\n\nsend {the logs}."


def test_no_folder_no_replies(tmp_path: Path) -> None:
    assert read_saved_replies(tmp_path) == ((), [])


def test_every_fault_is_named_with_its_file(tmp_path: Path) -> None:
    written(
        tmp_path,
        empty="# Only a heading\n",
        long="x" * 2501,
        latin="Grüße".encode("latin-1"),
        fields="Dear {client}, {key} is {Due}. {client}!",
        one="# Hello\nHi.",
        two="# hello\nHo.",
        heading=f"# {'h' * 61}\nHi.",
    )
    (tmp_path / "replies" / "not a name.md").write_text("Hi.")
    replies, faults = read_saved_replies(tmp_path)
    assert [reply.id for reply in replies] == ["one", "two"]
    known = "{customer}, {agent}, {key}, {summary}, {account}, {severity}, {due}"
    assert sorted(map(str, faults)) == [
        "replies/empty.md: is empty; write the text of the reply",
        f"replies/fields.md: names the field {{Due}}, which does not exist; there are {known}",
        f"replies/fields.md: names the field {{client}}, which does not exist; there are {known}",
        "replies/heading.md: has a heading of 61 characters; write at most 60",
        "replies/latin.md: is not UTF-8; save it in that encoding",
        "replies/long.md: has 2501 characters; a saved reply has at most 2500",
        "replies/not a name.md: has a name that is not made of letters, digits, - and _ (at most 60)",
        'replies/one.md: another saved reply is called "Hello", too',
        'replies/two.md: another saved reply is called "hello", too',
    ]
