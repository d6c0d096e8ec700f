"""Views as Adaptive Cards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import assert_never
from zoneinfo import ZoneInfo

from adapters.teams.card_parts import (
    Card,
    actions,
    columns,
    container,
    fact,
    fit,
    literal,
    paragraphs,
    rich_text,
    said,
    short,
)
from adapters.teams.limits import LONGEST_FIELD, LONGEST_LABEL, LONGEST_TITLE, MOST_BYTES, Json, size
from adapters.teams.text import Pen, cut, length, named_time, one_line, runs
from bot.views import GetHelp, Notice, PromiseLine, Receipt, ReceiptRow, ReceiptTable, TicketCard, View
from sla_core.countdown import Phase, Tone

_STEPS = 8
_TONES = {Tone.CALM: "", Tone.WARN: "⚠️ ", Tone.ALARM: "🚨 ", Tone.DONE: "✅ "}
_CONTAINERS = {Tone.CALM: "emphasis", Tone.WARN: "warning", Tone.ALARM: "attention", Tone.DONE: "good"}
_PHASES = {Phase.OFF_HOURS: "🌙", Phase.ON_HOLD: "⏸️", Phase.ENDED: "⏹️"}
_RUNNING = {Tone.CALM: "🕒", Tone.WARN: "⚠️", Tone.ALARM: "🚨", Tone.DONE: "✅"}


def view_card(view: View, pen: Pen) -> Card:
    """Any view, as one message. Raises ValueError where Teams has no room for its buttons."""
    match view:
        case TicketCard():
            return Card(_ticket(view, pen), short(_told(view)))
        case Notice():
            return Card(_notice(view, pen), short(_TONES[view.tone] + pen.plain(view.text)))
        case Receipt():
            return Card(_receipt(view, pen), short(f"{view.key}: how the deadlines came about"))
        case GetHelp():
            return Card(_get_help(view, pen), short(f"Need help from {view.vendor}?"))
        case _:
            assert_never(view)


def _told(card: TicketCard) -> str:
    standings = "; ".join(f"{line.label}: {line.standing}" for line in card.promises)
    about = ", ".join(part for part in (card.severity, card.state, card.turn) if part)
    title = cut(card.title, LONGEST_FIELD)
    return " · ".join(part for part in (card.key, title, about, standings) if part)


def _ticket(card: TicketCard, pen: Pen) -> Json:
    entities = pen.mentions(card.note)
    title = cut(card.title, LONGEST_TITLE)
    key = runs(f"{cut(card.key, LONGEST_LABEL)} · ", size="Large", weight="Bolder")
    header = rich_text([*key, *runs(title, size="Large", weight="Bolder")])
    head = [container([header], style=_CONTAINERS[card.tone], bleed=True), *_standing(card)]
    for line in card.promises:
        head.append(_promise(line, pen))
    body = [] if title == one_line(card.title) else [*_headed("Title", card.title)]
    separator = True
    for name, text in card.facts:
        body += _fact(name, text, separator)
        separator = False
    if card.details.strip():
        body += _headed("Details", card.details)
    body += paragraphs(pen, card.note, entities)
    tail = actions(card.buttons, pen)
    if size([head, tail]) > MOST_BYTES - 2_000:
        tail = actions(card.buttons, pen, fallback=False)
    return fit(head, body, tail, entities.values(), " in the thread")


def _standing(card: TicketCard) -> Iterator[Json]:
    """Severity, state, turn and worker, in two columns."""
    severity = " · ".join(part for part in (card.severity, card.severity_name) if part)
    mark = "" if card.tone is Tone.DONE else _TONES[card.tone]
    facts = [
        ("Severity", severity),
        ("State", f"{mark}{card.state}"),
        ("Whose turn", card.turn),
        ("Works on it", card.worker),
    ]
    told = [fact(name, cut(text, LONGEST_FIELD)) for name, text in facts if text.strip()]
    for start in range(0, len(told), 2):
        pair = told[start : start + 2]
        yield columns(*pair, *([[]] if len(pair) == 1 else []), spacing="Medium" if not start else "Small")


def _promise(line: PromiseLine, pen: Pen) -> Json:
    over = line.phase in (Phase.MET, Phase.ENDED)
    broken = line.phase is Phase.BREACHED
    loud: Json = {"weight": "Bolder", **({"color": "Attention"} if broken else {})}
    first = runs(f"{_symbol(line)} {cut(line.label, LONGEST_LABEL)}", weight="Bolder")
    stands = runs(cut(line.standing, LONGEST_LABEL), **loud)
    items = [
        columns(
            [rich_text(first)],
            [rich_text(stands, horizontalAlignment="Right")],
            widths=["stretch", "auto"],
        )
    ]
    instants = [("goal", line.goal_at), ("was due" if over or broken else "due", line.due_at)]
    below = [f"{word} {pen.when(at)}" for word, at in instants if at is not None]
    if not over:
        below[:1] = [f"{_bar(1.0 if broken else line.spent)}  {below[0] if below else ''}".strip()]
    for text in below:
        told: Json = {"type": "TextRun", "text": text, "size": "Small", "isSubtle": True}
        items.append(rich_text([told], spacing="None"))
    if line.note:
        note = said(cut(line.note, LONGEST_FIELD), size="Small", isSubtle=True)
        items.append({**note, "spacing": "None"})
    return container(items, separator=True, spacing="Medium")


def _symbol(line: PromiseLine) -> str:
    """Says the standing by its shape too, for those who see no colours."""
    if line.phase is Phase.MET:
        return "✅"
    if line.phase is Phase.BREACHED:
        return "🚨"
    if line.tone in (Tone.WARN, Tone.ALARM):
        return _RUNNING[line.tone]
    return _PHASES.get(line.phase, _RUNNING[line.tone])


def _bar(spent: float) -> str:
    full = int(min(max(spent, 0.0), 1.0) * _STEPS)
    return "▰" * full + "▱" * (_STEPS - full)


def _fact(name: str, text: str, separator: bool) -> Iterator[Json]:
    if length(text) > LONGEST_FIELD or "\n" in text.strip():
        yield from _headed(name, text)
    elif text.strip():
        asks = cut(name, LONGEST_LABEL)
        asks += " " if asks.endswith(("?", ":", ".", "…")) else ": "
        inlines = [*runs(asks, isSubtle=True), *runs(one_line(text))]
        yield rich_text(inlines, spacing="Medium" if separator else "Small", separator=separator)


def _headed(name: str, text: str) -> Iterator[Json]:
    yield {**said(cut(name, LONGEST_LABEL), isSubtle=True), "spacing": "Medium"}
    yield from literal(text, spacing="Small")


def _notice(notice: Notice, pen: Pen) -> Json:
    entities = pen.mentions(notice.text)
    body = list(paragraphs(pen, notice.text, entities)) or [said("…")]
    if mark := _TONES[notice.tone]:
        body = _beginning(mark, body)
    style = None if notice.tone is Tone.CALM else _CONTAINERS[notice.tone]
    return fit([], body, actions(notice.buttons, pen), entities.values(), "", style)


def _beginning(mark: str, body: list[Json]) -> list[Json]:
    first = body[0] if body else {}
    if first.get("type") == "TextBlock":
        return [{**first, "text": mark + first["text"]}, *body[1:]]
    if first.get("type") == "RichTextBlock":
        return [{**first, "inlines": [*runs(mark), *first["inlines"]]}, *body[1:]]
    return [said(mark.strip()), *body]


def _receipt(receipt: Receipt, pen: Pen) -> Json:
    entities = pen.mentions(receipt.intro)
    title = said(f"{cut(receipt.key, LONGEST_LABEL)} · Why?", size="Large", weight="Bolder")
    body = [*paragraphs(pen, receipt.intro, entities)]
    for table in receipt.tables:
        body += _table(table, pen)
    return fit([container([title], style="emphasis", bleed=True)], body, [], entities.values(), "")


def _table(table: ReceiptTable, pen: Pen) -> Iterator[Json]:
    title = said(cut(table.title, LONGEST_FIELD), weight="Bolder", size="Medium")
    yield {**title, "separator": True, "spacing": "Large"}
    if table.due_at:
        due: Json = {"type": "TextRun", "text": f"due {pen.when(table.due_at)}"}
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


def _get_help(help_: GetHelp, pen: Pen) -> Json:
    asks = said(f"Need help from {cut(help_.vendor, LONGEST_FIELD)}?", weight="Bolder", size="Medium")
    how = "Press the button and answer a few questions: your ticket and its answer times appear here."
    return fit([asks, {**said(how), "spacing": "Small"}], [], actions(help_.buttons, pen), (), "")
