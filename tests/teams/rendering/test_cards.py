from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.teams.rendering.card_parts import FORM_ACTIONS, actions, read_press
from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.text import MOST_BYTES, MOST_IN_SET, CardTextRenderer, size
from bot.model.views import (
    Button,
    HistoryLine,
    Mention,
    Notice,
    PromiseLine,
    QueueBoard,
    QueueRow,
    QueueSection,
    Quote,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    TicketCard,
    View,
)
from sla_core.countdown import Phase, Tone
from tests.teams.samples import AGENTS, BOARD, BOB, CUSTOMER, GOLDEN, NOON, PEN, PLAYGROUND, VIEWS, drawn

STYLES = {None, "default", "emphasis", "good", "attention", "warning", "accent"}
SPACINGS = {None, "None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding"}
LOOK = {"size", "weight", "color", "isSubtle"}
LAYOUT = {"spacing", "separator"}
KNOWN = {
    "TextBlock": {"text", "wrap"} | LOOK | LAYOUT,
    "RichTextBlock": {"inlines", "horizontalAlignment"} | LAYOUT,
    "TextRun": {"text", "selectAction"} | LOOK,
    "Container": {"items", "style", "bleed"} | LAYOUT,
    "ColumnSet": {"columns"} | LAYOUT,
    "Column": {"items", "width"},
    "ActionSet": {"actions", "spacing"},
    "Action.Execute": {"title", "verb", "data", "style", "fallback"},
    "Action.Submit": {"title", "data", "style"},
    "Action.OpenUrl": {"url"},
    "Input.Text": {"isMultiline", "maxLength"},
    "Input.ChoiceSet": {"choices", "style", "isMultiSelect", "wrap"},
}
INPUT = {"id", "label", "isRequired", "errorMessage", "value", "spacing"}


def elements(found: Any) -> Iterator[dict[str, Any]]:
    """Every element and action of a card."""
    if isinstance(found, dict):
        if str(found.get("type")) in KNOWN:
            yield found
        for name, value in found.items():
            if name != "data":
                yield from elements(value)
    elif isinstance(found, list):
        for item in found:
            yield from elements(item)


def texts(card: dict[str, Any]) -> list[str]:
    return [item["text"] for item in elements(card) if item["type"] in ("TextBlock", "TextRun")]


def markdown(card: dict[str, Any]) -> list[str]:
    return [item["text"] for item in elements(card) if item["type"] == "TextBlock"]


def check(card: dict[str, Any], most: int = MOST_BYTES) -> None:
    """What we rely on of Adaptive Cards 1.5 as Teams takes them."""
    assert card.keys() - {"actions"} == {"type", "version", "body", "msteams"}
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.5")
    assert card["msteams"].keys() <= {"width", "entities"}
    assert size(card) <= most
    json.dumps(card).encode("ascii")
    assert card["body"]
    for item in elements(card):
        kind = item["type"]
        given_ = item.keys() - {"type"} - (INPUT if kind.startswith("Input.") else set())
        assert given_ <= KNOWN[kind], item
        assert item.get("spacing") in SPACINGS
        if kind in ("TextBlock", "TextRun"):
            assert item["text"]
        if kind == "TextBlock":
            assert item["wrap"]
        if kind == "RichTextBlock":
            assert item["inlines"]
        if kind == "Container":
            assert item["items"]
            assert item.get("style") in STYLES
        if kind.startswith("Action.") and kind != "Action.OpenUrl":
            assert item["title"].strip()
            assert item.get("style") in (None, "positive", "destructive")
        if kind == "ActionSet":
            assert 1 <= len(item["actions"]) <= MOST_IN_SET
        if kind == "Action.Execute" and "fallback" in item:
            assert item["fallback"]["type"] == "Action.Submit"
            assert item["fallback"]["data"] == item["data"]
    for entity in card["msteams"].get("entities", []):
        assert entity["type"] == "mention"
        assert entity["mentioned"].keys() == {"id", "name"}
        assert any(entity["text"] in text for text in markdown(card))


