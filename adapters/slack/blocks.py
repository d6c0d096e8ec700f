"""Views as Slack messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from typing import assert_never
from zoneinfo import ZoneInfo

from adapters.slack.board import board_blocks
from adapters.slack.board import told as board_told
from adapters.slack.paper import (
    Json,
    Page,
    actions,
    context,
    fallback,
    fields,
    fit,
    header,
    literal,
    rich,
    section,
    stamped,
)
from adapters.slack.promise import TONES, due_in_words, promise
from adapters.slack.text import Pen, clean, cut, inline, named_time, one_line, pieces, size, strong
from bot.views import (
    Button,
    GetHelp,
    Notice,
    QueueBoard,
    Quote,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    TicketCard,
    View,
)

_LONGEST_FIELD = 300
_LONGEST_LINE = 150
MILESTONE = "milestone"
MILESTONES = "Tell the customer how far the work is:"


def page(view: View, pen: Pen) -> Page:
    """Any view, as one message."""
    match view:
        case TicketCard():
            return Page(fallback(_told(view, pen)), stamped(_card(view, pen)))
        case Notice():
            return Page(fallback(_noticed(view, pen)), stamped(_notice(view, pen)))
        case Receipt():
            key = inline(cut(view.key, _LONGEST_FIELD))
            return Page(fallback(f"{key}: how the deadlines came about"), stamped(_receipt(view, pen)))
        case GetHelp():
            return Page(
                fallback(f"Need help from {inline(one_line(view.vendor))}?"), stamped(_get_help(view))
            )
        case QueueBoard():
            return Page(fallback(board_told(view, pen)), stamped(board_blocks(view, pen)))
        case _:
            assert_never(view)


def _told(card: TicketCard, pen: Pen) -> str:
    """What is read out of a card, and what stands in its notification."""
    title = inline(cut(card.title, _LONGEST_FIELD))
    standings = "; ".join(
        ", ".join(filter(None, (inline(f"{line.label}: {line.standing}"), due_in_words(line, pen))))
        for line in card.promises
    )
    about = inline(", ".join(part for part in (card.severity, card.state, card.turn, card.worker) if part))
    return " · ".join(filter(None, (inline(card.key), title, about, standings)))


def _card(card: TicketCard, pen: Pen) -> list[Json]:
    name = f"{card.key} · {one_line(card.title)}"
    head = [header(name)]
    whole = [] if cut(name, 150) == name else list(literal(card.title))
    severity = " · ".join(part for part in (card.severity, card.severity_name) if part)
    head += _columns(
        ("Severity", severity),
        ("State", card.state),
        ("Whose turn", card.turn),
        ("Works on it", card.worker),
    )
    head += [section(promise(line, pen)) for line in card.promises]
    short = [fact for fact in card.facts if size(fact[1]) <= _LONGEST_FIELD]
    head += _columns(*short)
    body = whole
    for label, text in card.facts:
        if size(text) > _LONGEST_FIELD:
            body += [section(strong(label)), *literal(text)]
    if card.details.strip():
        body += [section("*Details*"), *literal(card.details)]
    body += rich(pen, card.note)
    tail = [*_history(card, pen), *_buttons(card.buttons)]
    return fit(head, body, tail, " in the thread")


def _buttons(buttons: Sequence[Button]) -> Iterator[Json]:
    """Milestones in a row of their own, so that telling `Escalated` is not taken for `Escalate`."""
    yield from actions([button for button in buttons if button.action != MILESTONE])
    if milestones := [button for button in buttons if button.action == MILESTONE]:
        yield context(MILESTONES)
        yield from actions(milestones)


def _history(card: TicketCard, pen: Pen) -> Iterator[Json]:
    if not card.history:
        return
    before = f" ({card.earlier:,} earlier)" if card.earlier else ""
    lines = (f"{inline(cut(each.what, _LONGEST_LINE))} · {pen.when_read(each.at)}" for each in card.history)
    yield context("\n".join((f"*History*{before}", *lines)))


def _columns(*facts: tuple[str, str]) -> Iterator[Json]:
    """Label and text of each."""
    told = ((strong(label), inline(cut(text, _LONGEST_FIELD))) for label, text in facts)
    return fields(f"{label}\n{text}".strip() for label, text in told if text)


def _noticed(notice: Notice, pen: Pen) -> str:
    return TONES[notice.tone] + pen.line(notice.text)


def _notice(notice: Notice, pen: Pen) -> list[Json]:
    words = notice.text
    if mark := TONES[notice.tone]:
        first = (mark,) if words and not isinstance(words[0], Quote) else (mark.strip(),)
        words = (*first, *words)
    return fit([], list(rich(pen, words)), list(actions(notice.buttons)), "")


def _receipt(receipt: Receipt, pen: Pen) -> list[Json]:
    head = [header(f"{receipt.key} · Why?")]
    body = [*rich(pen, receipt.intro)]
    for table in receipt.tables:
        body += _table(table, pen)
    return fit(head, body, [], "")


def _table(table: ReceiptTable, pen: Pen) -> Iterator[Json]:
    due = f"\ndue {pen.when(table.due_at)}" if table.due_at else ""
    title = f"{strong(cut(table.title, _LONGEST_FIELD))}{due}"
    yield section(title)
    for piece in pieces(clean(table.says), 1400):
        yield section(inline(piece))
    zone = _zone(table.zone)
    rows = "\n".join(_row(row, zone) for row in table.rows)
    for piece in pieces(rows, 1400):
        yield section(inline(piece.strip("\n")))
    for piece in pieces(clean(table.cites), 1400):
        yield context(inline(piece))


def _row(row: ReceiptRow, zone: tzinfo) -> str:
    start, end = row.start.astimezone(zone), row.end.astimezone(zone)
    until = f"{end:%H:%M}" if end.date() == start.date() else named_time(end, zone).rsplit(" ", 1)[0]
    counted = row.counted or "not counted"
    stretch = f"{named_time(start, zone).rsplit(' ', 1)[0]} – {until} {end.tzname()}"
    return f"• {stretch} · {one_line(counted)} · {one_line(row.why)}"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC


def _get_help(help_: GetHelp) -> list[Json]:
    vendor = strong(f"Need help from {cut(help_.vendor, _LONGEST_FIELD)}?")
    how = "Press the button and answer a few questions: your ticket and its answer times appear here."
    return fit([], [section(f"{vendor}\n{how}")], list(actions(help_.buttons)), "")
