"""A board of tickets as an Adaptive Card, as many tickets as there is room for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.teams.card_parts import actions, card, container, paragraphs, rich_text, text_line
from adapters.teams.card_promise import TONES, short_promise
from adapters.teams.limits import LONGEST_LABEL, MOST_BYTES, Json, size
from adapters.teams.text import CardTextRenderer, cut, runs
from bot.views import QueueBoard, QueueRow, QueueSection

_LAST_LINE = 200
"""Bytes of the line that owns up to what is left out."""
_MOST_INTRO = 3
_MOST_FOOT = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    """An element, and how many tickets are told of by it."""

    element: Json
    tickets: int = 0


def board_card(board: QueueBoard, renderer: CardTextRenderer) -> Json:
    entities = renderer.mentions(board.intro)
    title = text_line(cut(board.title, LONGEST_LABEL), size="Large", weight="Bolder")
    head = [container([title], style="emphasis", bleed=True)]
    head += list(paragraphs(renderer, board.intro, entities))[:_MOST_INTRO]
    as_of: Json = {
        "type": "TextRun",
        "text": f"As of {renderer.reader_time(board.at)}",
        "size": "Small",
        "isSubtle": True,
    }
    foot = [
        {**element, "separator": not index, "spacing": "None" if index else "Medium"}
        for index, element in enumerate(list(paragraphs(renderer, board.foot, {}))[:_MOST_FOOT])
    ]
    tail = [*actions(board.buttons, renderer), *foot, rich_text([as_of], spacing="Medium")]
    room = MOST_BYTES - size(card([*head, *tail], entities.values())) - _LAST_LINE
    left = sum(len(section.rows) + section.more for section in board.sections)
    kept: list[Json] = []
    for entry in (entry for section in board.sections for entry in _section(section, renderer)):
        room -= size(entry.element) + 1
        if room < 0:
            kept.append(_more(left))
            break
        kept.append(entry.element)
        left -= entry.tickets
    return card([*head, *kept, *tail], entities.values())


def board_fallback(board: QueueBoard, renderer: CardTextRenderer) -> str:
    """The board in one line, for notifications."""
    tickets = ", ".join(row.key for section in board.sections for row in section.rows[:20])
    return " · ".join(filter(None, (board.title, renderer.plain(board.intro), tickets)))


def _section(part: QueueSection, renderer: CardTextRenderer) -> Iterator[_Entry]:
    if part.title.strip():
        title = text_line(cut(part.title, LONGEST_LABEL), weight="Bolder", size="Medium")
        yield _Entry({**title, "separator": True, "spacing": "Large"})
    for element in list(paragraphs(renderer, part.lead, {}))[:1]:
        yield _Entry({**element, "spacing": "None"})
    for row in part.rows:
        yield _Entry(_row(row, renderer), 1)
    if part.more:
        yield _Entry(_more(part.more), part.more)


def _row(row: QueueRow, renderer: CardTextRenderer) -> Json:
    severity = " ".join(filter(None, (row.severity, row.severity_name)))
    about = [cut(text, LONGEST_LABEL) for text in (severity, row.state, row.turn, row.owner) if text.strip()]
    mark = "" if row.promise else TONES[row.tone]
    key = runs(f"{mark}{cut(row.key, LONGEST_LABEL)} ", weight="Bolder")
    items = [
        rich_text([*key, *runs(cut(row.title, LONGEST_LABEL))]),
        {**text_line(" · ".join(about), size="Small", isSubtle=True), "spacing": "None"},
    ]
    if row.promise:
        items.append(short_promise(row.promise, renderer))
    if row.button:
        items += [{**made, "spacing": "Small"} for made in actions([row.button], renderer)]
    return container(items, separator=True, spacing="Medium")


def _more(count: int) -> Json:
    return text_line(f"… and {count:,} more" if count else "…", isSubtle=True, size="Small")
