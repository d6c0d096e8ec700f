"""Renders views as Adaptive Cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import assert_never

from adapters.teams.rendering.card_parts import (
    CardMessage,
    actions,
    card,
    columns,
    container,
    fallback_text,
    fit,
    folded,
    literal,
    paragraphs,
    rich_text,
    text_line,
)
from adapters.teams.rendering.text import (
    LONGEST_FIELD,
    LONGEST_LABEL,
    LONGEST_TITLE,
    MOST_BYTES,
    CardTextRenderer,
    Json,
    cut,
    length,
    runs,
    size,
)
from bot.model.views import (
    Audience,
    GetHelp,
    LastWords,
    Link,
    Notice,
    PromiseLine,
    QueueBoard,
    QueueRow,
    QueueSection,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    SharedFile,
    TicketCard,
    View,
)
from bot.text import (
    TONE_MARKS,
    due_text,
    is_over,
    named_stretch,
    one_line,
    promise_bar,
    promise_symbol,
    standing_text,
    zone_named,
)
from sla_core.promise import Phase, Tone

_CONTAINERS = {Tone.CALM: "emphasis", Tone.WARN: "warning", Tone.ALARM: "attention", Tone.DONE: "good"}


def view_card(view: View, renderer: CardTextRenderer) -> CardMessage:
    """Renders any view as one message. Raises ValueError if its buttons do not fit Teams' limits."""
    match view:
        case TicketCard():
            return CardMessage(_ticket(view, renderer), fallback_text(_card_fallback(view, renderer)))
        case Notice():
            return CardMessage(
                _notice(view, renderer), fallback_text(TONE_MARKS[view.tone] + renderer.plain(view.text))
            )
        case Receipt():
            return CardMessage(
                _receipt(view, renderer), fallback_text(f"{view.key}: how the deadlines are computed")
            )
        case GetHelp():
            return CardMessage(_get_help(view, renderer), fallback_text(f"Need help from {view.vendor}?"))
        case SharedFile():
            return CardMessage(card([text_line(f"File: {view.name}")]), fallback_text(f"File: {view.name}"))
        case QueueBoard():
            return CardMessage(board_card(view, renderer), fallback_text(board_fallback(view, renderer)))
        case _:
            assert_never(view)


def _card_fallback(card: TicketCard, renderer: CardTextRenderer) -> str:
    standings = "; ".join(
        f"{line.label}: {standing_text(line, renderer.plain_short_time)}" for line in card.promises
    )
    about = ", ".join((*card.status, *([f"Next: {card.next_up}"] if card.next_up else [])))
    title = cut(card.title, LONGEST_FIELD)
    return " · ".join(part for part in (card.key, title, about, standings) if part)


def _ticket(card: TicketCard, renderer: CardTextRenderer) -> Json:
    entities = renderer.mentions(card.contact, card.note)
    title = cut(card.title, LONGEST_TITLE)
    key = runs(f"{cut(card.key, LONGEST_LABEL)} · ", size="Large", weight="Bolder")
    header = rich_text([*key, *runs(title, size="Large", weight="Bolder")])
    head = [container([header], style=_CONTAINERS[card.tone], bleed=True), *_status(card)]
    for line in card.promises:
        head.append(full_promise(line, renderer))
    if card.next_up:
        turn = [*runs("Next: ", weight="Bolder"), *runs(cut(card.next_up, LONGEST_FIELD))]
        head.append(rich_text(turn, separator=True, spacing="Small"))
    if card.about:
        about = " · ".join(cut(part, LONGEST_FIELD) for part in card.about)
        head.append({**text_line(about, isSubtle=True, size="Small"), "spacing": "Small"})
    if card.last_words:
        head += _last_words(card.last_words, renderer)
    body = [] if title == one_line(card.title) else [*_titled("Title", card.title)]
    separator = True
    for name, text in card.facts:
        body += _fact(name, text, separator)
        separator = False
    body += paragraphs(renderer, card.contact, entities)
    if card.details.strip():
        body += _titled("Reported", card.details)
    answers = [line for asked, answer in card.answers for line in _fact(asked, answer, separator=False)]
    for_agents = card.audience is Audience.AGENTS
    body += folded(f"Answers ({len(card.answers)})", answers, " in the thread") if for_agents else answers
    body += paragraphs(renderer, card.note, entities)
    for fallback in (True, False):
        buttons = [*actions(card.buttons, renderer, fallback=fallback, menus=card.menus)]
        if size([head, buttons]) <= MOST_BYTES - 2_000:
            break
    if for_agents:
        # On a phone, an agent's first button belongs on the first screen.
        tail = [*paragraphs(renderer, card.customers_thread, entities), *_history(card, renderer)]
        return fit([*head, *buttons], body, tail, entities.values(), " in the thread")
    return fit(head, body, buttons, entities.values(), " in the thread")


