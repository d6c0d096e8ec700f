"""Forms as dialogs and as cards, and what was filled in as values again.

What a form carries unseen comes back from the client and is signed by nobody: it says what was asked, and
proves nothing. Whoever reads it must check that this person may, in this place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, assert_never

from botbuilder.core import CardFactory  # type: ignore[import-untyped]
from botbuilder.schema.teams import (  # type: ignore[import-untyped]
    TaskModuleContinueResponse,
    TaskModuleTaskInfo,
)

from adapters.teams.card_parts import card, container, kept, paragraphs, said
from adapters.teams.cards import view_card
from adapters.teams.limits import (
    FEW,
    LONGEST_LABEL,
    LONGEST_TITLE,
    MOST_BYTES,
    MOST_CONTEXT,
    MOST_FORM,
    Json,
    size,
)
from adapters.teams.text import Pen, clean, cut, label
from bot.forms import ChoiceField, Field, Form, TextField
from bot.views import View

HELD = "frontline"
"""Under this name a form carries what comes back unseen, beside its inputs."""
SUBMIT = "submit"
"""The verb of a form that stands in a conversation as a card."""
_RESERVED = {HELD, "msteams"}
_TALL = 4


class Filled(NamedTuple):
    """A form that was sent. `values` has every field of it."""

    form: str
    values: dict[str, tuple[str, ...]]
    context: dict[str, str]


def form_card(form: Form, pen: Pen | None = None) -> Json:
    """The form as the card of a message. Raises ValueError where Teams has no room for it."""
    data = {HELD: _held(form)}
    submit: Json = {"title": label(form.submit, LONGEST_LABEL) or "OK", "style": "positive", "data": data}
    fallback = {"type": "Action.Submit", **submit}
    action = {"type": "Action.Execute", "verb": SUBMIT, **submit, "fallback": fallback}
    title = said(cut(form.title, LONGEST_TITLE), size="Large", weight="Bolder")
    return _card(form, pen or Pen(), [container([title], style="emphasis", bleed=True)], action)


def dialog(form: Form, pen: Pen | None = None) -> TaskModuleContinueResponse:
    """The answer that opens the form as a dialog, or keeps it open. Raises ValueError as above."""
    title = label(form.submit, LONGEST_LABEL) or "OK"
    action = {
        "type": "Action.Submit",
        "title": title,
        "style": "positive",
        "data": {HELD: _held(form)},
    }
    content = _card(form, pen or Pen(), [], action)
    return _window(form.title, content, "large" if len(form.fields) >= _TALL else "medium")


def closing(title: str, view: View, pen: Pen | None = None) -> TaskModuleContinueResponse:
    """The answer that says something in the open dialog, without buttons."""
    content = view_card(view, pen or Pen()).content
    body = [element for element in content["body"] if element["type"] != "ActionSet"]
    return _window(title, {**content, "body": body}, "medium")


def _window(title: str, content: Json, height: str) -> TaskModuleContinueResponse:
    shown = CardFactory.adaptive_card(content)
    window = TaskModuleTaskInfo(title=cut(title, 60) or "…", height=height, width="medium", card=shown)
    return TaskModuleContinueResponse(value=window)


def _card(form: Form, pen: Pen, head: list[Json], action: Json) -> Json:
    fields = {field.id for field in form.fields}
    asked = [_fault(text) for name, text in form.errors.items() if name not in fields]
    for field in form.fields:
        asked += _field(field, form.errors.get(field.id))
    entities = pen.mentions(form.intro)
    intro = list(paragraphs(pen, form.intro, entities))
    whole = card([*head, *intro, *asked], entities.values(), actions=[action])
    if size(whole) > MOST_BYTES and intro:
        room = MOST_BYTES - size(card([*head, *asked], entities.values(), actions=[action]))
        whole = card([*head, *kept(intro, room, ""), *asked], entities.values(), actions=[action])
    if size(whole) > MOST_FORM:
        raise ValueError(f"form {form.id!r} has {size(whole)} bytes; Teams takes {MOST_FORM}")
    return whole


def _fault(text: str) -> Json:
    words = cut(text, LONGEST_TITLE) or "Please look at this again."
    return {**said(f"⚠️ {words}", color="Attention", weight="Bolder"), "spacing": "Small"}


def _held(form: Form) -> Json:
    names = [field.id for field in form.fields]
    if len({*names} - _RESERVED) != len(names) or not all(names):
        raise ValueError(f"form {form.id!r} has field ids that Teams cannot tell apart")
    many = [field.id for field in form.fields if isinstance(field, ChoiceField) and field.many]
    one = [field.id for field in form.fields if isinstance(field, ChoiceField) and not field.many]
    text = [field.id for field in form.fields if isinstance(field, TextField)]
    held = {"form": form.id, "context": dict(form.context), "text": text, "one": one, "many": many}
    if size(held) > MOST_CONTEXT:
        raise ValueError(f"form {form.id!r} carries {size(held)} bytes unseen; {MOST_CONTEXT} are the most")
    return held


def _field(field: Field, error: str | None) -> Iterator[Json]:
    yield {**_input(field), "spacing": "Medium"}
    if error is not None:
        yield _fault(error)
    if field.hint and field.hint.strip():
        hint = said(cut(field.hint, LONGEST_TITLE), isSubtle=True, size="Small")
        yield {**hint, "spacing": "Small"}


def _input(field: Field) -> Json:
    asked: Json = {"id": field.id, "label": label(field.label, LONGEST_TITLE) or "…"}
    match field:
        case TextField():
            value = clean(field.value)
            element: Json = {"type": "Input.Text", **asked, "isMultiline": field.long}
            # A longer prefill than the limit still opens; the desk refuses it when it is sent.
            element["maxLength"] = max(field.limit, len(value), 1)
            wanted = "Please write a few words."
        case ChoiceField():
            value = ",".join(name for name in field.value if name in {o.id for o in field.options})
            element = {"type": "Input.ChoiceSet", **asked, "wrap": True, "isMultiSelect": field.many}
            element["style"] = "expanded" if len(field.options) <= FEW else "compact"
            element["choices"] = [_choice(option.id, option.label, field.many) for option in field.options]
            wanted = "Please choose an answer."
        case _:
            assert_never(field)
    if field.required:
        element |= {"isRequired": True, "errorMessage": wanted}
    return element | ({"value": value} if value else {})


def _choice(name: str, text: str, many: bool) -> Json:
    if not name or (many and "," in name):
        raise ValueError(f"option {name!r} has an id that Teams does not take")
    return {"title": label(text, LONGEST_TITLE) or label(name, LONGEST_TITLE), "value": name}


def holds_form(data: object) -> bool:
    """Whether what came in was sent by a form of ours, sound or not."""
    return isinstance(data, Mapping) and HELD in data


def read(data: Mapping[str, Any]) -> Filled:
    """What was filled in. Raises ValueError for anything that no form of ours sends."""
    held = data.get(HELD)
    if not isinstance(held, Mapping) or not isinstance(held.get("form"), str) or not held["form"]:
        raise ValueError("no form of ours sends this")
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
    return Filled(held["form"], values, dict(context))


def _given(value: object, many: bool) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, str):
        raise ValueError("a field holds something other than text")
    words = clean(value)
    return tuple(part for part in words.split(",") if part) if many else (words,) if words else ()
