"""Slack's JSON for people, channels, messages and views, and the envelopes it sends."""

import time
import uuid

from demo.slack.elements import Json
from demo.slack.state import Channel, Group, Message, Person, Upload, Workspace
from demo.slack.view import View


def user_json(workspace: Workspace, person: Person) -> Json:
    external = workspace.is_external(person.id)
    profile: Json = {
        "real_name": person.real_name,
        "display_name": person.name,
        "team": person.team_id,
        "image_72": f"https://avatars.example/{person.id}-72.png",
    }
    if person.email and not external:
        profile["email"] = person.email
    found: Json = {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "deleted": False,
        "tz": person.tz,
        "tz_label": person.tz_label,
        "tz_offset": person.tz_offset,
        "profile": profile,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "updated": 1,
    }
    if external:
        # People from another organisation have their names only inside the profile.
        found["is_stranger"] = workspace.is_stranger(person.id)
        return found
    found |= {"is_restricted": person.is_guest, "is_ultra_restricted": False}
    return found | {"real_name": person.real_name}


def group_json(workspace: Workspace, group: Group) -> Json:
    return {
        "id": group.id,
        "team_id": workspace.team_id,
        "is_usergroup": True,
        "name": group.handle,
        "handle": group.handle,
        "date_delete": 0,
        "user_count": len(group.members),
    }


def channel_json(workspace: Workspace, channel: Channel) -> Json:
    found: Json = {
        "id": channel.id,
        "created": 1,
        "is_archived": channel.archived,
        "is_im": channel.is_im,
        "is_mpim": False,
        "is_org_shared": False,
        "is_shared": channel.is_ext_shared,
        "is_ext_shared": channel.is_ext_shared,
        "context_team_id": workspace.team_id,
    }
    if channel.is_im:
        return found | {"user": next(member for member in channel.members if member != workspace.bot.id)}
    teams = sorted({workspace.users[member].team_id for member in channel.members} | {workspace.team_id})
    return found | {
        "name": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_private": channel.is_private,
        "is_member": workspace.bot.id in channel.members,
        "is_general": False,
        "num_members": len(channel.members),
        "shared_team_ids": teams,
        "internal_team_ids": [],
        "connected_team_ids": [team for team in teams if team != workspace.team_id],
        "conversation_host_id": workspace.team_id,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def file_json(workspace: Workspace, file: Upload) -> Json:
    """Returns a file for people who may open it."""
    return {
        "id": file.id,
        "name": file.name,
        "title": file.name,
        "user": file.user,
        "mode": "hosted",
        "is_external": False,
        "file_access": "visible",
        "url_private": f"https://files.slack.com/files-pri/{file.id}/{file.name}",
        "url_private_download": f"{workspace.base_url}/files-pri/{workspace.team_id}/{file.id}",
        "size": len(file.content),
        "permalink": f"https://{workspace.domain}.slack.com/files/{file.user}/{file.id}/{file.name}",
    }


def files_json(workspace: Workspace, message: Message) -> list[Json]:
    """Returns a message's files; in shared channels only their ids, to be looked up."""
    if workspace.channels[message.channel].is_ext_shared:
        return [
            {"id": file.id, "mode": "file_access", "file_access": "check_file_info"} for file in message.files
        ]
    return [file_json(workspace, file) for file in message.files]


def message_json(workspace: Workspace, message: Message) -> Json:
    author = workspace.users[message.user]
    found: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": author.team_id,
    }
    if message.blocks:
        found["blocks"] = message.blocks
    if message.files:
        found["files"] = files_json(workspace, message)
    if message.user == workspace.bot.id:
        found |= {"bot_id": workspace.bot_id, "app_id": workspace.app_id}
        if message.username:
            found |= {"username": message.username, "icons": {"image_48": message.icon_url}}
        found["bot_profile"] = {
            "id": workspace.bot_id,
            "app_id": workspace.app_id,
            "name": workspace.bot.real_name,
        }
    replies = [reply for reply in workspace.channels[message.channel].messages if is_reply_to(reply, message)]
    if replies:
        found |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
    elif message.thread_ts:
        found["thread_ts"] = message.thread_ts
    if message.edited:
        found["edited"] = {"user": message.user, "ts": message.ts}
    if message.reactions:
        found["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
        ]
    return found


