"""Forms that a platform shows as a modal, a dialog or a row of questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from bot.model.views import RichText
from sla_core.triage import Answers, Option

Condition = Mapping[str, frozenset[str]]
"""A field matters where each of these earlier fields holds one of its options; always where it is empty."""

OPENING = "opening"
"""Under this name a form's context holds which opening of it this is, through every redrawing."""


def opening_context(act: str) -> dict[str, str]:
    """The part of a form's context that tells it from all others; an act delivered twice opens one form."""
    return {OPENING: sha256(act.encode()).hexdigest()[:32]}


def form_key(context: Mapping[str, str]) -> str | None:
    """The envelope of a form however often it is sent. None for a form of the release before."""
    opening = context.get(OPENING)
    return f"form/{opening}" if opening else None


@dataclass(frozen=True, slots=True)
class TextField:
    """Free text, one line or several. `limit` is in characters."""

    id: str
    label: str
    required: bool = True
    long: bool = False
    hint: str | None = None
    value: str = ""
    limit: int = 3000
    when: Condition = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChoiceField:
    """One of the options, or several where `many`. `value` holds option ids."""

    id: str
    label: str
    options: tuple[Option, ...]
    required: bool = True
    many: bool = False
    hint: str | None = None
    value: tuple[str, ...] = ()
    when: Condition = field(default_factory=dict)


Field = TextField | ChoiceField


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked. `context` comes back with the answer unseen by the person; errors are by field id.

    A form that `reacts` comes as a FormChanged at each choice, where the platform can; else all of
    its fields are shown from the start and its `preview` is not.
    """

    id: str
    title: str
    submit: str
    fields: tuple[Field, ...]
    context: Mapping[str, str] = field(default_factory=dict)
    intro: RichText = ()
    errors: Mapping[str, str] = field(default_factory=dict)
    reacts: bool = False
    preview: RichText = ()
    """What sending it will lead to, as far as the answers tell."""
    takes_files: bool = False
    """Whether files may come along, where the platform can; they are no field."""

    def visible_fields(self) -> tuple[Field, ...]:
        """The fields that matter by what is filled in."""
        values: dict[str, tuple[str, ...]] = {}
        found: list[Field] = []
        for each in self.fields:
            if all(options & set(values.get(name, ())) for name, options in each.when.items()):
                values[each.id] = each.value if isinstance(each, ChoiceField) else (each.value,)
                found.append(each)
        return tuple(found)

    def filled(self, values: Answers) -> Form:
        """The same form with what was typed put back in."""
        return replace(
            self, fields=tuple(_filled(f, values[f.id]) if f.id in values else f for f in self.fields)
        )

    def rejected(self, values: Answers, errors: Mapping[str, str]) -> Form:
        """The same form with what was typed kept and each fault beneath its field."""
        return replace(self.filled(values), errors=errors)


def _filled(field: Field, given: tuple[str, ...]) -> Field:
    match field:
        case TextField():
            return replace(field, value=given[0] if given else "")
        case ChoiceField():
            return replace(field, value=given)
