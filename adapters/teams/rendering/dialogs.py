"""Renders forms as dialogs and as cards, and reads the values back.

A form's hidden data comes back from the client. Only SignedForms proves that we wrote it, and not even that
proves a right: callers must check that this person may act in this place.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, assert_never

from botbuilder.core import CardFactory  # type: ignore[import-untyped]
from botbuilder.schema.teams import (  # type: ignore[import-untyped]
    TaskModuleContinueResponse,
    TaskModuleTaskInfo,
)

from adapters.teams.rendering.card_parts import (
    card,
    container,
    leading_elements,
    paragraphs,
    text_line,
    unfolded,
)
from adapters.teams.rendering.cards import view_card
from adapters.teams.rendering.text import (
    FEW,
    LONGEST_LABEL,
    LONGEST_TITLE,
    MOST_BYTES,
    MOST_CONTEXT,
    MOST_FORM,
    CardTextRenderer,
    Json,
    cut,
    label,
    size,
)
from bot.model.forms import ChoiceField, Field, Form, TextField
from bot.model.views import View
from bot.text import clean

FORM_DATA = "frontline"
"""The key of a form's hidden data, next to its inputs."""
SUBMIT = "submit"
"""The verb of a form shown as a card in a conversation."""
CANCEL = "cancel"
"""The verb of its other button, and its mark in the hidden data."""
_RESERVED = {FORM_DATA, "msteams"}
_TALL = 4


class FormValues(NamedTuple):
    """A submitted form. `values` has all its fields; it has none if the form was `cancelled`."""

    form: str
    values: dict[str, tuple[str, ...]]
    context: dict[str, str]
    cancelled: bool


def form_card(form: Form, renderer: CardTextRenderer | None = None) -> Json:
    """Renders the form as a message's card. Raises ValueError if it does not fit Teams' limits."""
    data = {FORM_DATA: _form_data(form)}
    submit: Json = {"title": label(form.submit, LONGEST_LABEL) or "OK", "style": "positive", "data": data}
    held = {"form": form.id, "context": dict(form.context), CANCEL: True}
    # Without inputs, since Teams would ask for those that are required.
    cancel: Json = {"title": "Cancel", "associatedInputs": "none", "data": {FORM_DATA: held}}
    actions = [
        {"type": "Action.Execute", "verb": verb, **action, "fallback": {"type": "Action.Submit", **action}}
        for verb, action in ((SUBMIT, submit), (CANCEL, cancel))
    ]
    title = text_line(cut(form.title, LONGEST_TITLE), size="Large", weight="Bolder")
    head = [container([title], style="emphasis", bleed=True)]
    return _card(form, renderer or CardTextRenderer(), head, actions)


def dialog(form: Form, renderer: CardTextRenderer | None = None) -> TaskModuleContinueResponse:
    """Returns the answer that opens the form as a dialog, or keeps it open. Raises ValueError as above."""
    title = label(form.submit, LONGEST_LABEL) or "OK"
    action = {
        "type": "Action.Submit",
        "title": title,
        "style": "positive",
        "data": {FORM_DATA: _form_data(form)},
    }
    content = _card(form, renderer or CardTextRenderer(), [], [action])
    return _window(form.title, content, "large" if len(form.fields) >= _TALL else "medium")


def message_dialog(
    title: str, view: View, renderer: CardTextRenderer | None = None
) -> TaskModuleContinueResponse:
    """Returns the answer that shows a view in the open dialog, without buttons."""
    content = view_card(view, renderer or CardTextRenderer()).content
    shown = (element for element in content["body"] if element.get("isVisible", True))
    body = [each for element in shown if element["type"] != "ActionSet" for each in unfolded(element)]
    return _window(title, {**content, "body": body}, "medium")


def _window(title: str, content: Json, height: str) -> TaskModuleContinueResponse:
    shown = CardFactory.adaptive_card(content)
    window = TaskModuleTaskInfo(title=cut(title, 60) or "…", height=height, width="medium", card=shown)
    return TaskModuleContinueResponse(value=window)


