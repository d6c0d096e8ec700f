"""auth.test, conversations.*, users.*, files.* and usergroups.*: the bot's queries about the workspace."""

from collections.abc import Sequence
from typing import TypeVar

from demo.slack.elements import Json
from demo.slack.payloads import channel_json, file_json, group_json, is_reply_to, message_json, user_json
from demo.slack.state import Channel, Message, SlackError, Workspace
from demo.slack.web_api.args import Args

T = TypeVar("T")


def auth_test(workspace: Workspace, args: Args) -> Json:
    return {
        "url": f"https://{workspace.domain}.slack.com/",
        "team": workspace.domain,
        "user": workspace.bot.name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot.id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def api_test(workspace: Workspace, args: Args) -> Json:
    if error := args.text("error"):
        raise SlackError(error)
    return {"args": {name: value for name, value in args.given.items() if name != "token"}}


def page(found: Sequence[T], args: Args, default: int = 100) -> tuple[list[T], Json]:
    """Returns one page of a list, and the cursor of the next."""
    cursor, limit = args.text("cursor"), args.number("limit", default)
    if not 1 <= limit <= 1000:
        raise SlackError("invalid_limit")
    if cursor and not (cursor.startswith("next:") and cursor[5:].isdigit()):
        raise SlackError("invalid_cursor")
    start = int(cursor[5:]) if cursor else 0
    end = start + limit
    return list(found[start:end]), {"next_cursor": f"next:{end}" if end < len(found) else ""}


def open_conversation(workspace: Workspace, args: Args) -> Json:
    if name := args.text("channel"):
        channel, known = workspace.channel(name), True
    else:
        users = args.names("users")
        if not users:
            raise SlackError("users_list_not_supplied")
        if len(users) > 1:
            raise SlackError(
                "not_enough_users" if len(users) > 8 else "method_not_supported_for_channel_type"
            )
        person = workspace.person(users[0])
        if person.is_bot:
            raise SlackError("cannot_dm_bot")
        known = any(channel.is_im and person.id in channel.members for channel in workspace.channels.values())
        channel = workspace.im(person.id)
    whole = channel_json(workspace, channel) if args.flag("return_im") else {"id": channel.id}
    return {"channel": whole} | ({"already_open": True, "no_op": True} if known else {})


def info(workspace: Workspace, args: Args) -> Json:
    return {"channel": channel_json(workspace, workspace.channel(args.need("channel")))}


def members(workspace: Workspace, args: Args) -> Json:
    found, cursor = page(workspace.channel(args.need("channel")).members, args)
    return {"members": found, "response_metadata": cursor}


def _of_types(workspace: Workspace, channels: list[Channel], args: Args) -> list[Channel]:
    types = args.names("types") or ["public_channel"]
    if unknown := set(types) - {"public_channel", "private_channel", "im", "mpim"}:
        raise SlackError("invalid_types", [f"[ERROR] unknown types: {', '.join(sorted(unknown))}"])

    def kind(channel: Channel) -> str:
        return "im" if channel.is_im else "private_channel" if channel.is_private else "public_channel"

    shut = args.flag("exclude_archived")
    return [channel for channel in channels if kind(channel) in types and not (shut and channel.archived)]


def list_conversations(workspace: Workspace, args: Args) -> Json:
    seen = [c for c in workspace.channels.values() if not c.is_private or workspace.bot.id in c.members]
    found, cursor = page(_of_types(workspace, seen, args), args)
    shown = [channel_json(workspace, channel) for channel in found]
    for channel in shown:
        channel.pop("connected_team_ids", None)
    return {"channels": shown, "response_metadata": cursor}


def conversations_of(workspace: Workspace, args: Args) -> Json:
    user = args.text("user") or workspace.bot.id
    workspace.person(user)
    both = {user, workspace.bot.id} if user != workspace.bot.id else {user}
    seen = [channel for channel in workspace.channels.values() if both <= set(channel.members)]
    found, cursor = page(_of_types(workspace, seen, args), args)
    return {"channels": [channel_json(workspace, channel) for channel in found], "response_metadata": cursor}


def join(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel(args.need("channel"))
    if channel.is_im or channel.is_private:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    shown: Json = {}
    if workspace.bot.id in channel.members:
        shown = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        channel.members.append(workspace.bot.id)
        workspace.touch()
        event = {"type": "member_joined_channel", "user": workspace.bot.id, "channel": channel.id}
        event |= {"channel_type": "C", "team": workspace.team_id, "event_ts": workspace.next_ts()}
        workspace.emit(event, workspace.bot.id)
    return {"channel": channel_json(workspace, channel)} | shown


def _readable(workspace: Workspace, args: Args) -> Channel:
    channel = workspace.channel(args.need("channel"))
    if workspace.bot.id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _within(messages: list[Message], args: Args) -> list[Message]:
    oldest, latest = float(args.text("oldest") or 0), float(args.text("latest") or "inf")
    edges = args.flag("inclusive")

    def inside(ts: float) -> bool:
        return oldest < ts < latest or (edges and ts in (oldest, latest))

    return [message for message in messages if inside(float(message.ts))]


def _shown(workspace: Workspace, messages: list[Message], args: Args) -> list[Json]:
    with_metadata = args.flag("include_all_metadata")
    return [
        message_json(workspace, message)
        | ({"metadata": message.metadata} if with_metadata and message.metadata else {})
        for message in messages
    ]


def replies(workspace: Workspace, args: Args) -> Json:
    channel, ts = _readable(workspace, args), args.need("ts")
    named = next((m for m in channel.messages if m.ts == ts and not m.ephemeral_to), None)
    parent = next((m for m in channel.messages if named and m.ts == (named.thread_ts or named.ts)), None)
    thread = [m for m in channel.messages if parent and is_reply_to(m, parent)]
    if parent is None or (parent.deleted and not thread):
        raise SlackError("thread_not_found")
    # Slack returns the parent on every page, whatever the bounds.
    found, cursor = page(_within(thread, args), args)
    first = [] if parent.deleted else [parent]
    shown = _shown(workspace, first + found, args)
    return {"messages": shown, "has_more": bool(cursor["next_cursor"]), "response_metadata": cursor}


def history(workspace: Workspace, args: Args) -> Json:
    channel = _readable(workspace, args)
    tops = [m for m in channel.messages if not m.is_reply and not m.deleted and m.ephemeral_to is None]
    found, cursor = page(_within(tops[::-1], args), args)
    shown = _shown(workspace, found, args)
    return {"messages": shown, "has_more": bool(cursor["next_cursor"]), "response_metadata": cursor}


def user_info(workspace: Workspace, args: Args) -> Json:
    person = workspace.person(args.need("user"))
    shown = user_json(workspace, person)
    if args.flag("include_locale") and not workspace.is_external(person.id):
        shown["locale"] = "en-GB"
    return {"user": shown}


def list_users(workspace: Workspace, args: Args) -> Json:
    found, cursor = page([*workspace.users.values()], args)
    members = [user_json(workspace, person) for person in found]
    return {"members": members, "cache_ts": 1, "response_metadata": cursor}


def file_info(workspace: Workspace, args: Args) -> Json:
    """Describes a file, if it is in a channel that the bot is in, or only in a form."""
    file = workspace.files.get(args.need("file"))
    if file is None:
        raise SlackError("file_not_found")
    channels = workspace.channels.values()
    found = [channel for channel in channels if any(file in each.files for each in channel.messages)]
    if found and not any(workspace.bot.id in channel.members for channel in found):
        raise SlackError("access_denied")
    return {"file": file_json(workspace, file), "comments": [], "response_metadata": {"next_cursor": ""}}


def list_groups(workspace: Workspace, args: Args) -> Json:
    shown = [group_json(workspace, group) for group in workspace.groups.values()]
    if args.flag("include_users"):
        shown = [entry | {"users": workspace.groups[entry["id"]].members} for entry in shown]
    return {"usergroups": shown}


def group_users(workspace: Workspace, args: Args) -> Json:
    group = workspace.groups.get(args.need("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.members)}
