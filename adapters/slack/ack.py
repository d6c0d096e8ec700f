"""What Slack is answered, over HTTP or over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.slack.paper import Json

OK = ""


@dataclass(frozen=True, slots=True)
class Ack:
    """An object is sent as JSON, text as it is; a status of 500 and more asks Slack to come again."""

    status: int = 200
    body: Json | str = OK
    headers: Mapping[str, str] = field(default_factory=dict)


def acknowledged(body: Json | str = OK, status: int = 200) -> Ack:
    return Ack(status, body)


def payload(ack: Ack) -> Any:
    """The answer as a socket carries it: always an object."""
    return ack.body if isinstance(ack.body, dict) else {"text": ack.body}
