"""A board of tickets as Slack blocks, as many tickets as there is room for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.slack.paper import (
    MOST_BLOCKS,
    MOST_TEXT,
    Json,
    actions,
    context,
    header,
    length,
    rich,
    section,
)
from adapters.slack.promise import TONES, short_promise
from adapters.slack.text import MrkdwnRenderer, cut, escape_mrkdwn, one_line, strong
from bot.views import QueueBoard, QueueRow, QueueSection

MOST_IN_HOME = 100
MOST_TEXT_IN_HOME = 30_000
"""A view may have 250 KB, in which one character may take six bytes."""
_LONGEST = 150
_MOST_HEAD = 3
_MOST_FOOT = 1
_LAST = 1
"""Room for the line that owns up to what is left out."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A block, and how many tickets are told of by it."""

    block: Json
    tickets: int = 0


def board_fallback(board: QueueBoard, renderer: MrkdwnRenderer) -> str:
    """The board in one line, for notifications."""
    tickets = ", ".join(row.key for section in board.sections for row in section.rows[:20])
    return " · ".join(
        filter(
            None,
            (escape_mrkdwn(cut(board.title, _LONGEST)), renderer.line(board.intro), escape_mrkdwn(tickets)),
        )
    )


def board_blocks(
    board: QueueBoard, renderer: MrkdwnRenderer, most: int = MOST_BLOCKS, most_text: int = MOST_TEXT
) -> list[Json]:
    head = [header(one_line(board.title) or "…"), *rich(renderer, board.intro)][:_MOST_HEAD]
    foot = [context(text.strip("\n")) for text in renderer.chunks(board.foot) if text.strip()][:_MOST_FOOT]
    tail = [*actions(board.buttons), *foot, context(f"As of {renderer.reader_time(board.at)}")]
    room = most - len(head) - len(tail) - _LAST
    text = most_text - sum(map(length, (*head, *tail)))
    left = sum(len(part.rows) + part.more for part in board.sections)
    kept: list[Json] = []
    for entry in (entry for part in board.sections for entry in _section(part, renderer)):
        text -= length(entry.block)
        if len(kept) >= room or text < 0:
            kept.append(context(_more(left)))
            break
        kept.append(entry.block)
        left -= entry.tickets
    return [*head, *kept, *tail]


def _section(part: QueueSection, renderer: MrkdwnRenderer) -> Iterator[_Entry]:
    title, lead = strong(cut(part.title, _LONGEST)), renderer.line(part.lead).strip()
    if heading := "\n".join(filter(None, (title, lead))):
        yield _Entry(section(heading))
    for row in part.rows:
        yield _Entry(_row(row, renderer), 1)
    if part.more:
        yield _Entry(context(_more(part.more)), part.more)


def _more(tickets: int) -> str:
    return f"… and {tickets:,} more" if tickets else "…"


def _row(row: QueueRow, renderer: MrkdwnRenderer) -> Json:
    severity = " ".join(filter(None, (row.severity, row.severity_name)))
    about = (severity, row.state, row.turn, row.owner)
    mark = "" if row.promise else TONES[row.tone]
    lines = [
        f"{mark}{strong(cut(row.key, _LONGEST))} {escape_mrkdwn(cut(row.title, _LONGEST))}",
        " · ".join(escape_mrkdwn(cut(text, _LONGEST)) for text in about if text.strip()),
        short_promise(row.promise, renderer) if row.promise else "",
    ]
    made = section("\n".join(line for line in lines if line.strip()) or "…")
    if row.button:
        [button] = next(actions([row.button]))["elements"]
        made["accessory"] = button
    return made
