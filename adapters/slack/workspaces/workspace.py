"""Workspaces: which one a request came from, and which one reaches a channel or person."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import structlog

from adapters.slack.outbound.responder import Responder
from adapters.slack.outbound.web_api import SlackApiError, SlackUnavailable, WebApi
from adapters.slack.payloads import Malformed, MessageCallback, MessageFile, UploadedFile, parse
from adapters.slack.reader import BotIdentity, Reader, to_file
from adapters.slack.rendering.block_kit import MrkdwnRenderer
from bot.model.address import Actor, UserRef
from bot.model.inbound import Command, Inbound, MessageAction, MessageChanged, Posted, Press, Submission
from bot.model.inbound import File as DeskFile
from bot.ports import Clock, KeyValueStore
from bot.text import one_line

log = structlog.get_logger(__name__)

ApiResponse = Mapping[str, Any]
NO_IDENTITY = BotIdentity("", "", "", "")
"""The identity where the app is not installed."""


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Where a request came from, according to Slack."""

    team: str = ""
    enterprise: str = ""
    org_wide: bool = False
    """Whether the app was installed for a whole organisation."""
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
        """Whether it covers all workspaces of an organisation."""
        return self.id.startswith("E")

    @property
    def reader(self) -> Reader:
        return Reader(self.identity, self.clock)

    def for_team(self, team: str) -> Workspace:
        """Returns it narrowed to one workspace of its organisation."""
        return replace(self, identity=replace(self.identity, team=team)) if self.org_wide and team else self

    def team_argument(self, team: str = "") -> dict[str, str]:
        """Returns the argument that some methods require with an organisation's token."""
        named = team or self.identity.team
        return {"team_id": named} if self.org_wide and named.startswith("T") else {}


class Workspaces(Protocol):
    """All workspaces with the app installed."""

    async def open(self) -> None:
        """Raises SlackFault."""
        ...

    async def refresh(self) -> None:
        """Loads what other processes stored and renews tokens that expire soon. Raises SlackFault."""
        ...

    async def settle(self) -> None:
        """Waits for pending replies."""
        ...

    async def close(self) -> None: ...

    @property
    def identity(self) -> BotIdentity:
        """The bot's identity in the workspace where agents work."""
        ...

    def rate_limited_team(self, about: str) -> str:
        """Returns the workspace whose rate limits apply to a channel or person."""
        ...

    def address_of(self, about: str) -> str:
        """Returns the address of the workspace that reaches a channel; "" if it is not known."""
        ...

    def scopes_of(self, about: str) -> frozenset[str] | None:
        """Returns what the app may do in the workspace that reaches a channel; None if it is not known."""
        ...

    async def workspace_for(self, origin: RequestOrigin) -> Workspace | None:
        """Returns the workspace to answer in, or None if the app was uninstalled there."""
        ...

    async def app_uninstalled(self, origin: RequestOrigin, uninstalled_at: int) -> None:
        """Handles an uninstall; `uninstalled_at` is in seconds since 1970. Raises SlackFault."""
        ...

    async def tokens_revoked(self, origin: RequestOrigin) -> None:
        """Handles a revoked token. Raises SlackFault, SlackUnavailable."""
        ...

    async def call(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, ApiResponse]:
        """Calls the workspace that has the channel or person. Raises TemporaryFailure, PermanentFailure."""
        ...

    async def remember(self, about: str, workspace: Workspace) -> None:
        """Records that `workspace` reaches a conversation."""
        ...

    def posting_workspace(self, channel: str, workspace: Workspace) -> Workspace:
        """Returns the workspace to post through in a channel whose event came from `workspace`."""
        ...

    async def all_workspaces(self) -> list[Workspace]:
        """Returns all, the agents' workspace first; an organisation counts as its workspaces."""
        ...


WorkspaceFactory = Callable[[WebApi, str, BotIdentity], Workspace]
"""Makes a workspace from its Web API, its id and the bot's identity in it."""


def workspace_factory(clock: Clock, renderer: MrkdwnRenderer, omits_unchanged: bool) -> WorkspaceFactory:
    def make_workspace(api: WebApi, id: str, identity: BotIdentity) -> Workspace:
        responder = Responder(api, renderer, omits_unchanged=omits_unchanged)
        return Workspace(id, identity, clock, api, responder, UserNames(api))

    return make_workspace


class OneWorkspace:
    """A single workspace, with the bot token from the environment."""

    def __init__(self, token: str, url: str, make_workspace: WorkspaceFactory) -> None:
        self._api, self._make_workspace = WebApi(token, url), make_workspace
        self._workspace: Workspace | None = None

    async def open(self) -> None:
        identity = await self._api.open()
        self._workspace = self._make_workspace(self._api, identity.team, identity)

    async def refresh(self) -> None:
        """Does nothing: there are no stored installations, and the token does not expire."""

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

    def address_of(self, about: str) -> str:
        return self.identity.url

    def scopes_of(self, about: str) -> frozenset[str] | None:
        return self.workspace.api.scopes

    async def call(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, ApiResponse]:
        return self.workspace, await self._api.call(method, arguments)

    async def remember(self, about: str, workspace: Workspace) -> None:
        """Does nothing: there is only one workspace."""

    def posting_workspace(self, channel: str, workspace: Workspace) -> Workspace:
        return workspace

    async def all_workspaces(self) -> list[Workspace]:
        return [self.workspace]


