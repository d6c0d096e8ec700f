"""chat.*, reactions.add and pins.add: the bot posts, edits, deletes and pins messages."""

import re

from demo.slack.elements import Json
from demo.slack.limits import check_blocks, with_ids
from demo.slack.payloads import message_event, message_json
from demo.slack.state import Channel, Message, SlackError, Workspace
from demo.slack.web_api.args import Args

LONGEST_POST = 40_000
LONGEST_UPDATE = 4_000


def content(workspace: Workspace, args: Args, longest: int) -> tuple[str, list[Json]]:
    """Returns a message's text and blocks. Raises SlackError if Slack would reject them."""
    text, blocks = args.text("text"), args.json("blocks") or []
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if not text and not blocks:
        raise SlackError("no_text")
    if not text:
        workspace.complain("message with blocks but without text, so its notification is empty")
    if len(text) > longest:
        raise SlackError("msg_too_long")
    if faults := check_blocks(blocks):
        raise SlackError("invalid_blocks", faults)
    return text, with_ids(blocks)


def metadata(args: Args) -> Json | None:
    given = args.json("metadata")
    if given is None:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("event_type"), str):
        raise SlackError("invalid_metadata_format")
    if not isinstance(given.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    return given


def require_membership(workspace: Workspace, channel: Channel) -> None:
    if channel.archived:
        raise SlackError("is_archived")
    if workspace.bot.id not in channel.members:
        raise SlackError("not_in_channel")


def place(workspace: Workspace, name: str) -> Channel:
    """Finds a conversation by its id, or by a person's id for their direct conversation."""
    if name in workspace.users:
        return workspace.im(name)
    return workspace.channel(name)


def thread_of(workspace: Workspace, channel: Channel, args: Args) -> str | None:
    """Returns the parent's ts, or None; Slack silently posts a reply to a deleted message at top level."""
    wanted = args.text("thread_ts")
    if not wanted:
        return None
    parent = next((entry for entry in channel.messages if entry.ts == wanted), None)
    has_replies = any(entry.thread_ts == wanted and not entry.deleted for entry in channel.messages)
    if parent is None or (parent.deleted and not has_replies):
        workspace.complain(f"reply to a missing message {wanted} in {channel.id} was posted at top level")
        return None
    if parent.is_reply or parent.ephemeral_to:
        raise SlackError("cannot_reply_to_message")
    return wanted


def post_message(workspace: Workspace, args: Args) -> Json:
    channel = place(workspace, args.need("channel"))
    require_membership(workspace, channel)
    text, blocks = content(workspace, args, LONGEST_POST)
    message = Message(
        channel.id, workspace.next_ts(), workspace.bot.id, text, blocks, metadata=metadata(args)
    )
    message.username, message.icon_url = args.text("username"), args.text("icon_url")
    message.thread_ts = thread_of(workspace, channel, args)
    workspace.add(message)
    workspace.emit(message_event(workspace, message), workspace.bot.id)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(workspace, message)}


def post_ephemeral(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel(args.need("channel"))
    user = args.need("user")
    require_membership(workspace, channel)
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = content(workspace, args, LONGEST_POST)
    message = Message(channel.id, workspace.next_ts(), workspace.bot.id, text, blocks, ephemeral_to=user)
    message.thread_ts = thread_of(workspace, channel, args)
    workspace.add(message)
    return {"message_ts": message.ts}


def own_message(workspace: Workspace, args: Args, refusal: str) -> tuple[Channel, Message]:
    channel = workspace.channel(args.need("channel"))
    message = workspace.message(channel, args.need("ts"))
    if message.user != workspace.bot.id:
        raise SlackError(refusal)
    if channel.archived:
        raise SlackError("is_inactive")
    return channel, message


def update(workspace: Workspace, args: Args) -> Json:
    channel, message = own_message(workspace, args, "cant_update_message")
    text, blocks = content(workspace, args, LONGEST_UPDATE)
    rich = {block["type"] == "rich_text" for block in blocks}
    if any(block["type"] == "rich_text" for block in message.blocks) and True not in rich:
        raise SlackError("block_mismatch")
    before = message_json(workspace, message)
    message.text, message.blocks = text or message.text, blocks
    message.metadata = metadata(args) or message.metadata
    message.edits += 1
    message.username = message.icon_url = ""
    message.edited = not blocks
    workspace.touch()
    now = message_json(workspace, message)
    workspace.emit(
        changed(message, "message_changed", {"message": now, "previous_message": before}, workspace), None
    )
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": now}


def delete(workspace: Workspace, args: Args) -> Json:
    channel, message = own_message(workspace, args, "cant_delete_message")
    erase(workspace, message)
    return {"channel": channel.id, "ts": message.ts}


def erase(workspace: Workspace, message: Message) -> None:
    before = message_json(workspace, message)
    message.deleted = True
    workspace.touch()
    parts = {"deleted_ts": message.ts, "previous_message": before}
    workspace.emit(changed(message, "message_deleted", parts, workspace), None)


def changed(message: Message, subtype: str, parts: Json, workspace: Workspace) -> Json:
    channel, ts = workspace.channels[message.channel], workspace.next_ts()
    kind = "im" if channel.is_im else "group" if channel.is_private else "channel"
    return {
        "type": "message",
        "subtype": subtype,
        "hidden": True,
        "channel": channel.id,
        "channel_type": kind,
        "ts": ts,
        "event_ts": ts,
        **parts,
    }


def permalink(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel(args.need("channel"))
    message = workspace.message(channel, args.need("message_ts"))
    link = f"https://{workspace.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def react(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel(args.need("channel"))
    name = args.need("name").strip(":")
    if not re.fullmatch(r"[a-z0-9_+'-]+(::skin-tone-\d)?", name):
        raise SlackError("invalid_name")
    require_membership(workspace, channel)
    users = workspace.message(channel, args.need("timestamp")).reactions.setdefault(name, [])
    if workspace.bot.id in users:
        raise SlackError("already_reacted")
    users.append(workspace.bot.id)
    workspace.touch()
    return {}


def pin(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel(args.need("channel"))
    require_membership(workspace, channel)
    message = workspace.message(channel, args.need("timestamp"))
    if message.pinned:
        raise SlackError("already_pinned")
    message.pinned = True
    workspace.touch()
    return {}
