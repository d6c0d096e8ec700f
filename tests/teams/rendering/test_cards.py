from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.teams.rendering.card_parts import FORM_ACTIONS, actions, read_press
from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.text import CardTextRenderer
from bot.model.views import Button, Mention, Notice, PromiseLine, Quote, TicketCard, View
from sla_core.promise import Phase, Tone
from tests.samples import AGENTS, BOARD, BOB, CUSTOMER, MARKS, VIEWS
from tests.teams.rules import CARD_TEXT, PLAYGROUND, check_card, elements, texts

MENU = "Action.ToggleVisibility"


def pushes(view: View, renderer: CardTextRenderer = CARD_TEXT) -> list[dict[str, Any]]:
    """All buttons but those that show and hide a menu."""
    sets = [item for item in elements(view_card(view, renderer).content) if item["type"] == "ActionSet"]
    return [action for row in sets for action in row["actions"] if action["type"] != MENU]


@pytest.mark.parametrize("view", [AGENTS, CUSTOMER, VIEWS["breach"], VIEWS["get-help"]])
def test_buttons_say_what_they_do(view: TicketCard | Notice) -> None:
    """Labels exact, in order; the same action and value come back however old the client is."""
    made = pushes(view)
    buttons = (*view.buttons, *(view.in_menus if isinstance(view, TicketCard) else ()))
    assert [action["title"] for action in made] == [button.label for button in buttons]
    for button, action in zip(buttons, made, strict=True):
        assert read_press(action["data"]) == (button.action, button.value)
        if button.action in FORM_ACTIONS:
            assert action["type"] == "Action.Submit"
            assert action["data"]["msteams"] == {"type": "task/fetch"}
        else:
            assert (action["type"], action["verb"]) == ("Action.Execute", button.action)
            assert read_press(action["fallback"]["data"]) == (button.action, button.value)


def test_without_dialogs_every_button_is_an_execute_action() -> None:
    assert {action["type"] for action in pushes(AGENTS, PLAYGROUND)} == {"Action.Execute"}


def test_the_actions_that_open_a_form_are_those_of_the_desk() -> None:
    from bot.desk.routes import BUTTONS, FORMS

    assert BUTTONS.keys() >= FORM_ACTIONS
    others = {
        "get_help",
        "why",
        "draft_edit",
        "unticketed_open",
    }  # they open the form of another name, or an answer
    assert (FORMS.keys() & BUTTONS.keys()) | others == FORM_ACTIONS


def test_rows_fit_a_narrow_window() -> None:
    assert rows(view_card(AGENTS, CARD_TEXT).content["body"]) == [
        ["Acknowledge", "Reply", "Update"],
        ["Resolve", "Escalate", "More"],
        ["Milestone", "Mitigation"],
    ]
    with pytest.raises(ValueError, match="does not take"):
        actions([Button("go", "x", "v" * 2001)], CARD_TEXT)
    assert actions([], CARD_TEXT) == []


def test_a_menu_shows_and_hides_its_rows() -> None:
    body = view_card(AGENTS, CARD_TEXT).content["body"]
    hidden = {item["id"]: item for item in body if item.get("isVisible") is False}
    toggles = [action for action in all_actions(body) if action["type"] == MENU]
    assert [action["title"] for action in toggles] == ["More", "Milestone", "Mitigation"]
    more, milestone, mitigation = (
        hidden.pop(target) for action in toggles for target in action["targetElements"]
    )
    assert hidden == {}
    assert rows(more["items"]) == [
        ["Take it", "Assign", "Change severity"],
        ["Hold", "Services enabled", "Why?"],
    ]
    assert rows(mitigation["items"]) == [["Internet routing"]]
    assert rows(milestone["items"]) == [
        ["Investigating", "Reproduced"],
        ["Escalated", "Root cause found"],
        ["Fix developed", "Fix deployed"],
    ]


