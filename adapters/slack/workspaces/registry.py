"""All workspaces that installed the app, each with its own token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from adapters.slack.outbound.web_api import SlackApiError, SlackUnavailable, WebApi
from adapters.slack.reader import BotIdentity
from adapters.slack.rendering.block_kit import MrkdwnRenderer
from adapters.slack.rendering.messages import render_message
from adapters.slack.workspaces.installation_store import EncryptedInstallationStore, Installation
from adapters.slack.workspaces.token_rotation import TokenRenewal
from adapters.slack.workspaces.workspace import (
    NO_IDENTITY,
    ApiResponse,
    ChannelRoutes,
    RequestOrigin,
    Workspace,
    WorkspaceFactory,
)
from bot.model.views import Notice
from bot.ports import PermanentFailure, TemporaryFailure
from sla_core.promise import Tone

log = structlog.get_logger(__name__)

INSTALL_RETRY_AFTER = 60.0
_PAGE = 100
_NOT_IN_WORKSPACE = frozenset(
    {
        "channel_not_found",
        "invalid_user_combination",
        "not_in_channel",
        "team_access_not_granted",
        "user_not_found",
        "user_not_visible",
        "users_not_found",
    }
)
"""Error codes for a channel or person that may be in another workspace."""
_TOKEN_ENDED = frozenset({"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"})
"""The token expired or was revoked: the stored installation may be newer, or uninstalled."""


class WorkspaceRegistry:
    """`triage` is the channel where agents work; its workspace is the vendor's."""

    def __init__(
        self,
        store: EncryptedInstallationStore,
        channel_routes: ChannelRoutes,
        renewal: TokenRenewal,
        *,
        url: str,
        make_workspace: WorkspaceFactory,
        triage: str,
    ) -> None:
        self._store, self._channel_routes, self._renewal = store, channel_routes, renewal
        self._url, self._make_workspace, self._triage = url, make_workspace, triage
        self._active: dict[str, Workspace] = {}
        self._uninstalled_names: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._retired: list[Workspace] = []
        self._org_teams: dict[str, list[str]] = {}
        self._home_unknown = False

    async def open(self) -> None:
        await self._store.open()
        await self.refresh()
        if not self._active:
            log.warning("no workspace has installed the app yet: open /slack/install")

    async def close(self) -> None:
        for workspace in (*self._active.values(), *self._retired):
            await workspace.api.close()

    async def settle(self) -> None:
        for workspace in (*self._active.values(), *self._retired):
            await workspace.responder.settle()

    @property
    def identity(self) -> BotIdentity:
        route = self._channel_routes.find(self._triage)
        found = self._active.get(route.installation) if route else None
        if found and route:
            return found.for_team(route.team).identity
        return next((workspace.identity for workspace in self._active.values()), NO_IDENTITY)

    def rate_limited_team(self, about: str) -> str:
        route = self._channel_routes.find(about)
        return route.installation if route else self.identity.team

    def _reaching(self, about: str) -> Workspace | None:
        route = self._channel_routes.find(about)
        return self._active.get(route.installation) if route else next(iter(self._active.values()), None)

    def scopes_of(self, about: str) -> frozenset[str] | None:
        found = self._reaching(about)
        return found.api.scopes if found else None

    def address_of(self, about: str) -> str:
        found = self._reaching(about)
        return (found.identity.url or self._addresses.get(found.id, "")) if found else ""

    async def _look_up_addresses(self) -> None:
        """Asks for the addresses of workspaces whose installation an earlier version stored."""
        for workspace in [*self._active.values()]:
            if workspace.identity.url or workspace.id in self._addresses:
                continue
            try:
                known = await workspace.api.request("auth.test", {})
            except SlackApiError as refusal:
                log.info("a workspace's address is not known", workspace=workspace.id, why=refusal.error)
            except SlackUnavailable as unavailable:
                log.info("a workspace's address is not known", workspace=workspace.id, why=str(unavailable))
                return
            else:
                self._addresses[workspace.id] = str(known.get("url") or "")

    async def workspace_for(self, origin: RequestOrigin) -> Workspace | None:
        ids = (origin.enterprise, origin.team) if origin.org_wide else (origin.team, origin.enterprise)
        workspace = next((self._active[id_] for id_ in ids if id_ in self._active), None) or await self._load(
            ids
        )
        if workspace is None:
            return None
        workspace = workspace.for_team(origin.team)
        for id_ in filter(None, (origin.channel, origin.user)):
            await self._channel_routes.record_received(id_, workspace.id, workspace.identity.team)
        return workspace

    def posting_workspace(self, channel: str, workspace: Workspace) -> Workspace:
        # If both sides of a shared channel have the app, events arrive through either.
        route = self._channel_routes.find(channel)
        if route and route.confirmed and route.installation in self._active:
            return self._active[route.installation].for_team(route.team)
        return workspace

    async def remember(self, about: str, workspace: Workspace) -> None:
        await self._channel_routes.record_reached(about, workspace.id, workspace.identity.team)

    async def app_uninstalled(self, origin: RequestOrigin, uninstalled_at: int) -> None:
        installation = await self._store.find(origin.installation)
        if installation is not None and not installation.gone and installation.since <= uninstalled_at:
            await self._uninstalled(origin)

    async def tokens_revoked(self, origin: RequestOrigin) -> None:
        found = self._active.get(origin.installation)
        try:
            if found:
                await found.api.request("auth.test", {})
        except SlackApiError as refusal:
            if refusal.error in _TOKEN_ENDED:
                await self._uninstalled(origin)

    async def _uninstalled(self, origin: RequestOrigin) -> None:
        team = None if origin.org_wide else origin.team
        await self._store.async_delete_bot(enterprise_id=origin.enterprise, team_id=team)
        gone = await self._store.find(origin.installation)
        if gone:
            self._apply(gone)
            await self._tell_agents(gone)

    async def call(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, ApiResponse]:
        first: Exception | None = None
        for workspace in await self._candidates(about, home):
            try:
                answer = await self._call(workspace, method, arguments)
            except (PermanentFailure, TemporaryFailure) as refusal:
                if _error_code(refusal) not in _NOT_IN_WORKSPACE:
                    raise
                first = first or refusal
            else:
                await self._channel_routes.record_reached(about, workspace.id, workspace.identity.team)
                return workspace, answer
        route = self._channel_routes.find(about)
        if route and route.installation in self._uninstalled_names:
            raise PermanentFailure(
                f"Frontline was uninstalled from {self._uninstalled_names[route.installation]}"
            )
        raise first or TemporaryFailure("no workspace has installed the app yet", INSTALL_RETRY_AFTER)

    async def all_workspaces(self) -> list[Workspace]:
        home = await self._triage_workspace()
        found = [home] if home and home.identity.team else []
        for workspace in [*self._active.values()]:
            for candidate in (
                [workspace.for_team(team) for team in await self._teams(workspace)]
                if workspace.org_wide
                else [workspace]
            ):
                if candidate.identity.team not in {one.identity.team for one in found}:
                    found.append(candidate)
        return found

    async def _teams(self, workspace: Workspace) -> list[str]:
        """Returns the workspaces of an organisation that approved the app."""
        if workspace.id not in self._org_teams:
            response = await workspace.api.call("auth.teams.list", {"limit": _PAGE})
            self._org_teams[workspace.id] = [str(team["id"]) for team in response.get("teams", ())]
        return self._org_teams[workspace.id]

    async def refresh(self) -> None:
        """Loads all stored installations and renews tokens that expire soon. Raises SlackFault."""
        for installation in await self._store.all():
            due = not installation.gone and self._renewal.is_due(installation)
            renewed = await self._renewal.renew_if_due(installation.id) if due else installation
            if renewed:
                self._apply(renewed)
        await self._channel_routes.refresh()
        await self._look_up_addresses()
        self._home_unknown = False
        self._org_teams.clear()

    async def _load(self, ids: tuple[str, ...]) -> Workspace | None:
        """Loads an installation that another process may have stored meanwhile."""
        for id_ in filter(None, ids):
            if installation := await self._store.find(id_):
                self._apply(installation)
                if id_ in self._active:
                    return self._active[id_]
        return None

    def _apply(self, installation: Installation) -> None:
        known = self._active.get(installation.id)
        if installation.gone:
            self._uninstalled_names[installation.id] = installation.name
            if known:
                self._retired.append(self._active.pop(installation.id))
            return
        self._uninstalled_names.pop(installation.id, None)
        identity = BotIdentity(
            "" if installation.org_wide else installation.id,
            installation.bot_user,
            installation.bot_id,
            installation.bot_name,
            installation.url,
        )
        if known and known.identity == identity:
            known.api.set_token(installation.token)
            return
        if known:
            self._retired.append(known)
        api = WebApi(installation.token, self._url)
        api.connect()
        self._active[installation.id] = self._make_workspace(api, installation.id, identity)

    async def _candidates(self, about: str, home: str) -> list[Workspace]:
        """In order: the confirmed route, the triage workspace, `home`, an unconfirmed route, the rest."""
        route = self._channel_routes.find(about)
        known = self._active.get(route.installation) if route else None
        known = known.for_team(route.team) if known and route else None
        ordered = [
            known if route and route.confirmed else None,
            await self._triage_workspace(),
            self._active.get(home),
            known,
            *self._active.values(),
        ]
        found: dict[str, Workspace] = {}
        for workspace in filter(None, ordered):
            found.setdefault(workspace.id, workspace)
        return [*found.values()]

    async def _triage_workspace(self) -> Workspace | None:
        """Returns the workspace with the triage channel, or None if it is unknown."""
        route = self._channel_routes.find(self._triage)
        if route and route.installation in self._active:
            return self._active[route.installation].for_team(route.team)
        if len(self._active) == 1:
            return next(iter(self._active.values()))
        if not self._triage or self._home_unknown:
            return None
        for workspace in [*self._active.values()]:
            try:
                response = await workspace.api.request("conversations.info", {"channel": self._triage})
            except SlackApiError:
                continue
            except SlackUnavailable:
                return None
            team = str(response["channel"].get("context_team_id") or workspace.identity.team)
            await self._channel_routes.record_received(self._triage, workspace.id, team)
            return workspace.for_team(team)
        self._home_unknown = True
        return None

    async def _call(self, workspace: Workspace, method: str, arguments: Mapping[str, Any]) -> ApiResponse:
        try:
            return await workspace.api.call(method, arguments)
        except TemporaryFailure as refusal:
            if _error_code(refusal) not in _TOKEN_ENDED:
                raise
            before, installation = workspace.api.token, await self._renewal.renew_if_due(workspace.id)
            if installation:
                self._apply(installation)
            if installation is None or installation.gone:
                raise PermanentFailure(
                    f"Frontline was uninstalled from {installation.name if installation else workspace.id}"
                ) from refusal
            if installation.token == before:
                raise
        return await workspace.api.call(method, arguments)

    async def _tell_agents(self, gone: Installation) -> None:
        """Posts to the triage channel, if it can still be reached."""
        log.error("the app was uninstalled", workspace=gone.id, name=gone.name)
        home = await self._triage_workspace()
        if home is None or not self._triage:
            return
        try:
            words = _UNINSTALLED.format(name=gone.name, id=gone.id)
            drawn = render_message(Notice((words,), Tone.WARN), MrkdwnRenderer())
            said = {"channel": self._triage, "text": drawn.text, "blocks": drawn.blocks}
            await home.api.request("chat.postMessage", said)
        except (SlackApiError, SlackUnavailable) as failure:
            log.warning("uninstall not announced to agents", why=str(failure))


_UNINSTALLED = (
    "Frontline was uninstalled from {name} ({id}). Nothing can be delivered there until "
    "it is installed again."
)


def _error_code(refusal: BaseException) -> str:
    cause = refusal.__cause__
    return cause.error if isinstance(cause, SlackApiError) else ""
