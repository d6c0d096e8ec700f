"""The arguments of one Web API call, in any encoding."""

import json
from typing import Any

from demo.slack.elements import Json
from demo.slack.state import SlackError


class Args:
    """Hides from the methods whether arguments came as JSON values or as form strings."""

    def __init__(self, given: Json) -> None:
        self.given = given

    def text(self, name: str) -> str:
        value = self.given.get(name)
        return "" if value is None else str(value)

    def need(self, name: str) -> str:
        if not (value := self.text(name)):
            words = f"[ERROR] missing required field: {name} [json-pointer:/{name}]"
            raise SlackError("invalid_arguments", [words])
        return value

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        value = self.text(name) or str(default)
        if not value.isdigit():
            raise SlackError("invalid_arguments", [f"[ERROR] must be an integer [json-pointer:/{name}]"])
        return int(value)

    def names(self, name: str) -> list[str]:
        return [entry.strip() for entry in self.text(name).split(",") if entry.strip()]

    def json(self, name: str) -> Any:
        """Returns a structured value; forms carry it as JSON text."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            error = "invalid_blocks_format" if name == "blocks" else "invalid_arguments"
            raise SlackError(error, [f"[ERROR] must be JSON [json-pointer:/{name}]"]) from None
