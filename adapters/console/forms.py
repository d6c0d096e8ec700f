"""Asks a form question by question, and keeps the answers until the form is sent or cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from datetime import tzinfo
from typing import Protocol

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from adapters.console.rendering import Quoted, cut, literal, render_rich
from bot.model.forms import ChoiceField, Field, Form, TextField
from bot.text import clean, one_line
from sla_core.triage import Answers, Option

Read = Callable[[str], Awaitable[str]]
"""Shows a prompt and returns the typed line. Raises EOFError."""
RESERVED_WORDS = ("back", "clear", "cancel", "next")
_CONTINUATION = "\\"


class FormOutput(Protocol):
    """Where questions are written; `zone` is the reader's."""

    @property
    def zone(self) -> tzinfo | None: ...

    def write(self, what: RenderableType) -> None: ...


class InvalidAnswer(Exception):
    """The field cannot hold this answer; the text says what it accepts."""


async def ask_form(form: Form, read: Read, output: FormOutput, again: bool = False) -> Answers | None:
    """Returns the answers, or None if the form was cancelled. Asks only the faulty fields of a rejected form.

    `again`: the form has no faults and only has to be sent once more.
    """
    values = {field.id: _initial_value(field) for field in form.fields}
    todo = _fields_to_ask(form, again)
    _write_heading(form, output, todo)
    at, backward, asked = 0, False, False
    while True:
        if at == len(form.fields):
            if len(form.fields) == 1 and asked:
                return values
            word = await _confirm(form, values, read, output)
            if word == "send":
                return values
            if word == "cancel":
                return None
            at, backward = max(at - 1, 0), True
            continue
        field = form.fields[at]
        if not _applies(form, field, values):
            values[field.id] = ()
            at += -1 if backward else 1
            continue
        if field.id not in todo and not backward:
            at += 1
            continue
        backward, asked = False, True
        word, values[field.id] = await _answer(
            field, values[field.id], form.errors.get(field.id), read, output
        )
        if word == "cancel":
            return None
        if word == "back":
            at, backward = max(at - 1, 0), True
            continue
        at += 1
        if word == "keep" and not _is_needed(form, values, form.fields[at:]):
            return values


def _is_needed(form: Form, values: Answers, later: Collection[Field]) -> bool:
    """Whether a required question is open, or one of these was answered wrongly."""
    visible = form.filled(values).visible_fields()
    return any(field.required and not values[field.id] for field in visible) or any(
        field.id in form.errors for field in later
    )


def _applies(form: Form, field: Field, values: Answers) -> bool:
    """Whether the earlier answers make this question apply."""
    return any(each.id == field.id for each in form.filled(values).visible_fields())


def _fields_to_ask(form: Form, again: bool) -> Collection[str]:
    if again:
        return ()
    return {field.id for field in form.fields if field.id in form.errors} or {f.id for f in form.fields}


def _write_heading(form: Form, output: FormOutput, todo: Collection[str]) -> None:
    output.write(Text())
    output.write(literal(one_line(form.title), "bold"))
    if form.intro:
        output.write(render_rich(form.intro, output.zone))
    if form.errors:
        output.write(Text("It was not accepted yet. Your answers are kept; please correct these:", "yellow"))
    fields = {field.id for field in form.fields}
    for name, fault in form.errors.items():
        if name not in fields:
            output.write(_fault(fault))
    if todo:
        words = "Or type next, back, clear or cancel."
        output.write(Text(f"Enter keeps an answer, and sends if nothing required is left. {words}", "dim"))


async def _confirm(form: Form, values: Answers, read: Read, output: FormOutput) -> str:
    output.write(Text())
    review = Table.grid(padding=(0, 2))
    review.add_column(style="dim", max_width=40)
    for field in form.filled(values).visible_fields():
        review.add_row(literal(one_line(field.label)), literal(_answer_text(field, values[field.id]) or "–"))
    output.write(Padding(review, (0, 0, 0, 2)))
    submit = one_line(form.submit)
    while True:
        word = (await read(f"{submit}? Enter sends · back · cancel › ")).strip().casefold()
        if word in ("", "1", "send", "yes", "y", submit.casefold()):
            return "send"
        if word in ("back", "cancel"):
            return word
        output.write(Text("  Press Enter to send it, or type back or cancel.", "yellow"))