@pytest.mark.parametrize("name", drawn())
def test_views_look_as_they_did(name: str) -> None:
    assert drawn()[name] == json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def test_who_is_called_stands_below_the_tickets() -> None:
    shown = texts(view_card(BOARD, PEN).content)
    assert shown.index("ACME-8 ") < shown.index("First line:") < len(shown) - 1
    assert shown[-1].startswith("As of {{DATE(")


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == drawn().keys()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_teams_takes_every_sample(view: View) -> None:
    for renderer in (PEN, PLAYGROUND, CardTextRenderer()):
        made = view_card(view, renderer)
        check(made.content)
        assert made.fallback.strip()


def pushes(view: View, renderer: CardTextRenderer = PEN) -> list[dict[str, Any]]:
    sets = [item for item in elements(view_card(view, renderer).content) if item["type"] == "ActionSet"]
    return [action for row in sets for action in row["actions"]]


@pytest.mark.parametrize("view", [AGENTS, CUSTOMER, VIEWS["breach"], VIEWS["get-help"]])
def test_buttons_say_what_they_do(view: TicketCard | Notice) -> None:
    """Labels exact, in order; the same action and value come back however old the client is."""
    made = pushes(view)
    assert [action["title"] for action in made] == [button.label for button in view.buttons]
    for button, action in zip(view.buttons, made, strict=True):
        assert read_press(action["data"]) == (button.action, button.value)
        if button.action in FORM_ACTIONS:
            assert action["type"] == "Action.Submit"
            assert action["data"]["msteams"] == {"type": "task/fetch"}
        else:
            assert (action["type"], action["verb"]) == ("Action.Execute", button.action)
            assert read_press(action["fallback"]["data"]) == (button.action, button.value)


def test_where_there_are_no_dialogs_every_button_executes() -> None:
    assert {action["type"] for action in pushes(AGENTS, PLAYGROUND)} == {"Action.Execute"}


def test_actions_that_are_answered_with_a_form_are_those_of_the_desk() -> None:
    from bot.desk.routes import BUTTONS, FORMS

    assert BUTTONS.keys() >= FORM_ACTIONS
    assert (FORMS.keys() & BUTTONS.keys()) | {"get_help"} == FORM_ACTIONS


def test_rows_fit_a_narrow_window() -> None:
    sets = [item for item in view_card(AGENTS, PEN).content["body"] if item["type"] == "ActionSet"]
    assert [[action["title"] for action in row["actions"]] for row in sets] == [
        ["Acknowledge", "Take it", "Reply"],
        ["Change severity", "Update", "Escalate"],
        ["Hold", "Resolve", "Why?"],
        ["Investigating", "Reproduced"],
        ["Escalated", "Root cause found"],
        ["Fix developed", "Fix deployed"],
    ]
    with pytest.raises(ValueError, match="does not take"):
        actions([Button("go", "x", "v" * 2001)], PEN)
    assert actions([], PEN) == []


@pytest.mark.parametrize(
    "junk", [None, "x", 1, [], {}, {"action": ""}, {"action": 1}, {"action": "a", "value": 2}]
)
def test_junk_is_no_press(junk: object) -> None:
    with pytest.raises(ValueError, match="none of our buttons"):
        read_press(junk)


