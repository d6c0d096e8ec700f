"""Answers without a token: the response body of a slash command, and response URLs."""

from demo.slack.elements import Json
from demo.slack.payloads import message_event
from demo.slack.state import Message, ResponseUrl, SlackError, Workspace
from demo.slack.web_api.args import Args
from demo.slack.web_api.chat import LONGEST_POST, content, erase

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


def respond(workspace: Workspace, response_url: ResponseUrl, given: object) -> Message | None:
    """Posts or changes a message for an answer. Raises SlackError."""
    if not isinstance(given, dict):
        raise SlackError("invalid_payload")
    if unknown := given.keys() - _KNOWN:
        workspace.complain(f"response has unknown keys: {', '.join(sorted(unknown))}")
    if given.get("delete_original") or given.get("replace_original"):
        return _change(workspace, response_url, given)
    text, blocks = content(workspace, Args(given), LONGEST_POST)
    seen_by = None if given.get("response_type") == "in_channel" else response_url.user
    message = Message(
        response_url.channel, workspace.next_ts(), workspace.bot.id, text, blocks, ephemeral_to=seen_by
    )
    message.thread_ts = given.get("thread_ts")
    workspace.add(message)
    if seen_by is None:
        workspace.emit(message_event(workspace, message), workspace.bot.id)
    return message


def _change(workspace: Workspace, response_url: ResponseUrl, given: Json) -> Message:
    message = response_url.message
    if message is None or message.deleted:
        raise SlackError("message_not_found")
    if given.get("delete_original"):
        if message.ephemeral_to:
            message.deleted = True
            workspace.touch()
        else:
            erase(workspace, message)
        return message
    message.text, message.blocks = content(workspace, Args(given), LONGEST_POST)
    message.edits += 1
    workspace.touch()
    return message