def _card(form: Form, renderer: CardTextRenderer, head: list[Json], actions: list[Json]) -> Json:
    fields = {field.id for field in form.fields}
    inputs = [_error_line(text) for name, text in form.errors.items() if name not in fields]
    for field in form.fields:
        inputs += _field(field, form.errors.get(field.id))
    entities = renderer.mentions(form.intro)
    intro = list(paragraphs(renderer, form.intro, entities))
    whole = card([*head, *intro, *inputs], entities.values(), actions=actions)
    if size(whole) > MOST_BYTES and intro:
        room = MOST_BYTES - size(card([*head, *inputs], entities.values(), actions=actions))
        whole = card([*head, *leading_elements(intro, room, ""), *inputs], entities.values(), actions=actions)
    if size(whole) > MOST_FORM:
        raise ValueError(f"form {form.id!r} has {size(whole)} bytes; Teams takes {MOST_FORM}")
    return whole


def _error_line(text: str) -> Json:
    words = cut(text, LONGEST_TITLE) or "This answer was not accepted. Please change it."
    return {**text_line(f"⚠️ {words}", color="Attention", weight="Bolder"), "spacing": "Small"}


def _form_data(form: Form) -> Json:
    names = [field.id for field in form.fields]
    if len({*names} - _RESERVED) != len(names) or not all(names):
        raise ValueError(f"form {form.id!r} has field ids that Teams cannot tell apart")
    many = [field.id for field in form.fields if isinstance(field, ChoiceField) and field.many]
    one = [field.id for field in form.fields if isinstance(field, ChoiceField) and not field.many]
    text = [field.id for field in form.fields if isinstance(field, TextField)]
    held = {"form": form.id, "context": dict(form.context), "text": text, "one": one, "many": many}
    if size(held) > MOST_CONTEXT:
        raise ValueError(f"form {form.id!r} carries {size(held)} hidden bytes; Teams takes {MOST_CONTEXT}")
    return held


def _field(field: Field, error: str | None) -> Iterator[Json]:
    yield {**_input(field), "spacing": "Medium"}
    if error is not None:
        yield _error_line(error)
    if field.hint and field.hint.strip():
        hint = text_line(cut(field.hint, LONGEST_TITLE), isSubtle=True, size="Small")
        yield {**hint, "spacing": "Small"}


def _input(field: Field) -> Json:
    common: Json = {"id": field.id, "label": label(field.label, LONGEST_TITLE) or "…"}
    match field:
        case TextField():
            value = clean(field.value)
            element: Json = {"type": "Input.Text", **common, "isMultiline": field.long}
            # A form still opens with a prefill over the limit; the desk rejects it on submit.
            element["maxLength"] = max(field.limit, len(value), 1)
            wanted = "Please write a few words."
        case ChoiceField():
            value = ",".join(name for name in field.value if name in {o.id for o in field.options})
            element = {"type": "Input.ChoiceSet", **common, "wrap": True, "isMultiSelect": field.many}
            element["style"] = "expanded" if len(field.options) <= FEW else "compact"
            element["choices"] = [_choice(option.id, option.label, field.many) for option in field.options]
            wanted = "Please choose an answer."
        case _:
            assert_never(field)
    if field.required and not (isinstance(field, TextField) and field.filled_by):
        element |= {"isRequired": True, "errorMessage": wanted}
    return element | ({"value": value} if value else {})


def _choice(name: str, text: str, many: bool) -> Json:
    if not name or (many and "," in name):
        raise ValueError(f"option {name!r} has an id that Teams does not take")
    return {"title": label(text, LONGEST_TITLE) or label(name, LONGEST_TITLE), "value": name}


def holds_form(data: object) -> bool:
    """Returns whether the data comes from one of our forms, valid or not."""
    return isinstance(data, Mapping) and FORM_DATA in data


