"""Views as Slack messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, tzinfo
from typing import assert_never
from zoneinfo import ZoneInfo

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
from adapters.slack.text import Pen, clean, cut, inline, named_time, one_line, pieces, size, strong
from bot.views import (
    GetHelp,
    Notice,
    PromiseLine,
    Quote,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    TicketCard,
    View,
)
from sla_core.countdown import Phase, Tone

_STEPS = 8
_LONGEST_FIELD = 300
_TONES = {Tone.CALM: "", Tone.WARN: "⚠️ ", Tone.ALARM: "🚨 ", Tone.DONE: "✅ "}
_PHASES = {Phase.OFF_HOURS: "🌙", Phase.ON_HOLD: "⏸️", Phase.ENDED: "⏹️"}
_RUNNING = {Tone.CALM: "🕒", Tone.WARN: "⚠️", Tone.ALARM: "🚨", Tone.DONE: "✅"}


def page(view: View, pen: Pen) -> Page:
    """Any view, as one message."""
    match view:
        case TicketCard():
            return Page(fallback(_told(view)), stamped(_card(view, pen)))
        case Notice():
            return Page(fallback(_noticed(view, pen)), stamped(_notice(view, pen)))
        case Receipt():
            key = inline(cut(view.key, _LONGEST_FIELD))
            return Page(fallback(f"{key}: how the deadlines came about"), stamped(_receipt(view, pen)))
        case GetHelp():
            return Page(
                fallback(f"Need help from {inline(one_line(view.vendor))}?"), stamped(_get_help(view))
            )
        case _:
            assert_never(view)


def _told(card: TicketCard) -> str:
    title = inline(cut(card.title, 300))
    standings = "; ".join(f"{line.label}: {line.standing}" for line in card.promises)
    about = ", ".join(part for part in (card.severity, card.state, card.turn) if part)
    return f"{inline(card.key)} · {title} · {inline(about)}" + (
        f" · {inline(standings)}" if standings else ""
    )


def _card(card: TicketCard, pen: Pen) -> list[Json]:
    name = f"{card.key} · {one_line(card.title)}"
    head = [header(name)]
    whole = [] if cut(name, 150) == name else list(literal(card.title))
    severity = " · ".join(part for part in (card.severity, card.severity_name) if part)
    head += _columns(
        ("Severity", "", severity),
        ("State", "" if card.tone is Tone.DONE else _TONES[card.tone], card.state),
        ("Whose turn", "", card.turn),
        ("Works on it", "", card.worker),
    )
    head += [section(_promise(line, pen)) for line in card.promises]
    short = [fact for fact in card.facts if size(fact[1]) <= _LONGEST_FIELD]
    head += _columns(*((label, "", text) for label, text in short))
    body = whole
    for label, text in card.facts:
        if size(text) > _LONGEST_FIELD:
            body += [section(strong(label)), *literal(text)]
    if card.details.strip():
        body += [section("*Details*"), *literal(card.details)]
    body += rich(pen, card.note)
    return fit(head, body, list(actions(card.buttons)), " in the thread")


def _columns(*facts: tuple[str, str, str]) -> Iterator[Json]:
    """Label, mark and text of each."""
    told = ((strong(label), mark, inline(cut(text, _LONGEST_FIELD))) for label, mark, text in facts)
    return fields(f"{label}\n{mark}{text}".strip() for label, mark, text in told if text)


def _promise(line: PromiseLine, pen: Pen) -> str:
    over = line.phase in (Phase.MET, Phase.ENDED)
    bar = "" if over else f"{_bar(1.0 if line.phase is Phase.BREACHED else line.spent)}  "
    text = f"{_symbol(line)} {strong(line.label)}  {bar}{inline(line.standing)}"
    if line.goal_at:
        text += f"\ngoal {pen.when(line.goal_at)}"
    if line.due_at:
        text += f"\n{'was ' if over or line.phase is Phase.BREACHED else ''}due {pen.when(line.due_at)}"
    if line.note:
        text += f"\n{inline(cut(line.note, _LONGEST_FIELD))}"
    return text


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


def _noticed(notice: Notice, pen: Pen) -> str:
    return _TONES[notice.tone] + pen.line(notice.text)


def _notice(notice: Notice, pen: Pen) -> list[Json]:
    words = notice.text
    if mark := _TONES[notice.tone]:
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