def _status(card: TicketCard) -> Iterator[Json]:
    """Severity, state and owner in one line."""
    severity, *rest = [*filter(None, (cut(part, LONGEST_FIELD) for part in card.status))] or [""]
    first = runs(f"{TONE_MARKS[card.tone]}{severity}", weight="Bolder")
    if shown := [*first, *runs("".join(f" · {part}" for part in rest))]:
        yield rich_text(shown)


def _last_words(words: LastWords, renderer: CardTextRenderer) -> Iterator[Json]:
    """What the customer wrote last, in few lines."""
    at: Json = {"type": "TextRun", "text": f" wrote {renderer.reader_time(words.at)}:", "isSubtle": True}
    yield rich_text([*runs(cut(words.by, LONGEST_LABEL), weight="Bolder"), at], spacing="Small")
    quoted = rich_text(runs(cut(words.text, LONGEST_FIELD)))
    yield container([quoted], style="emphasis", spacing="None")


def _history(card: TicketCard, renderer: CardTextRenderer) -> Iterator[Json]:
    if not card.history:
        return
    earlier = f" ({card.earlier:,} earlier; history {card.key} shows all)" if card.earlier else ""
    yield {
        **text_line(f"History{earlier}", size="Small", weight="Bolder"),
        "spacing": "Medium",
        "separator": True,
    }
    for each in card.history:
        at: Json = {
            "type": "TextRun",
            "text": f" · {renderer.reader_time(each.at)}",
            "size": "Small",
            "isSubtle": True,
        }
        yield rich_text([*runs(cut(each.what, LONGEST_LABEL), size="Small"), at], spacing="None")


def _fact(name: str, text: str, separator: bool) -> Iterator[Json]:
    if length(text) > LONGEST_FIELD or "\n" in text.strip():
        yield from _titled(name, text)
    elif text.strip():
        asks = cut(name, LONGEST_LABEL)
        asks += "" if not asks else " " if asks.endswith(("?", ":", ".", "…")) else ": "
        inlines = [*runs(asks, isSubtle=True), *runs(one_line(text))]
        yield rich_text(inlines, spacing="Medium" if separator else "Small", separator=separator)


def _titled(name: str, text: str) -> Iterator[Json]:
    yield {**text_line(cut(name, LONGEST_LABEL), isSubtle=True), "spacing": "Medium"}
    yield from literal(text, spacing="Small")


def _notice(notice: Notice, renderer: CardTextRenderer) -> Json:
    entities = renderer.mentions(notice.text)
    body = list(paragraphs(renderer, notice.text, entities)) or [text_line("…")]
    if mark := TONE_MARKS[notice.tone]:
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
    zone = zone_named(table.zone)
    for index, row in enumerate(table.rows):
        yield _row(row, zone, "None" if index else "Small")
    for piece in literal(table.cites, spacing="Small"):
        yield {**piece, "inlines": [{**run, "isSubtle": True, "size": "Small"} for run in piece["inlines"]]}


def _row(row: ReceiptRow, zone: tzinfo, spacing: str) -> Json:
    stretch = named_stretch(row.start, row.end, zone)
    why = cut(row.why, LONGEST_FIELD)
    if not row.counted:
        return rich_text(runs(f"▫ {stretch} · not counted · {why}", isSubtle=True), spacing=spacing)
    counted = runs(cut(row.counted, LONGEST_LABEL), weight="Bolder")
    return rich_text([*runs(f"▪ {stretch} · "), *counted, *runs(f" · {why}")], spacing=spacing)


def _get_help(help_: GetHelp, renderer: CardTextRenderer) -> Json:
    asks = text_line(f"Need help from {cut(help_.vendor, LONGEST_FIELD)}?", weight="Bolder", size="Medium")
    how = "Press the button and answer a few questions. Your ticket and its answer times appear here."
    return fit([asks, {**text_line(how), "spacing": "Small"}], [], actions(help_.buttons, renderer), (), "")