async def _answer(
    field: Field, kept: tuple[str, ...], fault: str | None, read: Read, output: FormOutput
) -> tuple[str, tuple[str, ...]]:
    """Returns what to do next (`keep`, `next`, `back`, `cancel` or an empty text), and the answer."""
    for line in _question(field, kept):
        output.write(line)
    if fault:
        output.write(_fault(fault))
    while True:
        typed = await _read_answer(field, read)
        word = typed.strip().casefold()
        if word in ("back", "cancel"):
            return word, kept
        if word == "clear":
            return "", ()
        if word in ("", "next"):
            return word or "keep", kept
        try:
            return "", _parsed(field, typed.strip())
        except InvalidAnswer as wrong:
            output.write(_fault(str(wrong)))


def _question(field: Field, kept: tuple[str, ...]) -> Iterator[RenderableType]:
    yield Text()
    label = literal(one_line(field.label), "bold")
    yield label if field.required else label.append(" (optional)", "dim")
    if field.hint:
        yield literal(f"  {one_line(field.hint)}", "dim")
    match field:
        case TextField():
            if field.long:
                yield Text(f"  End a line with {_CONTINUATION} to continue it on the next one.", "dim")
            if kept:
                yield Text("  Kept:", "dim")
                yield Quoted(kept[0])
        case ChoiceField():
            for number, option in enumerate(field.options, start=1):
                mark = " ✓" if option.id in kept else ""
                yield literal(f"  {number}  {one_line(option.label)}{mark}", "bold" if mark else "")
            if field.many:
                yield Text("  Choose one or more: 1, 3", "dim")


async def _read_answer(field: Field, read: Read) -> str:
    typed = clean(await read("› "))
    if isinstance(field, TextField) and field.long:
        while typed.endswith(_CONTINUATION):
            typed = f"{typed[: -len(_CONTINUATION)]}\n{clean(await read('… '))}"
    return typed


def _parsed(field: Field, typed: str) -> tuple[str, ...]:
    match field:
        case TextField():
            # A backslash before one of our own commands makes it a text.
            text = (
                typed[1:] if typed[:1] == _CONTINUATION and typed[1:].casefold() in RESERVED_WORDS else typed
            )
            if len(text) > field.limit:
                raise InvalidAnswer(
                    f"That has {len(text)} characters; the limit is {field.limit}. Please shorten it."
                )
            return (text,)
        case ChoiceField(many=False):
            return (_option(field, typed),)
        case ChoiceField():
            return tuple(dict.fromkeys(_option(field, part) for part in _parts(field, typed)))


def _parts(field: ChoiceField, typed: str) -> Iterator[str]:
    """The options of a list such as `1 3`, `1, 3` or `Bills, Exports`. A label may have commas itself."""
    left = [part for part in typed.split(",") if part.strip()]
    if len(left) == 1 and all(part.isdigit() for part in typed.replace(",", " ").split()):
        left = typed.replace(",", " ").split()
    labels = {one_line(option.label).casefold() for option in field.options}
    while left:
        most = next(
            (n for n in range(len(left), 1, -1) if one_line(",".join(left[:n])).casefold() in labels), 1
        )
        yield ",".join(left[:most]).strip()
        left = left[most:]


def _option(field: ChoiceField, typed: str) -> str:
    if typed.isascii() and typed.isdigit() and 1 <= int(typed[:9]) <= len(field.options):
        return field.options[int(typed[:9]) - 1].id
    wanted = one_line(typed).casefold()
    for option in field.options:
        if wanted in (option.id.casefold(), one_line(option.label).casefold()):
            return option.id
    raise InvalidAnswer(f"“{cut(typed, 40)}” is not an option; type a number from 1 to {len(field.options)}.")


def _initial_value(field: Field) -> tuple[str, ...]:
    match field:
        case TextField():
            return (field.value,) if field.value else ()
        case ChoiceField():
            return field.value


def _answer_text(field: Field, value: tuple[str, ...]) -> str:
    options: tuple[Option, ...] = field.options if isinstance(field, ChoiceField) else ()
    labels = {option.id: option.label for option in options}
    return cut(", ".join(labels.get(part, part) for part in value), 200)


def _fault(text: str) -> Text:
    return literal(f"  ! {one_line(text)}", "red")
