"""views.*: modals opened by a trigger, updated by id, and Home tabs."""

import time
import uuid

from demo.slack.elements import Json
from demo.slack.limits import check_view, too_large, with_ids
from demo.slack.payloads import view_json
from demo.slack.state import SlackError, Workspace
from demo.slack.view import View
from demo.slack.web_api.args import Args

DEEPEST = 3


def checked(workspace: Workspace, payload: object, kind: str, updating: View | None = None) -> Json:
    """Returns the view with all its ids. Raises SlackError if Slack would reject it."""
    faults = check_view(payload)
    if isinstance(payload, dict) and not faults and payload["type"] != kind:
        faults = [f"[ERROR] must be of type {kind} [json-pointer:/view/type]"]
    if faults or not isinstance(payload, dict):
        raise SlackError("invalid_arguments", faults)
    if too_large(payload):
        raise SlackError("view_too_large")
    external = payload.get("external_id")
    others = [view for stack in workspace.stacks.values() for view in stack if view is not updating]
    if external and any(view.payload.get("external_id") == external for view in others):
        raise SlackError("duplicate_external_id")
    return payload | {"blocks": with_ids(payload["blocks"])}


def fresh_hash() -> str:
    return f"{int(time.time())}.{uuid.uuid4().hex[:8]}"


def show(workspace: Workspace, user: str, payload: Json, on: View | None = None) -> View:
    """Opens a view for a person: on top of another, or as the first of a new stack."""
    name = f"V{uuid.uuid4().hex[:10].upper()}"
    root, previous = (on.root_id, on.id) if on else (name, None)
    view = View(name, user, payload, fresh_hash(), root, previous)
    if on is None:
        for old in workspace.stacks.get(user, []):
            old.open = False
        workspace.stacks[user] = []
    workspace.stacks[user].append(view)
    workspace.touch()
    return view


def open_view(workspace: Workspace, args: Args) -> Json:
    name = args.need("trigger_id")
    payload = checked(workspace, args.json("view"), "modal")
    trigger = workspace.use_trigger(name)
    return {"view": view_json(workspace, show(workspace, trigger.user, payload))}


def update_view(workspace: Workspace, args: Args) -> Json:
    wanted, external = args.text("view_id"), args.text("external_id")
    views = [view for stack in workspace.stacks.values() for view in stack]
    views += workspace.homes.values()
    for view in views:
        if view.id == wanted or (external and view.payload.get("external_id") == external):
            payload = checked(workspace, args.json("view"), view.type, updating=view)
            if args.text("hash") and args.text("hash") != view.hash:
                raise SlackError("hash_conflict")
            view.replace(payload, fresh_hash())
            workspace.touch()
            return {"view": view_json(workspace, view)}
    raise SlackError("not_found")


def publish(workspace: Workspace, args: Args) -> Json:
    user = args.need("user_id")
    if workspace.is_external(workspace.person(user).id):
        workspace.complain(f"the Home tab of {user}, who belongs to another workspace, was published")
    old = workspace.homes.get(user)
    if old and args.text("hash") and args.text("hash") != old.hash:
        raise SlackError("hash_conflict")
    payload = checked(workspace, args.json("view"), "home")
    name = old.id if old else f"V{uuid.uuid4().hex[:10].upper()}"
    workspace.homes[user] = view = View(name, user, payload, fresh_hash(), name)
    workspace.touch()
    return {"view": view_json(workspace, view)}