_STEPS = 6


def _standing(line: PromiseLine, renderer: CardTextRenderer, **style: str | bool) -> list[Json]:
    """The runs of `standing_text`: instants as tokens, everything else exactly."""
    shown = runs(cut(line.standing, LONGEST_LABEL), **style)
    if line.standing_at is not None:
        shown.append({"type": "TextRun", "text": f" {renderer.short_time(line.standing_at)}", **style})
    return [*shown, *(runs(f", {cut(line.then, LONGEST_LABEL)}", **style) if line.then else ())]


def full_promise(line: PromiseLine, renderer: CardTextRenderer) -> Json:
    """For a ticket's card."""
    broken = line.phase is Phase.BREACHED
    loud: Json = {"weight": "Bolder", **({"color": "Attention"} if broken else {})}
    first = runs(f"{promise_symbol(line)} {cut(line.label, LONGEST_LABEL)}", weight="Bolder")
    stands = _standing(line, renderer, **loud)
    items = [
        columns(
            [rich_text(first)],
            [rich_text(stands, horizontalAlignment="Right")],
            widths=["stretch", "auto"],
        )
    ]
    instants = [f"goal {renderer.when(line.goal_at)}"] if line.goal_at else []
    below = [*instants, *filter(None, [due_text(line, renderer.when)])]
    if not is_over(line):
        below[:1] = [f"{promise_bar(line, _STEPS)}  {below[0] if below else ''}".strip()]
    for text in below:
        due: Json = {"type": "TextRun", "text": text, "size": "Small", "isSubtle": True}
        items.append(rich_text([due], spacing="None"))
    if line.note:
        note = text_line(cut(line.note, LONGEST_FIELD), size="Small", isSubtle=True)
        items.append({**note, "spacing": "None"})
    return container(items, separator=True, spacing="Medium")


def short_promise(line: PromiseLine, renderer: CardTextRenderer) -> Json:
    """For places with a single line."""
    color: Json = {"color": "Attention"} if line.phase is Phase.BREACHED else {}
    words = f"{promise_symbol(line)} {cut(line.label, LONGEST_LABEL)}: "
    shown = [*runs(words, size="Small", **color), *_standing(line, renderer, size="Small", **color)]
    if due := due_text(line, renderer.when):
        shown.append({"type": "TextRun", "text": f", {due}", "size": "Small", "isSubtle": True})
    return rich_text(shown, spacing="None")


_LAST_LINE = 200
"""Bytes of the line that says what was left out."""
_MOST_INTRO = 3
_MOST_FOOT = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    """An element, and how many tickets it shows."""

    element: Json
    tickets: int = 0


def board_card(board: QueueBoard, renderer: CardTextRenderer) -> Json:
    entities = renderer.mentions(board.intro)
    title = text_line(cut(board.title, LONGEST_LABEL), size="Large", weight="Bolder")
    head = [container([title], style="emphasis", bleed=True)]
    head += list(paragraphs(renderer, board.intro, entities))[:_MOST_INTRO]
    head += actions(board.buttons, renderer)
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
    tail = [*foot, rich_text([as_of], spacing="Medium")]
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
        yield _Entry(_board_row(row, renderer), 1)
    if part.more:
        yield _Entry(_more(part.more), part.more)


def _board_row(row: QueueRow, renderer: CardTextRenderer) -> Json:
    severity = " ".join(filter(None, (row.severity, row.severity_name)))
    owner = f"Owner: {row.owner}" if row.owner else ""
    turn = f"Next: {row.next_up}" if row.next_up else ""
    place = "" if isinstance(row.card, Link) or not row.card else f"in {row.card}"
    named = (severity, row.state, owner, turn, place)
    about = [cut(text, LONGEST_LABEL) for text in named if text.strip()]
    mark = "" if row.promise else TONE_MARKS[row.tone]
    key = runs(f"{mark}{cut(row.key, LONGEST_LABEL)} ", weight="Bolder")
    if isinstance(row.card, Link):
        link = [{**run, "weight": "Bolder"} for run in renderer.exact_runs(row.card)]
        key = [*runs(mark), *link, *runs(" ")]
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
