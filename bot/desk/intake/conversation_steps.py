"""A form asked one question at a time: the state of the conversation, and how each step looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from bot.model.address import Actor, Place
from bot.model.forms import ChoiceField, Field, Form, TextField
from bot.model.inbound import File
from bot.model.views import Button, Notice, Part, Quote, RichText, Strong, Style
from sla_core.promise import Tone

ACTION = "interview"
BEGIN, PICK, NEXT, KEEP, SKIP, BACK, CANCEL, SEND = (
    *("begin", "pick", "next", "keep", "skip", "back", "cancel", "send"),
)
_NOTE = ""
"""The error key of a note that belongs to no field."""
_LONGEST_LABEL = 60
"""Characters of a button's label. The message shows a longer option in full, with its number."""


@dataclass(frozen=True, slots=True)
class ConversationalForm:
    """`at` is the id of the field being asked; None once everything is answered."""

    key: str
    place: Place
    thread: str
    """The id of the thread's root message, or our name for it if we posted it; empty if there is none."""
    actor: Actor
    form: Form
    at: str | None
    last: datetime
    seen: tuple[str, ...] = ()
    standing: str | None = None
    """The key of the message that asks the current question."""
    count: int = 0
    heard: tuple[str, ...] = ()
    """Ids of messages that were taken as answers."""
    files: tuple[File, ...] = ()
    ours: bool = False
    """Whether we posted the thread's root message."""

    @property
    def field(self) -> Field | None:
        return next((field for field in self.form.visible_fields() if field.id == self.at), None)

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """The values of every field; empty for fields that are not visible."""
        return {field.id: () for field in self.form.fields} | {
            field.id: value_of(field) for field in self.form.visible_fields()
        }

    @property
    def fault(self) -> str | None:
        """The error of the current field; at the end, the errors that belong to no visible field."""
        if self.field is not None:
            return self.form.errors.get(self.field.id)
        ids = {field.id for field in self.form.visible_fields()}
        return " ".join(text for name, text in self.form.errors.items() if name not in ids) or None

    def with_answer(self, field: str, value: tuple[str, ...]) -> ConversationalForm:
        """With this answer. Clears the field's error."""
        errors = {name: text for name, text in self.form.errors.items() if name not in (field, _NOTE)}
        return replace(self, form=replace(self.form.filled({field: value}), errors=errors))

    def with_error(self, why: str) -> ConversationalForm:
        assert self.at is not None
        return replace(self, form=replace(self.form, errors={**self.form.errors, self.at: why}))

    def with_note(self, text: str) -> ConversationalForm:
        """With a note for the end, shown below the answers."""
        return replace(self, form=replace(self.form, errors={**self.form.errors, _NOTE: text}))

    def at_next_question(self) -> ConversationalForm:
        """At the next field that has an error, or is unseen and unanswered; else at the end."""
        seen = self.seen if self.at is None or self.at in self.seen else (*self.seen, self.at)
        open_ = (
            field.id
            for field in self.form.visible_fields()
            if field.id in self.form.errors or (field.id not in seen and not value_of(field))
        )
        return replace(self, at=next(open_, None), seen=seen, standing=None)

    def at_previous_question(self) -> ConversationalForm:
        before = self._before()
        return replace(self, at=before, standing=None) if before else self

    def rejected(self, form: Form) -> ConversationalForm:
        """At the first field with an error in a rejected form."""
        faulty = next((field.id for field in form.visible_fields() if field.id in form.errors), None)
        return replace(self, form=form, at=faulty, standing=None)

    def _before(self) -> str | None:
        ids = [field.id for field in self.form.visible_fields()]
        index = ids.index(self.at) if self.at in ids else len(ids)
        return ids[index - 1] if index > 0 else None

    def answers_so_far(self) -> list[Part]:
        filled = (field for field in self.form.visible_fields() if value_of(field))
        return [part for field in filled for part in ("\n", *label_and_answer(field))]

    # What it looks like -----------------------------------------------------------------------

    def render(self, preview: RichText = ()) -> Notice:
        """The current question, or at the end all answers and the preview."""
        field = self.field
        if field is None:
            return self._review(preview)
        ids = [each.id for each in self.form.visible_fields()]
        parts: list[Part] = [Strong(f"{ids.index(field.id) + 1} of {len(ids)}: {field.label}")]
        if field.hint:
            parts.append(f"\n{field.hint}")
        parts += self._asked(field)
        if self.fault:
            parts.append(f"\n⚠️ {self.fault}")
        return Notice(tuple(parts), buttons=tuple(self._buttons(field)))

    def _asked(self, field: Field) -> Iterator[Part]:
        match field:
            case TextField():
                yield "\nWrite your answer in this thread." if self.thread else "\nWrite your answer here."
                if field.value:
                    yield " So far:"
                    yield Quote(field.value)
            case ChoiceField():
                for index, option in enumerate(field.options, 1):
                    chosen = " ✓" if option.id in field.value else ""
                    yield f"\n{index}. {option.label}{chosen}"
                many = ", several with commas between them" if field.many else ""
                yield f"\nPress a button, or write its number{many}."
            case _:
                assert_never(field)

    def _buttons(self, field: Field) -> Iterator[Button]:
        if isinstance(field, ChoiceField):
            for index, option in enumerate(field.options, 1):
                mark = "✓ " if option.id in field.value else ""
                label = f"{mark}{index}. {option.label}"
                yield self._button(PICK, _cut(label), f"{field.id}|{option.id}")
            if field.many and field.value:
                yield self._button(NEXT, "Next", field.id, Style.PRIMARY)
        if value_of(field) and not (isinstance(field, ChoiceField) and field.many):
            yield self._button(KEEP, "Keep", field.id)
        if not field.required:
            yield self._button(SKIP, "Skip", field.id)
        yield from self._ways_out(field.id)

    def _ways_out(self, name: str) -> Iterator[Button]:
        if self._before():
            yield self._button(BACK, "Back", name)
        yield self._button(CANCEL, "Cancel", name)

    def _review(self, preview: RichText) -> Notice:
        parts: list[Part] = [Strong("Your answers:"), *self.answers_so_far()]
        if preview:
            parts += ["\n\n", *preview]
        if self.fault:
            parts.append(f"\n⚠️ {self.fault}")
        send = self._button(SEND, self.form.submit, "", Style.PRIMARY)
        return Notice(tuple(parts), buttons=(send, *self._ways_out("")))

    def _button(self, verb: str, label: str, rest: str, style: Style = Style.PLAIN) -> Button:
        return Button(ACTION, label, f"{verb}|{self.thread}|{rest}", style)


