"""A fake workspace on loopback: serves the Web API to the bot and acts as its people."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

from demo.slack import text
from demo.slack.actions import forms
from demo.slack.actions.bot_client import Ack, BotClient
from demo.slack.actions.channel_actions import ChannelActions
from demo.slack.actions.shortcuts import Shortcuts
from demo.slack.payloads import is_reply_to
from demo.slack.state import Call, Channel, Group, Message, Person, Workspace, slug
from demo.slack.view import View
from demo.slack.web_api.apps import Apps, Grant
from demo.slack.web_api.planned_failures import PlannedFailure, PlannedFailures, RateLimits
from demo.slack.web_api.server import Server
from demo.slack.web_api.sockets import Sockets

T = TypeVar("T")


class FakeSlack(ChannelActions, Shortcuts):
    """Start it with `async with`, and set `bot_url` before anybody acts."""

    def __init__(
        self,
        bot_url: str = "",
        signing_secret: str = "signing-secret",
        bot_token: str = "xoxb-frontline",
        *,
        port: int = 0,
        team_id: str = "T0VENDOR",
        domain: str = "vendor",
        bot_name: str = "Frontline",
        commands: Sequence[str] | None = None,
        scopes: Sequence[str] | None = None,
        rate_limits: RateLimits | None = None,
        deadline: float = 3.0,
        retry_delays: Sequence[float] = (0.0,),
        echo: bool = True,
        trigger_clock: Callable[[], float] = time.monotonic,
        apps: Apps | None = None,
        beside: "FakeSlack | None" = None,
        over_socket: bool = False,
    ) -> None:
        """`beside`: another workspace of the same Slack; this one shares its address.

        `over_socket`: requests go through sockets that the bot opens, not to `bot_url`.
        """
        workspace = Workspace(team_id, domain, bot_name, trigger_clock)
        bot_client = BotClient(workspace, bot_url, signing_secret, deadline, retry_delays)
        super().__init__(workspace, bot_client, None if commands is None else frozenset(commands), echo)
        self.signing_secret, self.bot_token = signing_secret, bot_token
        self._port, self._failures, self._beside = port, PlannedFailures(), beside
        granted = None if scopes is None else frozenset(scopes)
        self.apps: Apps = beside.apps if beside else apps or Apps()
        if bot_token:
            self.apps.grants[bot_token] = Grant([workspace], sorted(granted or ()))
        own = Server(workspace, self.apps, self._failures, rate_limits, granted)
        self._server: Server = beside._server if beside else own
        if beside:
            self._failures = beside._failures
        if over_socket:
            bot_client.sockets = self._server.sockets

    async def __aenter__(self) -> Self:
        if self._beside:
            self.workspace.base_url = self._server.workspace.base_url
            self._server.workspaces[self.workspace.team_id] = self.workspace
        else:
            await self._server.start(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bot_client.close()
        if not self._beside:
            await self._server.stop()

    # --- the workspace

    @property
    def api_url(self) -> str:
        return f"{self.workspace.base_url}/api/"

    @property
    def bot_url(self) -> str:
        return self._bot_client.url

    @bot_url.setter
    def bot_url(self, url: str) -> None:
        self._bot_client.url = url

    @property
    def sockets(self) -> Sockets:
        return self._server.sockets

    async def uninstall(self) -> Ack:
        """Removes the app: revokes its tokens and sends the bot both events."""
        grant = self.apps.uninstall(self.workspace)
        bots = [workspace.bot.id for workspace in grant.workspaces]
        ack = await self.event({"type": "app_uninstalled"})
        await self.event({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": bots}})
        return ack

    @property
    def bot(self) -> Person:
        return self.workspace.bot

    @property
    def mention(self) -> str:
        return f"<@{self.bot.id}>"

    @property
    def acks(self) -> list[Ack]:
        """The bot's answers to our requests, oldest first."""
        return self._bot_client.acks

    @property
    def calls(self) -> list[Call]:
        """The bot's Web API calls, oldest first."""
        return self.workspace.calls

    def calls_to(self, method: str) -> list[Call]:
        return [call for call in self.workspace.calls if call.method == method]

    @property
    def complaints(self) -> list[str]:
        """Mistakes that Slack would ignore but a test should not; empty if the bot made none."""
        return self.workspace.complaints

    def person(
        self,
        name: str,
        *,
        id: str | None = None,
        team: str | None = None,
        tz: str = "UTC",
        tz_label: str = "",
        real_name: str | None = None,
        email: str = "",
        guest: bool = False,
    ) -> Person:
        """Adds a person; another `team` makes them an external member, `guest` a restricted one of ours."""
        workspace = self.workspace
        made = Person(
            id or slug("U", name, workspace.users),
            name.lower().replace(" ", "."),
            real_name or name,
            team or workspace.team_id,
            tz,
            tz_label or str(ZoneInfo(tz)),
            email,
            is_guest=guest,
        )
        workspace.users[made.id] = made
        return made

    def channel(
        self,
        name: str,
        members: Sequence[Person] = (),
        *,
        id: str | None = None,
        bot: bool = True,
        private: bool = False,
        ext_shared: bool | None = None,
    ) -> Channel:
        """Adds a channel, shared with another organisation if a member belongs to one."""
        workspace = self.workspace
        ids = [person.id for person in members] + ([workspace.bot.id] if bot else [])
        shared = (
            any(person.team_id != workspace.team_id for person in members)
            if ext_shared is None
            else ext_shared
        )
        made = Channel(id or slug("C", name, workspace.channels), name, ids, private, shared)
        workspace.channels[made.id] = made
        return made

    def group(self, handle: str, members: Sequence[Person], *, id: str | None = None) -> Group:
        made = Group(
            id or slug("S", handle, self.workspace.groups), handle, [person.id for person in members]
        )
        self.workspace.groups[made.id] = made
        return made

    def fail_next(
        self,
        method: str,
        *,
        error: str | None = None,
        status: int | None = None,
        retry_after: int = 1,
        drop_connection: bool = False,
        accept_then_drop: bool = False,
        times: int = 1,
        channel: Channel | str | None = None,
    ) -> None:
        """Makes the next calls of a method fail in the given way."""
        if not (error or status or drop_connection or accept_then_drop):
            raise ValueError("say how it fails: error, status, drop_connection or accept_then_drop")
        where = channel.id if isinstance(channel, Channel) else channel
        failure = PlannedFailure(
            method, error, status, retry_after, drop_connection, accept_then_drop, times, where
        )
        self._failures.planned.append(failure)

    # --- what people see

    def messages(self, channel: Channel) -> list[Message]:
        """Returns a channel's top-level messages that everybody sees."""
        return [m for m in channel.messages if not (m.is_reply or m.deleted or m.ephemeral_to)]

    def thread(self, message: Message) -> list[Message]:
        """Returns the replies to a message."""
        return [m for m in self.workspace.channels[message.channel].messages if is_reply_to(m, message)]

    def dms(self, user: Person) -> list[Message]:
        """Returns everything in the person's direct conversation with the bot, replies too."""
        return [m for m in self.dm(user).messages if not (m.deleted or m.ephemeral_to)]

    def ephemerals(self, user: Person) -> list[Message]:
        """Returns the messages that only that person sees, in any channel."""
        everything = (m for channel in self.workspace.channels.values() for m in channel.messages)
        return [m for m in everything if m.ephemeral_to == user.id and not m.deleted]

    def text_of(self, message: Message, tz: str | None = None) -> str:
        """Returns a message as plain text; dates in the given zone, or their fallback text."""
        return text.message_text(self.workspace, message, tz)

    def buttons(self, message: Message) -> list[str]:
        return forms.labels(message.blocks)

    def home_of(self, user: Person) -> View | None:
        return self.workspace.homes.get(user.id)

    async def until(self, question: Callable[[], T], timeout: float = 60.0) -> T:
        """Returns the first truthy answer; asks again after each change. Raises TimeoutError."""
        return await self.workspace.until(question, timeout)

    async def settle(self) -> None:
        """Waits until the bot has received all events."""
        await self._bot_client.settle()
