"""The Slack implementation of the desk's ChatPlatform port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, tzinfo

import structlog

from adapters.slack.doctor import examine
from adapters.slack.inbound.app import BoltEndpoint, Handler, Listeners, Signatures, bolt_app
from adapters.slack.inbound.socket_mode import SocketModeClient
from adapters.slack.outbound import web_api
from adapters.slack.outbound.responder import Responder
from adapters.slack.outbound.web_api import AUTHOR, SlackApiError, SlackFault, SlackUnavailable, WebApi
from adapters.slack.reader import BotIdentity, place
from adapters.slack.rendering.block_kit import CLOCK_TOLERANCE, MrkdwnRenderer, cut, message_metadata
from adapters.slack.rendering.messages import render_message
from adapters.slack.workspaces.file_copies import FileCopies
from adapters.slack.workspaces.oauth import MultiWorkspace, OAuthSettings
from adapters.slack.workspaces.workspace import (
    OneWorkspace,
    Workspace,
    Workspaces,
    shown_name,
    workspace_factory,
)
from bot.config.settings import DeskSettings
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.inbound import Dispatch
from bot.model.views import GetHelp, Notice, QueueBoard, SharedFile, View
from bot.ports import Charge, Clock, KeyValueStore, NotEditable, PermanentFailure, Priority, TemporaryFailure
from bot.runtime.doctor import Finding
from bot.text import UTC_ZONE, one_line

log = structlog.get_logger(__name__)

API_URL = "https://slack.com/api/"
_PAGE = 200
_LONGEST_AUTHOR = 80
PICTURE_TIMEOUT = 1.0
"""Seconds; delivery waits four for a message with everything that it needs."""


class Slack:
    """One workspace, or every workspace that installs the app; over HTTP or a socket. Call `start` first."""

    name = "slack"

    def __init__(
        self,
        bot_token: str,
        signing_secret: str,
        clock: Clock,
        *,
        api_url: str = API_URL,
        plain_dates: bool = False,
        plain_zone: tzinfo = UTC_ZONE,
        omits_unchanged: bool = False,
        app_token: str = "",
        oauth_settings: OAuthSettings | None = None,
        key_values: KeyValueStore | None = None,
    ) -> None:
        """`plain_dates` and `omits_unchanged` are for other clients than Slack's: see MrkdwnRenderer, modals.

        With an app token, requests arrive over a socket and need no signing secret. With `oauth_settings`,
        many workspaces can install the app, and it needs no bot token. `key_values` keeps for the doctor how
        many requests had a wrong signature.
        """
        self._secret = signing_secret
        self._signatures = Signatures(signing_secret, key_values)
        self._renderer = MrkdwnRenderer(plain_dates, plain_zone)
        make_workspace = workspace_factory(clock, self._renderer, omits_unchanged)
        self._multi_workspace = (
            MultiWorkspace(oauth_settings, api_url, make_workspace) if oauth_settings else None
        )
        self._workspaces: Workspaces = (
            self._multi_workspace.workspaces
            if self._multi_workspace
            else OneWorkspace(bot_token, api_url, make_workspace)
        )
        self._socket = SocketModeClient(app_token, api_url) if app_token else None
        self._tokenless_api = WebApi("", api_url)
        self._fallback_responder = Responder(
            self._tokenless_api, self._renderer, omits_unchanged=omits_unchanged
        )
        self._files = FileCopies(self._workspaces)
        self._dm_channels: dict[str, str] = {}
        self._pictures: dict[str, str] = {}
        self._pins: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connects and looks up the bot's identity. Raises SlackFault: one line with the fix."""
        if not self._socket and not self._secret.strip():
            raise SlackFault("SLACK_SIGNING_SECRET is empty: copy it from the app's page Basic Information")
        self._tokenless_api.connect()
        try:
            if self._multi_workspace:
                await self._multi_workspace.open()
            await self._workspaces.open()
            if self._socket:
                await self._socket.open()
        except BaseException:
            await self.close()
            raise

    async def settle(self) -> None:
        """Waits for pending replies and pins."""
        await asyncio.gather(*self._pins)
        await self._fallback_responder.settle()
        await self._workspaces.settle()

    async def close(self) -> None:
        """Finishes pending requests and replies, then disconnects."""
        if self._socket:
            await self._socket.close()
        await self.settle()
        await self._files.close()
        await self._workspaces.close()
        if self._multi_workspace:
            await self._multi_workspace.close()
        await self._tokenless_api.close()

    async def learn(self) -> None:
        """Loads what other processes stored and renews tokens that expire soon. Raises SlackFault."""
        await self._workspaces.refresh()
        await self._signatures.store()

    @property
    def identity(self) -> BotIdentity:
        """The bot's identity in the workspace where agents work."""
        return self._workspaces.identity

    def readiness_faults(self) -> list[str]:
        """Returns the reasons why Slack's requests cannot reach us."""
        return self._socket.readiness_faults() if self._socket else []

    async def examine(self, settings: DeskSettings) -> AsyncIterator[Finding]:
        """Yields the findings for `frontline doctor`."""
        async for finding in examine(self._workspaces, settings):
            yield finding
        if not self._socket:
            for finding in await self._signatures.findings():
                yield finding

    def routes(self, dispatch: Dispatch) -> list[tuple[str, str, Handler]]:
        """Returns method, path and handler of each HTTP route; in socket mode, starts listening instead."""
        listeners = Listeners(dispatch, self._workspaces, self._fallback_responder)
        endpoint = BoltEndpoint(bolt_app(listeners, self._workspaces, self._tokenless_api.url))
        routes = self._multi_workspace.routes() if self._multi_workspace else []
        if self._socket:
            self._socket.listen(endpoint.handle_socket_request)
        else:
            routes.append(("POST", "/slack/events", endpoint.http_handler(self._signatures)))
        return routes

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        """Posts a message. Its metadata carries `key`, so that `find` can look it up.

        Boards and `Get help` are pinned.
        """
        channel = to.id if isinstance(to, Place) else await self._dm_channel(to)
        if isinstance(view, SharedFile):
            more = {**({"thread_ts": thread.id} if thread else {}), **(await self._author(channel, view))}
            return MessageRef(place(channel), await self._files.share(view, channel, key or view.id, more))
        drawn = render_message(view, self._renderer)
        workspace, said = await self._workspaces.call(
            channel,
            "chat.postMessage",
            {
                "channel": channel,
                "text": drawn.text,
                "blocks": drawn.blocks,
                "unfurl_links": False,
                "unfurl_media": False,
                **({"thread_ts": thread.id} if thread else {}),
                **({"metadata": message_metadata(key)} if key else {}),
                **(await self._author(channel, view)),
            },
        )
        posted = MessageRef(place(str(said["channel"])), str(said["ts"]))
        if isinstance(view, QueueBoard | GetHelp):
            # Not awaited: delivery would take a slow pin for a post whose answer was lost.
            task = asyncio.create_task(_pin(workspace, posted))
            self._pins.add(task)
            task.add_done_callback(self._pins.discard)
        return posted

    async def _author(self, channel: str, view: View) -> dict[str, str]:
        """Returns the arguments for an agent's name and picture, if the app may pass them."""
        author = view.author if isinstance(view, Notice | SharedFile) else None
        if author is None or AUTHOR not in (self._workspaces.scopes_of(channel) or ()):
            return {}
        picture = await self._picture(channel, author.user)
        return {"username": cut(one_line(author.name), _LONGEST_AUTHOR)} | (
            {"icon_url": picture} if picture else {}
        )

    async def _picture(self, channel: str, user: UserRef) -> str:
        """Returns the address of a person's picture, asked for once; "" if Slack gives none in time."""
        if user.platform != self.name:
            return ""
        if user.id not in self._pictures:
            try:
                async with asyncio.timeout(PICTURE_TIMEOUT):
                    _, found = await self._workspaces.call(
                        channel, "users.info", {"user": user.id}, user.home
                    )
            except (TemporaryFailure, PermanentFailure, TimeoutError) as why:
                log.info("no picture of an agent", user=user.id, why=str(why) or "no answer in time")
                return ""
            profile = (found.get("user") or {}).get("profile") or {}
            url = profile.get("image_72")
            self._pictures[user.id] = url if isinstance(url, str) and url.startswith("https://") else ""
        return self._pictures[user.id]

    async def update(self, message: MessageRef, view: View) -> None:
        """Edits a message; this notifies nobody."""
        drawn = render_message(view, self._renderer)
        where = {"channel": message.place.id, "ts": message.id}
        said = {**where, "text": drawn.text, "blocks": drawn.blocks}
        await self._workspaces.call(message.place.id, "chat.update", said)

    async def delete(self, message: MessageRef) -> None:
        """Deletes a message. Does nothing if it is gone."""
        where = {"channel": message.place.id, "ts": message.id}
        try:
            await self._workspaces.call(message.place.id, "chat.delete", where)
        except NotEditable:
            log.info("a message to delete was gone", channel=message.place.id)

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """Returns the message posted with this key since then. Raises TemporaryFailure, PermanentFailure."""
        channel = to.id if isinstance(to, Place) else await self._dm_channel(to)
        arguments = {
            "channel": channel,
            "oldest": f"{(since - CLOCK_TOLERANCE).timestamp():.6f}",
            "include_all_metadata": True,
            "limit": _PAGE,
        }
        method = "conversations.replies" if thread else "conversations.history"
        arguments |= {"ts": thread.id} if thread else {}
        while True:
            _, read = await self._workspaces.call(channel, method, arguments)
            for message in read.get("messages", ()):
                if message.get("metadata") == message_metadata(key):
                    return MessageRef(place(channel), str(message["ts"]))
            cursor = (read.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            arguments |= {"cursor": cursor}

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """Returns what the call costs of Slack's limits per method and per channel."""
        return web_api.charges(self._workspaces.rate_limited_team(to.id), to.id, edits is not None, priority)

    async def location(self, message: MessageRef) -> Location:
        """Returns the message's permalink, which chat.getPermalink would make of the same parts.

        Without an id, returns the channel's address.
        """
        channel, url = message.place.id, self._workspaces.address_of(message.place.id)
        if not url:
            return Location()
        at = f"/p{message.id.replace('.', '')}" if message.id else ""
        return Location(url=f"{url.rstrip('/')}/archives/{channel}{at}")

    def is_group(self, id: str) -> bool:
        """Returns whether an id names a user group rather than a person."""
        return id.startswith("S")

    async def members(self, group: str) -> frozenset[UserRef]:
        """Returns the people in a user group; all of them belong to the group's workspace."""
        refusals: list[PermanentFailure] = []
        for workspace in await self._workspaces.all_workspaces():
            try:
                found = await workspace.api.call(
                    "usergroups.users.list", {"usergroup": group, **workspace.team_argument()}
                )
            except PermanentFailure as unknown:
                refusals.append(unknown)
            else:
                return frozenset(
                    UserRef("slack", workspace.identity.team, user) for user in found.get("users", ())
                )
        raise refusals[0] if refusals else TemporaryFailure("no workspace has installed the app yet")

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """Returns the channels that both the person and the bot are in."""
        found: set[str] = set()
        refusals: list[PermanentFailure] = []
        all_workspaces = await self._workspaces.all_workspaces()
        searched = [
            workspace
            for workspace in all_workspaces
            if workspace is all_workspaces[0] or workspace.identity.team == user.home
        ]
        for workspace in searched:
            try:
                # Slack also lists the person's public channels that we are not in.
                found |= await self._channels(workspace, user.id) & await self._channels(workspace, None)
            except PermanentFailure as unknown:
                refusals.append(unknown)
        if searched and len(refusals) == len(searched):
            raise refusals[0]
        return frozenset(where for where in map(place, found) if not where.direct)

    async def name_of(self, user: UserRef, place: Place) -> str:
        """Returns the name that the person's profile shows."""
        _, found = await self._workspaces.call(place.id, "users.info", {"user": user.id}, user.home)
        return shown_name(found.get("user") or {}) or user.id

    async def _channels(self, workspace: Workspace, user: str | None) -> set[str]:
        found: set[str] = set()
        arguments = {"types": "public_channel,private_channel", "exclude_archived": "true", "limit": _PAGE}
        arguments |= workspace.team_argument()
        cursor = ""
        while True:
            whose = {"user": user} if user else {}
            more = {"cursor": cursor} if cursor else {}
            listed = await workspace.api.call("users.conversations", {**arguments, **whose, **more})
            found |= {channel["id"] for channel in listed.get("channels", ())}
            cursor = (listed.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return found

    async def _dm_channel(self, user: UserRef) -> str:
        if user.platform != self.name:
            raise PermanentFailure(f"{user} is not on Slack")
        if user.id not in self._dm_channels:
            arguments = {"users": user.id}
            workspace, opened = await self._workspaces.call(
                user.id, "conversations.open", arguments, user.home
            )
            channel = str(opened["channel"]["id"])
            await self._workspaces.remember(channel, workspace)
            self._dm_channels[user.id] = channel
        return self._dm_channels[user.id]


async def _pin(workspace: Workspace, message: MessageRef) -> None:
    """Pins a message if the app may. Only logs a failure: the message is read without a pin, too."""
    try:
        where = {"channel": message.place.id, "timestamp": message.id}
        await workspace.api.request("pins.add", where)
    except (SlackApiError, SlackUnavailable) as why:
        log.info("could not pin a message", channel=message.place.id, why=str(why))