def value_of(field: Field) -> tuple[str, ...]:
    match field:
        case TextField():
            return (field.value,) if field.value else ()
        case ChoiceField():
            return field.value
        case _:
            assert_never(field)


def field_with(field: Field, value: tuple[str, ...]) -> Field:
    match field:
        case TextField():
            return replace(field, value=value[0] if value else "")
        case ChoiceField():
            return replace(field, value=value)
        case _:
            assert_never(field)


def label_and_answer(field: Field) -> tuple[Part, ...]:
    """A field's label and its answer."""
    match field:
        case TextField():
            return (Strong(f"{field.label}:"), Quote(field.value))
        case ChoiceField():
            labels = [option.label for option in field.options if option.id in field.value]
            return (Strong(f"{field.label}:"), f" {', '.join(labels)}")
        case _:
            assert_never(field)


def answered_question(field: Field) -> Notice:
    """What a question's message shows once it is answered: the answer, without buttons."""
    return Notice(
        label_and_answer(field) if value_of(field) else (Strong(f"{field.label}:"), " no answer"), Tone.DONE
    )


def parsed_answer(field: Field, text: str) -> tuple[str, ...] | str:
    """The field's value for a written answer, or the text of an error."""
    if isinstance(field, TextField):
        if len(text) > field.limit:
            return (
                f"This has {len(text):,} characters; the limit is {field.limit:,}. Please shorten it; "
                "your text is still above to copy."
            )
        return (text,)
    names = _names(field)
    words = [word.strip() for word in text.split(",")] if field.many else [text.strip()]
    if text.strip().casefold() in names:
        words = [text.strip()]
    found = [names.get(word.rstrip(".").casefold()) for word in words]
    if None in found:
        return (
            f"That is not one of the choices. Press a button, or write a number up to {len(field.options)}."
        )
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _names(field: ChoiceField) -> Mapping[str, str]:
    """Option ids by everything that a person may write for them."""
    by_number = {str(index): option.id for index, option in enumerate(field.options, 1)}
    return {option.label.casefold(): option.id for option in field.options} | by_number


def _cut(label: str) -> str:
    if len(label) <= _LONGEST_LABEL:
        return label
    return f"{label[: _LONGEST_LABEL - 2].rstrip()} …"
