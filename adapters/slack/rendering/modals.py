"""Renders forms as Slack modals, and reads the values back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, assert_never

from pydantic import ValidationError

from adapters.slack.payloads import FormMetadata, InputState, Malformed, ModalView, UploadedFile
from adapters.slack.rendering.block_kit import (
    Json,
    MrkdwnRenderer,
    cut,
    escape_mrkdwn,
    literal,
    pieces,
    plain,
    rich,
    section,
    size,
)
from bot.model.forms import ChoiceField, Field, Form, TextField
from bot.model.inbound import File
from bot.text import clean, one_line
from sla_core.triage import Option

LONGEST_TEXT = 3000
LONGEST_CONTEXT = 3000
FILES = "files"
MOST_FILES = 10
_LONGEST_OPTION = 75
_FEW = 10
_GROUP = 100


def modal(form: Form, renderer: MrkdwnRenderer, *, omits_unchanged: bool = False) -> Json:
    """Renders the form as a view. Raises ValueError if it does not fit Slack's limits.

    `omits_unchanged` is for a client that sends nothing for an unchanged prefilled field, and supports
    neither files nor choices that are sent at once.
    """
    reacts = form.reacts and not omits_unchanged
    fields = _shown_fields(form, reacts)
    named = {field.id for field in fields}
    blocks = list(rich(renderer, form.intro))
    blocks += [_error_block(text) for name, text in form.errors.items() if name not in named]
    for field in fields:
        blocks += _field(field, reacts)
        if field.id in form.errors:
            blocks.append(_error_block(form.errors[field.id]))
    if form.takes_files and not omits_unchanged:
        blocks.append(_files())
    face = ""
    if reacts:
        blocks += rich(renderer, form.preview)
        face = _fingerprint(blocks)
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
    return view | {"private_metadata": _metadata(form, fields, omits_unchanged, face)}


def _shown_fields(form: Form, reacts: bool) -> tuple[Field, ...]:
    return form.visible_fields() if reacts else form.fields


def _fingerprint(blocks: Sequence[Json]) -> str:
    """Hashes what the form looks like, without the values."""
    bare = [
        {**block, "element": {k: v for k, v in block["element"].items() if not k.startswith("initial_")}}
        if "element" in block
        else block
        for block in blocks
    ]
    return sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:12]


def message_view(title: str, blocks: Sequence[Json]) -> Json:
    """Returns a view without inputs."""
    return {
        "type": "modal",
        "title": plain(cut(title, 24) or "…"),
        "close": plain("Close"),
        "blocks": [block for block in blocks if block["type"] != "actions"],
    }


def _error_block(text: str) -> Json:
    return section(f"⚠️ {escape_mrkdwn(cut(text, 500))}")


def _metadata(form: Form, fields: Sequence[Field], omits_unchanged: bool, face: str) -> str:
    held: dict[str, Any] = {"context": dict(form.context)} | ({"face": face} if face else {})
    text = _compact_json(held)
    if len(text) > LONGEST_CONTEXT:
        raise ValueError(f"form {form.id!r} carries {len(text)} characters of context; Slack takes 3000")
    if omits_unchanged:
        kept: dict[str, list[str]] = {}
        for field in fields:
            filled = [field.value] if isinstance(field, TextField) else list(field.value)
            if (
                any(filled)
                and len(_compact_json({**held, "kept": {**kept, field.id: filled}})) <= LONGEST_CONTEXT
            ):
                kept[field.id] = filled
        text = _compact_json({**held, "kept": kept})
    return text


def _compact_json(held: Mapping[str, Any]) -> str:
    return json.dumps(held, ensure_ascii=False, separators=(",", ":"))


def _field(field: Field, reacts: bool) -> Iterator[Json]:
    if isinstance(field, ChoiceField):
        yield from _full_labels(field.options)
    label = one_line(field.label)
    waits_for_choice = isinstance(field, TextField) and bool(field.filled_by) and not reacts
    block: Json = {
        "type": "input",
        "block_id": _block_id(field),
        "label": plain(cut(label, 2000) or "…"),
        "element": _element(field),
        "optional": not field.required or waits_for_choice,
    }
    if field.hint and field.hint.strip():
        block["hint"] = plain(cut(field.hint, 2000))
    if reacts and isinstance(field, ChoiceField):
        block["dispatch_action"] = True
    yield block


def _block_id(field: Field) -> str:
    """Returns the field's id, with its edition: Slack keeps what was typed in a block that stays the same."""
    edition = field.edition if isinstance(field, TextField) else ""
    return f"{field.id}~{edition}" if edition else field.id


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
                # A form still opens with a prefill over the limit; the desk rejects it on submit.
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
    first, rest = _split_label(one_line(option.label) or option.id)
    shown: Json = {"text": plain(first), "value": option.id}
    return shown | ({"description": plain(cut(rest, _LONGEST_OPTION))} if rest else {})


