"""Which workspace a request came from, and which one a channel or a person is reached through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from adapters.slack.answers import Responder
from adapters.slack.names import UserNames
from adapters.slack.reader import BotIdentity, Reader
from adapters.slack.text import MrkdwnRenderer
from adapters.slack.web_api import WebApi
from bot.ports import Clock

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
        """One call about a channel or a person, in the workspace that has it. Raises TemporaryFailure, PermanentFailure."""
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
