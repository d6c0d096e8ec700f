"""What a terminal shows, to the letter; and that nobody's words can do more than be read."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console as Terminal

from adapters.console.rendering import buttons_of, card_changes, on_one_line, render
from adapters.console.text import clean
from bot.model.views import Notice, Quote, View
from tests.console.conftest import BERLIN, shown, terminal
from tests.console.samples import START, board, card, notice, receipt, views

GOLDEN = Path(__file__).parent / "golden"
_STYLING = re.compile(r"\x1b\[[0-9;]*m")
_HOSTILE = (
    "\x1b[31m",
    "\x1b]8;;https://evil.example\x07",
    "\x9b1A",
    "\r",
    "\x08",
    "\u202e",
    "\ud800",
    "[bold red]",
    "[/]",
    "[@click=app.quit]",
    ":boom:",
    "\n│ ",
    "\n#triage · agents see",
    "名",
    "e\u0301",
)
words = st.lists(
    st.one_of(st.text(st.characters(exclude_categories=()), max_size=20), st.sampled_from(_HOSTILE)),
    max_size=8,
).map("".join)


def plain(view: View, width: int = 100, numbered: bool = True) -> str:
    out = terminal(width)
    out.print(render(view, BERLIN, numbered))
    return shown(out)


def coloured(view: View) -> str:
    out = Terminal(file=io.StringIO(), width=100, color_system="truecolor", force_terminal=True)
    out.print(render(view, BERLIN))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


@pytest.mark.parametrize(
    ("name", "view"),
    [("board", board()), ("card", card()), ("notice", notice()), ("receipt", receipt())],
    ids=str,
)
def test_a_view_reads_as_it_did(name: str, view: View) -> None:
    assert plain(view) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_view_renders() -> None:
    shown_kinds = {type(view) for view in views("words")}
    assert shown_kinds == set(get_args(View))
    for view in views("words"):
        assert "words" in plain(view)
        assert on_one_line(view, BERLIN)
        assert all(button.label in plain(view) for button in buttons_of(view))


@given(words)
def test_nobodys_words_style_the_terminal_or_move_its_cursor(text: str) -> None:
    calm = {code for view in views("calm") for code in _STYLING.findall(coloured(view))}
    for view in views(text):
        written = coloured(view)
        assert set(_STYLING.findall(written)) <= calm
        bare = _STYLING.sub("", written)
        assert bare == clean(bare)
        bare.encode("utf-8")
        assert clean(on_one_line(view, BERLIN)) == on_one_line(view, BERLIN)
        assert "\n" not in on_one_line(view, BERLIN)


@given(words)
def test_what_somebody_typed_cannot_pass_for_one_of_our_lines(text: str) -> None:
    ours, *typed = plain(Notice(("Alice wrote:", Quote(text))), width=30).split("\n")
    assert ours == "  Alice wrote:"
    assert all(line.startswith("  │") for line in typed if line)


@given(st.text(st.sampled_from("[]/abcredbold=:\\ "), max_size=40))
def test_markup_is_shown_as_it_was_typed(text: str) -> None:
    assert " ".join(text.split()) in " ".join(plain(card(title=f"({text})"), width=400).split())


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_no_button_is_torn_from_its_number(width: int) -> None:
    told = plain(card(), width)
    for number, button in enumerate(card().buttons, start=1):
        assert f"[{number}] {button.label}" in told
    assert "[Take it]" in plain(card(), width, numbered=False)


def test_the_buttons_of_a_board_are_counted_through() -> None:
    told = plain(board())
    labels = [button.label for button in buttons_of(board())]
    assert labels == ["Take it", "Take it", "Get help"]
    assert all(f"[{number}] {label}" in told for number, label in enumerate(labels, start=1))


def test_a_change_is_told_in_few_words() -> None:
    before = card()
    first, second, _ = before.promises
    after = replace(
        before,
        owner="Eve",
        facts=(("Opened by", "Eve"),),
        promises=(replace(first, due_at=START), replace(second, standing="breached")),
    )
    assert [text.plain for text in card_changes(before, after, BERLIN)] == [
        "works on it: Bob → Eve",
        "First response: met, due Fri 20 Mar 2026, 16:30 CET",
        "Next update: less than 1 h left → breached",
        "Resolution: on hold → no longer promised",
        "Opened by: Eve",
    ]
    assert card_changes(before, before, BERLIN) == []
