"""docs/texts.md holds every sentence as the code says it, and no sentence shows an ID of our requirements."""

from __future__ import annotations

import re

from tools.answers import answers
from tools.texts import OUT, document


def test_the_file_of_texts_matches_the_code() -> None:
    assert OUT.read_text(encoding="utf-8") == document(), "run: python -m tools.texts"


def test_no_text_shows_the_id_of_a_requirement() -> None:
    assert not re.search(r"\b(?:M3|MON|MTA|CUP|A)-\d", OUT.read_text(encoding="utf-8"))


def test_the_private_answers_of_the_desk_are_found() -> None:
    found = dict(answers())
    assert (
        "Only agents can open tickets here. Customers open them in their own channel."
        in (found["bot/desk/intake/open.py"])
    )