def is_reply_to(reply: Message, parent: Message) -> bool:
    alive = not reply.deleted and reply.ephemeral_to is None
    return alive and reply.is_reply and reply.thread_ts == parent.ts


def view_json(workspace: Workspace, view: View) -> Json:
    payload = view.payload
    return {
        "id": view.id,
        "team_id": workspace.users[view.user].team_id,
        "type": view.type,
        "blocks": view.blocks,
        "private_metadata": view.private_metadata,
        "callback_id": view.callback_id,
        "external_id": payload.get("external_id") or "",
        "state": {"values": view.state_values()},
        "hash": view.hash,
        "title": payload.get("title"),
        "submit": payload.get("submit"),
        "close": payload.get("close"),
        "clear_on_close": bool(payload.get("clear_on_close")),
        "notify_on_close": bool(payload.get("notify_on_close")),
        "previous_view_id": view.previous_id,
        "root_view_id": view.root_id,
        "app_id": workspace.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.bot_id,
    }


def interaction(workspace: Workspace, kind: str, user: str, team: str) -> Json:
    """Returns the common part of all interactive payloads."""
    person = workspace.users[user]
    domain = workspace.domain if team == workspace.team_id else team.lower()
    return {
        "type": kind,
        "team": {"id": team, "domain": domain},
        "user": {"id": user, "username": person.name, "name": person.name, "team_id": person.team_id},
        "api_app_id": workspace.app_id,
        "token": workspace.verification,
        "enterprise": workspace.org,
        "is_enterprise_install": workspace.org is not None,
    }


def channel_stub(channel: Channel) -> Json:
    name = "directmessage" if channel.is_im else "privategroup" if channel.is_private else channel.name
    return {"id": channel.id, "name": name}


def envelope(workspace: Workspace, event: Json, actor: str | None) -> Json:
    """Wraps an event for delivery to the bot."""
    item = event.get("item", {})
    name = event.get("channel") or (item.get("channel") if isinstance(item, dict) else None)
    channel = workspace.channels.get(name) if isinstance(name, str) else None
    # For people from another organisation, messages and opened Home tabs have that organisation in the
    # outer team_id.
    abroad = event["type"] in ("message", "app_home_opened")
    foreign = abroad and actor is not None and actor in workspace.users and workspace.is_external(actor)
    return {
        "token": workspace.verification,
        "team_id": workspace.users[actor].team_id if foreign and actor else workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": workspace.org["id"] if workspace.org else None,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{uuid.uuid4().hex[:12].upper()}",
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": workspace.org["id"] if workspace.org else None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot.id,
                "is_bot": True,
                "is_enterprise_install": workspace.org is not None,
            }
        ],
        "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
        "event_context": f"4-{uuid.uuid4().hex}",
    }


def message_event(workspace: Workspace, message: Message, kind: str = "message") -> Json:
    """Returns the inner event of a new message: `message` or `app_mention`."""
    channel, author = workspace.channels[message.channel], workspace.users[message.user]
    event: Json = {
        "type": kind,
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "channel": message.channel,
        "event_ts": message.ts,
        "team": author.team_id,
    }
    if message.user == workspace.bot.id:
        event |= {"bot_id": workspace.bot_id, "app_id": workspace.app_id}
    else:
        event["client_msg_id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{message.channel}/{message.ts}"))
    if message.blocks:
        event["blocks"] = message.blocks
    if message.files:
        event |= {"files": files_json(workspace, message), "upload": False}
        event |= {"subtype": "file_share"} if kind == "message" else {}
    if message.is_reply:
        event["thread_ts"] = message.thread_ts
        parent = next((entry for entry in channel.messages if entry.ts == message.thread_ts), None)
        if parent:
            event["parent_user_id"] = parent.user
    if kind == "message":
        event["channel_type"] = "im" if channel.is_im else "group" if channel.is_private else "channel"
    if workspace.is_external(message.user):
        event |= {"user_team": author.team_id, "source_team": author.team_id}
        event["user_profile"] = {"real_name": author.real_name, "name": author.name, "team": author.team_id}
        if kind == "app_mention":
            event["team"] = workspace.team_id
    return event
