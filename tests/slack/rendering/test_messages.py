from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.rendering.block_kit import action_of, actions
from adapters.slack.rendering.messages import home_view, render_message
from adapters.slack.rendering.modals import message_view, modal
from adapters.slack.rendering.mrkdwn import MrkdwnRenderer
from bot.model.address import Place
from bot.model.forms import ChoiceField, Form, TextField
from bot.model.inbound import Ask
from bot.model.views import (
    Button,
    HistoryLine,
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
from demo.slack.limits import check_blocks, check_view
from sla_core.countdown import Phase, Tone
from sla_core.triage import Option
from tests.slack import rules
from tests.slack.conftest import Workspace
from tests.slack.samples import AGENTS, BOARD, CUSTOMER, FORM, GOLDEN, NOON, PLAIN, RECEIPT, VIEWS, drawn


@pytest.mark.parametrize("name", drawn())
def test_views_look_as_they_did(name: str) -> None:
    assert drawn()[name] == json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def test_milestones_have_a_row_of_their_own() -> None:
    """Telling `Escalated` is not to be taken for `Escalate`."""
    rows = [
        block["elements"]
        for block in render_message(AGENTS, MrkdwnRenderer()).blocks
        if block["type"] == "actions"
    ]
    assert [[button["text"]["text"] for button in row] for row in rows] == [
        ["Reply", "Escalate"],
        ["Investigating", "Reproduced"],
    ]


def test_a_fault_stands_below_its_field() -> None:
    blocks = modal(FORM, MrkdwnRenderer())["blocks"]
    at = next(n for n, block in enumerate(blocks) if block.get("block_id") == "summary")
    assert "Please write a few words." in blocks[at + 1]["text"]["text"]


def test_who_is_called_stands_below_the_tickets() -> None:
    blocks = render_message(BOARD, MrkdwnRenderer()).blocks
    told = [n for n, block in enumerate(blocks) if "*First line:* Bob, then Eve" in str(block)]
    assert told == [len(blocks) - 2]
    assert "ACME-8" in str(blocks[: told[0]])


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == drawn().keys()


def taken(view: View, renderer: MrkdwnRenderer | None = None) -> None:
    rendered = render_message(view, renderer or MrkdwnRenderer())
    rules.check_message(rendered)
    assert check_blocks(rendered.blocks) == []


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_slack_takes_every_sample(view: View) -> None:
    taken(view)
    taken(view, PLAIN)


HOG = "&<>*_~`🖨️"
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
    buttons=tuple(Button("milestone", HOG * 20, "v" * 2000) for _ in range(30)),
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
    Button("take", HOG * 20, "v" * 2000),
)
WORST_BOARD = QueueBoard(
    HOG * 30,
    NOON,
    tuple(QueueSection(HOG * 30, (WORST_ROW,) * 30, (HOG * 20,), 10_000) for _ in range(20)),
    (HOG * 900, "\n", HOG * 900),
    WORST.buttons,
    (HOG * 900, "\n", HOG * 900),
)


def test_slack_takes_the_worst_board() -> None:
    taken(WORST_BOARD)
    taken(WORST_BOARD, PLAIN)
    taken(QueueBoard("Queue", NOON, ()))


def test_a_board_counts_the_tickets_it_leaves_out() -> None:
    [section, *_] = BOARD.sections
    rows = tuple(replace(section.rows[1], key=f"ACME-{number}") for number in range(99))
    rendered = render_message(
        replace(BOARD, sections=(replace(section, rows=rows, more=1000),)), MrkdwnRenderer()
    )
    told = str(rendered.blocks)
    shown = sum(f"*ACME-{number}*" in told for number in range(99))
    assert 30 < shown < 50
    assert f"… and {1099 - shown:,} more" in told
    assert f"… and {17:,} more" in str(render_message(BOARD, MrkdwnRenderer()).blocks)