def _split_label(label: str) -> tuple[str, str]:
    """Splits a long label into a label and a description; both fit Slack's limits."""
    if size(label) <= _LONGEST_OPTION:
        return label, ""
    first = next(pieces(label, _LONGEST_OPTION - 2))
    return f"{first.rstrip()} …", f"… {label[len(first) :].lstrip()}"


def _full_labels(options: Sequence[Option]) -> Iterator[Json]:
    """Labels too long even for two lines, in full, to show above the choice."""
    long = [one_line(option.label) for option in options]
    long = [label for label in long if size(_split_label(label)[1]) > _LONGEST_OPTION]
    yield from literal("\n".join(f"• {label}" for label in long))


def values(view: ModalView) -> dict[str, tuple[str, ...]]:
    """Returns the values by field id, for every field of the view."""
    kept = _metadata_of(view).kept
    found = {}
    for block, name in view.inputs():
        given = _given(view.state.values.get(block, {}).get(name))
        found[name] = given if given is not None else tuple(kept.get(name, ()))
    return found


def _given(entry: InputState | None) -> tuple[str, ...] | None:
    """Returns None if the client sent nothing at all, which on Slack itself means an empty field."""
    if entry is None:
        return None
    if entry.selected_options is not None:
        return tuple(option.value for option in entry.selected_options)
    if entry.selected_option is not None:
        return (entry.selected_option.value,)
    if entry.value is not None:
        return (clean(entry.value),) if entry.value else ()
    return None


def files(view: ModalView) -> tuple[File, ...]:
    """Returns the uploaded files, in order."""
    entry = view.state.values.get(FILES, {}).get(FILES)
    return tuple(_file(uploaded) for uploaded in (entry.files if entry else None) or ())


def _file(uploaded: UploadedFile) -> File:
    name = one_line(uploaded.name or uploaded.title or "") or "without a name"
    url = uploaded.permalink or ""
    return File(name, url if url.startswith("https://") else "", uploaded.id or "")


def looks_the_same(view: ModalView, other: Json) -> bool:
    """Returns whether redrawing the open view would change nothing; ignores the values."""
    held, drawn = _metadata_of(view), FormMetadata.model_validate_json(other["private_metadata"])
    return bool(held.face) and (held.face, held.context) == (drawn.face, drawn.context)


def context(view: ModalView) -> dict[str, str]:
    return dict(_metadata_of(view).context)


def _metadata_of(view: ModalView) -> FormMetadata:
    try:
        return _parsed_metadata(view.private_metadata or "{}")
    except ValidationError:
        raise Malformed("private_metadata: not ours") from None


@lru_cache(maxsize=256)
def _parsed_metadata(metadata: str) -> FormMetadata:
    """Cached: one request reads the same text several times, and each choice in a form sends it again."""
    return FormMetadata.model_validate_json(metadata)


def errors(view: ModalView, faults: Mapping[str, str]) -> dict[str, str]:
    """Maps faults to blocks; a fault without an input in the view goes to the first input."""
    blocks = {name: block for block, name in view.inputs()}
    found: dict[str, str] = {}
    for name, text in faults.items():
        if blocks:
            block = blocks.get(name) or next(iter(blocks.values()))
            words = text.strip() or "This answer was not accepted. Please change it."
            found[block] = f"{found[block]} {words}" if block in found else words
    return found


def same_inputs(view: ModalView, form: Form) -> bool:
    """Returns whether the open view has the form's inputs, so that errors can be shown in place."""
    held, inputs = _metadata_of(view), [block for block, _ in view.inputs()]
    same = view.callback_id == form.id and held.context == dict(form.context)
    return same and inputs == [_block_id(field) for field in _shown_fields(form, bool(held.face))]
