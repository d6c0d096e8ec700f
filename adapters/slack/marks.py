"""Marks that our messages carry unseen, so that one whose answer was lost is found again."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from adapters.slack.paper import Json

CLOCK_TOLERANCE = timedelta(seconds=30)
"""How far before our own instant of sending a message is looked for."""


def message_metadata(key: str) -> Json:
    """Opaque: whoever is in the channel can read it."""
    mark = sha256(key.encode()).hexdigest()[:32]
    return {"event_type": "frontline_message", "event_payload": {"mark": mark}}