def test_a_card_is_read_out_with_its_instants() -> None:
    """Screen readers read the text beside the blocks, not the blocks."""
    told = render_message(CUSTOMER, PLAIN).text
    assert told == (
        "ACME-7 · Printers are down &amp; nobody can print ∗anything∗"
        " · S2, open, m3ter Support's, nobody yet · "
        "First response: less than 4 h left, due Fri 20 Mar 2026, 20:30 CET; "
        "Resolution: off hours, due Wed 25 Mar 2026, 16:30 CET"
    )


def test_words_come_before_the_bar() -> None:
    texts = [b["text"]["text"] for b in render_message(CUSTOMER, MrkdwnRenderer()).blocks if "▱" in str(b)]
    assert texts
    assert all(text.index("left" if "left" in text else "off hours") < text.index("▱") for text in texts)


def test_slack_takes_the_worst_card() -> None:
    taken(WORST)
    shown = json.dumps(render_message(WORST, MrkdwnRenderer()).blocks, ensure_ascii=False)
    assert "more characters in the thread" in shown


def test_slack_takes_the_worst_notice_receipt_and_form() -> None:
    taken(Notice((HOG * 5000, Quote(HOG * 5000)), Tone.ALARM, WORST.buttons))
    rows = tuple(ReceiptRow(NOON, NOON + timedelta(days=n), HOG * 5, HOG) for n in range(300))
    tables = tuple(ReceiptTable(HOG * 99, HOG * 400, HOG * 400, NOON, rows, "no/zone") for _ in range(3))
    taken(Receipt(HOG * 30, (HOG * 3000,), tables))
    options = tuple(Option(f"{number}", HOG * (1 + number % 40)) for number in range(400))
    fields = (
        TextField("text", HOG * 400, hint=HOG * 400, value=HOG * 2000, limit=99_999),
        ChoiceField("few", HOG, options[:10], value=("3",)),
        ChoiceField("some", "", options[:10], many=True, value=("3", "4")),
        ChoiceField("more", HOG, options[:100], value=("99",)),
        ChoiceField(
            "most", HOG, tuple(replace(option, label=HOG) for option in options), many=True, value=("399",)
        ),
    )
    view = modal(
        Form("f" * 200, HOG * 9, HOG * 9, fields, {"a": "b"}, (HOG * 900,), {"few": HOG * 99}),
        MrkdwnRenderer(),
    )
    rules.check_view(view)
    assert check_view(view) == []
    ending = message_view(HOG * 9, render_message(WORST, MrkdwnRenderer()).blocks)
    rules.check_view(ending)
    assert check_view(ending) == []


def test_details_are_all_there_until_there_is_no_room() -> None:
    details = "\n".join(f"line {number} of a <log> & more" for number in range(300))
    rendered = render_message(replace(CUSTOMER, details=details), MrkdwnRenderer())
    start = next(n for n, b in enumerate(rendered.blocks) if b.get("text", {}).get("text") == "*Details*") + 1
    shown = [block["text"]["text"] for block in rendered.blocks[start:-1]]
    assert len(shown) > 1
    assert "".join(shown) == details


def test_what_is_left_out_is_counted() -> None:
    card = replace(CUSTOMER, details="x" * 20_000, note=())
    blocks = render_message(card, MrkdwnRenderer()).blocks
    shown = sum(
        len(b["text"]["text"])
        for b in blocks
        if b["type"] == "section" and "xxx" in b.get("text", {}).get("text", "")
    )
    left = next(b["elements"][0]["text"] for b in blocks if b["type"] == "context")
    assert left == f"… {20_000 - shown:,} more characters in the thread"


def test_a_title_that_the_header_cuts_stands_whole_in_the_body() -> None:
    title = "A title with *stars* and <tags> " * 10
    blocks = render_message(replace(CUSTOMER, title=title), MrkdwnRenderer()).blocks
    assert blocks[0]["text"]["text"].endswith("…")
    assert blocks[0]["text"]["text"].startswith("ACME-7 · A title")
    assert {"type": "plain_text", "text": title, "emoji": True} in [block.get("text") for block in blocks]


