"""Every platform renders the shared samples within its limits, and exactly as its golden files say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

from bot.model.views import QueueBoard, TicketCard, View
from tests.platforms.faces import FACES, LIMITED, Face
from tests.samples import (
    AGENTS,
    BOARD,
    CUSTOMER,
    NOON,
    VIEWS,
    boards,
    cards,
    longest_board,
    longest_notice,
    longest_receipt,
)

every_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
limited_face = pytest.mark.parametrize("face", LIMITED, ids=lambda face: face.name)


@pytest.mark.parametrize(
    ("face", "name"), [pytest.param(f, name, id=f"{f.name}-{name}") for f in FACES for name in f.rendered()]
)
def test_a_sample_is_rendered_as_its_golden_file_says(face: Face, name: str) -> None:
    assert face.rendered()[name] == (face.golden / name).read_text("utf-8")


@every_face
def test_every_golden_file_belongs_to_a_sample(face: Face) -> None:
    assert {path.name for path in face.golden.iterdir()} == face.rendered().keys()


@every_face
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_every_sample_is_accepted(face: Face, view: View) -> None:
    face.check(view)


@every_face
@given(cards)
@settings(deadline=None)
def test_any_card_is_accepted(face: Face, card: TicketCard) -> None:
    face.check(card)


@every_face
@given(boards)
@settings(deadline=None, max_examples=40)
def test_any_board_is_accepted(face: Face, board: QueueBoard) -> None:
    face.check(board)


@limited_face
def test_the_longest_views_are_accepted(face: Face) -> None:
    face.check(face.longest_card)
    assert "more characters in the thread" in "".join(face.texts(face.longest_card))
    face.check(longest_board(face.longest_card, notes=200))
    face.check(longest_notice(face.longest_card.buttons))
    face.check(longest_receipt())


@every_face
def test_an_empty_board_is_accepted(face: Face) -> None:
    face.check(QueueBoard("Queue", NOON, ()))


@every_face
def test_the_people_on_call_stand_below_the_tickets(face: Face) -> None:
    shown = "\n".join(face.texts(BOARD))
    assert shown.index("ACME-8") < shown.index("First line:") < shown.index("As of ")


@limited_face
def test_a_board_counts_the_tickets_that_it_leaves_out(face: Face) -> None:
    [section, *_] = BOARD.sections
    rows = tuple(replace(section.rows[1], key=f"ACME-{number}") for number in range(99))
    board = replace(BOARD, sections=(replace(section, rows=rows, lead=(), more=1000),))
    texts = "\n".join(face.texts(board))
    shown = len(set(re.findall(r"ACME-\d+", texts)))
    assert 10 < shown < 60
    assert f"… and {1099 - shown:,} more" in texts
    assert "… and 17 more" in "\n".join(face.texts(BOARD))


@limited_face
def test_details_are_complete_while_they_fit(face: Face) -> None:
    details = "\n".join(f"line {number} of a <log> & more" for number in range(300))
    shown = "".join(face.texts(replace(CUSTOMER, details=details)))
    assert details.replace("\n", "") in shown.replace("\n", "")


@limited_face
def test_details_that_do_not_fit_are_counted(face: Face) -> None:
    texts = face.texts(replace(CUSTOMER, details="x" * 40_000))
    shown = sum(len(text) for text in texts if text.startswith("xxx"))
    assert shown > 5_000
    [missing] = [text for text in texts if text.endswith("more characters in the thread")]
    assert int(missing.split()[1].replace(",", "")) >= 40_000 - shown, "and the answers below them"


@limited_face
def test_a_title_that_is_cut_is_complete_in_the_body(face: Face) -> None:
    title = "A title with *stars* and <tags>. " * 30
    texts = face.texts(replace(CUSTOMER, title=title))
    assert any("A title" in text and text.endswith("…") for text in texts[:2])
    assert title in texts


@limited_face
def test_the_state_of_a_promise_is_readable_without_colour(face: Face) -> None:
    promises = (*AGENTS.promises, *CUSTOMER.promises)
    texts = face.texts(replace(AGENTS, promises=promises))
    marks = {
        next(text for text in texts if line.label in text).partition(line.label)[0] for line in promises[:4]
    }
    assert len(marks) == 4
    assert all(any(line.standing in text for text in texts) for line in promises)
