"""What Teams takes at most, and how it is measured."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

MOST_BYTES = 28_000
"""One card in a message. Larger ones were refused, though no page says where exactly the bound is."""
MOST_FORM = 40_000
"""One form; it holds what somebody typed, which is never cut."""
MOST_CONTEXT = 4_000
"""What a form carries unseen."""
MOST_IN_SET = 3
"""Buttons side by side; Teams itself leaves out the seventh, and a phone cuts off what it has no room for."""
ROW_WIDTH = 42
"""Characters of such a row on a phone, where each button's edges take as much as four."""
MOST_VALUE = 1_000
LONGEST_LABEL = 150
LONGEST_FIELD = 300
LONGEST_TITLE = 600
LONGEST_PIECE = 1_500
LONGEST_FALLBACK = 1_000
FEW = 10
"""Options that are all shown at once; more of them fold into a list."""


def compact_json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def size(content: object) -> int:
    """Bytes as sent."""
    return len(compact_json(content).encode())
