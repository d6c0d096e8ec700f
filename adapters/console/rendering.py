"""Renders views as text for a terminal. Nobody's text can set styles or move the cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import assert_never

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Console as Terminal
from rich.console import ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from bot.model.views import (
    Button,
    GetHelp,
    Link,
    Mention,
    Notice,
    Part,
    PromiseLine,
    QueueBoard,
    QueueRow,
    QueueSection,
    Quote,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    RichText,
    SharedFile,
    Strong,
    Style,
    TicketCard,
    View,
    When,
)
from bot.text import (
    clean,
    named_time,
    one_line,
    plain_part,
    plain_text,
    promise_bar,
    standing_text,
    weekday_time,
    zone_named,
)
from bot.text import named_day as day
from sla_core.promise import Phase, Tone

_QUOTING = "│ "


def flat(text: str) -> str:
    """Puts text on one line and keeps blanks at the ends."""
    return clean(text).replace("\n", " ").replace("\t", " ")


def cut(text: str, longest: int) -> str:
    """Shortens a text that is shown in full elsewhere."""
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def literal(text: str, style: str = "") -> Text:
    """Any text on one line. Rich does not interpret markup in a Text."""
    return Text(flat(text), style, overflow="fold")


class Quoted:
    """A person's text, every line marked, wrapped ones too, so that none can pass for ours."""

    def __init__(self, text: str) -> None:
        self.text = Text(clean(text).replace("\t", " ").strip("\n"), "italic", overflow="fold")

    def __rich_console__(self, console: Terminal, options: ConsoleOptions) -> RenderResult:
        room = options.update(width=max(options.max_width - len(_QUOTING), 1))
        for line in console.render_lines(self.text, room, pad=False):
            yield Segment(_QUOTING)
            yield from line
            yield Segment.line()


def render_rich(parts: RichText, zone: tzinfo | None, before: Text | None = None) -> Group:
    """Renders rich text; each quotation gets its own lines."""
    found: list[Text | Quoted] = []
    text = before or Text(overflow="fold")
    for part in parts:
        if isinstance(part, Quote):
            found += [text, Quoted(part.text)]
            text = Text(overflow="fold")
        else:
            text.append_text(_part(part, zone))
    found.append(text)
    return Group(*(part for part in found if isinstance(part, Quoted) or _trimmed(part).plain))


def _trimmed(text: Text) -> Text:
    text.rstrip()
    return text


def _part(part: Part, zone: tzinfo | None) -> Text:
    return literal(plain_part(part, zone), _PART_STYLES.get(type(part), ""))


_PART_STYLES: dict[type[Part], str] = {Strong: "bold", When: "bold", Mention: "cyan"}
STYLES = {Tone.CALM: "", Tone.WARN: "yellow", Tone.ALARM: "bold red", Tone.DONE: "green"}
_BORDERS = {Tone.CALM: "cyan", Tone.WARN: "yellow", Tone.ALARM: "red", Tone.DONE: "green"}
_MARKS = {Tone.CALM: "", Tone.WARN: "! ", Tone.ALARM: "‼ ", Tone.DONE: "✓ "}
_BUTTON_STYLES = {Style.PLAIN: "", Style.PRIMARY: "bold", Style.DANGER: "red"}
_BAR_WIDTH = 10
_STRETCH_WIDTH = 24


def render(view: View, zone: tzinfo | None, numbered: bool = True) -> RenderableType:
    """Renders any view. With `numbered`, its buttons carry the numbers that press them."""
    match view:
        case TicketCard():
            return _card(view, zone, numbered)
        case Notice():
            mark = Text(overflow="fold").append(_MARKS[view.tone], STYLES[view.tone])
            return indented(render_rich(view.text, zone, mark), *_row(view.buttons, numbered))
        case Receipt():
            return indented(render_rich(view.intro, zone), *(_receipt(table, zone) for table in view.tables))
        case GetHelp():
            asks = literal(f"Need help from {one_line(view.vendor)}?", "bold")
            how = Text("Press the button or type /support. Your ticket and its answer times appear here.")
            return indented(asks, how, *_row(view.buttons, numbered))
        case SharedFile():
            return literal(f"File: {one_line(view.name)}")
        case QueueBoard():
            return _board(view, zone, numbered)
        case _:
            assert_never(view)


