"""Many workspaces: whoever installed the app, each with its own token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from adapters.slack.atlas import Atlas
from adapters.slack.blocks import page
from adapters.slack.reader import Identity
from adapters.slack.text import Pen
from adapters.slack.web_api import Refused, Unheard, WebApi
from adapters.slack.workspaces.installation_store import EncryptedInstallationStore, Installation
from adapters.slack.workspaces.token_rotation import Renewal
from adapters.slack.workspaces.workspace import NOBODY, Answer, Asked, Dress, Workspace
from bot.ports import Never, NotNow
from bot.views import Notice
from sla_core.countdown import Tone

log = structlog.get_logger(__name__)

UNTIL_INSTALLED = 60.0
_PAGE = 100
_ELSEWHERE = frozenset(
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
"""What Slack says of a channel or a person that another workspace may know."""
_OVER = frozenset({"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"})
"""The token ended or was taken back: what is stored may be newer, or say so."""


class InstalledWorkspaces:
    """`triage` is the channel where agents work: whoever has it is at home."""

    def __init__(
        self,
        store: EncryptedInstallationStore,
        atlas: Atlas,
        renewal: Renewal,
        *,
        url: str,
        dress: Dress,
        triage: str,
    ) -> None:
        self._store, self._atlas, self._renewal = store, atlas, renewal
        self._url, self._dress, self._triage = url, dress, triage
        self._here: dict[str, Workspace] = {}
        self._gone: dict[str, str] = {}
        self._retired: list[Workspace] = []
        self._inside: dict[str, list[str]] = {}
        self._homeless = False

    async def open(self) -> None:
        await self._store.open()
        await self.look()
        if not self._here:
            log.warning("no workspace has installed the app yet: open /slack/install")

    async def close(self) -> None:
        for at in (*self._here.values(), *self._retired):
            await at.api.close()

    async def settle(self) -> None:
        for at in (*self._here.values(), *self._retired):
            await at.answers.settle()

    @property
    def us(self) -> Identity:
        spot = self._atlas.spot(self._triage)
        found = self._here.get(spot.installation) if spot else None
        if found and spot:
            return found.inside(spot.team).us
        return next((at.us for at in self._here.values()), NOBODY)

    def team_of(self, about: str) -> str:
        spot = self._atlas.spot(about)
        return spot.installation if spot else self.us.team

    async def asked(self, asked: Asked) -> Workspace | None:
        ids = (asked.enterprise, asked.team) if asked.everywhere else (asked.team, asked.enterprise)
        at = next((self._here[id_] for id_ in ids if id_ in self._here), None) or await self._stored(ids)
        if at is None:
            return None
        at = at.inside(asked.team)
        for id_ in filter(None, (asked.channel, asked.user)):
            await self._atlas.heard(id_, at.id, at.us.team)
        return at

    def speaking(self, channel: str, at: Workspace) -> Workspace:
        # Of a channel with the app on both sides we hear through either.
        spot = self._atlas.spot(channel)
        if spot and spot.sure and spot.installation in self._here:
            return self._here[spot.installation].inside(spot.team)
        return at

    async def remember(self, about: str, at: Workspace) -> None:
        await self._atlas.spoke(about, at.id, at.us.team)

    async def left(self, asked: Asked, at: int) -> None:
        kept = await self._store.find(asked.installation)
        if kept is not None and not kept.gone and kept.since <= at:
            await self._uninstalled(asked)

    async def revoked(self, asked: Asked) -> None:
        found = self._here.get(asked.installation)
        try:
            if found:
                await found.api.ask("auth.test", {})
        except Refused as refusal:
            if refusal.error in _OVER:
                await self._uninstalled(asked)

    async def _uninstalled(self, asked: Asked) -> None:
        team = None if asked.everywhere else asked.team
        await self._store.async_delete_bot(enterprise_id=asked.enterprise, team_id=team)
        gone = await self._store.find(asked.installation)
        if gone:
            self._take(gone)
            await self._tell_home(gone)

    async def tell(
        self, about: str, method: str, arguments: Mapping[str, Any], home: str = ""
    ) -> tuple[Workspace, Answer]:
        first: Exception | None = None
        for at in await self._candidates(about, home):
            try:
                answer = await self._call(at, method, arguments)
            except (Never, NotNow) as refusal:
                if _word(refusal) not in _ELSEWHERE:
                    raise
                first = first or refusal
            else:
                await self._atlas.spoke(about, at.id, at.us.team)
                return at, answer
        spot = self._atlas.spot(about)
        if spot and spot.installation in self._gone:
            raise Never(f"Frontline was uninstalled from {self._gone[spot.installation]}")
        raise first or NotNow("no workspace has installed the app yet", UNTIL_INSTALLED)

    async def everyone(self) -> list[Workspace]:
        home = await self._home()
        found = [home] if home and home.us.team else []
        for at in [*self._here.values()]:
            for inside in [at.inside(team) for team in await self._teams(at)] if at.everywhere else [at]:
                if inside.us.team not in {one.us.team for one in found}:
                    found.append(inside)
        return found

    async def _teams(self, at: Workspace) -> list[str]:
        """The workspaces of an organisation that we were let into."""
        if at.id not in self._inside:
            told = await at.api.tell("auth.teams.list", {"limit": _PAGE})
            self._inside[at.id] = [str(team["id"]) for team in told.get("teams", ())]
        return self._inside[at.id]

    async def look(self) -> None:
        """Takes what is stored, by whomever, and renews the tokens that end soon. Raises SlackFault."""
        for kept in await self._store.all():
            due = not kept.gone and self._renewal.is_due(kept)
            renewed = await self._renewal.renewed(kept.id) if due else kept
            if renewed:
                self._take(renewed)
        await self._atlas.open()
        self._homeless = False
        self._inside.clear()

    async def _stored(self, ids: tuple[str, ...]) -> Workspace | None:
        """What another process may have stored since we looked."""
        for id_ in filter(None, ids):
            if kept := await self._store.find(id_):
                self._take(kept)
                if id_ in self._here:
                    return self._here[id_]
        return None

    def _take(self, kept: Installation) -> None:
        known = self._here.get(kept.id)
        if kept.gone:
            self._gone[kept.id] = kept.name
            if known:
                self._retired.append(self._here.pop(kept.id))
            return
        self._gone.pop(kept.id, None)
        us = Identity("" if kept.everywhere else kept.id, kept.bot_user, kept.bot_id, kept.bot_name)
        if known and known.us == us:
            known.api.use(kept.token)
            return
        if known:
            self._retired.append(known)
        api = WebApi(kept.token, self._url)
        api.connect()
        self._here[kept.id] = self._dress(api, kept.id, us)

    async def _candidates(self, about: str, home: str) -> list[Workspace]:
        """Where we spoke before, home, where it belongs, where it was heard of, the rest; in this order."""
        spot = self._atlas.spot(about)
        known = self._here.get(spot.installation) if spot else None
        known = known.inside(spot.team) if known and spot else None
        ordered = [
            known if spot and spot.sure else None,
            await self._home(),
            self._here.get(home),
            known,
            *self._here.values(),
        ]
        found: dict[str, Workspace] = {}
        for at in filter(None, ordered):
            found.setdefault(at.id, at)
        return [*found.values()]

    async def _home(self) -> Workspace | None:
        """Whoever has the triage channel."""
        spot = self._atlas.spot(self._triage)
        if spot and spot.installation in self._here:
            return self._here[spot.installation].inside(spot.team)
        if len(self._here) == 1:
            return next(iter(self._here.values()))
        if not self._triage or self._homeless:
            return None
        for at in [*self._here.values()]:
            try:
                told = await at.api.ask("conversations.info", {"channel": self._triage})
            except Refused:
                continue
            except Unheard:
                return None
            team = str(told["channel"].get("context_team_id") or at.us.team)
            await self._atlas.heard(self._triage, at.id, team)
            return at.inside(team)
        self._homeless = True
        return None

    async def _call(self, at: Workspace, method: str, arguments: Mapping[str, Any]) -> Answer:
        try:
            return await at.api.tell(method, arguments)
        except NotNow as refusal:
            if _word(refusal) not in _OVER:
                raise
            before, kept = at.api.token, await self._renewal.renewed(at.id)
            if kept:
                self._take(kept)
            if kept is None or kept.gone:
                raise Never(f"Frontline was uninstalled from {kept.name if kept else at.id}") from refusal
            if kept.token == before:
                raise
        return await at.api.tell(method, arguments)

    async def _tell_home(self, gone: Installation) -> None:
        """Agents are told, where that is still possible."""
        log.error("the app was uninstalled", workspace=gone.id, name=gone.name)
        home = await self._home()
        if home is None or not self._triage:
            return
        try:
            words = _UNINSTALLED.format(name=gone.name, id=gone.id)
            drawn = page(Notice((words,), Tone.WARN), Pen())
            said = {"channel": self._triage, "text": drawn.text, "blocks": drawn.blocks}
            await home.api.ask("chat.postMessage", said)
        except (Refused, Unheard) as failure:
            log.warning("agents not told of it", why=str(failure))


_UNINSTALLED = (
    "Frontline was uninstalled from {name} ({id}). What is still to be said there cannot be delivered until "
    "it is installed again."
)


def _word(refusal: BaseException) -> str:
    cause = refusal.__cause__
    return cause.error if isinstance(cause, Refused) else ""
