"""chat.* and reactions.add: what the bot says, changes and takes back."""

import re

from demo.slack.args import Args
from demo.slack.elements import Json
from demo.slack.limits import check_blocks, with_ids
from demo.slack.payloads import message_event, message_json
from demo.slack.state import Channel, Message, SlackError, World

LONGEST_POST = 40_000
LONGEST_UPDATE = 4_000


def content(world: World, args: Args, longest: int) -> tuple[str, list[Json]]:
    """The text and blocks of a message, or Slack's refusal of them."""
    text, blocks = args.text("text"), args.json("blocks") or []
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if not text and not blocks:
        raise SlackError("no_text")
    if not text:
        world.complain("message with blocks but without text, its notification says nothing")
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


def writable(world: World, channel: Channel) -> None:
    if channel.archived:
        raise SlackError("is_archived")
    if world.bot.id not in channel.members:
        raise SlackError("not_in_channel")


def place(world: World, name: str) -> Channel:
    """A conversation id, or a person's id for the direct conversation with them."""
    if name in world.users:
        return world.im(name)
    return world.channel(name)


def thread_of(world: World, channel: Channel, args: Args) -> str | None:
    """The parent to reply to; a reply to a message that is gone is silently un-threaded by Slack."""
    wanted = args.text("thread_ts")
    if not wanted:
        return None
    parent = next((entry for entry in channel.messages if entry.ts == wanted), None)
    has_replies = any(entry.thread_ts == wanted and not entry.deleted for entry in channel.messages)
    if parent is None or (parent.deleted and not has_replies):
        world.complain(f"reply to a missing message {wanted} in {channel.id} was posted at top level")
        return None
    if parent.is_reply or parent.ephemeral_to:
        raise SlackError("cannot_reply_to_message")
    return wanted


def post_message(world: World, args: Args) -> Json:
    channel = place(world, args.need("channel"))
    writable(world, channel)
    text, blocks = content(world, args, LONGEST_POST)
    message = Message(channel.id, world.next_ts(), world.bot.id, text, blocks, metadata=metadata(args))
    message.thread_ts = thread_of(world, channel, args)
    world.add(message)
    world.emit(message_event(world, message), world.bot.id)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(world, message)}


def post_ephemeral(world: World, args: Args) -> Json:
    channel = world.channel(args.need("channel"))
    user = args.need("user")
    writable(world, channel)
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = content(world, args, LONGEST_POST)
    message = Message(channel.id, world.next_ts(), world.bot.id, text, blocks, ephemeral_to=user)
    message.thread_ts = thread_of(world, channel, args)
    world.add(message)
    return {"message_ts": message.ts}


def own(world: World, args: Args, refusal: str) -> tuple[Channel, Message]:
    channel = world.channel(args.need("channel"))
    message = world.message(channel, args.need("ts"))
    if message.user != world.bot.id:
        raise SlackError(refusal)
    if channel.archived:
        raise SlackError("is_inactive")
    return channel, message


def update(world: World, args: Args) -> Json:
    channel, message = own(world, args, "cant_update_message")
    text, blocks = content(world, args, LONGEST_UPDATE)
    rich = {block["type"] == "rich_text" for block in blocks}
    if any(block["type"] == "rich_text" for block in message.blocks) and True not in rich:
        raise SlackError("block_mismatch")
    before = message_json(world, message)
    message.text, message.blocks = text or message.text, blocks
    message.metadata = metadata(args) or message.metadata
    message.edits += 1
    message.edited = not blocks
    world.touch()
    now = message_json(world, message)
    world.emit(changed(message, "message_changed", {"message": now, "previous_message": before}, world), None)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": now}


def delete(world: World, args: Args) -> Json:
    channel, message = own(world, args, "cant_delete_message")
    erase(world, message)
    return {"channel": channel.id, "ts": message.ts}


def erase(world: World, message: Message) -> None:
    before = message_json(world, message)
    message.deleted = True
    world.touch()
    parts = {"deleted_ts": message.ts, "previous_message": before}
    world.emit(changed(message, "message_deleted", parts, world), None)


def changed(message: Message, subtype: str, parts: Json, world: World) -> Json:
    channel, ts = world.channels[message.channel], world.next_ts()
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


def permalink(world: World, args: Args) -> Json:
    channel = world.channel(args.need("channel"))
    message = world.message(channel, args.need("message_ts"))
    link = f"https://{world.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def react(world: World, args: Args) -> Json:
    channel = world.channel(args.need("channel"))
    name = args.need("name").strip(":")
    if not re.fullmatch(r"[a-z0-9_+'-]+(::skin-tone-\d)?", name):
        raise SlackError("invalid_name")
    writable(world, channel)
    users = world.message(channel, args.need("timestamp")).reactions.setdefault(name, [])
    if world.bot.id in users:
        raise SlackError("already_reacted")
    users.append(world.bot.id)
    world.touch()
    return {}
