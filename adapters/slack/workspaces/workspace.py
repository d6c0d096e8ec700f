"""Which workspace a request came from, and which one a channel or a person is reached through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import structlog

from adapters.slack.outbound.responder import Responder
from adapters.slack.outbound.web_api import SlackApiError, SlackUnavailable, WebApi
from adapters.slack.payloads import Malformed, MessageCallback, MessageFile, UploadedFile, parse
from adapters.slack.reader import BotIdentity, Reader, to_file
from adapters.slack.rendering.mrkdwn import MrkdwnRenderer, one_line
from bot.model.address import Actor, UserRef
from bot.model.inbound import Command, Inbound, MessageChanged, Posted, Press, Submission
from bot.model.inbound import File as DeskFile
from bot.ports import Clock, KeyValueStore

log = structlog.get_logger(__name__)

ApiResponse = Mapping[str, Any]
NO_IDENTITY = BotIdentity("", "", "", "")
"""Who we are where we are not installed."""


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Where a request came from, as Slack wrote on it."""

    team: str = ""
    enterprise: str = ""
    org_wide: bool = False
    """Whether we were installed for a whole organisation."""
    channel: str = ""
    user: str = ""

    @property
    def installation(self) -> str:
        """The id of the workspace or organisation that installed the app."""
        return self.enterprise if self.org_wide else self.team


@dataclass(frozen=True, slots=True)
class Workspace:
    """One installation, ready for use."""

    id: str
    identity: BotIdentity
    clock: Clock
    api: WebApi
    responder: Responder
    user_names: UserNames

    @property
    def org_wide(self) -> bool:
        """Whether it holds for all workspaces of an organisation."""
        return self.id.startswith("E")

    @property
    def reader(self) -> Reader:
        return Reader(self.identity, self.clock)

    def for_team(self, team: str) -> Workspace:
        """The same, in one workspace of the organisation it holds for."""
        return replace(self, identity=replace(self.identity, team=team)) if self.org_wide and team else self

    def team_argument(self, team: str = "") -> dict[str, str]:
        """The argument that an organisation's token needs with some methods."""
        named = team or self.identity.team
        return {"team_id": named} if self.org_wide and named.startswith("T") else {}


class Workspaces(Protocol):
    """All that we are installed in."""

    async def open(self) -> None:
        """Raises SlackFault."""
        ...

    async def refresh(self) -> None:
        """Takes what other processes stored, and renews the tokens that end soon. Raises SlackFault."""
        ...

    async def settle(self) -> None:
        """Waits for the replies that are under way."""
        ...

    async def close(self) -> None: ...

    @property
    def identity(self) -> BotIdentity:
        """Who we are at home, where agents work."""
        ...

    def rate_limited_team(self, about: str) -> str:
        """Whose limits a channel or a person counts against."""
        ...

    async def workspace_for(self, origin: RequestOrigin) -> Workspace | None:
        """Where to answer a request; None where we are not installed any more."""
        ...

    async def app_uninstalled(self, origin: RequestOrigin, uninstalled_at: int) -> None:
        """News that we were uninstalled there, `uninstalled_at` seconds since 1970. Raises SlackFault."""
        ...

    async def tokens_revoked(self, origin: RequestOrigin) -> None:
        """News that a token of ours was taken back there. Raises SlackFault, SlackUnavailable."""
        ...

    async def call(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, ApiResponse]:
        """Calls the workspace that has the channel or person. Raises TemporaryFailure, PermanentFailure."""
        ...

    async def remember(self, about: str, workspace: Workspace) -> None:
        """A conversation that is reached there from now on."""
        ...

    def posting_workspace(self, channel: str, workspace: Workspace) -> Workspace:
        """Through whom we speak in a channel that `workspace` told us of."""
        ...

    async def all_workspaces(self) -> list[Workspace]:
        """Home first; an organisation as its workspaces."""
        ...


WorkspaceFactory = Callable[[WebApi, str, BotIdentity], Workspace]
"""Makes a workspace of its Web API, its id and who we are in it."""


def workspace_factory(clock: Clock, renderer: MrkdwnRenderer, omits_unchanged: bool) -> WorkspaceFactory:
    def make_workspace(api: WebApi, id: str, identity: BotIdentity) -> Workspace:
        responder = Responder(api, renderer, omits_unchanged=omits_unchanged)
        return Workspace(id, identity, clock, api, responder, UserNames(api))

    return make_workspace


