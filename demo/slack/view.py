"""A modal or Home tab as its person sees it: typed values, errors, buttons."""

import re
from dataclasses import dataclass, field
from typing import Any

from demo.slack.elements import CHOICES, TYPED, Json
from demo.slack.limits import elements_of

_STATE = {
    **dict.fromkeys(TYPED, "value"),
    "static_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "multi_static_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "file_input": "files",
}
_EMOJI = re.compile(r":[a-z0-9_+'-]+:|[\u2190-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]")


def without_emoji(label: str) -> str:
    return " ".join(_EMOJI.sub("", label).split())


def is_many(kind: str) -> bool:
    return _STATE.get(kind, "").endswith("s")


@dataclass(frozen=True)
class Input:
    """One thing to fill in or choose from, with its current value."""

    view: "View"
    block: Json
    element: Json

    @property
    def block_id(self) -> str:
        return str(self.block["block_id"])

    @property
    def action_id(self) -> str:
        return str(self.element["action_id"])

    @property
    def kind(self) -> str:
        return str(self.element["type"])

    @property
    def label(self) -> str:
        words = self.block.get("label") or self.block.get("text") or self.element.get("placeholder") or {}
        return str(words.get("text", ""))

    @property
    def hint(self) -> str:
        return str(self.block.get("hint", {}).get("text", ""))

    @property
    def optional(self) -> bool:
        return bool(self.block.get("optional", self.block["type"] != "input"))

    @property
    def dispatches(self) -> bool:
        """Whether a change is sent to the bot at once."""
        return self.block["type"] != "input" or bool(self.block.get("dispatch_action"))

    @property
    def all_options(self) -> list[Json]:
        groups = self.element.get("option_groups", [])
        return [*self.element.get("options", []), *(entry for group in groups for entry in group["options"])]

    @property
    def options(self) -> list[str]:
        """The labels to choose from."""
        return [entry["text"]["text"] for entry in self.all_options]

    @property
    def state(self) -> Json:
        """The value as Slack sends it."""
        return self.view.values.get(self.block_id, {}).get(self.action_id) or self._initial()

    @property
    def value(self) -> Any:
        """The value: text, an option's value, a file's name, or a list of those."""
        raw = self.state[_STATE[self.kind]]
        if self.kind == "file_input":
            return [file["name"] for file in raw]
        if isinstance(raw, list):
            return [entry["value"] if isinstance(entry, dict) else entry for entry in raw]
        return raw["value"] if isinstance(raw, dict) else raw

    @property
    def error(self) -> str | None:
        return self.view.errors.get(self.block_id)

    def _initial(self) -> Json:
        key = _STATE[self.kind]
        initial = self.element.get("initial_value" if key == "value" else key.replace("selected", "initial"))
        if initial in (None, ""):
            initial = [] if is_many(self.kind) else None
        return {"type": self.kind, key: initial}

    def option(self, wanted: str) -> Json:
        """Finds an option by its label or its value. Raises LookupError."""
        named = [(entry["text"]["text"], entry) for entry in self.all_options]
        for name, entry in [*named, *((entry["value"], entry) for entry in self.all_options)]:
            if name == wanted:
                return entry
        raise LookupError(f"no option {wanted!r} in {self.label!r}; there are: {', '.join(self.options)}")

    def put(self, value: Any) -> None:
        """Sets the value; None or empty clears it."""

        def one(entry: Any) -> Any:
            return self.option(entry) if self.kind in CHOICES else getattr(entry, "id", entry)

        raw: Any
        if is_many(self.kind):
            raw = [one(entry) for entry in ([value] if isinstance(value, str) else value or [])]
        else:
            raw = None if value in (None, "") else one(value)
        self.view.values.setdefault(self.block_id, {})[self.action_id] = {
            "type": self.kind,
            _STATE[self.kind]: raw,
        }

    def problem(self) -> str | None:
        """Returns the error that the Slack client itself shows before it sends anything, or None."""
        value = self.value
        if value in (None, "", []):
            return None if self.optional else "Please complete this required field."
        if self.kind == "file_input" and len(value) > (most := self.element.get("max_files", 10)):
            return f"Please add {most} files at most."
        if self.kind == "plain_text_input":
            least, most = self.element.get("min_length", 0), self.element.get("max_length", 3000)
            if not least <= len(value) <= most:
                return f"Please enter between {least} and {most} characters."
        if self.kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
            return "Please enter a valid email address."
        if self.kind == "number_input" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return "Please enter a valid number."
        return None


