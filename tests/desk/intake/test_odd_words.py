"""What people paste: halves of emoji, characters that show nothing, every script."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model.inbound import Ask, Command
from bot.text import storable, typed
from tests.harness import ACME, ALICE, S2, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON

BLANKS = ["", "   ", "\u00ad\n\t", "\u3164 \u115f"]
MARKS = ["\u200b\u200b", "\u2800", "\ufeff\u2060", "\u0301", "\ufe0f"]
SHOWS_SOMETHING = ["?", "é", "e\u0301", "中", "👍", "👍🏽", "\u200bhelp\u2060", "ก็", "1", "—"]


@pytest.mark.parametrize("text", [*BLANKS, *MARKS])
def test_a_text_that_shows_nothing_counts_as_empty(text: str) -> None:
    assert typed(text) == ""


@pytest.mark.parametrize("text", SHOWS_SOMETHING)
def test_whatever_can_be_seen_counts(text: str) -> None:
    assert typed(f"  {text}\n") == text


def test_half_an_emoji_is_replaced_wherever_it_stands() -> None:
    assert storable({"a\ud83d": ["x\udc00y", {"b": "\0c", "d": 1, "e": None}]}) == {
        "a?": ["x?y", {"b": "c", "d": 1, "e": None}]
    }


async def test_a_summary_that_shows_nothing_is_refused_kindly(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON)
    form = await desk.asks_for_help(ALICE)
    answer = await desk.sends(ALICE, form, summary="\u2800\u200b", details="kept", **S2)
    assert isinstance(answer, Ask)
    assert answer.form.errors == {"summary": "Please say in a few words what is wrong."}
    assert await desk.keys() == []
    assert (await desk.sends(ALICE, answer.form, summary="👍🏽", **S2)) is not None
    assert len(await desk.keys()) == 1


async def test_another_customers_key_and_an_unknown_one_are_answered_alike(tmp_path: Path) -> None:
    """Nothing to guess: neither the answer nor its kind tells which accounts and tickets exist."""
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON)
    answers = []
    for number, key in enumerate(("SILVERLINE-99", "NOSUCH-1", "nosuch-1", "GLOBEX-7")):
        answer = await desk.answers(
            Command(f"status-{number}", desk.clock.now(), ALICE, ACME, "/support", f"status {key}")
        )
        answers.append(str(answer).replace(key.upper(), "KEY"))
    assert len({*answers}) == 1
    assert "You cannot see KEY from here." in answers[0]
