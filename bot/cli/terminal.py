"""What a command prints: for people, or as JSON for scripts."""

from __future__ import annotations

import json
import sys
from typing import Any


def print_json(value: dict[str, Any]) -> None:
    """Other letters than ASCII are escaped if stdout cannot carry them."""
    encoding = (sys.stdout.encoding or "ascii").lower()
    print(json.dumps(value, indent=2, ensure_ascii=not encoding.startswith("utf")))
