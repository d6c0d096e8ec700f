"""views.*: modals opened by a trigger, updated by id, and Home tabs."""

import time
import uuid

from demo.slack.args import Args
from demo.slack.elements import Json
from demo.slack.limits import check_view, too_large, with_ids
from demo.slack.payloads import view_json
from demo.slack.state import SlackError, World
from demo.slack.view import View

DEEPEST = 3


def checked(world: World, payload: object, kind: str, updating: View | None = None) -> Json:
    """The view with all its ids, or Slack's refusal of it."""
    faults = check_view(payload)
    if isinstance(payload, dict) and not faults and payload["type"] != kind:
        faults = [f"[ERROR] must be of type {kind} [json-pointer:/view/type]"]
    if faults or not isinstance(payload, dict):
        raise SlackError("invalid_arguments", faults)
    if too_large(payload):
        raise SlackError("view_too_large")
    external = payload.get("external_id")
    others = [view for stack in world.stacks.values() for view in stack if view is not updating]
    if external and any(view.payload.get("external_id") == external for view in others):
        raise SlackError("duplicate_external_id")
    return payload | {"blocks": with_ids(payload["blocks"])}


def fresh_hash() -> str:
    return f"{int(time.time())}.{uuid.uuid4().hex[:8]}"


def show(world: World, user: str, payload: Json, on: View | None = None) -> View:
    """Puts a view in front of a person: on top of another, or as the first of its own stack."""
    name = f"V{uuid.uuid4().hex[:10].upper()}"
    root, previous = (on.root_id, on.id) if on else (name, None)
    view = View(name, user, payload, fresh_hash(), root, previous)
    if on is None:
        for old in world.stacks.get(user, []):
            old.open = False
        world.stacks[user] = []
    world.stacks[user].append(view)
    world.touch()
    return view


def open_view(world: World, args: Args) -> Json:
    name = args.need("trigger_id")
    payload = checked(world, args.json("view"), "modal")
    trigger = world.use_trigger(name)
    return {"view": view_json(world, show(world, trigger.user, payload))}


def update_view(world: World, args: Args) -> Json:
    wanted, external = args.text("view_id"), args.text("external_id")
    views = [view for stack in world.stacks.values() for view in stack]
    views += world.homes.values()
    for view in views:
        if view.id == wanted or (external and view.payload.get("external_id") == external):
            payload = checked(world, args.json("view"), view.type, updating=view)
            if args.text("hash") and args.text("hash") != view.hash:
                raise SlackError("hash_conflict")
            view.replace(payload, fresh_hash())
            world.touch()
            return {"view": view_json(world, view)}
    raise SlackError("not_found")


def publish(world: World, args: Args) -> Json:
    user = args.need("user_id")
    if world.is_external(world.person(user).id):
        world.complain(f"the Home tab of {user}, who belongs to another workspace, was published")
    old = world.homes.get(user)
    if old and args.text("hash") and args.text("hash") != old.hash:
        raise SlackError("hash_conflict")
    payload = checked(world, args.json("view"), "home")
    name = old.id if old else f"V{uuid.uuid4().hex[:10].upper()}"
    world.homes[user] = view = View(name, user, payload, fresh_hash(), name)
    world.touch()
    return {"view": view_json(world, view)}
