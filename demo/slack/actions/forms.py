"""Fills in modals, presses buttons, and applies the bot's answers to submissions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.slack.actions.bot_client import Ack
from demo.slack.elements import Json
from demo.slack.limits import elements_of
from demo.slack.state import SlackError, Workspace
from demo.slack.view import Input, View, buttons_in, menu_options, without_emoji
from demo.slack.web_api.views import DEEPEST, checked, fresh_hash, show

TROUBLE = "We had some trouble connecting. Try again?"


@dataclass(frozen=True)
class SubmitReply:
    """The outcome of a submission. `sent` is False if the Slack client itself rejected it."""

    sent: bool
    ack: Ack | None = None
    action: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        return self.action in ("close", "clear")

    @property
    def timed_out(self) -> bool:
        return bool(self.ack and self.ack.timed_out)


@dataclass(frozen=True)
class CommandReply:
    """The answer to a slash command; `shown` is what the person reads, if anything."""

    ack: Ack | None
    shown: str = ""

    @property
    def status(self) -> int | None:
        return self.ack.status if self.ack else None

    @property
    def body(self) -> str:
        return self.ack.body if self.ack else ""

    @property
    def timed_out(self) -> bool:
        return bool(self.ack and self.ack.timed_out)


def fill(view: View, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        view.input(name).put(value)


def client_errors(view: View) -> dict[str, str]:
    """Returns why the Slack client would not send the form, by block id."""
    problems = ((entry, entry.problem()) for entry in view.inputs() if entry.block["type"] == "input")
    return {entry.block_id: problem for entry, problem in problems if problem}


def apply_answer(workspace: Workspace, view: View, ack: Ack) -> SubmitReply:
    """Changes the modal as the bot's answer asks, like the Slack client."""
    view.errors, view.trouble = {}, None
    if not ack.ok:
        return _fail(workspace, view, ack, f"submission answered {ack.status or ack.reason}", gently=True)
    if not ack.body.strip():
        close(workspace, view)
        return SubmitReply(True, ack, "close")
    answer = ack.json()
    if not isinstance(answer, dict):
        return _fail(workspace, view, ack, f"answer to a submission is not a JSON object: {ack.body[:80]}")
    action = answer.get("response_action")
    try:
        return _act(workspace, view, ack, action, answer)
    except SlackError as refusal:
        words = "; ".join(refusal.messages) or refusal.error
        return _fail(workspace, view, ack, f"{action} with a bad view: {words}")


def _act(workspace: Workspace, view: View, ack: Ack, action: Any, answer: Json) -> SubmitReply:
    if action is None and not answer:
        close(workspace, view)
        return SubmitReply(True, ack, "close")
    if action == "clear":
        for every in list(workspace.stacks.get(view.user, [])):
            close(workspace, every)
        return SubmitReply(True, ack, "clear")
    if action == "errors":
        errors = answer.get("errors")
        inputs = {block.get("block_id") for block in view.blocks if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or errors.keys() - inputs:
            return _fail(workspace, view, ack, f"errors for blocks that are not inputs: {errors}")
        if not all(isinstance(words, str) and words for words in errors.values()):
            return _fail(workspace, view, ack, f"errors without text: {errors}")
        view.errors = dict(errors)
        workspace.touch()
        return SubmitReply(True, ack, "errors", dict(errors))
    if action == "update":
        view.replace(checked(workspace, answer.get("view"), "modal", updating=view), fresh_hash())
        workspace.touch()
        return SubmitReply(True, ack, "update")
    if action == "push":
        if len(workspace.stacks.get(view.user, [])) >= DEEPEST:
            return _fail(workspace, view, ack, "push on a full stack")
        show(workspace, view.user, checked(workspace, answer.get("view"), "modal"), on=view)
        return SubmitReply(True, ack, "push")
    return _fail(workspace, view, ack, f"unknown response_action: {action}")


def _fail(workspace: Workspace, view: View, ack: Ack, why: str, gently: bool = False) -> SubmitReply:
    view.trouble = TROUBLE
    if not gently:
        workspace.complain(why)
    workspace.touch()
    return SubmitReply(True, ack, "trouble")


def close(workspace: Workspace, view: View) -> None:
    view.open = False
    stack = workspace.stacks.get(view.user, [])
    if view in stack:
        stack.remove(view)
    workspace.touch()


def press(blocks: list[Json], label: str, ts: str) -> Json:
    """Presses the only button with that label, ignoring emoji, or chooses that option of a menu.

    Returns the action as in block_actions. Raises LookupError.
    """
    buttons = [(part, _pressed(block, part, ts)) for block, part in buttons_in(blocks)]
    options = [(option, _picked(block, menu, option, ts)) for block, menu, option in menu_options(blocks)]
    found = [action for part, action in (*buttons, *options) if _label(part) == without_emoji(label)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(labels(blocks)) or "none"
    raise LookupError(f"{len(found) or 'no'} buttons {label!r}; there are: {there}")


def labels(blocks: list[Json]) -> list[str]:
    """Returns what can be pressed: the buttons, then the options of menus beside them."""
    buttons = [_label(part) for _, part in buttons_in(blocks)]
    return [*buttons, *(_label(option) for _, _, option in menu_options(blocks))]


def _label(part: Json) -> str:
    return without_emoji(part["text"]["text"])


def _pressed(block: Json, part: Json, ts: str) -> Json:
    kept: Json = {key: part[key] for key in ("action_id", "text", "value", "style", "url") if key in part}
    return {"type": "button", "block_id": block["block_id"], **kept, "action_ts": ts}


def _picked(block: Json, menu: Json, option: Json, ts: str) -> Json:
    ids = {"action_id": menu["action_id"], "block_id": block["block_id"], "action_ts": ts}
    kept = {"placeholder": menu["placeholder"]} if "placeholder" in menu else {}
    return {"type": menu["type"], **ids, "selected_option": option, **kept}


def chosen(entry: Input, ts: str) -> Json:
    """Returns a changed menu or input as in block_actions."""
    ids = {"action_id": entry.action_id, "block_id": entry.block_id, "action_ts": ts}
    words = {"placeholder": entry.element["placeholder"]} if "placeholder" in entry.element else {}
    return {**entry.state, **ids, **words}


def menus(blocks: list[Json]) -> View:
    """Returns a view of the message's menus, to choose from."""
    own = [block for block in blocks if any(part["type"] != "button" for part in elements_of(block))]
    return View("", "", {"type": "message", "blocks": own}, "", "")
