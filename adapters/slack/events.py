"""The Events API: which kinds of event we hear, and who reads each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.slack.inbound import Reader
from adapters.slack.payloads import Delivery, read
from bot.exchange import Inbound

Body = Mapping[str, Any]
ReadEvent = Callable[[Reader, Body, str], Inbound | None]
"""Takes the request's body and the actor's home team where Bolt can tell it; None: nothing for the desk."""


def said(reader: Reader, body: Body, home: str) -> Inbound | None:
    """A message somebody wrote."""
    return reader.posted(read(Delivery, body), home)


READERS: dict[str, ReadEvent] = {
    "message": said,
}
"""By the type of the event. What is not here is acknowledged and passed over."""
