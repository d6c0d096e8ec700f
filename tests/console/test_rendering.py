"""The terminal shows every view, and people's text never styles it or moves its cursor."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console as Terminal

from adapters.console.rendering import buttons_of, card_changes, on_one_line, render
from bot.model.views import Audience, Button, GetHelp, Mention, Notice, Quote, SharedFile, View
from bot.text import clean
from tests.console.conftest import BERLIN, render_plain
from tests.platforms.views import card, views
from tests.samples import AGENTS, BOARD, BOB, NOON

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


def every_view(words: str) -> tuple[View, ...]:
    help_message = GetHelp(words, (Button("get_help", words, ""),))
    return (*views(BOB, words).values(), help_message, SharedFile(words, "F1", Mention(BOB, "Bob")))


def coloured(view: View) -> str:
    out = Terminal(file=io.StringIO(), width=100, color_system="truecolor", force_terminal=True)
    out.print(render(view, BERLIN))
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_every_view_renders() -> None:
    assert {type(view) for view in every_view("words")} == set(get_args(View))
    for view in every_view("words"):
        assert "words" in render_plain(view)
        assert on_one_line(view, BERLIN)
        assert all(button.label in render_plain(view) for button in buttons_of(view))


@given(words)
def test_text_never_styles_the_terminal_or_moves_its_cursor(text: str) -> None:
    calm = {code for view in every_view("calm") for code in _STYLING.findall(coloured(view))}
    for view in every_view(text):
        written = coloured(view)
        assert set(_STYLING.findall(written)) <= calm
        bare = _STYLING.sub("", written)
        assert bare == clean(bare)
        bare.encode("utf-8")
        assert clean(on_one_line(view, BERLIN)) == on_one_line(view, BERLIN)
        assert "\n" not in on_one_line(view, BERLIN)


@given(words)
def test_typed_text_cannot_imitate_our_own_lines(text: str) -> None:
    ours, *typed = render_plain(Notice(("Alice wrote:", Quote(text))), width=30).split("\n")
    assert ours == "  Alice wrote:"
    assert all(line.startswith("  │") for line in typed if line)


@given(st.text(st.sampled_from("[]/abcredbold=:\\ "), max_size=40))
def test_markup_is_shown_as_it_was_typed(text: str) -> None:
    assert " ".join(text.split()) in " ".join(
        render_plain(card(Audience.CUSTOMER, f"({text})"), width=400).split()
    )


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_a_button_stays_on_the_line_of_its_number(width: int) -> None:
    shown = render_plain(AGENTS, width)
    for number, button in enumerate(AGENTS.buttons, start=1):
        assert f"[{number}] {button.label}" in shown
    assert "[Take it]" in render_plain(AGENTS, width, numbered=False)


def test_the_buttons_of_a_board_are_numbered_in_order() -> None:
    board = replace(BOARD, sections=BOARD.sections * 2)
    shown = render_plain(board)
    labels = [button.label for button in buttons_of(board)]
    assert labels == ["Take it", "Take it", "Get help"]
    assert all(f"[{number}] {label}" in shown for number, label in enumerate(labels, start=1))


def test_a_changed_card_lists_only_what_changed() -> None:
    first, _, held, second = AGENTS.promises
    before = replace(AGENTS, facts=(("Opened by", "Alice"),), promises=(first, second, held))
    after = replace(
        before,
        owner="Eve",
        facts=(("Opened by", "Eve"),),
        promises=(replace(first, due_at=NOON + timedelta(hours=1)), replace(second, standing="breached")),
    )
    assert [text.plain for text in card_changes(before, after, BERLIN)] == [
        "owner: Bob_the_agent → Eve",
        "First response: met Fri 15:50, due Fri 20 Mar 2026, 17:30 CET",
        "Due date: less than 30 min left → breached",
        "Resolution: on hold → no longer promised",
        "Opened by: Eve",
    ]
    assert card_changes(before, before, BERLIN) == []
    closed = replace(before, state="closed", next_up="")
    assert [text.plain for text in card_changes(before, closed, BERLIN)] == [
        f"state: {before.state} → closed"
    ], "nobody is next, which needs no words"
