"""Forms, which a platform shows as a modal, a dialog or a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from bot.model.views import RichText
from sla_core.triage import Answers, Option

Condition = Mapping[str, frozenset[str]]
"""A field is visible if each of these earlier fields has one of its options; always if this is empty."""

OPENING = "opening"
"""The key in a form's context that identifies one opening of the form, even when it is rendered again."""


def opening_context(act: str) -> dict[str, str]:
    """The context that identifies the form opened by this act, so an act delivered twice opens one form."""
    return {OPENING: sha256(act.encode()).hexdigest()[:32]}


def form_key(context: Mapping[str, str]) -> str | None:
    """The envelope of a form, however often it is submitted. None for a form of the previous release."""
    opening = context.get(OPENING)
    return f"form/{opening}" if opening else None


OPENED_AT = "opened_at"
"""The key in a form's context for the instant when it was opened, in real time."""
GOOD_FOR = timedelta(days=1)


def is_expired(context: Mapping[str, str], now: datetime) -> bool:
    """Whether a form may not be submitted any more. Forms of the previous release have no instant."""
    opened_at = context.get(OPENED_AT)
    if opened_at is None:
        return False
    try:
        return now - datetime.fromisoformat(opened_at) > GOOD_FOR
    except (ValueError, TypeError, OverflowError):  # not as we wrote it
        return True


@dataclass(frozen=True, slots=True)
class TextField:
    """Free text, one line or several. `limit` is in characters.

    `filled_by` names a choice that fills it: where a platform does not report that choice at once, the form
    can be sent without this text, and comes back with it. `edition` changes whenever the desk puts another
    `value` into an open form, which platforms would otherwise keep as it was typed.
    """

    id: str
    label: str
    required: bool = True
    long: bool = False
    hint: str | None = None
    value: str = ""
    limit: int = 3000
    when: Condition = field(default_factory=dict)
    filled_by: str = ""
    edition: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceField:
    """A choice of one option, or of several if `many`. `value` holds option ids."""

    id: str
    label: str
    options: tuple[Option, ...]
    required: bool = True
    many: bool = False
    hint: str | None = None
    value: tuple[str, ...] = ()
    when: Condition = field(default_factory=dict)


Field = TextField | ChoiceField


OUT_OF_DATE = "This form is out of date, so nothing was changed. Please open it again."
"""The answer to a form that we can no longer read."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form. `context` is hidden and comes back with the submission. `errors` are by field id.

    If `reacts`, each choice sends a FormChanged on platforms that support it; others show all fields from
    the start, and no `preview`.
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
    """What submitting the form would lead to, as far as the answers tell."""
    takes_files: bool = False
    """Whether files may be attached, on platforms that support it. They are not a field."""

    def visible_fields(self) -> tuple[Field, ...]:
        """The fields whose condition holds for the current values."""
        values: dict[str, tuple[str, ...]] = {}
        found: list[Field] = []
        for each in self.fields:
            if all(options & set(values.get(name, ())) for name, options in each.when.items()):
                values[each.id] = each.value if isinstance(each, ChoiceField) else (each.value,)
                found.append(each)
        return tuple(found)

    def filled(self, values: Answers) -> Form:
        """The same form with these values."""
        return replace(
            self, fields=tuple(_filled(f, values[f.id]) if f.id in values else f for f in self.fields)
        )

    def rejected(self, values: Answers, errors: Mapping[str, str]) -> Form:
        """The same form with these values, and each error below its field."""
        return replace(self.filled(values), errors=errors)


def _filled(field: Field, given: tuple[str, ...]) -> Field:
    match field:
        case TextField():
            return replace(field, value=given[0] if given else "")
        case ChoiceField():
            return replace(field, value=given)
