"""Views as Slack messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from typing import assert_never
from zoneinfo import ZoneInfo

from adapters.slack.board import board_blocks, board_fallback
from adapters.slack.paper import (
    Json,
    RenderedMessage,
    actions,
    context,
    fallback,
    fields,
    fit,
    header,
    literal,
    rich,
    section,
    with_block_ids,
)
from adapters.slack.promise import TONES, due_text, full_promise
from adapters.slack.text import (
    MrkdwnRenderer,
    clean,
    cut,
    escape_mrkdwn,
    named_time,
    one_line,
    pieces,
    size,
    strong,
)
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


def render_message(view: View, renderer: MrkdwnRenderer) -> RenderedMessage:
    """Any view, as one message."""
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
    """What is read out of a card, and what stands in its notification."""
    title = escape_mrkdwn(cut(card.title, _LONGEST_FIELD))
    standings = "; ".join(
        ", ".join(filter(None, (escape_mrkdwn(f"{line.label}: {line.standing}"), due_text(line, renderer))))
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
    """Milestones in a row of their own, so that telling `Escalated` is not taken for `Escalate`."""
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
    """Label and text of each."""
    told = ((strong(label), escape_mrkdwn(cut(text, _LONGEST_FIELD))) for label, text in facts)
    return fields(f"{label}\n{text}".strip() for label, text in told if text)


def _notice_line(notice: Notice, renderer: MrkdwnRenderer) -> str:
    return TONES[notice.tone] + renderer.line(notice.text)


def _notice(notice: Notice, renderer: MrkdwnRenderer) -> list[Json]:
    words = notice.text
    if mark := TONES[notice.tone]:
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
    zone = _zone(table.zone)
    rows = "\n".join(_row(row, zone) for row in table.rows)
    for piece in pieces(rows, 1400):
        yield section(escape_mrkdwn(piece.strip("\n")))
    for piece in pieces(clean(table.cites), 1400):
        yield context(escape_mrkdwn(piece))


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
