"""What people do to channels: remove the bot, rename, archive, share, delete."""

from __future__ import annotations

from collections.abc import Sequence

from demo.slack.actions.bot_client import Ack
from demo.slack.actions.people import UserActions
from demo.slack.elements import Json
from demo.slack.state import Channel, Person, SlackError


class ChannelActions(UserActions):
    """Each method returns the bot's answer to the event; private channels have their own event names."""

    async def remove_bot(self, user: Person, channel: Channel) -> Ack:
        """Removes the bot from a channel."""
        self._must_be_in(user, channel)
        channel.members.remove(self.workspace.bot.id)
        return await self._send_event(channel, "left", {"actor_id": user.id}, user)

    async def member_left(self, user: Person, channel: Channel) -> Ack:
        """Sends the other event that Slack may send when a person or the bot leaves."""
        event = {"type": "member_left_channel", "user": user.id, "channel": channel.id}
        return await self.event(event | {"channel_type": "C", "team": self.workspace.team_id}, user)

    async def rename(self, user: Person, channel: Channel, name: str) -> Ack:
        self._must_be_in(user, channel)
        channel.name = name
        whole = {"id": channel.id, "name": name, "created": 1}
        return await self._send_event(channel, "rename", {"channel": whole}, user)

    async def archive(self, user: Person, channel: Channel) -> Ack:
        """Archives the channel, so that nobody can write there."""
        self._must_be_in(user, channel)
        if channel.archived:
            raise SlackError("already_archived")
        channel.archived = True
        return await self._send_event(channel, "archive", {"user": user.id}, user)

    async def unarchive(self, user: Person, channel: Channel) -> Ack:
        if not channel.archived:
            raise SlackError("not_archived")
        channel.archived = False
        return await self._send_event(channel, "unarchive", {"user": user.id}, user)

    async def delete_channel(self, user: Person, channel: Channel) -> Ack:
        """Deletes the channel and its messages for good."""
        del self.workspace.channels[channel.id]
        self.workspace.touch()
        return await self._send_event(channel, "deleted", {"actor_id": user.id}, user)

    async def share(self, user: Person, channel: Channel, guests: Sequence[Person]) -> Ack:
        """Shares the channel with the guests' organisation."""
        channel.is_ext_shared = True
        channel.members += [guest.id for guest in guests if guest.id not in channel.members]
        event = {"type": "channel_shared", "channel": channel.id, "connected_team_id": guests[0].team_id}
        return await self.event(event, user)

    async def unshare(self, user: Person, channel: Channel, team: str, *, others_stay: bool = False) -> Ack:
        """Removes an organisation and its people; `others_stay` if a third one remains."""
        channel.members = [m for m in channel.members if self.workspace.users[m].team_id != team]
        channel.is_ext_shared = others_stay
        event: Json = {
            "type": "channel_unshared",
            "channel": channel.id,
            "previously_connected_team_id": team,
        }
        return await self.event(event | {"is_ext_shared": others_stay}, user)

    async def change_id(self, user: Person, channel: Channel, new: str) -> Ack:
        """Gives the channel a new id; its messages keep their timestamps, and the old id is invalid."""
        old = channel.id
        del self.workspace.channels[old]
        self.workspace.channels[new] = channel
        channel.id = new
        for message in channel.messages:
            message.channel = new
        self.workspace.touch()
        event = {"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": new}
        return await self.event(event, user)

    async def _send_event(self, channel: Channel, what: str, parts: Json, user: Person) -> Ack:
        self.workspace.touch()
        kind = "group" if channel.is_private else "channel"
        return await self.event({"type": f"{kind}_{what}", "channel": channel.id} | parts, user)
