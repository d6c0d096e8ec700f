"""Slack's rules for the parts of a block: texts, options, confirmations, buttons, menus, inputs."""

from collections.abc import Callable, Iterable
from typing import Any

Json = dict[str, Any]

PLAIN = ("plain_text",)
ANY_TEXT = ("plain_text", "mrkdwn")


class BlockErrors(list[str]):
    """Faults in Slack's own wording, each with a JSON pointer."""

    def add(self, at: str, words: str) -> None:
        self.append(f"[ERROR] {words} [json-pointer:{at}]")


def keys(
    faults: BlockErrors, at: str, value: object, required: Iterable[str], optional: Iterable[str] = ()
) -> bool:
    """Returns whether `value` is an object with all required keys; reports unknown keys too."""
    if not isinstance(value, dict):
        faults.add(at, "must be an object")
        return False
    missing = [key for key in required if value.get(key) is None]
    for key in missing:
        faults.add(at, f"missing required field: {key}")
    for key in value.keys() - set(required) - set(optional):
        faults.add(at, f"invalid additional property: {key}")
    return not missing


def string(faults: BlockErrors, at: str, value: object, most: int, least: int = 1) -> None:
    if not isinstance(value, str):
        faults.add(at, "must be a string")
    elif len(value) < least:
        faults.add(at, f"must be more than {least - 1} characters")
    elif len(value) > most:
        faults.add(at, f"must be less than {most + 1} characters")


def items(faults: BlockErrors, at: str, value: object, most: int, least: int = 1) -> list[Any]:
    """Returns the list, or [] if it is not one; checks its length."""
    if not isinstance(value, list):
        faults.add(at, "must be an array")
        return []
    if len(value) < least:
        faults.add(at, f"no fewer than {least} items required")
    if len(value) > most:
        faults.add(at, f"no more than {most} items allowed")
    return value


def text(faults: BlockErrors, at: str, value: object, most: int, kinds: tuple[str, ...] = PLAIN) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in kinds:
        faults.add(f"{at}/type", f"must be one of: {', '.join(kinds)}")
        return
    assert isinstance(value, dict)
    extra = "emoji" if kind == "plain_text" else "verbatim"
    if keys(faults, at, value, ("type", "text"), (extra,)):
        string(faults, f"{at}/text", value["text"], most)
    if not isinstance(value.get(extra, False), bool):
        faults.add(f"{at}/{extra}", "must be a boolean")


def confirm(faults: BlockErrors, at: str, value: object) -> None:
    if keys(faults, at, value, ("title", "text", "confirm", "deny"), ("style",)):
        assert isinstance(value, dict)
        text(faults, f"{at}/title", value["title"], 100)
        text(faults, f"{at}/text", value["text"], 300, ANY_TEXT)
        text(faults, f"{at}/confirm", value["confirm"], 30)
        text(faults, f"{at}/deny", value["deny"], 30)
        style(faults, f"{at}/style", value.get("style", "primary"))


def style(faults: BlockErrors, at: str, value: object) -> None:
    if value not in ("primary", "danger"):
        faults.add(at, "must be one of: primary, danger")


def option(faults: BlockErrors, at: str, value: object, kind: str) -> None:
    marked = ANY_TEXT if kind in ("checkboxes", "radio_buttons") else PLAIN
    extra = ("description", "url") if kind == "overflow" else ("description",)
    if keys(faults, at, value, ("text", "value"), extra):
        assert isinstance(value, dict)
        text(faults, f"{at}/text", value["text"], 75, marked)
        string(faults, f"{at}/value", value["value"], 75)
        if "description" in value:
            text(faults, f"{at}/description", value["description"], 75, marked)
        if "url" in value:
            string(faults, f"{at}/url", value["url"], 3000)


def _truth(faults: BlockErrors, at: str, value: object) -> None:
    if not isinstance(value, bool):
        faults.add(at, "must be a boolean")