def buttons_of(view: View) -> tuple[Button, ...]:
    match view:
        case TicketCard():
            return (*view.buttons, *view.in_menus)
        case Notice() | GetHelp():
            return view.buttons
        case Receipt() | SharedFile():
            return ()
        case QueueBoard():
            rows = (row.button for section in view.sections for row in section.rows)
            return (*filter(None, rows), *view.buttons)
        case _:
            assert_never(view)


def button_rows(card: TicketCard, numbered: bool = True) -> Iterator[RenderableType]:
    """The buttons, then each menu with its buttons below it; the numbers run on."""
    if card.buttons:
        yield Buttons(card.buttons, numbered)
    first = len(card.buttons) + 1
    for menu in card.menus:
        yield literal(f"{one_line(menu.label)}:", "dim")
        yield Buttons(menu.buttons, numbered, first)
        first += len(menu.buttons)


def on_one_line(view: View, zone: tzinfo | None) -> str:
    """A view on one line, for news from other places."""
    match view:
        case TicketCard():
            return one_line(f"{view.key} {view.title} · {view.severity} · {view.state}")
        case Notice():
            return plain_text(view.text, zone)
        case Receipt():
            return one_line(f"{view.key}: how the deadlines are computed")
        case GetHelp():
            return one_line(f"Need help from {view.vendor}?")
        case SharedFile():
            return one_line(f"File: {view.name}")
        case QueueBoard():
            keys = " ".join(row.key for section in view.sections for row in section.rows)
            return one_line(f"{view.title}: {plain_text(view.intro, zone)} {keys}")
        case _:
            assert_never(view)


class Buttons:
    """A row such as `[1] Acknowledge  [2] Take it`; lines never break between a number and its label."""

    def __init__(self, row: Sequence[Button], numbered: bool = True, first: int = 1) -> None:
        self.row, self.numbered, self.first = row, numbered, first

    def __rich_console__(self, console: Terminal, options: ConsoleOptions) -> RenderResult:
        line = Text(overflow="fold")
        for number, button in enumerate(self.row, start=self.first):
            label = one_line(button.label)
            name = Text(
                f"[{number}] {label}" if self.numbered else f"[{label}]", _BUTTON_STYLES[button.style]
            )
            if line and line.cell_len + 2 + name.cell_len > options.max_width:
                yield line
                line = Text(overflow="fold")
            line.append("  " if line else "").append_text(name)
        yield line


def card_changes(before: TicketCard, after: TicketCard, zone: tzinfo | None) -> list[Text]:
    """The visible differences between two versions of a card, in a few words each."""
    found = [
        _change_line(label, old, new)
        for label, old, new in (
            ("severity", before.severity, after.severity),
            ("state", before.state, after.state),
            ("owner", before.owner, after.owner),
            ("next", before.next_up, after.next_up),
        )
        if old != new and new
    ]
    old_lines = {line.label: line for line in before.promises}
    for line in after.promises:
        old_line = old_lines.pop(line.label, None)
        if old_line is None or _visible_state(old_line) != _visible_state(line):
            old_standing = standing(old_line, zone) if old_line else "not promised"
            became = _change_line(line.label, old_standing, standing(line, zone), STYLES[line.tone])
            if line.due_at and (old_line is None or old_line.due_at != line.due_at):
                became.append(f", due {named_time(line.due_at, zone)}")
            found.append(became)
    found += [
        _change_line(gone, standing(line, zone), "no longer promised") for gone, line in old_lines.items()
    ]
    known_facts = set(before.facts)
    found += [
        _change_line(label, "", text) for label, text in after.facts if (label, text) not in known_facts
    ]
    return found


def _visible_state(line: PromiseLine) -> tuple[object, ...]:
    """Everything except the bar, whose changes are not announced."""
    return line.standing, line.standing_at, line.then, line.tone, line.due_at, line.goal_at, line.note


