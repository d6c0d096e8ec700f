from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from adapters.slack.rendering.block_kit import action_of, actions, read_option
from adapters.slack.rendering.messages import home_view, render_message
from adapters.slack.rendering.modals import message_view, modal
from bot.model.address import Place
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Ask
from bot.model.views import Button, Menu, QueueBoard, TicketCard
from demo.slack.limits import check_view
from sla_core.triage import Option
from tests.platforms.faces import SLACK
from tests.samples import AGENTS, CUSTOMER, FORM, MARKS, NOON, VIEWS, boards
from tests.slack import rules
from tests.slack.conftest import Workspace
from tests.slack.rules import MRKDWN, PLAIN_DATES


def row(card: TicketCard) -> dict[str, Any]:
    [found] = [block for block in render_message(card, MRKDWN).blocks if block["type"] == "actions"]
    return found


def test_menus_stand_beside_the_buttons() -> None:
    """So that nobody presses `Escalated` when they mean `Escalate`."""
    *buttons, more, milestone, mitigation = row(AGENTS)["elements"]
    assert [button["text"]["text"] for button in buttons] == [button.label for button in AGENTS.buttons]
    for drawn, menu in zip((more, milestone, mitigation), AGENTS.menus, strict=True):
        assert (drawn["type"], drawn["placeholder"]["text"]) == ("static_select", menu.label)
        assert [option["text"]["text"] for option in drawn["options"]] == [b.label for b in menu.buttons]
        assert [read_option(option["value"]) for option in drawn["options"]] == [
            (button.action, button.value) for button in menu.buttons
        ]


def test_a_menu_is_reset_whenever_its_card_is_drawn() -> None:
    """Slack keeps what was chosen while the id of the block is the same."""
    later = replace(AGENTS, drawn_at=NOON + timedelta(seconds=1))
    assert row(AGENTS)["block_id"] == row(AGENTS)["block_id"] != row(later)["block_id"]
    assert row(AGENTS)["elements"] == row(later)["elements"]
    with pytest.raises(ValueError, match="longer than Slack takes"):
        row(replace(AGENTS, menus=(Menu("More", (Button("why", "Why?", "x" * 150),)),)))


def test_long_answers_are_folded_for_agents() -> None:
    """Slack ends a long section with `See more`; small print it shows whole, as customers need it."""
    answers = tuple((f"Question {nth}?", "word " * 20) for nth in range(6))
    for card in (AGENTS, CUSTOMER):
        blocks = render_message(replace(card, answers=answers), MRKDWN).blocks
        (asked,) = [block for block in blocks if "Question 0?" in str(block)]
        assert asked["type"] == ("section" if card is AGENTS else "context")
        assert asked.get("expand") is (False if card is AGENTS else None)
    blocks = render_message(replace(AGENTS, answers=answers[:2]), MRKDWN).blocks
    assert [block["type"] for block in blocks if "Question 0?" in str(block)] == ["context"]


def test_an_error_stands_below_its_field() -> None:
    blocks = modal(FORM, MRKDWN)["blocks"]
    at = next(n for n, block in enumerate(blocks) if block.get("block_id") == "summary")
    assert "Please write a few more words." in blocks[at + 1]["text"]["text"]


def test_the_text_for_screen_readers_includes_the_due_dates() -> None:
    """They read the message's text, not its blocks."""
    told = render_message(CUSTOMER, PLAIN_DATES).text
    assert told == (
        "ACME-7 · Bill generation is slow &amp; ∗some∗ bills never arrive"
        " · S2 (proposed), High, open, Owner: unassigned, seen by Bob, Next: m3ter Support · "
        "First response: less than 4 h left, due Fri 20 Mar 2026, 20:30 CET; "
        "Resolution: paused until Mon 10:30, then less than 16 support hours left, "
        "due Wed 25 Mar 2026, 16:30 CET"
    )


def test_the_time_left_stands_before_the_bar() -> None:
    texts = [b["text"]["text"] for b in render_message(CUSTOMER, MRKDWN).blocks if "▱" in str(b)]
    assert texts
    assert all(text.index("left" if "left" in text else "paused") < text.index("▱") for text in texts)


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
