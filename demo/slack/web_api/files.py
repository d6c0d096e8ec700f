"""Files: two calls and an upload between them share one; a token with files:read downloads it."""

from aiohttp import web

from demo.slack.elements import Json
from demo.slack.payloads import file_json, message_event
from demo.slack.state import Message, SlackError, Workspace
from demo.slack.web_api.args import Args
from demo.slack.web_api.chat import place, require_membership, thread_of


def upload_url(workspace: Workspace, args: Args) -> Json:
    """Reserves a file of the bot's; it is in no channel yet."""
    length = args.number("length", 0)
    if not length:
        raise SlackError("invalid_arguments")
    file = workspace.upload(workspace.bot.id, args.need("filename"))
    file.content = b""
    return {"upload_url": f"{workspace.base_url}/upload/{workspace.team_id}/{file.id}", "file_id": file.id}


def complete_upload(workspace: Workspace, args: Args) -> Json:
    """Shares uploaded files in a channel, as one message."""
    channel = place(workspace, args.need("channel_id"))
    require_membership(workspace, channel)
    files = [workspace.files.get(each["id"]) for each in args.json("files")]
    if not all(file and file.content for file in files):
        raise SlackError("file_not_found")
    message = Message(channel.id, workspace.next_ts(), workspace.bot.id)
    message.files += [file for file in files if file]
    message.thread_ts = thread_of(workspace, channel, args)
    message.username, message.icon_url = args.text("username"), args.text("icon_url")
    workspace.add(message)
    workspace.emit(message_event(workspace, message), workspace.bot.id)
    return {"files": [file_json(workspace, file) for file in message.files]}


async def take_upload(workspaces: dict[str, Workspace], request: web.Request) -> web.Response:
    file = workspaces[request.match_info["team"]].files[request.match_info["file"]]
    file.content = await request.read()
    return web.Response(text=f"OK - {len(file.content)}")


async def give_download(workspaces: dict[str, Workspace], request: web.Request) -> web.Response:
    """Without a token Slack shows a page to sign in."""
    if not request.headers.get("Authorization", "").startswith("Bearer xoxb-"):
        return web.Response(text="<html>Sign in</html>", content_type="text/html")
    file = workspaces[request.match_info["team"]].files[request.match_info["file"]]
    return web.Response(body=file.content, content_type="application/octet-stream")
