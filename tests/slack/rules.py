"""Slack's limits for messages and modals, as this project states them, and the renderers that tests use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from adapters.slack.rendering.block_kit import MrkdwnRenderer, RenderedMessage

Json = dict[str, Any]
MRKDWN = MrkdwnRenderer()
PLAIN_DATES = MrkdwnRenderer(plain_dates=True, zone=ZoneInfo("Europe/Berlin"))


def check_message(message: RenderedMessage) -> None:
    assert 0 < len(message.text) < 4000
    assert_live_tokens_only(message.text)
    check_blocks(message.blocks, 50)
    assert sum(len(text["text"]) for block in message.blocks for text in texts(block)) <= 13_000
    ids = [block["block_id"] for block in message.blocks]
    assert len(set(ids)) == len(ids)
    actions = [
        part["action_id"]
        for block in message.blocks
        for part in block.get("elements", [])
        if "action_id" in part
    ]
    assert len(set(actions)) == len(actions)


def check_view(view: Json) -> None:
    check_blocks(view["blocks"], 100)
    for key in ("title", "submit", "close"):
        if key in view:
            assert view[key]["type"] == "plain_text"
            assert 1 <= units(view[key]["text"]) <= 24
    if any(block["type"] == "input" for block in view["blocks"]):
        assert "submit" in view
    assert len(view.get("private_metadata", "")) <= 3000
    assert len(view.get("callback_id", "")) <= 255
    assert len(json.dumps(view).encode()) <= 250_000
    assert View(**view).to_dict()


def check_blocks(blocks: list[Json], most: int) -> None:
    assert 1 <= len(blocks) <= most
    assert all(parsed is not None and parsed.to_dict() for parsed in Block.parse_all(blocks))
    for block in blocks:
        assert 0 < len(block.get("block_id", "x")) <= 255
        check_block(block)
        for text in texts(block):
            assert text["text"].strip()
            if text["type"] == "mrkdwn":
                assert text["verbatim"] is True
                assert_live_tokens_only(text["text"])


def check_block(block: Json) -> None:
    match block["type"]:
        case "section":
            assert "text" in block or block["fields"]
            assert units(block.get("text", {}).get("text", "")) <= 3000
            assert len(block.get("fields", [])) <= 10
            assert all(units(field["text"]) <= 2000 for field in block.get("fields", []))
        case "header":
            assert block["text"]["type"] == "plain_text"
            assert 1 <= units(block["text"]["text"]) <= 150
        case "context":
            assert 1 <= len(block["elements"]) <= 10
            assert all(units(element["text"]) <= 3000 for element in block["elements"])
        case "actions":
            assert 1 <= len(block["elements"]) <= 25
            for element in block["elements"]:
                assert 0 < len(element["action_id"]) <= 255
                (check_menu if element["type"] == "static_select" else check_button)(element)
        case "input":
            assert units(block["label"]["text"]) <= 2000
            assert units(block.get("hint", {}).get("text", "")) <= 2000
            assert isinstance(block.get("dispatch_action", False), bool)
            check_element(block["element"])
        case other:
            raise AssertionError(f"{other} is not in use")


def check_button(button: Json) -> None:
    assert units(button["text"]["text"]) <= 75
    assert 0 < len(button.get("value", "x")) <= 2000
    assert button.get("style", "primary") in ("primary", "danger")


def check_menu(menu: Json) -> None:
    assert 1 <= units(menu["placeholder"]["text"]) <= 150
    assert 1 <= len(menu["options"]) <= 100
    for option in menu["options"]:
        assert 1 <= units(option["text"]["text"]) <= 75
        assert 1 <= len(option["value"]) <= 150


def check_element(element: Json) -> None:
    if element["type"] == "plain_text_input":
        assert 1 <= element["max_length"] <= 3000
        assert len(element.get("initial_value", "")) <= element["max_length"]
        return
    if element["type"] == "file_input":
        assert 1 <= element["max_files"] <= 10
        return
    groups = element.get("option_groups") or [{"options": element["options"]}]
    assert len(groups) <= 100
    options = [option for group in groups for option in group["options"]]
    for group in groups:
        assert (
            1 <= len(group["options"]) <= (10 if element["type"] in ("radio_buttons", "checkboxes") else 100)
        )
        assert len(group.get("label", {}).get("text", "")) <= 75
    for option in options:
        assert 1 <= units(option["text"]["text"]) <= 75
        assert 1 <= len(option["value"]) <= 75
        assert 1 <= units(option.get("description", {}).get("text", "x")) <= 75
    first = element.get("initial_options", [element["initial_option"]] if "initial_option" in element else [])
    assert all(option in options for option in first)


def texts(block: Json) -> Iterator[Json]:
    menus = [part for part in block.get("elements", []) if "options" in part]
    options = [option for menu in menus for option in menu["options"]]
    plain = [part for part in block.get("elements", []) if "options" not in part]
    found = [block.get("text"), *block.get("fields", []), *plain, *options]
    yield from (part if isinstance(part["text"], str) else part["text"] for part in found if part)
    yield from (menu["placeholder"] for menu in menus)


def units(text: str) -> int:
    """Length in UTF-16 code units, the strictest way in which Slack might count."""
    return len(text.encode("utf-16-le")) // 2


def assert_live_tokens_only(text: str) -> None:
    """Fails if the text holds an angle bracket or ampersand that our renderer did not write."""
    for number, part in enumerate(text.split("<")):
        token, closed, _ = part.partition(">")
        if number:
            assert closed
            assert token.startswith(("@U", "@W", "!date^", "http://", "https://", "mailto:"))
        else:
            assert ">" not in part.replace("> ", "", part.count("\n") + 1) or part.lstrip().startswith(">")
    unescaped = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in unescaped
