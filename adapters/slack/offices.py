"""What it takes to serve whoever installs the app: tokens kept and renewed, and pages to install it with."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.slack.atlas import ChannelRoutes
from adapters.slack.installed import WorkspaceRegistry
from adapters.slack.web_api import SlackFault, WebApi
from adapters.slack.workspaces.installation_store import EncryptedInstallationStore, SecretKeys
from adapters.slack.workspaces.oauth import EncryptedStates, Handler, InstallFlow
from adapters.slack.workspaces.token_rotation import AppCredentials, TokenRenewal
from adapters.slack.workspaces.workspace import WorkspaceFactory
from bot.clock import WallClock
from bot.ports import Clock, KeyValueStore


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """The app's credentials, and where installations are kept; `triage` is the channel where agents work."""

    app: AppCredentials
    secret_key: str = field(repr=False)
    key_values: KeyValueStore
    triage: str
    clock: Clock = field(default_factory=WallClock)
    """Real time."""


class MultiWorkspace:
    def __init__(self, oauth_settings: OAuthSettings, url: str, make_workspace: WorkspaceFactory) -> None:
        """Raises SlackFault."""
        try:
            keys = SecretKeys(oauth_settings.secret_key)
        except ValueError as wrong:
            raise SlackFault(f"FRONTLINE_SECRET_KEY {wrong}") from None
        app, key_values, clock = oauth_settings.app, oauth_settings.key_values, oauth_settings.clock
        self._api = WebApi("", url)
        store = EncryptedInstallationStore(key_values, keys)
        renewal = TokenRenewal(store, key_values, self._api, app, clock)
        self.workspaces = WorkspaceRegistry(
            store,
            ChannelRoutes(key_values),
            renewal,
            url=url,
            make_workspace=make_workspace,
            triage=oauth_settings.triage,
        )
        states = EncryptedStates(keys, key_values, clock)
        self._install_flow = InstallFlow(app, states, store, self._api, clock, self.workspaces.refresh)

    async def open(self) -> None:
        self._api.connect()

    async def close(self) -> None:
        await self._api.close()

    def routes(self) -> list[tuple[str, str, Handler]]:
        return self._install_flow.routes()