HOG = '&<>*_~`"\\{🖨️'
WORST = replace(
    AGENTS,
    title=HOG * 200,
    state=HOG * 100,
    severity_name=HOG * 100,
    turn=HOG * 100,
    owner=HOG * 100,
    facts=tuple((f"{HOG * 30}{number}", HOG * (60 if number % 5 else 1)) for number in range(30)),
    promises=tuple(replace(AGENTS.promises[1], label=HOG * 20, note=HOG * 100) for _ in range(4)),
    details=HOG * 4000,
    note=(HOG * 2000, Quote(HOG * 500)),
    buttons=tuple(Button("milestone", HOG * 20, "v" * 150) for _ in range(16)),
)
WORST = replace(WORST, history=tuple(HistoryLine(NOON, HOG * 30) for _ in range(5)), earlier=10_000)
WORST_ROW = QueueRow(
    HOG * 20,
    HOG * 50,
    HOG * 50,
    HOG * 50,
    HOG * 50,
    HOG * 50,
    HOG * 50,
    Tone.ALARM,
    WORST.promises[0],
    Button("take", HOG * 20, "v" * 150),
)
WORST_BOARD = QueueBoard(
    HOG * 30,
    NOON,
    tuple(QueueSection(HOG * 30, (WORST_ROW,) * 30, (HOG * 200,), 10_000) for _ in range(20)),
    (HOG * 900, "\n", HOG * 900),
    WORST.buttons,
    (HOG * 900, "\n", HOG * 900),
)


def test_teams_takes_the_worst_board() -> None:
    for renderer in (PEN, PLAYGROUND):
        for board in (WORST_BOARD, QueueBoard("Queue", NOON, ())):
            check(view_card(board, renderer).content)


def test_a_board_counts_the_tickets_it_leaves_out() -> None:
    [section, *_] = BOARD.sections
    rows = tuple(replace(row, key=f"ACME-{n}") for n in range(99) for row in section.rows[:1])
    made = view_card(replace(BOARD, sections=(replace(section, rows=rows, more=1000),)), PEN).content
    shown = sum(text.startswith("ACME-") and text.endswith(" ") for text in texts(made))
    assert 10 < shown < 60
    assert f"… and {1099 - shown:,} more" in texts(made)
    assert "… and 17 more" in texts(view_card(BOARD, PEN).content)


def test_a_board_takes_and_helps() -> None:
    assert [action["title"] for action in pushes(BOARD)] == ["Take it", "Get help"]


def test_the_history_stands_below_and_owns_up_to_what_is_earlier() -> None:
    shown = texts(view_card(AGENTS, PEN).content)
    start = shown.index("History (12 earlier)")
    assert shown[start + 1 : start + 11 : 2] == [each.what for each in AGENTS.history]
    assert not any("History" in text for text in texts(view_card(CUSTOMER, PEN).content))


def test_teams_takes_the_worst_card() -> None:
    for renderer in (PEN, PLAYGROUND):
        made = view_card(WORST, renderer)
        check(made.content)
        assert any("more characters in the thread" in text for text in texts(made.content))


def test_teams_takes_the_worst_notice_and_receipt() -> None:
    check(view_card(Notice((HOG * 5000, Quote(HOG * 5000)), Tone.ALARM, WORST.buttons), PEN).content)
    calls = tuple(Mention(BOB, HOG * 50) for _ in range(500))
    check(view_card(Notice((*calls, HOG * 5000, *calls)), PEN).content)
    rows = tuple(ReceiptRow(NOON, NOON + timedelta(days=n), HOG * 5, HOG) for n in range(300))
    tables = tuple(ReceiptTable(HOG * 99, HOG * 400, HOG * 400, NOON, rows, "no/zone") for _ in range(3))
    check(view_card(Receipt(HOG * 30, (HOG * 3000,), tables), PEN).content)


def test_what_cannot_fit_is_refused_aloud() -> None:
    buttons = tuple(Button("milestone", "x", "v" * 900) for _ in range(40))
    with pytest.raises(ValueError, match="nothing left to leave out"):
        view_card(replace(AGENTS, buttons=buttons), PEN)


def test_details_are_all_there_until_there_is_no_room() -> None:
    details = "\n".join(f"line {number} of a <log> & more" for number in range(300))
    made = view_card(replace(CUSTOMER, details=details), PEN).content
    start = texts(made).index("Details") + 1
    assert "\n".join(texts(made)[start:]) == details


