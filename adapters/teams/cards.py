"""Views as Adaptive Cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from typing import assert_never
from zoneinfo import ZoneInfo

from adapters.teams.card_board import board_card, board_fallback
from adapters.teams.card_parts import (
    CardMessage,
    actions,
    columns,
    container,
    fact,
    fallback_text,
    fit,
    literal,
    paragraphs,
    rich_text,
    text_line,
)
from adapters.teams.card_promise import TONES, full_promise
from adapters.teams.limits import LONGEST_FIELD, LONGEST_LABEL, LONGEST_TITLE, MOST_BYTES, Json, size
from adapters.teams.text import CardTextRenderer, cut, length, named_time, one_line, runs
from bot.views import (
    Button,
    GetHelp,
    Notice,
    QueueBoard,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    TicketCard,
    View,
)
from sla_core.countdown import Tone

MILESTONE = "milestone"
MILESTONES = "Tell the customer how far the work is:"
_CONTAINERS = {Tone.CALM: "emphasis", Tone.WARN: "warning", Tone.ALARM: "attention", Tone.DONE: "good"}


def view_card(view: View, renderer: CardTextRenderer) -> CardMessage:
    """Any view, as one message. Raises ValueError where Teams has no room for its buttons."""
    match view:
        case TicketCard():
            return CardMessage(_ticket(view, renderer), fallback_text(_card_fallback(view)))
        case Notice():
            return CardMessage(
                _notice(view, renderer), fallback_text(TONES[view.tone] + renderer.plain(view.text))
            )
        case Receipt():
            return CardMessage(
                _receipt(view, renderer), fallback_text(f"{view.key}: how the deadlines came about")
            )
        case GetHelp():
            return CardMessage(_get_help(view, renderer), fallback_text(f"Need help from {view.vendor}?"))
        case QueueBoard():
            return CardMessage(board_card(view, renderer), fallback_text(board_fallback(view, renderer)))
        case _:
            assert_never(view)


def _card_fallback(card: TicketCard) -> str:
    standings = "; ".join(f"{line.label}: {line.standing}" for line in card.promises)
    about = ", ".join(part for part in (card.severity, card.state, card.turn) if part)
    title = cut(card.title, LONGEST_FIELD)
    return " · ".join(part for part in (card.key, title, about, standings) if part)


def _ticket(card: TicketCard, renderer: CardTextRenderer) -> Json:
    entities = renderer.mentions(card.note)
    title = cut(card.title, LONGEST_TITLE)
    key = runs(f"{cut(card.key, LONGEST_LABEL)} · ", size="Large", weight="Bolder")
    header = rich_text([*key, *runs(title, size="Large", weight="Bolder")])
    head = [container([header], style=_CONTAINERS[card.tone], bleed=True), *_standing(card)]
    for line in card.promises:
        head.append(full_promise(line, renderer))
    body = [] if title == one_line(card.title) else [*_titled("Title", card.title)]
    separator = True
    for name, text in card.facts:
        body += _fact(name, text, separator)
        separator = False
    if card.details.strip():
        body += _titled("Details", card.details)
    body += paragraphs(renderer, card.note, entities)
    tail = [*_history(card, renderer), *_buttons(card.buttons, renderer)]
    if size([head, tail]) > MOST_BYTES - 2_000:
        tail = [*_history(card, renderer), *_buttons(card.buttons, renderer, fallback=False)]
    return fit(head, body, tail, entities.values(), " in the thread")


def _buttons(
    buttons: Sequence[Button], renderer: CardTextRenderer, *, fallback: bool = True
) -> Iterator[Json]:
    """Milestones in rows of their own, so that telling `Escalated` is not taken for `Escalate`."""
    yield from actions([each for each in buttons if each.action != MILESTONE], renderer, fallback=fallback)
    if milestones := [each for each in buttons if each.action == MILESTONE]:
        yield {**text_line(MILESTONES, size="Small", isSubtle=True), "spacing": "Medium"}
        yield from actions(milestones, renderer, fallback=fallback)


def _history(card: TicketCard, renderer: CardTextRenderer) -> Iterator[Json]:
    if not card.history:
        return
    before = f"History ({card.earlier:,} earlier)" if card.earlier else "History"
    yield {**text_line(before, size="Small", weight="Bolder"), "spacing": "Medium", "separator": True}
    for each in card.history:
        at: Json = {
            "type": "TextRun",
            "text": f" · {renderer.reader_time(each.at)}",
            "size": "Small",
            "isSubtle": True,
        }
        yield rich_text([*runs(cut(each.what, LONGEST_LABEL), size="Small"), at], spacing="None")


def _standing(card: TicketCard) -> Iterator[Json]:
    """Severity, state, turn and worker, in two columns."""
    severity = " · ".join(part for part in (card.severity, card.severity_name) if part)
    facts = [
        ("Severity", severity),
        ("State", card.state),
        ("Whose turn", card.turn),
        ("Works on it", card.owner),
    ]
    told = [fact(name, cut(text, LONGEST_FIELD)) for name, text in facts if text.strip()]
    for start in range(0, len(told), 2):
        pair = told[start : start + 2]
        yield columns(*pair, *([[]] if len(pair) == 1 else []), spacing="Medium" if not start else "Small")


def _fact(name: str, text: str, separator: bool) -> Iterator[Json]:
    if length(text) > LONGEST_FIELD or "\n" in text.strip():
        yield from _titled(name, text)
    elif text.strip():
        asks = cut(name, LONGEST_LABEL)
        asks += " " if asks.endswith(("?", ":", ".", "…")) else ": "
        inlines = [*runs(asks, isSubtle=True), *runs(one_line(text))]
        yield rich_text(inlines, spacing="Medium" if separator else "Small", separator=separator)


def _titled(name: str, text: str) -> Iterator[Json]:
    yield {**text_line(cut(name, LONGEST_LABEL), isSubtle=True), "spacing": "Medium"}
    yield from literal(text, spacing="Small")


def _notice(notice: Notice, renderer: CardTextRenderer) -> Json:
    entities = renderer.mentions(notice.text)
    body = list(paragraphs(renderer, notice.text, entities)) or [text_line("…")]
    if mark := TONES[notice.tone]:
        body = _marked_first(mark, body)
    style = None if notice.tone is Tone.CALM else _CONTAINERS[notice.tone]
    return fit([], body, actions(notice.buttons, renderer), entities.values(), "", style)


def _marked_first(mark: str, body: list[Json]) -> list[Json]:
    first = body[0] if body else {}
    if first.get("type") == "TextBlock":
        return [{**first, "text": mark + first["text"]}, *body[1:]]
    if first.get("type") == "RichTextBlock":
        return [{**first, "inlines": [*runs(mark), *first["inlines"]]}, *body[1:]]
    return [text_line(mark.strip()), *body]


def _receipt(receipt: Receipt, renderer: CardTextRenderer) -> Json:
    entities = renderer.mentions(receipt.intro)
    title = text_line(f"{cut(receipt.key, LONGEST_LABEL)} · Why?", size="Large", weight="Bolder")
    body = [*paragraphs(renderer, receipt.intro, entities)]
    for table in receipt.tables:
        body += _table(table, renderer)
    return fit([container([title], style="emphasis", bleed=True)], body, [], entities.values(), "")


def _table(table: ReceiptTable, renderer: CardTextRenderer) -> Iterator[Json]:
    title = text_line(cut(table.title, LONGEST_FIELD), weight="Bolder", size="Medium")
    yield {**title, "separator": True, "spacing": "Large"}
    if table.due_at:
        due: Json = {"type": "TextRun", "text": f"due {renderer.when(table.due_at)}"}
        yield rich_text([due], spacing="None")
    yield from literal(table.says, spacing="Small")
    zone = _zone(table.zone)
    for index, row in enumerate(table.rows):
        yield _row(row, zone, "None" if index else "Small")
    for piece in literal(table.cites, spacing="Small"):
        yield {**piece, "inlines": [{**run, "isSubtle": True, "size": "Small"} for run in piece["inlines"]]}


def _row(row: ReceiptRow, zone: tzinfo, spacing: str) -> Json:
    start, end = row.start.astimezone(zone), row.end.astimezone(zone)
    until = f"{end:%H:%M}" if end.date() == start.date() else named_time(end, zone).rsplit(" ", 1)[0]
    stretch = f"{named_time(start, zone).rsplit(' ', 1)[0]} – {until} {end.tzname()}"
    why = cut(row.why, LONGEST_FIELD)
    if not row.counted:
        return rich_text(runs(f"▫ {stretch} · not counted · {why}", isSubtle=True), spacing=spacing)
    counted = runs(cut(row.counted, LONGEST_LABEL), weight="Bolder")
    return rich_text([*runs(f"▪ {stretch} · "), *counted, *runs(f" · {why}")], spacing=spacing)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC


def _get_help(help_: GetHelp, renderer: CardTextRenderer) -> Json:
    asks = text_line(f"Need help from {cut(help_.vendor, LONGEST_FIELD)}?", weight="Bolder", size="Medium")
    how = "Press the button and answer a few questions: your ticket and its answer times appear here."
    return fit([asks, {**text_line(how), "spacing": "Small"}], [], actions(help_.buttons, renderer), (), "")
