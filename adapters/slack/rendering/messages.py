"""Renders views as Slack messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import assert_never

from adapters.slack.rendering.block_kit import (
    MOST_BLOCKS,
    MOST_TEXT,
    Json,
    MrkdwnRenderer,
    RenderedMessage,
    actions,
    context,
    cut,
    escape_mrkdwn,
    fallback,
    fit,
    header,
    length,
    literal,
    pieces,
    pieces_of_lines,
    quoted,
    rich,
    section,
    size,
    strong,
    with_block_ids,
)
from bot.model.address import Place
from bot.model.views import (
    Audience,
    GetHelp,
    Link,
    Notice,
    PromiseLine,
    QueueBoard,
    QueueRow,
    QueueSection,
    Quote,
    Receipt,
    ReceiptRow,
    ReceiptTable,
    SharedFile,
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
    standing_text,
    zone_named,
)

_LONGEST_FIELD = 300
_LONGEST_LINE = 150
_LONG_ANSWERS = 500
"""Characters, with markup: longer answers are a section, which Slack may end with `See more`."""


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
                fallback(f"{key}: how the deadlines are computed"), with_block_ids(_receipt(view, renderer))
            )
        case GetHelp():
            return RenderedMessage(
                fallback(f"Need help from {escape_mrkdwn(one_line(view.vendor))}?"),
                with_block_ids(_get_help(view)),
            )
        case SharedFile():
            name = escape_mrkdwn(cut(one_line(view.name), _LONGEST_FIELD))
            return RenderedMessage(fallback(f"File: {name}"), with_block_ids([section(f"File: {name}")]))
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
        ", ".join(filter(None, (_promise_in_words(line, renderer), due_text(line, renderer.when))))
        for line in card.promises
    )
    turn = f"Next: {card.next_up}" if card.next_up else ""
    about = escape_mrkdwn(", ".join(filter(None, (*card.status, turn))))
    return " · ".join(filter(None, (escape_mrkdwn(card.key), title, about, standings)))


def _promise_in_words(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
    said = standing_text(line, renderer.short_time, escape_mrkdwn)
    return f"{escape_mrkdwn(cut(line.label, _LONGEST))}: {said}"


def _card(card: TicketCard, renderer: MrkdwnRenderer) -> list[Json]:
    name = f"{card.key} · {one_line(card.title)}"
    whole = [] if cut(name, 150) == name else list(literal(card.title))
    status = [*filter(None, (cut(part, _LONGEST_FIELD) for part in card.status))]
    in_words = " · ".join((*map(strong, status[:1]), *map(escape_mrkdwn, status[1:])))
    head = [header(name), *([section(f"{TONE_MARKS[card.tone]}{in_words}")] if status else [])]
    head += [section(full_promise(line, renderer)) for line in card.promises]
    turn = [f"*Next:* {escape_mrkdwn(cut(card.next_up, _LONGEST_FIELD))}"] if card.next_up else []
    about = " · ".join(escape_mrkdwn(cut(part, _LONGEST_FIELD)) for part in card.about)
    if lines := "\n".join(filter(None, (*turn, about))):
        head.append(section(lines))
    if card.last_words:
        words = card.last_words
        said = f"{strong(words.by)} wrote {renderer.reader_time(words.at)}:"
        head.append(section(f"{said}\n{quoted(cut(words.text, _LONGEST_FIELD))}"))
    buttons = [*actions(card.buttons, card.menus, card.drawn_at)]
    reported = [
        *whole,
        *_facts(card),
        *rich(renderer, card.contact),
        *_reported(card),
        *rich(renderer, card.note),
    ]
    if card.audience is Audience.AGENTS:
        # On a phone, an agent's first button belongs on the first screen.
        thread = [context(renderer.line(card.customers_thread))] if card.customers_thread else []
        return fit([*head, *buttons], reported, [*thread, *_history(card, renderer)], " in the thread")
    return fit(head, reported, buttons, " in the thread")


def _facts(card: TicketCard) -> Iterator[Json]:
    for label, text in card.facts:
        if size(text) > _LONGEST_FIELD:
            yield from (*([section(strong(label))] if label else []), *literal(text))
        elif one_line(text):
            name = f"{strong(f'{label}:')} " if label else ""
            yield section(f"{name}{escape_mrkdwn(one_line(text))}")


def _reported(card: TicketCard) -> Iterator[Json]:
    """What was reported: the details as typed, and the answers in small print.

    For agents, long answers are a section, the only block that Slack folds.
    """
    if card.details.strip():
        yield from (section("*Reported*"), *literal(card.details))
    answers = [
        f"{escape_mrkdwn(cut(asked, _LONGEST_LINE))} {strong(cut(answer, _LONGEST_LINE))}"
        for asked, answer in card.answers
        if one_line(answer)
    ]
    if card.audience is Audience.AGENTS and sum(map(len, answers)) > _LONG_ANSWERS:
        titled = pieces_of_lines(("*Answers*", *answers))
        yield from ({**section(piece), "expand": False} for piece in titled)
    else:
        yield from (context(piece) for piece in pieces_of_lines(answers))


def _history(card: TicketCard, renderer: MrkdwnRenderer) -> Iterator[Json]:
    if not card.history:
        return
    key = escape_mrkdwn(cut(card.key, _LONGEST_FIELD))
    before = f" ({card.earlier:,} earlier; history {key} shows all)" if card.earlier else ""
    lines = (
        f"{escape_mrkdwn(cut(each.what, _LONGEST_LINE))} · {renderer.reader_time(each.at)}"
        for each in card.history
    )
    yield context("\n".join((f"*History*{before}", *lines)))


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
    how = "Press the button and answer a few questions. Your ticket and its answer times appear here."
    return fit([], [section(f"{vendor}\n{how}")], list(actions(help_.buttons)), "")


_STEPS = 6
_LONGEST = 150
_LONGEST_NOTE = 300


def full_promise(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
    """For a card: first the words, for screen readers, then the bar, then the times."""
    bar = "" if is_over(line) else f"  {promise_bar(line, _STEPS)}"
    stands = standing_text(line, renderer.short_time, escape_mrkdwn)
    text = f"{promise_symbol(line)} {strong(line.label)}  {stands}{bar}"
    if line.goal_at:
        text += f"\ngoal {renderer.when(line.goal_at)}"
    if due := due_text(line, renderer.when):
        text += f"\n{due}"
    if line.note:
        text += f"\n{escape_mrkdwn(cut(line.note, _LONGEST_NOTE))}"
    return text


def short_promise(line: PromiseLine, renderer: MrkdwnRenderer) -> str:
    """For places with a single line."""
    said = f"{promise_symbol(line)} {_promise_in_words(line, renderer)}"
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
    head += actions(board.buttons)
    foot = [context(text.strip("\n")) for text in renderer.chunks(board.foot) if text.strip()][:_MOST_FOOT]
    tail = [*foot, context(f"As of {renderer.reader_time(board.at)}")]
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
    turn = f"Next: {row.next_up}" if row.next_up else ""
    place = "" if isinstance(row.card, Link) or not row.card else f"in {row.card}"
    about = (severity, row.state, f"Owner: {row.owner}" if row.owner else "", turn, place)
    mark = "" if row.promise else TONE_MARKS[row.tone]
    key = strong(cut(row.key, _LONGEST))
    if isinstance(row.card, Link):
        key = f"*{renderer.part(row.card)}*"
    lines = [
        f"{mark}{key} {escape_mrkdwn(cut(row.title, _LONGEST))}",
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
