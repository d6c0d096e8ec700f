"""Which tenant somebody is of; in shared channels Teams' activities do not always tell."""

from __future__ import annotations

import asyncio
import time

import structlog

from adapters.teams.cloud import BotRegistration
from adapters.teams.connector import Connector, Json
from adapters.teams.payloads import Activity
from adapters.teams.reader import PLATFORM, user_of
from adapters.teams.references import ConversationReference, ConversationReferences
from bot.address import Place, UserRef
from bot.ports import PermanentFailure, TemporaryFailure

log = structlog.get_logger(__name__)

LOOKUP_TIMEOUT = 0.8
"""Seconds; whoever acted is waiting."""
FRESH_FOR = 300.0
AT_ONCE = 8
_GUEST = frozenset({"guest", "anonymous"})


class TenantLookup:
    """Asks the roster where the activity does not tell, once for each person."""

    def __init__(
        self, app: BotRegistration, connector: Connector, references: ConversationReferences
    ) -> None:
        self._app, self._connector, self._references = app, connector, references
        self._tenants: dict[str, str] = {}
        self._memberships: dict[tuple[str, str], tuple[float, bool]] = {}
        self._lookups = asyncio.Semaphore(AT_ONCE)

    async def tenant_of(self, activity: Activity) -> str:
        """The sender's tenant. Who cannot be asked about is of the conversation's, so no agent elsewhere."""
        if activity.sender.tenant_id:
            return activity.sender.tenant_id
        if self._app.anonymous:
            return activity.home
        shared = (activity.about.channel and activity.about.channel.type) == "shared"
        if activity.is_personal or (activity.host == self._app.tenant == activity.home and not shared):
            return activity.home
        user = user_of(activity)
        if user not in self._tenants:
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    found = await self._connector.member(
                        activity.service_url, activity.conversation.place, activity.sender.id
                    )
            except (TemporaryFailure, PermanentFailure, TimeoutError) as why:
                log.info("home tenant not known", why=str(why))
                return activity.home
            self._tenants[user] = str(found.get("tenantId") or activity.home)
        return self._tenants[user]

    async def members(self, group: str) -> frozenset[UserRef]:
        """The vendor's own people in a channel or team. Raises TemporaryFailure, PermanentFailure."""
        where = await self._references.conversation(group)
        if where is None:
            raise PermanentFailure(f"the bot has not heard of {group} yet; add the app there")
        members = [member async for member in self._connector.members(where.service, group)]
        return frozenset(filter(None, map(self._ours, members)))

    def _ours(self, member: Json) -> UserRef | None:
        user, home = member.get("aadObjectId") or member.get("objectId"), member.get("tenantId")
        if not isinstance(user, str) or str(member.get("userRole") or "").lower() in _GUEST:
            return None
        # Nobody is an agent by a roster that does not say of which tenant they are.
        ours = self._app.tenant
        return UserRef(PLATFORM, str(home or ""), user) if home == ours or not ours else None

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels and groups with the bot in them that somebody belongs to. Raises TemporaryFailure."""
        groups = self._references.groups()
        there = await asyncio.gather(*(self._is_in(place, where, user.id) for place, where in groups.items()))
        return frozenset(Place(PLATFORM, place) for place, is_in in zip(groups, there, strict=True) if is_in)

    async def _is_in(self, place: str, where: ConversationReference, user: str) -> bool:
        known = self._memberships.get((place, user))
        if known is not None and time.monotonic() - known[0] < FRESH_FOR:
            return known[1]
        try:
            async with self._lookups:
                is_in = bool((await self._connector.member(where.service, place, user)).get("id"))
        except PermanentFailure:
            is_in = False
        self._memberships[place, user] = (time.monotonic(), is_in)
        return is_in