@given(
    st.builds(
        TicketCard,
        key=st.just("ACME-7"),
        audience=st.just(CUSTOMER.audience),
        title=st.text(),
        state=st.text(),
        severity=st.text(),
        severity_name=st.text(),
        turn=st.text(),
        owner=st.text(),
        tone=st.sampled_from(Tone),
        promises=st.lists(
            st.builds(
                PromiseLine,
                st.text(),
                st.text(),
                st.sampled_from(Phase),
                st.sampled_from(Tone),
                st.floats(-1, 2),
                st.none() | st.just(NOON),
                st.none() | st.just(NOON),
                st.none() | st.text(),
            ),
            max_size=4,
        ).map(tuple),
        facts=st.lists(st.tuples(st.text(), st.text()), max_size=4).map(tuple),
        details=st.text(),
        note=st.lists(st.text(), max_size=2).map(tuple),
        buttons=st.just(CUSTOMER.buttons),
    )
)
@settings(deadline=None)
def test_slack_takes_any_card(card: TicketCard) -> None:
    taken(card)


boards = st.builds(
    QueueBoard,
    title=st.text(),
    at=st.just(NOON),
    sections=st.lists(
        st.builds(
            QueueSection,
            st.text(),
            st.lists(
                st.builds(
                    QueueRow,
                    *(st.text() for _ in range(7)),
                    st.sampled_from(Tone),
                    st.none() | st.sampled_from([*AGENTS.promises, *CUSTOMER.promises]),
                    st.none() | st.just(CUSTOMER.buttons[0]),
                ),
                max_size=4,
            ).map(tuple),
            st.lists(st.text(), max_size=2).map(tuple),
            st.integers(0, 3),
        ),
        max_size=3,
    ).map(tuple),
    intro=st.lists(st.text(), max_size=3).map(tuple),
    buttons=st.sampled_from([(), CUSTOMER.buttons]),
)


@given(boards)
@settings(deadline=None, max_examples=40)
def test_slack_takes_any_board(board: QueueBoard) -> None:
    taken(board)
    assert check_view(home_view(board, MrkdwnRenderer(), Place("slack", "D0BOB", direct=True))) == []


def test_buttons_alike_get_ids_of_their_own_that_mean_the_same() -> None:
    buttons = [Button(action, "x", "v") for action in ("go", "go", "stop", "go", "a#b", "a#b")]
    [row] = actions(buttons)
    ids = [element["action_id"] for element in row["elements"]]
    assert len(set(ids)) == len(ids)
    assert [action_of(name) for name in ids] == ["go", "go", "stop", "go", "a#b", "a#b"]
    with pytest.raises(ValueError, match="does not take"):
        list(actions([Button("go", "x", "v" * 2001)]))


def test_the_standing_reads_without_colour() -> None:
    promises = [*AGENTS.promises, *CUSTOMER.promises]
    card = replace(AGENTS, promises=tuple(promises))
    texts = [
        b["text"]["text"]
        for b in render_message(card, MrkdwnRenderer()).blocks
        if b["type"] == "section" and "text" in b
    ]
    firsts = [
        next(text for text in texts if f"*{line.label}*" in text).split(" ")[0] for line in promises[:4]
    ]
    assert len(set(firsts)) == 4
    for line in promises:
        assert any(line.standing in text for text in texts)


async def test_slack_shows_cards_and_forms(workspace: Workspace) -> None:
    for view in (*VIEWS.values(), WORST, RECEIPT):
        ref = await workspace.ours.post(Place("slack", "C0ACME"), view, None)
        await workspace.ours.update(ref, view)
    workspace.desk.answer = Ask(FORM)
    assert (await workspace.slack.command(workspace.bob, workspace.acme, "/support")).shown == ""
    view_ = workspace.slack.modal_of(workspace.bob)
    assert view_ is not None
    assert view_.labels()[0] == "Summary"
