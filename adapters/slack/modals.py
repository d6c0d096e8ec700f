"""Forms as Slack modals, and what was filled in as values again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, assert_never

from pydantic import ValidationError

from adapters.slack.paper import Json, literal, plain, rich, section
from adapters.slack.payloads import Entry, Held, Malformed, Uploaded, View
from adapters.slack.text import Pen, clean, cut, inline, one_line, pieces, size
from bot.exchange import File
from bot.forms import ChoiceField, Field, Form, TextField
from sla_core.triage import Option

LONGEST_TEXT = 3000
LONGEST_CONTEXT = 3000
FILES = "files"
MOST_FILES = 10
_LONGEST_OPTION = 75
_FEW = 10
_GROUP = 100


def modal(form: Form, pen: Pen, *, keeps_untouched: bool = False) -> Json:
    """The form as a view. Raises ValueError where Slack has no room for it.

    `keeps_untouched` is for a client that sends nothing for a prefilled field that was left alone, and knows
    neither files nor choices that are told at once.
    """
    reacts = form.reacts and not keeps_untouched
    fields = _shown(form, reacts)
    named = {field.id for field in fields}
    blocks = list(rich(pen, form.intro))
    blocks += [_fault(text) for name, text in form.errors.items() if name not in named]
    for field in fields:
        blocks += _field(field, reacts)
        if field.id in form.errors:
            blocks.append(_fault(form.errors[field.id]))
    if form.takes_files and not keeps_untouched:
        blocks.append(_files())
    face = ""
    if reacts:
        blocks += rich(pen, form.outlook)
        face = _face(blocks)
    view: Json = {
        "type": "modal",
        "callback_id": form.id,
        "title": plain(cut(form.title, 24) or "…"),
        "submit": plain(cut(form.submit, 24) or "OK"),
        "close": plain("Cancel"),
        "blocks": blocks,
    }
    if reacts:
        view["notify_on_close"] = True
    return view | {"private_metadata": _metadata(form, fields, keeps_untouched, face)}


def _shown(form: Form, reacts: bool) -> tuple[Field, ...]:
    return form.asked() if reacts else form.fields


def _face(blocks: Sequence[Json]) -> str:
    """What the form looks like, but for what is filled in."""
    bare = [
        {**block, "element": {k: v for k, v in block["element"].items() if not k.startswith("initial_")}}
        if "element" in block
        else block
        for block in blocks
    ]
    return sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:12]


def closing(title: str, blocks: Sequence[Json]) -> Json:
    """A view that only says something."""
    return {
        "type": "modal",
        "title": plain(cut(title, 24) or "…"),
        "close": plain("Close"),
        "blocks": [block for block in blocks if block["type"] != "actions"],
    }


def _fault(text: str) -> Json:
    return section(f"⚠️ {inline(cut(text, 500))}")


def _metadata(form: Form, fields: Sequence[Field], keeps_untouched: bool, face: str) -> str:
    held: dict[str, Any] = {"context": dict(form.context)} | ({"face": face} if face else {})
    text = _packed(held)
    if len(text) > LONGEST_CONTEXT:
        raise ValueError(f"form {form.id!r} carries {len(text)} characters of context; Slack takes 3000")
    if keeps_untouched:
        kept: dict[str, list[str]] = {}
        for field in fields:
            filled = [field.value] if isinstance(field, TextField) else list(field.value)
            if any(filled) and len(_packed({**held, "kept": {**kept, field.id: filled}})) <= LONGEST_CONTEXT:
                kept[field.id] = filled
        text = _packed({**held, "kept": kept})
    return text


def _packed(held: Mapping[str, Any]) -> str:
    return json.dumps(held, ensure_ascii=False, separators=(",", ":"))


def _field(field: Field, reacts: bool) -> Iterator[Json]:
    if isinstance(field, ChoiceField):
        yield from _told_in_full(field.options)
    label = one_line(field.label)
    block: Json = {
        "type": "input",
        "block_id": field.id,
        "label": plain(cut(label, 2000) or "…"),
        "element": _element(field),
        "optional": not field.required,
    }
    if field.hint and field.hint.strip():
        block["hint"] = plain(cut(field.hint, 2000))
    if reacts and isinstance(field, ChoiceField):
        block["dispatch_action"] = True
    yield block


def _files() -> Json:
    return {
        "type": "input",
        "block_id": FILES,
        "label": plain("Files"),
        "element": {"type": "file_input", "action_id": FILES, "max_files": MOST_FILES},
        "optional": True,
    }


def _element(field: Field) -> Json:
    match field:
        case TextField():
            value = clean(field.value)
            element: Json = {
                "type": "plain_text_input",
                "action_id": field.id,
                "multiline": field.long,
                # A longer prefill than the limit still opens; the desk refuses it when it is sent.
                "max_length": min(max(field.limit, len(value), 1), LONGEST_TEXT),
            }
            return element | ({"initial_value": value[:LONGEST_TEXT]} if value else {})
        case ChoiceField():
            return _choice(field)
        case _:
            assert_never(field)


def _choice(field: ChoiceField) -> Json:
    options = {option.id: _option(option) for option in field.options}
    chosen = [options[name] for name in field.value if name in options]
    few = len(options) <= _FEW
    kind = {
        (True, False): "radio_buttons",
        (True, True): "checkboxes",
        (False, False): "static_select",
        (False, True): "multi_static_select",
    }[few, field.many]
    element: Json = {"type": kind, "action_id": field.id}
    if not few:
        element["placeholder"] = plain("Choose …")
    if len(options) <= _GROUP:
        element["options"] = list(options.values())
    else:
        element["option_groups"] = list(_groups(list(options.values())))
    if chosen and field.many:
        element["initial_options"] = chosen
    elif chosen:
        element["initial_option"] = chosen[0]
    return element


def _groups(options: list[Json]) -> Iterator[Json]:
    for start in range(0, len(options), _GROUP):
        group = options[start : start + _GROUP]
        first, last = (cut(option["text"]["text"], 30) for option in (group[0], group[-1]))
        yield {"label": plain(f"{first} … {last}"), "options": group}


def _option(option: Option) -> Json:
    if not 0 < len(option.id) <= _LONGEST_OPTION:
        raise ValueError(f"option {option.id!r} has an id that Slack does not take")
    first, rest = _halves(one_line(option.label) or option.id)
    shown: Json = {"text": plain(first), "value": option.id}
    return shown | ({"description": plain(cut(rest, _LONGEST_OPTION))} if rest else {})


def _halves(label: str) -> tuple[str, str]:
    """A label, and below it the rest of one that is too long; both fit."""
    if size(label) <= _LONGEST_OPTION:
        return label, ""
    first = next(pieces(label, _LONGEST_OPTION - 2))
    return f"{first.rstrip()} …", f"… {label[len(first) :].lstrip()}"


def _told_in_full(options: Sequence[Option]) -> Iterator[Json]:
    """Labels that are too long even for two lines stand above the choice, whole."""
    long = [one_line(option.label) for option in options]
    long = [label for label in long if size(_halves(label)[1]) > _LONGEST_OPTION]
    yield from literal("\n".join(f"• {label}" for label in long))


def values(view: View) -> dict[str, tuple[str, ...]]:
    """Field id → what was filled in; every field of the view is there."""
    kept = _held(view).kept
    found = {}
    for name, element in view.inputs():
        given = _given(view.state.values.get(name, {}).get(element))
        found[name] = given if given is not None else tuple(kept.get(name, ()))
    return found


def _given(entry: Entry | None) -> tuple[str, ...] | None:
    """None where the client sent nothing at all, which on Slack itself means that it is empty."""
    if entry is None:
        return None
    if entry.selected_options is not None:
        return tuple(option.value for option in entry.selected_options)
    if entry.selected_option is not None:
        return (entry.selected_option.value,)
    if entry.value is not None:
        return (clean(entry.value),) if entry.value else ()
    return None


def files(view: View) -> tuple[File, ...]:
    """What was put in, in order."""
    entry = view.state.values.get(FILES, {}).get(FILES)
    return tuple(_file(uploaded) for uploaded in (entry.files if entry else None) or ())


def _file(uploaded: Uploaded) -> File:
    name = one_line(uploaded.name or uploaded.title or "") or "without a name"
    url = uploaded.permalink or ""
    return File(name, url if url.startswith("https://") else "")


def looks_like(view: View, other: Json) -> bool:
    """Whether an open view would be no other if it were drawn so; what is filled in is not looked at."""
    held, drawn = _held(view), Held.model_validate_json(other["private_metadata"])
    return bool(held.face) and (held.face, held.context) == (drawn.face, drawn.context)


def context(view: View) -> dict[str, str]:
    return dict(_held(view).context)


def _held(view: View) -> Held:
    try:
        return _read(view.private_metadata or "{}")
    except ValidationError:
        raise Malformed("private_metadata: not ours") from None


@lru_cache(maxsize=256)
def _read(metadata: str) -> Held:
    """The same text is read several times for one request, and comes with each choice made in a form."""
    return Held.model_validate_json(metadata)


def errors(view: View, faults: Mapping[str, str]) -> dict[str, str]:
    """Faults by block; what belongs to no input of the view stands at the first one."""
    inputs = [name for name, _ in view.inputs()]
    found: dict[str, str] = {}
    for name, text in faults.items():
        if inputs:
            block = name if name in inputs else inputs[0]
            words = text.strip() or "Please look at this again."
            found[block] = f"{found[block]} {words}" if block in found else words
    return found


def same_inputs(view: View, form: Form) -> bool:
    """Whether the open view is this form, so that errors can be shown in place."""
    held, inputs = _held(view), [name for name, _ in view.inputs()]
    same = view.callback_id == form.id and held.context == dict(form.context)
    return same and inputs == [field.id for field in _shown(form, bool(held.face))]