@pytest.mark.parametrize("details", ["", "漢" * 3000])
@pytest.mark.parametrize("answers", [AGENTS.answers, tuple((f"Why {n}?", "漢" * 3000) for n in range(8))])
def test_answers_are_folded_for_agents(details: str, answers: tuple[tuple[str, str], ...]) -> None:
    """The button and what it shows are there together, or neither is."""
    content = view_card(replace(AGENTS, details=details, answers=answers), CARD_TEXT).content
    check_card(content)
    folds = [item for item in content["body"] if item["type"] == "Container" and rows(item["items"])]
    found = [fold for fold in folds if rows(fold["items"]) == [[f"Answers ({len(answers)})"]]]
    assert found or (details and answers != AGENTS.answers), "left out only where there is no room"
    for fold in found:
        shows, hidden = fold["items"]
        assert shows["actions"][0]["targetElements"] == [hidden["id"]]
        assert hidden["isVisible"] is False
        assert answers[0][0] in str(hidden)
    customers = view_card(replace(CUSTOMER, details=details, answers=AGENTS.answers), CARD_TEXT).content
    assert "Answers (" not in str(customers), "her colleagues read them without a click"


def rows(items: list[dict[str, Any]]) -> list[list[str]]:
    """The labels in each row of buttons."""
    return [[a["title"] for a in item["actions"]] for item in items if item["type"] == "ActionSet"]


def all_actions(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [action for item in items if item["type"] == "ActionSet" for action in item["actions"]]


@pytest.mark.parametrize(
    "junk", [None, "x", 1, [], {}, {"action": ""}, {"action": 1}, {"action": "a", "value": 2}]
)
def test_malformed_data_is_not_read_as_a_press(junk: object) -> None:
    with pytest.raises(ValueError, match="none of our buttons"):
        read_press(junk)


def test_a_board_has_the_buttons_of_its_rows_and_its_own() -> None:
    assert [action["title"] for action in pushes(BOARD)] == ["Get help", "Take it"]


def test_the_history_stands_last_and_counts_earlier_lines() -> None:
    shown = texts(view_card(AGENTS, CARD_TEXT).content)
    start = shown.index(f"History (12 earlier; history {AGENTS.key} shows all)")
    assert shown[start + 1 : start + 11 : 2] == [each.what for each in AGENTS.history]
    assert not any("History" in text for text in texts(view_card(CUSTOMER, CARD_TEXT).content))


def test_teams_accepts_a_notice_with_too_many_mentions() -> None:
    calls = tuple(Mention(BOB, MARKS * 50) for _ in range(500))
    check_card(view_card(Notice((*calls, MARKS * 5000, *calls)), CARD_TEXT).content)


def test_a_card_that_cannot_fit_raises() -> None:
    buttons = tuple(Button("milestone", "x", "v" * 900) for _ in range(40))
    with pytest.raises(ValueError, match="nothing left to leave out"):
        view_card(replace(AGENTS, buttons=buttons), CARD_TEXT)


def test_text_from_people_is_shown_unchanged() -> None:
    shown = "".join(texts(view_card(AGENTS, CARD_TEXT).content))
    assert "Bob_the_agent" in shown
    assert "Alice <at>Bob</at>" in shown
    assert "raise {{DATE(2026-03-20T15:30:00Z)}}" in shown


@pytest.mark.parametrize(
    ("spent", "bar"),
    [(-1, "▱" * 6), (0.5, "▰▰▰▱▱▱"), (0.51, "▰" * 4 + "▱" * 2), (0.99, "▰" * 6), (9, "▰" * 6)],
)
def test_the_bar_shows_the_share_of_time_used(spent: float, bar: str) -> None:
    line = PromiseLine("P", "less than 1 h left", Phase.RUNNING, Tone.CALM, spent)
    assert bar in texts(view_card(replace(CUSTOMER, promises=(line,)), CARD_TEXT).content)


def test_an_empty_notice_is_a_valid_card() -> None:
    check_card(view_card(Notice(()), CARD_TEXT).content)
    check_card(view_card(Notice((Quote(" "), ""), Tone.ALARM), CARD_TEXT).content)
