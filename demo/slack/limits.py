"""Slack's rules for blocks and views, checked as strictly as Slack does.

Rejects block types that exist in Slack but are not modelled here, as if unknown.
"""

import copy
import json
import uuid
from collections.abc import Callable, Iterator

from demo.slack.elements import (
    ANY_TEXT,
    AS_ACCESSORY,
    IN_ACTIONS,
    IN_INPUT,
    BlockErrors,
    Json,
    element,
    items,
    keys,
    string,
    text,
)

MOST_BLOCKS = {"message": 50, "modal": 100, "home": 100}
_RICH = {"rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"}
_RICH_LEAVES = {"text", "link", "user", "usergroup", "emoji", "channel", "broadcast", "date", "color"}


def check_blocks(blocks: object, surface: str = "message", at: str = "/blocks") -> list[str]:
    """Returns all faults of a list of blocks on a surface: message, modal or home."""
    faults = BlockErrors()
    seen: set[str] = set()
    markdown = tables = 0
    for index, block in enumerate(items(faults, at, blocks, MOST_BLOCKS[surface], 0)):
        place = f"{at}/{index}"
        kind = block.get("type") if isinstance(block, dict) else None
        check = _BLOCKS.get(kind) if isinstance(kind, str) else None
        if check is None or not isinstance(block, dict):
            faults.add(place, f"unsupported type: {kind}")
            continue
        check(faults, place, block)
        if (name := block.get("block_id")) is not None:
            string(faults, f"{place}/block_id", name, 255)
            if name in seen:
                faults.add(f"{place}/block_id", f"block_id must be unique: {name}")
            seen.add(str(name))
        actions = [part["action_id"] for part in elements_of(block) if "action_id" in part]
        for twice in {name for name in actions if actions.count(name) > 1}:
            faults.add(place, f"action_id must be unique within a block: {twice}")
        markdown += len(str(block.get("text"))) if kind == "markdown" else 0
        tables += kind == "table"
    if markdown > 12_000:
        faults.add(at, "markdown text must be less than 12001 characters in all")
    if tables > 1:
        faults.add(at, "only one table is allowed in a message")
    return faults


def check_view(view: object, at: str = "/view") -> list[str]:
    """Returns all faults of a modal or Home tab."""
    faults = BlockErrors()
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        faults.add(f"{at}/type", "must be one of: modal, home")
        return faults
    common = ("private_metadata", "callback_id", "external_id")
    if view["type"] == "home":
        keys(faults, at, view, ("type", "blocks"), common)
    else:
        extra = ("submit", "close", "clear_on_close", "notify_on_close")
        keys(faults, at, view, ("type", "title", "blocks"), (*common, *extra))
    for key in ("title", "submit", "close"):
        if view.get(key) is not None:
            text(faults, f"{at}/{key}", view[key], 24)
    for key, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(key) is not None:
            string(faults, f"{at}/{key}", view[key], most, 0)
    blocks = view.get("blocks")
    if isinstance(blocks, list):
        faults += check_blocks(blocks, view["type"], f"{at}/blocks")
        kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
        if view["type"] == "modal" and "input" in kinds and view.get("submit") is None:
            faults.add(at, "missing required field: submit (the view has inputs)")
        focused = [part for block in blocks if isinstance(block, dict) for part in elements_of(block)]
        if sum(bool(part.get("focus_on_load")) for part in focused) > 1:
            faults.add(at, "only one element may have focus_on_load")
    return faults


def too_large(view: Json) -> bool:
    return len(json.dumps(view).encode()) > 250_000


def elements_of(block: Json) -> Iterator[Json]:
    """Yields the interactive parts of a block."""
    parts = block.get("elements") if block.get("type") == "actions" else None
    found = [*(parts if isinstance(parts, list) else []), block.get("accessory"), block.get("element")]
    yield from (part for part in found if isinstance(part, dict) and part.get("type") != "image")


def with_ids(blocks: list[Json]) -> list[Json]:
    """Returns a copy with any missing block_id or action_id filled in, as Slack does."""
    own = copy.deepcopy(blocks)
    for block in own:
        block.setdefault("block_id", uuid.uuid4().hex[:5])
        for part in elements_of(block):
            part.setdefault("action_id", uuid.uuid4().hex[:5])
    return own