def _change_line(label: str, old: str, new: str, style: str = "") -> Text:
    text = literal(f"{one_line(label)}: " if label else "")
    if old and old != new:
        text.append(f"{one_line(old)} → ", "dim")
    return text.append(one_line(new), style)


def _card(card: TicketCard, zone: tzinfo | None, numbered: bool) -> Panel:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", max_width=34)
    grid.add_column(ratio=1, overflow="fold")
    for line in card.promises:
        grid.add_row(literal(line.label), _promise(line, zone))
    if card.next_up:
        grid.add_row(literal("Next"), literal(card.next_up))
    if card.about:
        grid.add_row(literal("For"), literal(" · ".join(card.about)))
    if card.last_words:
        words = card.last_words
        said = literal(f"{one_line(words.by)} wrote {named_time(words.at, zone)}:")
        grid.add_row(literal("Last words"), Group(said, Quoted(words.text)))
    for label, text in card.facts:
        grid.add_row(literal(label), Quoted(text) if "\n" in text else literal(text))
    if card.contact:
        grid.add_row(Text(), render_rich(card.contact, zone))
    status = literal(" · ".join(map(one_line, card.status)))
    parts: list[RenderableType] = [literal(one_line(card.title), "bold"), status, Text(), grid]
    if card.details.strip():
        parts += [Text(), literal("Reported", "dim"), Quoted(card.details)]
    if card.answers:
        parts += [Text(), *(literal(f"{asked} {answer}", "dim") for asked, answer in card.answers)]
    if card.note:
        parts += [Text(), render_rich(card.note, zone)]
    if card.customers_thread:
        parts += [Text(), render_rich(card.customers_thread, zone)]
    parts += _history(card, zone)
    if buttons_of(card):
        parts += [Text(), *button_rows(card, numbered)]
    return Panel(
        Group(*parts),
        box=ROUNDED,
        title=literal(one_line(card.key), "bold"),
        title_align="left",
        border_style=_BORDERS[card.tone],
        padding=(0, 1),
    )


def _history(card: TicketCard, zone: tzinfo | None) -> Iterator[Text]:
    if card.history:
        yield Text()
        earlier = f" ({card.earlier:,} earlier; history {card.key} shows all)" if card.earlier else ""
        yield literal(f"History{earlier}", "dim")
    for each in card.history:
        yield literal(f"{named_time(each.at, zone)}  {one_line(each.what)}", "dim")


def _board(board: QueueBoard, zone: tzinfo | None, numbered: bool) -> Padding:
    parts: list[RenderableType] = [literal(one_line(board.title), "bold"), render_rich(board.intro, zone)]
    number = 1
    for section in board.sections:
        parts.append(Text())
        if section.title.strip():
            parts.append(literal(one_line(section.title), "bold"))
        if section.lead:
            parts.append(render_rich(section.lead, zone))
        if section.rows:
            parts.append(_rows(section, zone, number if numbered else None))
        number += sum(row.button is not None for row in section.rows)
        if section.more:
            parts.append(Text(f"… and {section.more:,} more", "dim"))
    if board.buttons:
        parts += [Text(), Buttons(board.buttons, numbered, number)]
    if board.foot:
        parts += [Text(), render_rich(board.foot, zone)]
    parts += [Text(), Text(f"As of {named_time(board.at, zone)}", "dim")]
    return indented(*parts)


