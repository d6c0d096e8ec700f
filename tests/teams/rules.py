"""The limits of Adaptive Cards in Teams, as this project states them, and the renderers that tests use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from botbuilder.schema.teams import (  # type: ignore[import-untyped]
    TaskModuleContinueResponse,
    TaskModuleResponse,
)

from adapters.teams.rendering.text import MOST_BYTES, MOST_IN_SET, CardTextRenderer, size
from bot.model.address import UserRef
from tests.samples import BOB, DANA


def mri(user: UserRef) -> str | None:
    return f"29:1-{user.id}" if user in (BOB, DANA) else None


CARD_TEXT = CardTextRenderer(mri=mri)
PLAYGROUND = CardTextRenderer(ZoneInfo("Europe/Berlin"), plain_dates=True, mri=mri, dialogs=False)

STYLES = {None, "default", "emphasis", "good", "attention", "warning", "accent"}
SPACINGS = {None, "None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding"}
LOOK = {"size", "weight", "color", "isSubtle"}
LAYOUT = {"spacing", "separator"}
KNOWN = {
    "TextBlock": {"text", "wrap"} | LOOK | LAYOUT,
    "RichTextBlock": {"inlines", "horizontalAlignment"} | LAYOUT,
    "TextRun": {"text", "selectAction"} | LOOK,
    "Container": {"items", "style", "bleed", "id", "isVisible"} | LAYOUT,
    "ColumnSet": {"columns"} | LAYOUT,
    "Column": {"items", "width"},
    "ActionSet": {"actions", "spacing"},
    "Action.Execute": {"title", "verb", "data", "style", "fallback", "associatedInputs"},
    "Action.Submit": {"title", "data", "style", "associatedInputs"},
    "Action.OpenUrl": {"url"},
    "Action.ToggleVisibility": {"title", "targetElements"},
    "Input.Text": {"isMultiline", "maxLength"},
    "Input.ChoiceSet": {"choices", "style", "isMultiSelect", "wrap"},
}
INPUT = {"id", "label", "isRequired", "errorMessage", "value", "spacing"}


def elements(found: Any) -> Iterator[dict[str, Any]]:
    """Every element and action of a card, in order."""
    if isinstance(found, dict):
        if str(found.get("type")) in KNOWN:
            yield found
        for name, value in found.items():
            if name != "data":
                yield from elements(value)
    elif isinstance(found, list):
        for item in found:
            yield from elements(item)


def texts(card: dict[str, Any]) -> list[str]:
    return [item["text"] for item in elements(card) if item["type"] in ("TextBlock", "TextRun")]


def markdown(card: dict[str, Any]) -> list[str]:
    return [item["text"] for item in elements(card) if item["type"] == "TextBlock"]


def check_card(card: dict[str, Any], most: int = MOST_BYTES) -> None:
    """Fails unless the card keeps to what we rely on of Adaptive Cards 1.5 in Teams, and to `most` bytes."""
    assert card.keys() - {"actions"} == {"type", "version", "body", "msteams"}
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.5")
    assert card["msteams"].keys() <= {"width", "entities"}
    assert size(card) <= most
    json.dumps(card).encode("ascii")
    assert card["body"]
    for item in elements(card):
        kind = item["type"]
        given_ = item.keys() - {"type"} - (INPUT if kind.startswith("Input.") else set())
        assert given_ <= KNOWN[kind], item
        assert item.get("spacing") in SPACINGS
        if kind in ("TextBlock", "TextRun"):
            assert item["text"]
        if kind == "TextBlock":
            assert item["wrap"]
        if kind == "RichTextBlock":
            assert item["inlines"]
        if kind == "Container":
            assert item["items"]
            assert item.get("style") in STYLES
        if kind.startswith("Action.") and kind != "Action.OpenUrl":
            assert item["title"].strip()
            assert item.get("style") in (None, "positive", "destructive")
        if kind == "ActionSet":
            assert 1 <= len(item["actions"]) <= MOST_IN_SET
        if kind == "Action.Execute" and "fallback" in item:
            assert item["fallback"]["type"] == "Action.Submit"
            assert item["fallback"]["data"] == item["data"]
        if kind == "Action.ToggleVisibility":
            hidden = {each["id"] for each in elements(card) if each.get("isVisible") is False}
            assert item["targetElements"]
            assert set(item["targetElements"]) <= hidden
    for entity in card["msteams"].get("entities", []):
        assert entity["type"] == "mention"
        assert entity["mentioned"].keys() == {"id", "name"}
        assert any(entity["text"] in text for text in markdown(card))


def task(response: TaskModuleContinueResponse) -> dict[str, Any]:
    """The JSON that Teams receives to show a dialog."""
    found: dict[str, Any] = TaskModuleResponse(task=response).serialize()
    return found
