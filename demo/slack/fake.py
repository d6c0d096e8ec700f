"""A workspace on loopback: it serves the Web API to the bot and acts as its people."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

from demo.slack import forms, text
from demo.slack.apps import Apps, Grant
from demo.slack.faults import Fault, Faults, RateLimits
from demo.slack.life import Life
from demo.slack.payloads import is_reply_to
from demo.slack.server import Server
from demo.slack.shortcuts import Shortcuts
from demo.slack.sockets import Sockets
from demo.slack.state import Call, Channel, Group, Message, Person, World, slug
from demo.slack.view import View
from demo.slack.wire import Ack, Wire

T = TypeVar("T")


class FakeSlack(Life, Shortcuts):
    """Start it with `async with`; set `bot_url` before anyone acts."""

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
        """`beside`: one more workspace of the same Slack, at the same address.

        `over_socket`: requests go through sockets that the bot opens, and to no address.
        """
        world = World(team_id, domain, bot_name, trigger_clock)
        wire = Wire(world, bot_url, signing_secret, deadline, retry_delays)
        super().__init__(world, wire, None if commands is None else frozenset(commands), echo)
        self.signing_secret, self.bot_token = signing_secret, bot_token
        self._port, self._faults, self._beside = port, Faults(), beside
        granted = None if scopes is None else frozenset(scopes)
        self.apps: Apps = beside.apps if beside else apps or Apps()
        if bot_token:
            self.apps.bearers[bot_token] = Grant([world], sorted(granted or ()))
        own = Server(world, self.apps, self._faults, rate_limits, granted)
        self._server: Server = beside._server if beside else own
        if beside:
            self._faults = beside._faults
        if over_socket:
            wire.sockets = self._server.sockets

    async def __aenter__(self) -> Self:
        if self._beside:
            self.world.base_url = self._server.world.base_url
            self._server.worlds[self.world.team_id] = self.world
        else:
            await self._server.start(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.close()
        if not self._beside:
            await self._server.stop()

    # --- the workspace

    @property
    def api_url(self) -> str:
        return f"{self.world.base_url}/api/"

    @property
    def bot_url(self) -> str:
        return self._wire.url

    @bot_url.setter
    def bot_url(self, url: str) -> None:
        self._wire.url = url

    @property
    def sockets(self) -> Sockets:
        return self._server.sockets

    async def uninstall(self) -> Ack:
        """Somebody removes the app; its tokens die, and the bot is told."""
        grant = self.apps.uninstall(self.world)
        bots = [world.bot.id for world in grant.worlds]
        ack = await self.event({"type": "app_uninstalled"})
        await self.event({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": bots}})
        return ack

    @property
    def bot(self) -> Person:
        return self.world.bot

    @property
    def mention(self) -> str:
        return f"<@{self.bot.id}>"

    @property
    def acks(self) -> list[Ack]:
        """Every answer of the bot to a request of ours, oldest first."""
        return self._wire.acks

    @property
    def calls(self) -> list[Call]:
        """Every Web API call of the bot, oldest first."""
        return self.world.calls

    def calls_to(self, method: str) -> list[Call]:
        return [call for call in self.world.calls if call.method == method]

    @property
    def complaints(self) -> list[str]:
        """What Slack would swallow and a test should not; empty when the bot behaved."""
        return self.world.complaints

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
        """A new person; another `team` makes them an external member, `guest` a restricted one of ours."""
        world = self.world
        made = Person(
            id or slug("U", name, world.users),
            name.lower().replace(" ", "."),
            real_name or name,
            team or world.team_id,
            tz,
            tz_label or str(ZoneInfo(tz)),
            email,
            is_guest=guest,
        )
        world.users[made.id] = made
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
        """A new channel, shared with another organisation when one of its members is from there."""
        world = self.world
        ids = [person.id for person in members] + ([world.bot.id] if bot else [])
        shared = (
            any(person.team_id != world.team_id for person in members) if ext_shared is None else ext_shared
        )
        made = Channel(id or slug("C", name, world.channels), name, ids, private, shared)
        world.channels[made.id] = made
        return made

    def group(self, handle: str, members: Sequence[Person], *, id: str | None = None) -> Group:
        made = Group(id or slug("S", handle, self.world.groups), handle, [person.id for person in members])
        self.world.groups[made.id] = made
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
        """The next calls of a method fail in the given way."""
        if not (error or status or drop_connection or accept_then_drop):
            raise ValueError("say how it fails: error, status, drop_connection or accept_then_drop")
        where = channel.id if isinstance(channel, Channel) else channel
        fault = Fault(method, error, status, retry_after, drop_connection, accept_then_drop, times, where)
        self._faults.planned.append(fault)

    # --- looking

    def messages(self, channel: Channel) -> list[Message]:
        """What stands at the top level of a channel, for everyone to see."""
        return [m for m in channel.messages if not (m.is_reply or m.deleted or m.ephemeral_to)]

    def thread(self, message: Message) -> list[Message]:
        """The replies under a message."""
        return [m for m in self.world.channels[message.channel].messages if is_reply_to(m, message)]

    def dms(self, user: Person) -> list[Message]:
        """Everything in the direct conversation with the bot, replies too."""
        return [m for m in self.dm(user).messages if not (m.deleted or m.ephemeral_to)]

    def ephemerals(self, user: Person) -> list[Message]:
        """What only that person sees, in any channel."""
        everywhere = (m for channel in self.world.channels.values() for m in channel.messages)
        return [m for m in everywhere if m.ephemeral_to == user.id and not m.deleted]

    def text_of(self, message: Message, tz: str | None = None) -> str:
        """A message as readable plain text; dates in the given zone, else their fallback."""
        return text.message_text(self.world, message, tz)

    def buttons(self, message: Message) -> list[str]:
        return forms.labels(message.blocks)

    def home_of(self, user: Person) -> View | None:
        return self.world.homes.get(user.id)

    async def until(self, question: Callable[[], T], timeout: float = 60.0) -> T:
        """Waits for a truthy answer, asking again after each change of the workspace."""
        return await self.world.until(question, timeout)

    async def settle(self) -> None:
        """Waits until no event is on its way to the bot."""
        await self._wire.settle()