class OneWorkspace:
    """The bot token of the environment."""

    def __init__(self, token: str, url: str, make_workspace: WorkspaceFactory) -> None:
        self._api, self._make_workspace = WebApi(token, url), make_workspace
        self._workspace: Workspace | None = None

    async def open(self) -> None:
        identity = await self._api.open()
        self._workspace = self._make_workspace(self._api, identity.team, identity)

    async def refresh(self) -> None:
        """Nobody stores anything, and this token does not end."""

    async def settle(self) -> None:
        if self._workspace:
            await self._workspace.responder.settle()

    async def close(self) -> None:
        await self._api.close()

    @property
    def workspace(self) -> Workspace:
        if self._workspace is None:
            raise RuntimeError("Slack is not started")
        return self._workspace

    @property
    def identity(self) -> BotIdentity:
        return self.workspace.identity

    async def workspace_for(self, origin: RequestOrigin) -> Workspace:
        return self.workspace

    async def app_uninstalled(self, origin: RequestOrigin, uninstalled_at: int) -> None:
        log.error("the app was uninstalled: install it again, and set its new SLACK_BOT_TOKEN")

    async def tokens_revoked(self, origin: RequestOrigin) -> None:
        log.error("a token of the app was revoked: if it is ours, set SLACK_BOT_TOKEN to a new one")

    def rate_limited_team(self, about: str) -> str:
        return self.identity.team

    async def call(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, ApiResponse]:
        return self.workspace, await self._api.call(method, arguments)

    async def remember(self, about: str, workspace: Workspace) -> None:
        """There is no other."""

    def posting_workspace(self, channel: str, workspace: Workspace) -> Workspace:
        return workspace

    async def all_workspaces(self) -> list[Workspace]:
        return [self.workspace]


TOPIC = "slack-place"


@dataclass(frozen=True, slots=True)
class Route:
    """As text: `T0VENDOR/T0VENDOR`, with a question mark in front of what was only heard of."""

    installation: str
    team: str
    confirmed: bool
    """Whether we spoke there. A shared channel is heard of through either side's installation."""

    def __str__(self) -> str:
        return f"{'' if self.confirmed else '?'}{self.installation}/{self.team}"

    @classmethod
    def parse(cls, text: str) -> Route:
        installation, _, team = text.removeprefix("?").partition("/")
        return cls(installation, team, not text.startswith("?"))


class ChannelRoutes:
    """Written only when something changed."""

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values
        self._routes: dict[str, Route] = {}

    async def refresh(self) -> None:
        """Reads what other processes found out as well."""
        notes = await self._key_values.get_all(TOPIC)
        self._routes = {id_: Route.parse(text) for id_, text in notes.items()}

    def find(self, id: str) -> Route | None:
        return self._routes.get(id)

    async def record_received(self, id: str, installation: str, team: str) -> None:
        """Something came from there; where we spoke before we know better."""
        known = self._routes.get(id)
        if known is None or not known.confirmed:
            await self._record(id, Route(installation, team, confirmed=False))

    async def record_reached(self, id: str, installation: str, team: str) -> None:
        """We were let through there."""
        await self._record(id, Route(installation, team, confirmed=True))

    async def _record(self, id: str, route: Route) -> None:
        if self._routes.get(id) != route:
            await self._key_values.put(TOPIC, id, str(route))
            self._routes[id] = route


Act = TypeVar("Act", Command, Press, Submission, Posted, MessageChanged)

LOOKUP_TIMEOUT = 0.8
"""Seconds; whoever acted is waiting for the ack."""


class UserNames:
    """Asked once for each person; an act goes on without an answer."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._found: dict[str, tuple[str | None, str]] = {}
        """Of each person, what they are called and the workspace they are of."""

    async def with_name_in_event(self, act: Inbound) -> Inbound:
        """Only what is said to the desk is worth the question, not every word in a channel."""
        if isinstance(act, Posted):
            return await self.with_name(act) if act.thread or act.place.direct else act
        if isinstance(act, MessageChanged):
            return await self.with_name(act) if act.thread else act
        return await self.with_name(act) if isinstance(act, Command) else act

    async def with_name(self, act: Act) -> Act:
        """The same act, its actor called by name, and of a workspace where the request named none."""
        user = act.actor.user.id
        if user not in self._found:
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    told = await self._api.request("users.info", {"user": user})
                found = told.get("user") or {}
                self._found[user] = _name(found), str(found.get("team_id") or "")
            except SlackApiError:
                self._found[user] = None, ""
            except (SlackUnavailable, TimeoutError):
                return act
        said, (name, team) = act.actor, self._found[user]
        actor = Actor(UserRef("slack", said.user.home or team, user), said.team, name or said.name)
        return replace(act, actor=actor)


def _name(user: Mapping[str, Any]) -> str | None:
    # People of another organisation carry their names inside the profile only.
    profile = user.get("profile") or {}
    names = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    return next((one_line(name) for name in names if isinstance(name, str) and name.strip()), None)


"""Seconds for all of them; Slack waits for the ack."""
FILE_INFO_WITHHELD = "check_file_info"


async def with_file_names(api: WebApi, act: Inbound, body: Mapping[str, Any]) -> Inbound:
    """The same act, its files called by name; what cannot be asked in time stays as it was told."""
    if not (isinstance(act, Posted) and act.files and (act.thread or act.place.direct)):
        return act
    told = parse(MessageCallback, body).event.files
    return replace(act, files=tuple(await asyncio.gather(*(_named_file(api, file) for file in told))))


async def _named_file(api: WebApi, file: MessageFile) -> DeskFile:
    if file.file_access != FILE_INFO_WITHHELD or not file.id:
        return to_file(file)
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            answer = await api.request("files.info", {"file": file.id})
        return to_file(parse(UploadedFile, answer.get("file")))
    except (SlackApiError, SlackUnavailable, Malformed, TimeoutError) as why:
        log.info("a file's name is not known", file=file.id, why=str(why) or "no answer in time")
        return to_file(file)