def _section(faults: BlockErrors, at: str, block: Json) -> None:
    keys(faults, at, block, ("type",), ("block_id", "text", "fields", "accessory", "expand"))
    if "text" not in block and "fields" not in block:
        faults.add(at, "missing required field: text or fields")
    if "text" in block:
        text(faults, f"{at}/text", block["text"], 3000, ANY_TEXT)
    if "fields" in block:
        for index, field in enumerate(items(faults, f"{at}/fields", block["fields"], 10)):
            text(faults, f"{at}/fields/{index}", field, 2000, ANY_TEXT)
    if "accessory" in block:
        element(faults, f"{at}/accessory", block["accessory"], AS_ACCESSORY)


def _header(faults: BlockErrors, at: str, block: Json) -> None:
    if keys(faults, at, block, ("type", "text"), ("block_id", "level")):
        text(faults, f"{at}/text", block["text"], 150)


def _context(faults: BlockErrors, at: str, block: Json) -> None:
    if keys(faults, at, block, ("type", "elements"), ("block_id",)):
        for index, part in enumerate(items(faults, f"{at}/elements", block["elements"], 10)):
            place = f"{at}/elements/{index}"
            if isinstance(part, dict) and part.get("type") == "image":
                element(faults, place, part, frozenset({"image"}))
            else:
                text(faults, place, part, 3000, ANY_TEXT)


def _actions(faults: BlockErrors, at: str, block: Json) -> None:
    if keys(faults, at, block, ("type", "elements"), ("block_id",)):
        for index, part in enumerate(items(faults, f"{at}/elements", block["elements"], 25)):
            element(faults, f"{at}/elements/{index}", part, IN_ACTIONS)


def _divider(faults: BlockErrors, at: str, block: Json) -> None:
    keys(faults, at, block, ("type",), ("block_id",))


def _image(faults: BlockErrors, at: str, block: Json) -> None:
    if keys(faults, at, block, ("type", "alt_text", "image_url"), ("block_id", "title")):
        string(faults, f"{at}/alt_text", block["alt_text"], 2000)
        string(faults, f"{at}/image_url", block["image_url"], 3000)
        if "title" in block:
            text(faults, f"{at}/title", block["title"], 2000)


def _input(faults: BlockErrors, at: str, block: Json) -> None:
    if not keys(
        faults, at, block, ("type", "label", "element"), ("block_id", "hint", "optional", "dispatch_action")
    ):
        return
    text(faults, f"{at}/label", block["label"], 2000)
    if "hint" in block:
        text(faults, f"{at}/hint", block["hint"], 2000)
    for key in ("optional", "dispatch_action"):
        if not isinstance(block.get(key, False), bool):
            faults.add(f"{at}/{key}", "must be a boolean")
    element(faults, f"{at}/element", block["element"], IN_INPUT)


def _markdown(faults: BlockErrors, at: str, block: Json) -> None:
    if keys(faults, at, block, ("type", "text"), ("block_id",)):
        string(faults, f"{at}/text", block["text"], 12_000)


def _rich_text(faults: BlockErrors, at: str, block: Json) -> None:
    if keys(faults, at, block, ("type", "elements"), ("block_id",)):
        for index, part in enumerate(items(faults, f"{at}/elements", block["elements"], 1000)):
            _rich_part(faults, f"{at}/elements/{index}", part, _RICH)


def _rich_part(faults: BlockErrors, at: str, part: object, allowed: set[str]) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in allowed:
        faults.add(at, f"unsupported type: {kind}")
    elif kind in _RICH:
        inner = {"rich_text_section"} if kind == "rich_text_list" else _RICH_LEAVES
        for index, leaf in enumerate(items(faults, f"{at}/elements", part.get("elements"), 1000, 0)):
            _rich_part(faults, f"{at}/elements/{index}", leaf, inner)
    elif kind == "text":
        string(faults, f"{at}/text", part.get("text"), 100_000)


def _table(faults: BlockErrors, at: str, block: Json) -> None:
    if not keys(faults, at, block, ("type", "rows"), ("block_id", "column_settings")):
        return
    for row, cells in enumerate(items(faults, f"{at}/rows", block["rows"], 100)):
        for column, cell in enumerate(items(faults, f"{at}/rows/{row}", cells, 20)):
            place = f"{at}/rows/{row}/{column}"
            if isinstance(cell, dict) and cell.get("type") == "raw_text":
                string(faults, f"{place}/text", cell.get("text"), 3000)
            elif isinstance(cell, dict) and cell.get("type") == "rich_text":
                _rich_text(faults, place, cell)
            else:
                faults.add(place, "unsupported cell")


_BLOCKS: dict[str, Callable[[BlockErrors, str, Json], None]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "table": _table,
}
