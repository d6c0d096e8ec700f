"""Which tenant somebody is of; in shared channels Teams' activities do not always tell."""

from __future__ import annotations

import asyncio
import time

import structlog

from adapters.teams.cloud import App
from adapters.teams.connector import Connector, Json
from adapters.teams.payloads import Activity
from adapters.teams.reader import NAME, user_of
from adapters.teams.references import References, Where
from bot.address import Place, UserRef
from bot.ports import Never, NotNow

log = structlog.get_logger(__name__)

PATIENCE = 0.8
"""Seconds; whoever acted is waiting."""
FRESH_FOR = 300.0
AT_ONCE = 8
_GUEST = frozenset({"guest", "anonymous"})


class People:
    """Asks the roster where the activity does not tell, once for each person."""

    def __init__(self, app: App, connector: Connector, references: References) -> None:
        self._app, self._connector, self._references = app, connector, references
        self._homes: dict[str, str] = {}
        self._present: dict[tuple[str, str], tuple[float, bool]] = {}
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def home(self, activity: Activity) -> str:
        """The sender's tenant. Who cannot be asked about is of the conversation's, so no agent elsewhere."""
        if activity.sender.tenant_id:
            return activity.sender.tenant_id
        if self._app.anonymous:
            return activity.home
        shared = (activity.about.channel and activity.about.channel.type) == "shared"
        if activity.is_personal or (activity.host == self._app.tenant == activity.home and not shared):
            return activity.home
        user = user_of(activity)
        if user not in self._homes:
            try:
                async with asyncio.timeout(PATIENCE):
                    found = await self._connector.member(
                        activity.service_url, activity.conversation.place, activity.sender.id
                    )
            except (NotNow, Never, TimeoutError) as why:
                log.info("home tenant not known", why=str(why))
                return activity.home
            self._homes[user] = str(found.get("tenantId") or activity.home)
        return self._homes[user]

    async def of(self, group: str) -> frozenset[UserRef]:
        """The vendor's own people in a channel or team. Raises NotNow, Never."""
        where = await self._references.where(group)
        if where is None:
            raise Never(f"the bot has not heard of {group} yet; add the app there")
        members = [member async for member in self._connector.members(where.service, group)]
        return frozenset(filter(None, map(self._ours, members)))

    def _ours(self, member: Json) -> UserRef | None:
        user, home = member.get("aadObjectId") or member.get("objectId"), member.get("tenantId")
        if not isinstance(user, str) or str(member.get("userRole") or "").lower() in _GUEST:
            return None
        # Nobody is an agent by a roster that does not say of which tenant they are.
        ours = self._app.tenant
        return UserRef(NAME, str(home or ""), user) if home == ours or not ours else None

    async def places(self, user: UserRef) -> frozenset[Place]:
        """The channels and groups with the bot in them that somebody belongs to. Raises NotNow."""
        groups = self._references.groups()
        there = await asyncio.gather(*(self._is_in(place, where, user.id) for place, where in groups.items()))
        return frozenset(Place(NAME, place) for place, is_in in zip(groups, there, strict=True) if is_in)

    async def _is_in(self, place: str, where: Where, user: str) -> bool:
        known = self._present.get((place, user))
        if known is not None and time.monotonic() - known[0] < FRESH_FOR:
            return known[1]
        try:
            async with self._asking:
                is_in = bool((await self._connector.member(where.service, place, user)).get("id"))
        except Never:
            is_in = False
        self._present[place, user] = (time.monotonic(), is_in)
        return is_in
