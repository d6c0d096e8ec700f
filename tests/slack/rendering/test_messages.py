from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from adapters.slack.rendering.block_kit import action_of, actions
from adapters.slack.rendering.messages import home_view, render_message
from adapters.slack.rendering.modals import message_view, modal
from bot.model.address import Place
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Ask
from bot.model.views import Button, QueueBoard
from demo.slack.limits import check_view
from sla_core.triage import Option
from tests.platforms.faces import SLACK
from tests.samples import AGENTS, CUSTOMER, FORM, MARKS, VIEWS, boards
from tests.slack import rules
from tests.slack.conftest import Workspace
from tests.slack.rules import MRKDWN, PLAIN_DATES


def test_milestones_stand_in_a_separate_row() -> None:
    """So that nobody presses `Escalated` when they mean `Escalate`."""
    rows = [
        block["elements"] for block in render_message(AGENTS, MRKDWN).blocks if block["type"] == "actions"
    ]
    assert [[button["text"]["text"] for button in row] for row in rows] == [
        [
            "Acknowledge",
            "Take it",
            "Reply",
            "Change severity",
            "Update",
            "Escalate",
            "Hold",
            "Resolve",
            "Why?",
        ],
        ["Investigating", "Reproduced", "Escalated", "Root cause found", "Fix developed", "Fix deployed"],
    ]


def test_an_error_stands_below_its_field() -> None:
    blocks = modal(FORM, MRKDWN)["blocks"]
    at = next(n for n, block in enumerate(blocks) if block.get("block_id") == "summary")
    assert "Please write a few more words." in blocks[at + 1]["text"]["text"]


def test_the_text_for_screen_readers_includes_the_due_dates() -> None:
    """They read the message's text, not its blocks."""
    told = render_message(CUSTOMER, PLAIN_DATES).text
    assert told == (
        "ACME-7 · Bill generation is slow &amp; ∗some∗ bills never arrive"
        " · S2, open, m3ter Support's, unassigned, seen by Bob · "
        "First response: less than 4 h left, due Fri 20 Mar 2026, 20:30 CET; "
        "Resolution: off hours, due Wed 25 Mar 2026, 16:30 CET"
    )


def test_the_time_left_stands_before_the_bar() -> None:
    texts = [b["text"]["text"] for b in render_message(CUSTOMER, MRKDWN).blocks if "▱" in str(b)]
    assert texts
    assert all(text.index("left" if "left" in text else "off hours") < text.index("▱") for text in texts)


def test_slack_accepts_the_longest_form() -> None:
    options = tuple(Option(f"{number}", MARKS * (1 + number % 40)) for number in range(400))
    fields = (
        TextField("text", MARKS * 400, hint=MARKS * 400, value=MARKS * 2000, limit=99_999),
        ChoiceField("few", MARKS, options[:10], value=("3",)),
        ChoiceField("some", "", options[:10], many=True, value=("3", "4")),
        ChoiceField("more", MARKS, options[:100], value=("99",)),
        ChoiceField(
            "most",
            MARKS,
            tuple(replace(option, label=MARKS) for option in options),
            many=True,
            value=("399",),
        ),
    )
    view = modal(
        Form("f" * 200, MARKS * 9, MARKS * 9, fields, {"a": "b"}, (MARKS * 900,), {"few": MARKS * 99}),
        MRKDWN,
    )
    rules.check_view(view)
    assert check_view(view) == []
    ending = message_view(MARKS * 9, render_message(SLACK.longest_card, MRKDWN).blocks)
    rules.check_view(ending)
    assert check_view(ending) == []


@given(boards)
@settings(deadline=None, max_examples=40)
def test_slack_accepts_any_board_on_the_home_tab(board: QueueBoard) -> None:
    assert check_view(home_view(board, MRKDWN, Place("slack", "D0BOB", direct=True))) == []


def test_equal_buttons_get_different_ids_of_the_same_action() -> None:
    buttons = [Button(action, "x", "v") for action in ("go", "go", "stop", "go", "a#b", "a#b")]
    [row] = actions(buttons)
    ids = [element["action_id"] for element in row["elements"]]
    assert len(set(ids)) == len(ids)
    assert [action_of(name) for name in ids] == ["go", "go", "stop", "go", "a#b", "a#b"]
    with pytest.raises(ValueError, match="does not take"):
        list(actions([Button("go", "x", "v" * 2001)]))


async def test_slack_shows_every_view_and_the_form(workspace: Workspace) -> None:
    for view in (*VIEWS.values(), SLACK.longest_card):
        ref = await workspace.ours.post(Place("slack", "C0ACME"), view, None)
        await workspace.ours.update(ref, view)
    workspace.desk.answer = Ask(FORM)
    assert (await workspace.slack.command(workspace.bob, workspace.acme, "/support")).shown == ""
    view_ = workspace.slack.modal_of(workspace.bob)
    assert view_ is not None
    assert view_.labels()[0] == "Summary"
