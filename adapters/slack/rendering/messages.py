"""Renders views as Slack messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import assert_never

from adapters.slack.rendering.block_kit import (
    MOST_BLOCKS,
    MOST_TEXT,
    Json,
    RenderedMessage,
    actions,
    context,
    fallback,
    fields,
    fit,
    header,
    length,
    literal,
    rich,
    section,
    with_block_ids,
)
from adapters.slack.rendering.mrkdwn import MrkdwnRenderer, cut, escape_mrkdwn, pieces, size, strong
from bot.model.address import Place
from bot.model.views import (
    Button,
    GetHelp,
    Notice,
    PromiseLine,
    QueueBoard,
    QueueRow,
    QueueSection,
    Quote,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    TicketCard,
    View,
)
from bot.text import (
    TONE_MARKS,
    clean,
    due_text,
    is_over,
    named_stretch,
    one_line,
    promise_bar,
    promise_symbol,
    zone_named,
)

_LONGEST_FIELD = 300
_LONGEST_LINE = 150
MILESTONE = "milestone"
MILESTONES = "Tell the customer how far the work is:"


def render_message(view: View, renderer: MrkdwnRenderer) -> RenderedMessage:
    """Renders any view as one message."""
    match view:
        case TicketCard():
            return RenderedMessage(
                fallback(_card_fallback(view, renderer)), with_block_ids(_card(view, renderer))
            )
        case Notice():
            return RenderedMessage(
                fallback(_notice_line(view, renderer)), with_block_ids(_notice(view, renderer))
            )
        case Receipt():
            key = escape_mrkdwn(cut(view.key, _LONGEST_FIELD))
            return RenderedMessage(
                fallback(f"{key}: how the deadlines came about"), with_block_ids(_receipt(view, renderer))
            )
        case GetHelp():
            return RenderedMessage(
                fallback(f"Need help from {escape_mrkdwn(one_line(view.vendor))}?"),
                with_block_ids(_get_help(view)),
            )
        case QueueBoard():
            return RenderedMessage(
                fallback(board_fallback(view, renderer)), with_block_ids(board_blocks(view, renderer))
            )
        case _:
            assert_never(view)


def _card_fallback(card: TicketCard, renderer: MrkdwnRenderer) -> str:
    """The text for screen readers and notifications."""
    title = escape_mrkdwn(cut(card.title, _LONGEST_FIELD))
    standings = "; ".join(
        ", ".join(
            filter(None, (escape_mrkdwn(f"{line.label}: {line.standing}"), due_text(line, renderer.when)))
        )
        for line in card.promises
    )
    about = escape_mrkdwn(
        ", ".join(part for part in (card.severity, card.state, card.turn, card.owner) if part)
    )
    return " · ".join(filter(None, (escape_mrkdwn(card.key), title, about, standings)))


def _card(card: TicketCard, renderer: MrkdwnRenderer) -> list[Json]:
    name = f"{card.key} · {one_line(card.title)}"
    head = [header(name)]
    whole = [] if cut(name, 150) == name else list(literal(card.title))
    severity = " · ".join(part for part in (card.severity, card.severity_name) if part)
    head += _columns(
        ("Severity", severity),
        ("State", card.state),
        ("Whose turn", card.turn),
        ("Works on it", card.owner),
    )
    head += [section(full_promise(line, renderer)) for line in card.promises]
    short = [fact for fact in card.facts if size(fact[1]) <= _LONGEST_FIELD]
    head += _columns(*short)
    body = whole
    for label, text in card.facts:
        if size(text) > _LONGEST_FIELD:
            body += [section(strong(label)), *literal(text)]
    if card.details.strip():
        body += [section("*Details*"), *literal(card.details)]
    body += rich(renderer, card.note)
    tail = [*_history(card, renderer), *_buttons(card.buttons)]
    return fit(head, body, tail, " in the thread")


def _buttons(buttons: Sequence[Button]) -> Iterator[Json]:
    """Milestones get their own row, so that nobody confuses `Escalated` with `Escalate`."""
    yield from actions([button for button in buttons if button.action != MILESTONE])
    if milestones := [button for button in buttons if button.action == MILESTONE]:
        yield context(MILESTONES)
        yield from actions(milestones)


def _history(card: TicketCard, renderer: MrkdwnRenderer) -> Iterator[Json]:
    if not card.history:
        return
    before = f" ({card.earlier:,} earlier)" if card.earlier else ""
    lines = (
        f"{escape_mrkdwn(cut(each.what, _LONGEST_LINE))} · {renderer.reader_time(each.at)}"
        for each in card.history
    )
    yield context("\n".join((f"*History*{before}", *lines)))


def _columns(*facts: tuple[str, str]) -> Iterator[Json]:
    """Each fact is a label and a text."""
    cells = ((strong(label), escape_mrkdwn(cut(text, _LONGEST_FIELD))) for label, text in facts)
    return fields(f"{label}\n{text}".strip() for label, text in cells if text)


def _notice_line(notice: Notice, renderer: MrkdwnRenderer) -> str:
    return TONE_MARKS[notice.tone] + renderer.line(notice.text)


def _notice(notice: Notice, renderer: MrkdwnRenderer) -> list[Json]:
    words = notice.text
    if mark := TONE_MARKS[notice.tone]:
        first = (mark,) if words and not isinstance(words[0], Quote) else (mark.strip(),)
        words = (*first, *words)
    return fit([], list(rich(renderer, words)), list(actions(notice.buttons)), "")


def _receipt(receipt: Receipt, renderer: MrkdwnRenderer) -> list[Json]:
    head = [header(f"{receipt.key} · Why?")]
    body = [*rich(renderer, receipt.intro)]
    for table in receipt.tables:
        body += _table(table, renderer)
    return fit(head, body, [], "")


def _table(table: ReceiptTable, renderer: MrkdwnRenderer) -> Iterator[Json]:
    due = f"\ndue {renderer.when(table.due_at)}" if table.due_at else ""
    title = f"{strong(cut(table.title, _LONGEST_FIELD))}{due}"
    yield section(title)
    for piece in pieces(clean(table.says), 1400):
        yield section(escape_mrkdwn(piece))
    zone = zone_named(table.zone)
    rows = "\n".join(_row(row, zone) for row in table.rows)
    for piece in pieces(rows, 1400):
        yield section(escape_mrkdwn(piece.strip("\n")))
    for piece in pieces(clean(table.cites), 1400):
        yield context(escape_mrkdwn(piece))


def _row(row: ReceiptRow, zone: tzinfo) -> str:
    counted = row.counted or "not counted"
    stretch = named_stretch(row.start, row.end, zone)
    return f"• {stretch} · {one_line(counted)} · {one_line(row.why)}"


def _get_help(help_: GetHelp) -> list[Json]:
    vendor = strong(f"Need help from {cut(help_.vendor, _LONGEST_FIELD)}?")
    how = "Press the button and answer a few questions: your ticket and its answer times appear here."
    return fit([], [section(f"{vendor}\n{how}")], list(actions(help_.buttons)), "")


_STEPS = 6
_LONGEST = 150
_LONGEST_NOTE = 300


def full_promise(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
    """For a card: first the words, for screen readers, then the bar, then the times."""
    bar = "" if is_over(line) else f"  {promise_bar(line, _STEPS)}"
    text = f"{promise_symbol(line)} {strong(line.label)}  {escape_mrkdwn(line.standing)}{bar}"
    if line.goal_at:
        text += f"\ngoal {renderer.when(line.goal_at)}"
    if due := due_text(line, renderer.when):
        text += f"\n{due}"
    if line.note:
        text += f"\n{escape_mrkdwn(cut(line.note, _LONGEST_NOTE))}"
    return text


def short_promise(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
    """For places with a single line."""
    label, standing = (escape_mrkdwn(cut(text, _LONGEST)) for text in (line.label, line.standing))
    said = f"{promise_symbol(line)} {label}: {standing}"
    due = due_text(line, renderer.when)
    return f"{said}, {due}" if due else said


MOST_IN_HOME = 100
MOST_TEXT_IN_HOME = 30_000
"""A view may have 250 KB, and one character may take six bytes."""
_MOST_HEAD = 3
_MOST_FOOT = 1
_LAST = 1
"""Room for the line that says what was left out."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A block, and how many tickets it shows."""

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
        yield _Entry(_board_row(row, renderer), 1)
    if part.more:
        yield _Entry(context(_more(part.more)), part.more)


def _more(tickets: int) -> str:
    return f"… and {tickets:,} more" if tickets else "…"


def _board_row(row: QueueRow, renderer: MrkdwnRenderer) -> Json:
    severity = " ".join(filter(None, (row.severity, row.severity_name)))
    about = (severity, row.state, row.turn, row.owner)
    mark = "" if row.promise else TONE_MARKS[row.tone]
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


def home_view(view: View, renderer: MrkdwnRenderer, where: Place) -> Json:
    """Renders a person's Home tab, which carries their direct conversation for its buttons."""
    match view:
        case QueueBoard():
            blocks = with_block_ids(board_blocks(view, renderer, MOST_IN_HOME, MOST_TEXT_IN_HOME))
        case _:
            blocks = render_message(view, renderer).blocks
    return {"type": "home", "private_metadata": where.id, "blocks": blocks}
