"""Each finding about a pinned package is answered; where no advisory can be read, CI says so and goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tools.audit import ANSWERS, judged, read_answers

CLEAN = {"name": "yarl", "version": "1.25.1", "vulns": []}
SKIPPED = {"name": "rich", "skip_reason": "Dependency not found on PyPI"}
FINDING = {"id": "PYSEC-2026-7", "aliases": ["CVE-2026-7777"], "fix_versions": ["3.0"]}
FAULTY = {"name": "aiohttp", "version": "2.9", "vulns": [FINDING]}


@pytest.mark.parametrize(
    ("packages", "answers", "code", "says"),
    [
        ([CLEAN, SKIPPED], {}, 0, "1 of 2 packages audited"),
        ([SKIPPED], {}, 0, "cannot be read here, so nothing was audited"),
        ([FAULTY, CLEAN], {}, 1, "aiohttp 2.9: PYSEC-2026-7: fixed in 3.0: make lock"),
        ([FAULTY], {"CVE-2026-7777": "we parse no such header"}, 0, "PYSEC-2026-7: we parse no such header"),
    ],
)
def test_a_finding_needs_an_answer(
    packages: list[dict[str, Any]], answers: dict[str, str], code: int, says: str
) -> None:
    lines, result = judged({"dependencies": packages}, answers)
    assert result == code
    assert says in "\n".join(lines)


def test_each_answer_says_why() -> None:
    assert all(why.strip() for why in read_answers(ANSWERS).values())