def test_what_is_left_out_is_counted() -> None:
    made = view_card(replace(CUSTOMER, details="x" * 40_000), PEN).content
    shown = sum(len(text) for text in texts(made) if text.startswith("xxx"))
    assert shown > 20_000
    assert texts(made)[-1] == f"… {40_000 - shown:,} more characters in the thread"


def test_a_title_that_is_cut_stands_whole_in_the_body() -> None:
    title = "A title with *stars* and <tags>. " * 30
    made = view_card(replace(CUSTOMER, title=title), PEN).content
    assert texts(made)[1].endswith("…")
    assert title in texts(made)


def test_what_people_wrote_stands_exactly() -> None:
    shown = "".join(texts(view_card(AGENTS, PEN).content))
    assert "Bob_the_agent" in shown
    assert "Alice <at>Bob</at>" in shown
    assert "raise {{DATE(2026-03-20T15:30:00Z)}}" in shown


def test_the_standing_reads_without_colour() -> None:
    promises = [*AGENTS.promises, *CUSTOMER.promises]
    shown = texts(view_card(replace(AGENTS, promises=tuple(promises)), PEN).content)
    firsts = [next(text for text in shown if text.endswith(f" {line.label}"))[0] for line in promises[:4]]
    assert len(set(firsts)) == 4
    for line in promises:
        assert line.standing in shown


@pytest.mark.parametrize(
    ("spent", "bar"), [(-1, "▱" * 6), (0.5, "▰▰▰▱▱▱"), (0.99, "▰" * 5 + "▱"), (9, "▰" * 6)]
)
def test_bars(spent: float, bar: str) -> None:
    line = PromiseLine("P", "less than 1 h left", Phase.RUNNING, Tone.CALM, spent)
    assert bar in texts(view_card(replace(CUSTOMER, promises=(line,)), PEN).content)


words = st.text(max_size=40)
cards = st.builds(
    TicketCard,
    key=st.just("ACME-7"),
    audience=st.just(CUSTOMER.audience),
    title=words,
    state=words,
    severity=words,
    severity_name=words,
    turn=words,
    owner=words,
    tone=st.sampled_from(Tone),
    promises=st.lists(
        st.builds(
            PromiseLine,
            words,
            words,
            st.sampled_from(Phase),
            st.sampled_from(Tone),
            st.floats(-1, 2),
            st.none() | st.just(NOON),
            st.none() | st.just(NOON),
            st.none() | words,
        ),
        max_size=4,
    ).map(tuple),
    facts=st.lists(st.tuples(words, words), max_size=4).map(tuple),
    details=words,
    note=st.lists(words, max_size=2).map(tuple),
    buttons=st.just(CUSTOMER.buttons),
)


def test_nothing_to_say_is_a_card_still() -> None:
    check(view_card(Notice(()), PEN).content)
    check(view_card(Notice((Quote(" "), ""), Tone.ALARM), PEN).content)


@given(cards)
@settings(deadline=None)
def test_teams_takes_any_card(card: TicketCard) -> None:
    check(view_card(card, PEN).content)


boards = st.builds(
    QueueBoard,
    title=words,
    at=st.just(NOON),
    sections=st.lists(
        st.builds(
            QueueSection,
            words,
            st.lists(
                st.builds(
                    QueueRow,
                    *(words for _ in range(7)),
                    st.sampled_from(Tone),
                    st.none() | st.sampled_from([*AGENTS.promises, *CUSTOMER.promises]),
                    st.none() | st.just(CUSTOMER.buttons[0]),
                ),
                max_size=4,
            ).map(tuple),
            st.lists(words, max_size=2).map(tuple),
            st.integers(0, 3),
        ),
        max_size=3,
    ).map(tuple),
    intro=st.lists(words, max_size=3).map(tuple),
    buttons=st.sampled_from([(), CUSTOMER.buttons]),
)


@given(boards)
@settings(deadline=None, max_examples=40)
def test_teams_takes_any_board(board: QueueBoard) -> None:
    check(view_card(board, PEN).content)
