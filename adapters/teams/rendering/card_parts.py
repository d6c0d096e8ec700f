"""Elements of Adaptive Cards, and a card that fits one message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from adapters.teams.rendering.text import (
    LONGEST_FALLBACK,
    LONGEST_LABEL,
    LONGEST_PIECE,
    MOST_BYTES,
    MOST_IN_SET,
    MOST_VALUE,
    ROW_WIDTH,
    CardTextRenderer,
    Json,
    cut,
    escape_line_start,
    label,
    length,
    pieces,
    runs,
    size,
)
from bot.model.views import Button, Link, Mention, Menu, Part, Quote, RichText, Strong, Style
from bot.text import clean

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
FORM_ACTIONS = frozenset(
    {
        "get_help",
        "unticketed_open",
        "why",
        "add_details",
        "escalate",
        "assign",
        "reply",
        "update",
        "severity",
        "frozen_milestone",
        "services_disabled",
        "services_enabled",
        "hold",
        "resolve",
        "close",
        "call_request",
        "draft_edit",
        "alert_delegate",
        "alert_snooze",
        "page_delegate",
        "page_snooze",
    }
)
"""Actions that may open a form; their buttons ask Teams for a dialog.

`close` asks while a promise runs. Otherwise the ticket is closed and the dialog shows one line. `why` shows
its answer in the dialog.
"""
_STYLES = {Style.PRIMARY: "positive", Style.DANGER: "destructive"}


@dataclass(frozen=True, slots=True)
class CardMessage:
    """A message: its Adaptive Card, and the text for notifications and for clients without cards."""

    content: Json
    fallback: str


def rich_text(inlines: Sequence[Json], **layout: str | bool) -> Json:
    """One paragraph of runs; Teams rejects an empty one."""
    return {"type": "RichTextBlock", "inlines": list(inlines) or runs(" "), **layout}


def text_line(text: str, **style: str | bool) -> Json:
    """One line of exact text."""
    return rich_text(runs(text, **style))


def container(items: Sequence[Json], **layout: str | bool) -> Json:
    return {"type": "Container", "items": list(items), **layout}


def columns(*cells: Sequence[Json], widths: Sequence[str] = (), **layout: str | bool) -> Json:
    wide = widths or ["stretch"] * len(cells)
    made = [
        {"type": "Column", "width": width, "items": list(items)}
        for width, items in zip(wide, cells, strict=True)
    ]
    return {"type": "ColumnSet", "columns": made, **layout}


def folded(title: str, items: Sequence[Json], rest: str) -> list[Json]:
    """A button, and below it what a press on it shows or hides: one element, so both are left out or neither.

    At most a quarter of a card; `rest` says where all of it is.
    """
    if not items:
        return []
    within = leading_elements(items, MOST_BYTES // 4, rest)
    hidden = container(within, id=f"folded-{title}", isVisible=False, spacing="Small")
    shows = {"type": "Action.ToggleVisibility", "title": title, "targetElements": [hidden["id"]]}
    return [container([{"type": "ActionSet", "actions": [shows]}, hidden])]


def unfolded(element: Json) -> list[Json]:
    """What a fold hides, without its button; any other element as it is."""
    match element:
        case {"items": [{"type": "ActionSet"}, {"items": hidden}]}:
            return [*hidden]
        case _:
            return [element]


def literal(text: str, **layout: str | bool) -> Iterator[Json]:
    """Text exactly as typed, in blocks that can be left out one by one."""
    for piece in pieces(clean(text).strip("\n"), LONGEST_PIECE):
        if piece.strip():
            yield rich_text(runs(piece.strip("\n")), **layout)
            layout = {**layout, "spacing": "None"}


def paragraphs(
    renderer: CardTextRenderer, parts: RichText, entities: Mapping[Mention, Json]
) -> Iterator[Json]:
    """Our words as paragraphs; what somebody typed as an exact quotation in its own block."""
    for quotes, run in groupby(parts, lambda part: isinstance(part, Quote)):
        if not quotes:
            yield from _flow(renderer, tuple(run), entities)
            continue
        for part in run:
            assert isinstance(part, Quote)
            for piece in literal(part.text):
                yield container([piece], style="emphasis", spacing="Small")


def _flow(renderer: CardTextRenderer, parts: RichText, entities: Mapping[Mention, Json]) -> Iterator[Json]:
    """Sentences without quotations; Markdown only where they mention somebody."""
    atoms = [atom for part in parts for atom in _atoms(part)]
    for chunk in _chunks(atoms):
        if any(part in entities for part in chunk if isinstance(part, Mention)):
            text = escape_line_start("".join(renderer.markdown(part, entities) for part in chunk)).strip()
            yield {"type": "TextBlock", "text": text, "wrap": True}
        else:
            inlines = [run for part in chunk for run in renderer.exact_runs(part)]
            if any(run["text"].strip() for run in inlines):
                yield rich_text(inlines)


def _atoms(part: Part) -> Iterator[Part]:
    match part:
        case str():
            yield from pieces(clean(part), LONGEST_PIECE)
        case Strong(text):
            yield from (Strong(piece) for piece in pieces(clean(text), LONGEST_PIECE))
        case Link(url, text) if length(url) + length(text) > LONGEST_PIECE:
            yield from pieces(f"{clean(text)} ({clean(url)})", LONGEST_PIECE)
        case Mention(user, name):
            yield Mention(user, cut(name, LONGEST_LABEL)) if length(name) > LONGEST_PIECE else part
        case _:
            yield part


def _chunks(atoms: Iterable[Part]) -> Iterator[list[Part]]:
    chunk: list[Part] = []
    room = LONGEST_PIECE
    for atom in atoms:
        long = length(atom if isinstance(atom, str) else str(getattr(atom, "text", "")))
        if long > room and chunk:
            yield chunk
            chunk, room = [], LONGEST_PIECE
        chunk.append(atom)
        room -= long
    if chunk:
        yield chunk


def actions(
    buttons: Sequence[Button],
    renderer: CardTextRenderer,
    *,
    fallback: bool = True,
    menus: Sequence[Menu] = (),
) -> list[Json]:
    """Rows of buttons that fit a narrow window. A menu is one more button, which shows or hides its rows."""
    shown = [menu for menu in menus if menu.buttons]
    rows = _rows([*buttons, *shown]) if buttons or shown else []
    made = [
        {"type": "ActionSet", "actions": [_action(each, renderer, fallback) for each in row]} for row in rows
    ]
    for menu in shown:
        inside = actions(menu.buttons, renderer, fallback=fallback)
        made.append(container(inside, id=_menu_id(menu), isVisible=False))
    return [*made[:1], *({**row, "spacing": "Small"} for row in made[1:])]


def _menu_id(menu: Menu) -> str:
    return f"menu-{menu.label.casefold()}"


def _rows(buttons: Sequence[Button | Menu]) -> list[list[Button | Menu]]:
    """As few rows as fit the width, of equal length if possible."""
    rows: list[list[Button | Menu]] = [[]]
    for button in buttons:
        if rows[-1] and not _fits([*rows[-1], button]):
            rows.append([])
        rows[-1].append(button)
    each = -(-len(buttons) // len(rows))
    even = [[*buttons[start : start + each]] for start in range(0, len(buttons), each)]
    return even if all(_fits(row) for row in even) else rows


def _fits(row: Sequence[Button | Menu]) -> bool:
    return len(row) <= MOST_IN_SET and sum(len(button.label) + 4 for button in row) <= ROW_WIDTH


def _action(button: Button | Menu, renderer: CardTextRenderer, fallback: bool) -> Json:
    if isinstance(button, Menu):
        title = label(button.label, LONGEST_LABEL) or "…"
        return {"type": "Action.ToggleVisibility", "title": title, "targetElements": [_menu_id(button)]}
    if not button.action or length(button.action) + length(button.value) > MOST_VALUE:
        raise ValueError(f"button {button.action[:80]!r} has a name or a value that Teams does not take")
    data: Json = {"action": button.action, "value": button.value}
    shown: Json = {"title": label(button.label, LONGEST_LABEL) or "…"}
    if button.style in _STYLES:
        shown["style"] = _STYLES[button.style]
    if renderer.dialogs and button.action in FORM_ACTIONS:
        return {"type": "Action.Submit", **shown, "data": {**data, "msteams": {"type": "task/fetch"}}}
    made: Json = {"type": "Action.Execute", **shown, "verb": button.action, "data": data}
    if fallback:
        made["fallback"] = {"type": "Action.Submit", **shown, "data": data}
    return made


def read_press(data: object) -> tuple[str, str]:
    """Returns action and value of the button that sent `data`. Raises ValueError."""
    if isinstance(data, Mapping):
        action, value = data.get("action"), data.get("value", "")
        if isinstance(action, str) and action and isinstance(value, str):
            return action, value
    raise ValueError("none of our buttons sends this")


def card(body: Sequence[Json], entities: Iterable[Json] = (), **more: object) -> Json:
    """Returns the whole card, with only the mentions that its text contains."""
    content: Json = {"type": "AdaptiveCard", "version": "1.5", "body": list(body), **more}
    written = "\n".join(item["text"] for item in _texts(content["body"]) if item["type"] == "TextBlock")
    used = {entity["text"]: entity for entity in entities if entity["text"] in written}
    msteams: Json = {"width": "Full"}
    if used:
        msteams["entities"] = list(used.values())
    return {**content, "msteams": msteams}


def fit(
    head: Sequence[Json],
    body: Sequence[Json],
    tail: Sequence[Json],
    entities: Iterable[Json],
    rest: str,
    style: str | None = None,
) -> Json:
    """Keeps head and tail, and as much of the body as fits; a line says what was left out."""

    def made(kept: Sequence[Json]) -> Json:
        if style is None:
            return card([*head, *kept, *tail], entities)
        return card([container([*head, *kept], style=style, bleed=True), *tail], entities)

    entities = list(entities)
    whole = made(leading_elements(body, MOST_BYTES - size(made([])) - size(entities), rest))
    if size(whole) > MOST_BYTES:
        raise ValueError(f"a card of {size(whole)} bytes, and nothing left to leave out of it")
    return whole


def leading_elements(body: Sequence[Json], room: int, rest: str) -> list[Json]:
    """Returns as many elements as fit, and at the end how many are missing."""
    if size(body) <= room:
        return list(body)
    taken: list[Json] = []
    room -= size(_missing(body, rest)) + 2
    for element in body:
        room -= size(element) + 1
        if room < 0:
            break
        taken.append(element)
    return [*taken, _missing(body[len(taken) :], rest)]


def _missing(left: Sequence[Json], rest: str) -> Json:
    count = sum(len(item["text"]) for item in _texts(left))
    return text_line(f"… {count:,} more characters{rest}", isSubtle=True, size="Small")


def _texts(found: object) -> Iterator[Json]:
    """Yields every TextBlock and TextRun."""
    if isinstance(found, Mapping):
        if found.get("type") in ("TextBlock", "TextRun"):
            yield dict(found)
        for name in ("items", "columns", "inlines", "body"):
            yield from _texts(found.get(name))
    elif isinstance(found, list | tuple):
        for item in found:
            yield from _texts(item)


def fallback_text(text: str) -> str:
    """Cuts the text for notifications; the card has all of it."""
    return cut(text, LONGEST_FALLBACK) or "…"