def read_form(data: Mapping[str, Any]) -> FormValues:
    """Reads a submitted form. Raises ValueError for anything that our forms never send."""
    held = data.get(FORM_DATA)
    if not isinstance(held, Mapping) or not isinstance(held.get("form"), str) or not held["form"]:
        raise ValueError("none of our forms sends this")
    context = held.get("context", {})
    if not isinstance(context, Mapping) or not all(
        isinstance(part, str) for pair in context.items() for part in pair
    ):
        raise ValueError("the form's context is not as we wrote it")
    values: dict[str, tuple[str, ...]] = {}
    for kind in ("text", "one", "many"):
        names = held.get(kind, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("the form's fields are not as we wrote them")
        for name in names:
            values[name] = _given(data.get(name), kind == "many")
    return FormValues(held["form"], values, dict(context), held.get(CANCEL) is True)


def _given(value: object, many: bool) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, str):
        raise ValueError("a field holds something other than text")
    words = clean(value)
    return tuple(part for part in words.split(",") if part) if many else (words,) if words else ()


NONCE, STANDALONE, SIGNATURE = "~once", "~own", "~seal"
MOST_REMEMBERED = 2_000
"""Forms kept in memory, to show them again with what was typed after an error of ours."""


class InvalidSignature(ValueError):
    """The form was changed after we opened it, or the app's secret was."""


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A submitted form. `nonce` is unique to each showing; `standalone`: it was a message of its own."""

    form: str
    values: dict[str, tuple[str, ...]]
    context: dict[str, str]
    nonce: str
    standalone: bool
    cancelled: bool = False


class SignedForms:
    """Signs forms when they are opened, and verifies them when they are submitted."""

    def __init__(self, secret: str) -> None:
        """If the secret is empty, signatures are valid for this process only."""
        self._key = hashlib.sha256(b"frontline forms\0" + secret.encode()).digest()
        if not secret:
            self._key = secrets.token_bytes(32)
        self._open: OrderedDict[str, Form] = OrderedDict()

    def sign(self, form: Form, *, standalone: bool = False) -> Form:
        """Returns the form with its signature, ready to show."""
        context = {
            name: text for name, text in form.context.items() if name not in (NONCE, STANDALONE, SIGNATURE)
        }
        context |= {NONCE: secrets.token_urlsafe(12)} | ({STANDALONE: "1"} if standalone else {})
        shown = replace(form, context={**context, SIGNATURE: self._signature(form.id, context)})
        self._open[context[NONCE]] = shown
        if len(self._open) > MOST_REMEMBERED:
            self._open.popitem(last=False)
        return shown

    def read(self, data: Mapping[str, Any]) -> SubmittedForm:
        """Verifies and reads a form. Raises ValueError, InvalidSignature."""
        filled = read_form(data)
        context = dict(filled.context)
        signature = context.pop(SIGNATURE, "")
        if not hmac.compare_digest(signature.encode(), self._signature(filled.form, context).encode()):
            raise InvalidSignature("the form is not as it was opened")
        nonce, standalone = context.pop(NONCE, ""), context.pop(STANDALONE, "") == "1"
        return SubmittedForm(filled.form, filled.values, context, nonce, standalone, filled.cancelled)

    def with_error(self, submitted: SubmittedForm, problem: str) -> Form | None:
        """Returns the form with what was typed and one problem, or None if it is no longer in memory."""
        known = self._open.get(submitted.nonce)
        if known is None:
            return None
        first = known.fields[0].id if known.fields else ""
        return known.rejected({f.id: submitted.values.get(f.id, ()) for f in known.fields}, {first: problem})

    def _signature(self, form: str, context: Mapping[str, str]) -> str:
        payload = json.dumps([form, sorted(context.items())]).encode()
        return hmac.new(self._key, payload, hashlib.sha256).hexdigest()[:32]