TOPIC = "slack-place"


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach a channel or person. As text: `T0VENDOR/T0VENDOR`, with a leading `?` if unconfirmed."""

    installation: str
    team: str
    confirmed: bool
    """Whether a call succeeded there. Events of a shared channel may arrive from either side."""

    def __str__(self) -> str:
        return f"{'' if self.confirmed else '?'}{self.installation}/{self.team}"

    @classmethod
    def parse(cls, text: str) -> Route:
        installation, _, team = text.removeprefix("?").partition("/")
        return cls(installation, team, not text.startswith("?"))


class ChannelRoutes:
    """The routes of all channels and people; writes only changes."""

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values
        self._routes: dict[str, Route] = {}

    async def refresh(self) -> None:
        """Loads the routes that other processes recorded too."""
        notes = await self._key_values.get_all(TOPIC)
        self._routes = {id_: Route.parse(text) for id_, text in notes.items()}

    def find(self, id: str) -> Route | None:
        return self._routes.get(id)

    async def record_received(self, id: str, installation: str, team: str) -> None:
        """Records where an event came from, unless a confirmed route exists."""
        known = self._routes.get(id)
        if known is None or not known.confirmed:
            await self._record(id, Route(installation, team, confirmed=False))

    async def record_reached(self, id: str, installation: str, team: str) -> None:
        """Records a confirmed route after a successful call."""
        await self._record(id, Route(installation, team, confirmed=True))

    async def _record(self, id: str, route: Route) -> None:
        if self._routes.get(id) != route:
            await self._key_values.put(TOPIC, id, str(route))
            self._routes[id] = route


Act = TypeVar("Act", Command, Press, Submission, Posted, MessageChanged)

Heard = TypeVar("Heard", bound=Inbound)

MOST_MENTIONED = 10
"""How many mentioned people one act looks up; the others keep their ids."""
_MENTIONED = re.compile(r"(?<![\w@])@([UW][A-Z0-9]{2,})\b")
LOOKUP_TIMEOUT = 0.8
"""Seconds; the person who acted is waiting for the ack."""


class UserNames:
    """Looks up each person once; without an answer the act continues unchanged."""

    def __init__(self, api: WebApi) -> None:
        self._api = api
        self._found: dict[str, tuple[str | None, str]] = {}
        """Each person's name and home workspace, by user id."""

    async def with_name_in_event(self, act: Inbound) -> Inbound:
        """Looks up who wrote a message or asked for something; each person once."""
        if isinstance(act, Posted):
            return act if act.from_app else await self.with_name(act)
        if isinstance(act, MessageChanged):
            return await self.with_name(act) if act.thread else act
        return await self.with_name(act) if isinstance(act, Command) else act

    async def with_name(self, act: Act) -> Act:
        """Adds the actor's name, and their workspace if the request did not name it."""
        user = act.actor.user.id
        if (found := await self._look_up(user)) is None:
            return act
        said, (name, team) = act.actor, found
        actor = Actor(UserRef("slack", said.user.home or team, user), said.team, name or said.name)
        return replace(act, actor=actor)

    async def with_mentioned_names(self, act: Heard) -> Heard:
        """Writes the names of the people whom its words mention, where Slack's text has only their ids."""
        match act:
            case Command():
                text, quoted = await self._with_names(act.text, act.quoted)
                return replace(act, text=text, quoted=quoted)
            case Posted() | MessageAction() | MessageChanged(text=str()):
                [text] = await self._with_names(act.text or "")
                return replace(act, text=text)
            case _:
                return act

    async def _with_names(self, *texts: str) -> list[str]:
        """The texts with names. Whom Slack does not know, or not in time, keeps the id."""
        users = list(dict.fromkeys(user for text in texts for user in _MENTIONED.findall(text)))
        users = users[:MOST_MENTIONED]
        found = await asyncio.gather(*map(self._look_up, users))
        names = {user: each[0] for user, each in zip(users, found, strict=True) if each and each[0]}
        return [
            _MENTIONED.sub(lambda mention: f"@{names.get(mention[1], mention[1])}", text) for text in texts
        ]

    async def _look_up(self, user: str) -> tuple[str | None, str] | None:
        """A person's name and home workspace; None if Slack does not answer in time."""
        if user not in self._found:
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    response = await self._api.request("users.info", {"user": user})
                found = response.get("user") or {}
                self._found[user] = shown_name(found), str(found.get("team_id") or "")
            except SlackApiError:
                self._found[user] = None, ""
            except (SlackUnavailable, TimeoutError):
                return None
        return self._found[user]


def shown_name(user: Mapping[str, Any]) -> str | None:
    """Returns what people call this user, or None if Slack gives no name."""
    # People from another organisation have their names only inside the profile.
    profile = user.get("profile") or {}
    names = (profile.get("real_name"), user.get("real_name"), profile.get("display_name"), user.get("name"))
    return next((one_line(name) for name in names if isinstance(name, str) and name.strip()), None)


FILE_INFO_WITHHELD = "check_file_info"


async def with_file_names(api: WebApi, act: Inbound, body: Mapping[str, Any]) -> Inbound:
    """Adds the names of the files; a file that Slack does not describe in time stays as received."""
    if not (isinstance(act, Posted) and act.files):
        return act
    files = parse(MessageCallback, body).event.files
    return replace(act, files=tuple(await asyncio.gather(*(_named_file(api, file) for file in files))))


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
