"""Which workspace a request came from, and which one a channel or a person is reached through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from adapters.slack.answers import Answers
from adapters.slack.names import Names
from adapters.slack.reader import Identity, Reader
from adapters.slack.text import Pen
from adapters.slack.web_api import WebApi
from bot.ports import Clock

log = structlog.get_logger(__name__)

Answer = Mapping[str, Any]
NOBODY = Identity("", "", "", "")
"""Who we are where we are not installed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a request came from, as Slack wrote on it."""

    team: str = ""
    enterprise: str = ""
    everywhere: bool = False
    """Whether we were installed for a whole organisation."""
    channel: str = ""
    user: str = ""

    @property
    def installation(self) -> str:
        """The id of the workspace or organisation that installed the app."""
        return self.enterprise if self.everywhere else self.team


@dataclass(frozen=True, slots=True)
class Workspace:
    """One installation, ready for use."""

    id: str
    us: Identity
    clock: Clock
    api: WebApi
    answers: Answers
    names: Names

    @property
    def everywhere(self) -> bool:
        """Whether it holds for all workspaces of an organisation."""
        return self.id.startswith("E")

    @property
    def reader(self) -> Reader:
        return Reader(self.us, self.clock)

    def inside(self, team: str) -> Workspace:
        """The same, in one workspace of the organisation it holds for."""
        return replace(self, us=replace(self.us, team=team)) if self.everywhere and team else self

    def of_team(self, team: str = "") -> dict[str, str]:
        """The argument that an organisation's token needs with some methods."""
        named = team or self.us.team
        return {"team_id": named} if self.everywhere and named.startswith("T") else {}


class Workspaces(Protocol):
    """All that we are installed in."""

    async def open(self) -> None:
        """Raises SlackFault."""
        ...

    async def look(self) -> None:
        """Takes what other processes stored, and renews the tokens that end soon. Raises SlackFault."""
        ...

    async def settle(self) -> None:
        """Waits for the replies that are under way."""
        ...

    async def close(self) -> None: ...

    @property
    def us(self) -> Identity:
        """Who we are at home, where agents work."""
        ...

    def team_of(self, about: str) -> str:
        """Whose limits a channel or a person counts against."""
        ...

    async def asked(self, asked: Asked) -> Workspace | None:
        """Where to answer a request; None where we are not installed any more."""
        ...

    async def left(self, asked: Asked, at: int) -> None:
        """News that we were uninstalled there, `at` seconds since 1970. Raises SlackFault."""
        ...

    async def revoked(self, asked: Asked) -> None:
        """News that a token of ours was taken back there. Raises SlackFault, Unheard."""
        ...

    async def tell(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, Answer]:
        """One call about a channel or a person, in the workspace that has it. Raises NotNow, Never."""
        ...

    async def remember(self, about: str, at: Workspace) -> None:
        """A conversation that is reached there from now on."""
        ...

    def speaking(self, channel: str, at: Workspace) -> Workspace:
        """Through whom we speak in a channel that `at` told us of."""
        ...

    async def everyone(self) -> list[Workspace]:
        """Home first; an organisation as its workspaces."""
        ...


Dress = Callable[[WebApi, str, Identity], Workspace]
"""Makes a workspace of its Web API, its id and who we are in it."""


def dresser(clock: Clock, pen: Pen, keeps_untouched: bool) -> Dress:
    def dress(api: WebApi, id: str, us: Identity) -> Workspace:
        answers = Answers(api, pen, keeps_untouched=keeps_untouched)
        return Workspace(id, us, clock, api, answers, Names(api))

    return dress


class OneWorkspace:
    """The bot token of the environment."""

    def __init__(self, token: str, url: str, dress: Dress) -> None:
        self._api, self._dress = WebApi(token, url), dress
        self._here: Workspace | None = None

    async def open(self) -> None:
        us = await self._api.open()
        self._here = self._dress(self._api, us.team, us)

    async def look(self) -> None:
        """Nobody stores anything, and this token does not end."""

    async def settle(self) -> None:
        if self._here:
            await self._here.answers.settle()

    async def close(self) -> None:
        await self._api.close()

    @property
    def here(self) -> Workspace:
        if self._here is None:
            raise RuntimeError("Slack is not started")
        return self._here

    @property
    def us(self) -> Identity:
        return self.here.us

    async def asked(self, asked: Asked) -> Workspace:
        return self.here

    async def left(self, asked: Asked, at: int) -> None:
        log.error("the app was uninstalled: install it again, and set its new SLACK_BOT_TOKEN")

    async def revoked(self, asked: Asked) -> None:
        log.error("a token of the app was revoked: if it is ours, set SLACK_BOT_TOKEN to a new one")

    def team_of(self, about: str) -> str:
        return self.us.team

    async def tell(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, Answer]:
        return self.here, await self._api.tell(method, arguments)

    async def remember(self, about: str, at: Workspace) -> None:
        """There is no other."""

    def speaking(self, channel: str, at: Workspace) -> Workspace:
        return at

    async def everyone(self) -> list[Workspace]:
        return [self.here]
