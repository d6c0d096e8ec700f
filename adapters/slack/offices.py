"""What it takes to serve whoever installs the app: tokens kept and renewed, and pages to install it with."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.slack.atlas import Atlas
from adapters.slack.installed import InstalledWorkspaces
from adapters.slack.web_api import SlackFault, WebApi
from adapters.slack.workspaces.installation_store import EncryptedInstallationStore, SecretKeys
from adapters.slack.workspaces.oauth import Handler, Installing, SealedStates
from adapters.slack.workspaces.token_rotation import App, Renewal
from adapters.slack.workspaces.workspace import Dress
from bot.clock import WallClock
from bot.ports import Clock, Notebook


@dataclass(frozen=True, slots=True)
class Sharing:
    """The app's credentials, and where installations are kept; `triage` is the channel where agents work."""

    app: App
    secret_key: str = field(repr=False)
    notebook: Notebook
    triage: str
    clock: Clock = field(default_factory=WallClock)
    """Real time."""


class Offices:
    def __init__(self, sharing: Sharing, url: str, dress: Dress) -> None:
        """Raises SlackFault."""
        try:
            keys = SecretKeys(sharing.secret_key)
        except ValueError as wrong:
            raise SlackFault(f"FRONTLINE_SECRET_KEY {wrong}") from None
        app, notebook, clock = sharing.app, sharing.notebook, sharing.clock
        self._api = WebApi("", url)
        store = EncryptedInstallationStore(notebook, keys)
        renewal = Renewal(store, notebook, self._api, app, clock)
        self.workspaces = InstalledWorkspaces(
            store, Atlas(notebook), renewal, url=url, dress=dress, triage=sharing.triage
        )
        states = SealedStates(keys, notebook, clock)
        self._installing = Installing(app, states, store, self._api, clock, self.workspaces.look)

    async def open(self) -> None:
        self._api.connect()

    async def close(self) -> None:
        await self._api.close()

    def routes(self) -> list[tuple[str, str, Handler]]:
        return self._installing.routes()