def _rows(section: QueueSection, zone: tzinfo | None, number: int | None) -> Table:
    """One ticket below the other; `number` is the first button's."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(max_width=34)
    grid.add_column(ratio=1, overflow="fold")
    for row in section.rows:
        grid.add_row(literal(one_line(row.key), STYLES[row.tone] or "bold"), Group(*_row_lines(row, zone)))
        if row.button:
            grid.add_row(Text(), Buttons((row.button,), number is not None, number or 1))
            number = number and number + 1
    return grid


def _row_lines(row: QueueRow, zone: tzinfo | None) -> Iterator[Text]:
    yield literal(f"{_MARKS[row.tone]}{one_line(row.title)}")
    severity = " ".join(filter(None, (row.severity, row.severity_name)))
    place = row.card.url if isinstance(row.card, Link) else row.card
    about = (
        severity,
        row.state,
        f"Owner: {row.owner}" if row.owner else "",
        f"Next: {row.next_up}" if row.next_up else "",
        f"in {place}" if place else "",
    )
    yield literal(" · ".join(one_line(text) for text in about if text.strip()), "dim")
    if row.promise:
        said = literal(f"{one_line(row.promise.label)}: {standing(row.promise, zone)}")
        said.stylize(STYLES[row.promise.tone])
        if row.promise.due_at:
            was = "was " if row.promise.phase is Phase.BREACHED else ""
            said.append(f", {was}due {named_time(row.promise.due_at, zone)}")
        yield said


def standing(line: PromiseLine, zone: tzinfo | None) -> str:
    return standing_text(line, lambda at: weekday_time(at, zone), one_line)


def _promise(line: PromiseLine, zone: tzinfo | None) -> Text:
    text = Text(overflow="fold")
    if line.phase not in (Phase.MET, Phase.ENDED):
        text.append(f"{promise_bar(line, _BAR_WIDTH)} ", STYLES[line.tone])
    mark = "" if line.phase is Phase.ENDED else _MARKS[line.tone]
    text.append(f"{mark}{standing(line, zone)}", STYLES[line.tone])
    if line.goal_at:
        text.append(f"\ngoal {named_time(line.goal_at, zone)}")
    if line.due_at:
        text.append(f"\ndue {named_time(line.due_at, zone)}")
    if line.note:
        text.append(f"\n{one_line(line.note)}")
    return text


def _receipt(table: ReceiptTable, zone: tzinfo | None) -> RenderableType:
    title = literal(one_line(table.title), "bold")
    if table.due_at:
        title.append(f", due {named_time(table.due_at, zone)}")
    parts: list[RenderableType] = [Text(), title, literal(table.says)]
    if table.rows:
        there = zone_named(table.zone)
        grid = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
        grid.add_column(Text("From"), no_wrap=True)
        grid.add_column(Text("To"), no_wrap=True)
        grid.add_column(Text("Why"), overflow="fold")
        grid.add_column(Text("Counts"), justify="right", overflow="fold")
        grid.add_column(Text(f"{table.rows[0].start.astimezone(there).tzname()}"), no_wrap=True)
        whole = (table.rows[0].start, table.rows[-1].end)
        for row in table.rows:
            style = "" if row.counted else "dim"
            ends = (_hour(row.start, there), _hour(row.end, there))
            words = (*ends, one_line(row.why), one_line(row.counted) or "–")
            grid.add_row(*(Text(word) for word in words), Text(_stretch(row, *whole)), style=style)
        parts.append(grid)
        parts.append(literal(f"Hours of {one_line(table.zone)}. {one_line(table.cites)}", "dim"))
    else:
        parts.append(literal(table.cites, "dim"))
    return Group(*parts)


def _hour(at: datetime, zone: tzinfo) -> str:
    there = at.astimezone(zone)
    return f"{day(there)} {there:%H:%M}"


def _stretch(row: ReceiptRow, start: datetime, end: datetime) -> str:
    """A bar that shows a stretch within the whole: solid if it counts, light if not."""
    whole = (end - start).total_seconds() or 1.0
    first = min(int((row.start - start).total_seconds() / whole * _STRETCH_WIDTH), _STRETCH_WIDTH - 1)
    last = min(
        max(round((row.end - start).total_seconds() / whole * _STRETCH_WIDTH), first + 1), _STRETCH_WIDTH
    )
    return " " * first + ("█" if row.counted else "░") * (last - first)


def _row(row: Sequence[Button], numbered: bool) -> Iterator[Buttons]:
    if row:
        yield Buttons(row, numbered)


def indented(*parts: RenderableType) -> Padding:
    return Padding(Group(*parts), (0, 0, 0, 2))