def _whole(least: int, most: int) -> Callable[[BlockErrors, str, object], None]:
    def check(faults: BlockErrors, at: str, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            faults.add(at, f"must be an integer from {least} to {most}")

    return check


def _string(most: int, least: int = 1) -> Callable[[BlockErrors, str, object], None]:
    return lambda faults, at, value: string(faults, at, value, most, least)


def _strings(faults: BlockErrors, at: str, value: object) -> None:
    for index, entry in enumerate(items(faults, at, value, 100)):
        string(faults, f"{at}/{index}", entry, 255)


def _dispatch(faults: BlockErrors, at: str, value: object) -> None:
    if keys(faults, at, value, ("trigger_actions_on",)):
        assert isinstance(value, dict)
        for index, entry in enumerate(
            items(faults, f"{at}/trigger_actions_on", value["trigger_actions_on"], 2)
        ):
            if entry not in ("on_enter_pressed", "on_character_entered"):
                faults.add(f"{at}/trigger_actions_on/{index}", "unknown trigger")


BY_KEY: dict[str, Callable[[BlockErrors, str, object], None]] = {
    "action_id": _string(255),
    "placeholder": lambda faults, at, value: text(faults, at, value, 150),
    "confirm": confirm,
    "style": style,
    "text": lambda faults, at, value: text(faults, at, value, 75),
    "value": _string(2000),
    "url": _string(3000),
    "accessibility_label": _string(75),
    "initial_value": _string(3000, least=0),
    "min_length": _whole(0, 3000),
    "max_length": _whole(1, 3000),
    "max_selected_items": _whole(1, 100),
    "initial_date_time": _whole(10**9, 10**10),
    "initial_date": _string(10, least=10),
    "initial_time": _string(5, least=5),
    "timezone": _string(100),
    "min_value": _string(100),
    "max_value": _string(100),
    "initial_user": _string(255),
    "initial_conversation": _string(255),
    "initial_channel": _string(255),
    "initial_users": _strings,
    "initial_conversations": _strings,
    "initial_channels": _strings,
    "dispatch_action_config": _dispatch,
    "filetypes": _strings,
    "max_files": _whole(1, 10),
    "multiline": _truth,
    "focus_on_load": _truth,
    "is_decimal_allowed": _truth,
    "response_url_enabled": _truth,
    "default_to_current_conversation": _truth,
    "image_url": _string(3000),
    "alt_text": _string(2000),
}

_MENU = "action_id placeholder confirm focus_on_load"
_TYPED = "action_id placeholder focus_on_load dispatch_action_config initial_value"
_ELEMENTS: dict[str, tuple[str, str]] = {
    "button": ("text", "action_id value url style confirm accessibility_label"),
    "static_select": ("", f"{_MENU} options option_groups initial_option"),
    "multi_static_select": ("", f"{_MENU} options option_groups initial_options max_selected_items"),
    "radio_buttons": ("options", "action_id confirm focus_on_load initial_option"),
    "checkboxes": ("options", "action_id confirm focus_on_load initial_options"),
    "overflow": ("options", "action_id confirm"),
    "users_select": ("", f"{_MENU} initial_user"),
    "multi_users_select": ("", f"{_MENU} initial_users max_selected_items"),
    "conversations_select": (
        "",
        f"{_MENU} initial_conversation default_to_current_conversation response_url_enabled filter",
    ),
    "channels_select": ("", f"{_MENU} initial_channel response_url_enabled"),
    "datepicker": ("", f"{_MENU} initial_date"),
    "timepicker": ("", f"{_MENU} initial_time timezone"),
    "datetimepicker": ("", "action_id confirm focus_on_load initial_date_time"),
    "plain_text_input": ("", f"{_TYPED} multiline min_length max_length"),
    "email_text_input": ("", _TYPED),
    "url_text_input": ("", _TYPED),
    "number_input": ("is_decimal_allowed", f"{_TYPED} min_value max_value"),
    "file_input": ("", "action_id filetypes max_files"),
    "image": ("alt_text", "image_url"),
}
MENUS = frozenset({"static_select", "multi_static_select"})
CHOICES = MENUS | {"radio_buttons", "checkboxes", "overflow"}
TYPED = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input"})
_PICKS = frozenset(_ELEMENTS) - TYPED - {"button", "image", "overflow", "file_input"}
IN_INPUT = _PICKS | TYPED | {"file_input"}
IN_ACTIONS = _PICKS | {"button", "overflow"}
AS_ACCESSORY = (_PICKS - {"datetimepicker"}) | {"button", "overflow", "image"}


def element(faults: BlockErrors, at: str, value: object, allowed: frozenset[str]) -> None:
    """Checks one interactive element or image; only the `allowed` kinds may appear."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or kind not in allowed:
        faults.add(at, f"unsupported type: {kind}")
        return
    required, optional = (set(words.split()) for words in _ELEMENTS[kind])
    keys(faults, at, value, required | {"type"}, optional)
    for key, check in BY_KEY.items():
        if key in value and key in required | optional:
            check(faults, f"{at}/{key}", value[key])
    if kind in CHOICES:
        _choices(faults, at, value, kind)
    if kind == "plain_text_input":
        _lengths(faults, at, value)
    if kind == "image" and "image_url" not in value:
        faults.add(at, "missing required field: image_url")


def _lengths(faults: BlockErrors, at: str, value: Json) -> None:
    least, most, initial = (
        value.get("min_length", 0),
        value.get("max_length", 3000),
        value.get("initial_value", ""),
    )
    if isinstance(least, int) and isinstance(most, int):
        if least > most:
            faults.add(f"{at}/min_length", "must not exceed max_length")
        if isinstance(initial, str) and len(initial) > most:
            faults.add(f"{at}/initial_value", f"must be less than {most + 1} characters")


def _choices(faults: BlockErrors, at: str, value: Json, kind: str) -> None:
    most = {"overflow": 5, "radio_buttons": 10, "checkboxes": 10}.get(kind, 100)
    if kind in MENUS and ("options" in value) == ("option_groups" in value):
        faults.add(at, "must have either options or option_groups")
        return
    known: list[Any] = []
    if "options" in value:
        known = items(faults, f"{at}/options", value["options"], most)
        for index, entry in enumerate(known):
            option(faults, f"{at}/options/{index}", entry, kind)
    for index, group in enumerate(
        items(faults, f"{at}/option_groups", value.get("option_groups", []), 100, 0)
    ):
        place = f"{at}/option_groups/{index}"
        if keys(faults, place, group, ("label", "options")):
            text(faults, f"{place}/label", group["label"], 75)
            entries = items(faults, f"{place}/options", group["options"], 100)
            for number, entry in enumerate(entries):
                option(faults, f"{place}/options/{number}", entry, kind)
            known += entries
    chosen = value.get("initial_options", [value["initial_option"]] if "initial_option" in value else [])
    if isinstance(chosen, list) and any(entry not in known for entry in chosen):
        faults.add(at, "initial option must exactly match one of the options")
    if "initial_options" in value:
        items(faults, f"{at}/initial_options", value["initial_options"], most)