@dataclass(eq=False)
class View:
    """One view in a person's stack."""

    id: str
    user: str
    payload: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None
    open: bool = True

    @property
    def type(self) -> str:
        return str(self.payload["type"])

    @property
    def title(self) -> str:
        return str((self.payload.get("title") or {}).get("text", ""))

    @property
    def submit_label(self) -> str:
        return str((self.payload.get("submit") or {}).get("text", ""))

    @property
    def blocks(self) -> list[Json]:
        return list(self.payload["blocks"])

    @property
    def callback_id(self) -> str:
        return str(self.payload.get("callback_id") or "")

    @property
    def private_metadata(self) -> str:
        return str(self.payload.get("private_metadata") or "")

    def inputs(self) -> list[Input]:
        """Everything that holds a value, in order."""
        return [
            Input(self, block, part)
            for block in self.blocks
            for part in elements_of(block)
            if part["type"] in _STATE
        ]

    def labels(self) -> list[str]:
        return [entry.label for entry in self.inputs()]

    def input(self, name: str) -> Input:
        """Finds an input by label, else by block id, else by action id. Raises LookupError."""
        for key in ("label", "block_id", "action_id"):
            found = [entry for entry in self.inputs() if getattr(entry, key) == name]
            if len(found) == 1:
                return found[0]
            if found:
                raise LookupError(f"{len(found)} inputs are called {name!r}")
        raise LookupError(f"no input {name!r} in {self.title!r}; there are: {', '.join(self.labels())}")

    def options(self, name: str) -> list[str]:
        return self.input(name).options

    def error(self, name: str) -> str | None:
        return self.input(name).error

    def buttons(self) -> list[str]:
        return [without_emoji(part["text"]["text"]) for _, part in buttons_in(self.blocks)]

    def state_values(self) -> dict[str, dict[str, Json]]:
        """`view.state.values` as Slack sends it: every input, empty ones too."""
        values: dict[str, dict[str, Json]] = {}
        for entry in self.inputs():
            values.setdefault(entry.block_id, {})[entry.action_id] = entry.state
        return values

    def replace(self, payload: Json, new_hash: str) -> None:
        """Replaces the content; keeps values whose block id, action id and kind are the same."""
        kept = self.state_values()
        self.payload, self.hash, self.errors, self.trouble = payload, new_hash, {}, None
        self.values = {}
        for entry in self.inputs():
            old = kept.get(entry.block_id, {}).get(entry.action_id)
            if old is not None and old["type"] == entry.kind and self._still_offered(entry, old):
                self.values.setdefault(entry.block_id, {})[entry.action_id] = old

    @staticmethod
    def _still_offered(entry: Input, old: Json) -> bool:
        chosen = old.get("selected_options", [old["selected_option"]] if old.get("selected_option") else [])
        return all(option in entry.all_options for option in chosen)


def buttons_in(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """Returns each button with its block."""
    return [(block, part) for block in blocks for part in elements_of(block) if part["type"] == "button"]


def menu_options(blocks: list[Json]) -> list[tuple[Json, Json, Json]]:
    """Returns each option of the menus beside buttons, with its menu and their block."""
    rows = [block for block in blocks if block["type"] == "actions"]
    menus = [(row, part) for row in rows for part in elements_of(row) if part["type"] == "static_select"]
    return [(row, menu, option) for row, menu in menus for option in menu.get("options", [])]
