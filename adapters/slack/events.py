"""The Events API: which kinds of event we hear, and who reads each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.slack import channels
from adapters.slack.doors import mentioned, reacted
from adapters.slack.home import looked
from adapters.slack.messages import said
from adapters.slack.reader import Reader
from bot.exchange import Inbound

Body = Mapping[str, Any]
ReadEvent = Callable[[Reader, Body, str], Inbound | None]
"""Takes the request's body and the actor's home team where the event tells it; None: nothing for the desk."""


READERS: dict[str, ReadEvent] = {
    "app_home_opened": looked,
    "app_mention": mentioned,
    "message": said,
    "reaction_added": reacted,
    **channels.READERS,
}
"""By the type of the event. What is not here is acknowledged and passed over."""
