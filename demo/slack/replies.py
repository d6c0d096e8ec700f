"""Answers that need no token: the body of a slash command's answer, and response URLs."""

from demo.slack.args import Args
from demo.slack.chat import LONGEST_POST, content, erase
from demo.slack.elements import Json
from demo.slack.payloads import message_event
from demo.slack.state import Hook, Message, SlackError, World

_KNOWN = {
    "text",
    "blocks",
    "attachments",
    "response_type",
    "replace_original",
    "delete_original",
    "thread_ts",
    "metadata",
    "unfurl_links",
    "unfurl_media",
    "mrkdwn",
}


def respond(world: World, hook: Hook, given: object) -> Message | None:
    """What a bot said through a response URL or in the answer to a command."""
    if not isinstance(given, dict):
        raise SlackError("invalid_payload")
    if unknown := given.keys() - _KNOWN:
        world.complain(f"response has unknown keys: {', '.join(sorted(unknown))}")
    if given.get("delete_original") or given.get("replace_original"):
        return _change(world, hook, given)
    text, blocks = content(world, Args(given), LONGEST_POST)
    seen_by = None if given.get("response_type") == "in_channel" else hook.user
    message = Message(hook.channel, world.next_ts(), world.bot.id, text, blocks, ephemeral_to=seen_by)
    message.thread_ts = given.get("thread_ts")
    world.add(message)
    if seen_by is None:
        world.emit(message_event(world, message), world.bot.id)
    return message


def _change(world: World, hook: Hook, given: Json) -> Message:
    message = hook.message
    if message is None or message.deleted:
        raise SlackError("message_not_found")
    if given.get("delete_original"):
        if message.ephemeral_to:
            message.deleted = True
            world.touch()
        else:
            erase(world, message)
        return message
    message.text, message.blocks = content(world, Args(given), LONGEST_POST)
    message.edits += 1
    world.touch()
    return message
