"""How to reach conversations and people: recorded from what they send, kept across restarts."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import quote, urlencode

import structlog
from pydantic import TypeAdapter, ValidationError

from adapters.teams.auth import BotRegistration
from adapters.teams.outbound.connector import Connector, Json
from adapters.teams.payloads import Activity
from adapters.teams.reader import PLATFORM, user_of
from bot.logs import log_fault
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.ports import KeyValueStore, PermanentFailure, TemporaryFailure
from bot.text import one_line

log = structlog.get_logger(__name__)

_LINK = "https://teams.microsoft.com/l/"
CONVERSATIONS, PEOPLE, TEAMS = "teams.conversation", "teams.person", "teams.team"
READABLE = "teams.readable"
"""Channels from which messages arrive that do not mention the bot."""


@dataclass(frozen=True, slots=True)
class ConversationReference:
    """A conversation: its service address, tenant, kind (channel, groupChat or personal) and team."""

    service: str
    tenant: str
    bot: str
    kind: str
    team: str = ""
    name: str = ""
    """The channel's name; empty if it is not known."""

    @property
    def has_threads(self) -> bool:
        return self.kind == "channel"


@dataclass(frozen=True, slots=True)
class PersonReference:
    """A person: their id for this bot, their tenant, and our direct conversation with them."""

    mri: str = ""
    home: str = ""
    chat: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class TeamReference:
    """A team: the id of its group in Entra, which links need, and its name."""

    group: str
    name: str = ""


_CONVERSATION, _PERSON = TypeAdapter(ConversationReference), TypeAdapter(PersonReference)
_TEAM = TypeAdapter(TeamReference)
Stored = TypeVar("Stored", ConversationReference, PersonReference, TeamReference)


class ConversationReferences:
    """Kept in memory and in the key-value store; writes only changes."""

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values
        self._places: dict[str, ConversationReference] = {}
        self._people: dict[str, PersonReference] = {}
        self._teams: dict[str, TeamReference] = {}
        self._readable: set[str] = set()
        self._pending: dict[tuple[str, str], bytes] = {}
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        for key, text in (await self._key_values.get_all(CONVERSATIONS)).items():
            _read(_CONVERSATION, text, key, self._places)
        for key, text in (await self._key_values.get_all(PEOPLE)).items():
            _read(_PERSON, text, key, self._people)
        for key, text in (await self._key_values.get_all(TEAMS)).items():
            _read(_TEAM, text, key, self._teams)

    async def conversation(self, place: str) -> ConversationReference | None:
        if place not in self._places:
            # Another process may have recorded it.
            _read(_CONVERSATION, await self._key_values.get(CONVERSATIONS, place), place, self._places)
        return self._places.get(place)

    async def team(self, team: str) -> TeamReference | None:
        if team not in self._teams:
            _read(_TEAM, await self._key_values.get(TEAMS, team), team, self._teams)
        return self._teams.get(team)

    async def location(self, message: MessageRef) -> Location:
        """Where people find a message of a channel, with Teams' deep link if its team's group is known.

        Without an id, the link leads to the channel.
        """
        place = message.place.id
        where = await self.conversation(place)
        team = await self.team(where.team) if where and where.team else None
        names = (team.name if team else "", where.name if where else "")
        channel = one_line(" / ".join(filter(None, names)))
        if where is None or team is None:
            return Location(channel)
        query = {"tenantId": where.tenant, "groupId": team.group}
        parts = ["channel", place, where.name or "channel"]
        if message.id:
            query["parentMessageId"] = message.id
            parts = ["message", place, message.id]
        path = "/".join(quote(part, safe="") for part in parts)
        return Location(channel, f"{_LINK}{path}?{urlencode(query)}")

    async def person(self, user: str) -> PersonReference:
        if user not in self._people:
            _read(_PERSON, await self._key_values.get(PEOPLE, user), user, self._people)
        return self._people.get(user, PersonReference())

    def groups(self) -> dict[str, ConversationReference]:
        """Returns all channels and group chats."""
        return {place: where for place, where in self._places.items() if where.kind != "personal"}

    def channels_of_team(self, team: str) -> list[str]:
        """Returns the known channels of a team."""
        return [place for place, where in self._places.items() if where.team == team]

    def latest_service(self) -> str:
        """Returns the service address of the conversation recorded last."""
        return next((where.service for where in reversed(self._places.values())), "")

    def mri(self, user: str) -> str | None:
        """Returns a person's id for mentions, or None if they have never written to us."""
        found = self._people.get(user)
        return (found and found.mri) or None

    def record(self, activity: Activity, user: str, home: str) -> None:
        """Records what an activity tells us. It is written in the background and durable after `flush`."""
        conversation = activity.conversation
        kind = conversation.conversation_type or (
            "channel" if is_channel(conversation.place) else "groupChat"
        )
        known_as = self._places.get(conversation.place)
        team = (activity.about.team and activity.about.team.id) or (known_as.team if known_as else "")
        channel = activity.about.channel
        named = channel.name if channel and channel.id == conversation.place else ""
        name = named or (known_as.name if known_as else "")
        where = ConversationReference(
            activity.service_url, activity.host, activity.recipient.id, kind, team, name
        )
        if self._places.get(conversation.place) != where:
            self._places[conversation.place] = where
            self._write(CONVERSATIONS, conversation.place, _CONVERSATION.dump_json(where))
        self._record_team(activity)
        if not activity.sender.aad_object_id:
            return
        known = self._people.get(user, PersonReference())
        chat = (
            (conversation.place, activity.service_url)
            if activity.is_personal
            else (known.chat, known.service)
        )
        self.record_person(
            user, replace(known, mri=activity.sender.id, home=home, chat=chat[0], service=chat[1])
        )

    def _record_team(self, activity: Activity) -> None:
        about = activity.about.team
        if about is None or not about.id or not about.aad_group_id:
            return
        known = self._teams.get(about.id)
        team = TeamReference(about.aad_group_id, about.name or (known.name if known else ""))
        if known != team:
            self._teams[about.id] = team
            self._write(TEAMS, about.id, _TEAM.dump_json(team))

    def record_person(self, user: str, person: PersonReference) -> None:
        """Like `record`, for a person."""
        if self._people.get(user) != person:
            self._people[user] = person
            self._write(PEOPLE, user, _PERSON.dump_json(person))

    def record_readable(self, place: str) -> None:
        """Records that messages from this channel arrive although they do not mention the bot."""
        if place not in self._readable:
            self._readable.add(place)
            self._write(READABLE, place, b"yes")

    async def is_readable(self, place: str) -> bool:
        """Whether such a message has ever arrived from this channel."""
        return await self._key_values.get(READABLE, place) is not None

    async def flush(self) -> None:
        """Returns when everything recorded is durable. Raises what the key-value store raises."""
        if self._writing is not None:
            await asyncio.shield(self._writing)
        if self._pending:
            await self._write_all()

    async def close(self) -> None:
        try:
            await self.flush()
        except Exception:
            log_fault(log, "conversation references not written")

    def _write(self, topic: str, key: str, text: bytes) -> None:
        self._pending[topic, key] = text
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_quietly())

    async def _write_quietly(self) -> None:
        try:
            await self._write_all()
        except Exception:
            # They stay pending for the next write.
            log_fault(log, "conversation references not written")

    async def _write_all(self) -> None:
        while self._pending:
            (topic, key), text = next(iter(self._pending.items()))
            await self._key_values.put(topic, key, text.decode())
            if self._pending.get((topic, key)) == text:
                del self._pending[topic, key]


def is_channel(place: str) -> bool:
    return place.endswith(("@thread.tacv2", "@thread.skype"))


def _read(kind: TypeAdapter[Stored], text: str | None, key: str, into: dict[str, Stored]) -> None:
    if not text:
        return
    try:
        into[key] = kind.validate_json(text)
    except ValidationError:
        log.warning("a conversation reference cannot be read", key=key)


LOOKUP_TIMEOUT = 0.8
"""Seconds; the person who acted is waiting."""
FRESH_FOR = 300.0
AT_ONCE = 8
_GUEST = frozenset({"guest", "anonymous"})


class TenantLookup:
    """Looks up people's tenants in the roster if the activity lacks them, once for each person."""

    def __init__(
        self, app: BotRegistration, connector: Connector, references: ConversationReferences
    ) -> None:
        self._app, self._connector, self._references = app, connector, references
        self._tenants: dict[str, str] = {}
        self._memberships: dict[tuple[str, str], tuple[float, bool]] = {}
        self._lookups = asyncio.Semaphore(AT_ONCE)

    async def tenant_of(self, activity: Activity) -> str:
        """Returns the sender's tenant, or the conversation's if unknown, so nobody is wrongly an agent."""
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
                log.info("home tenant unknown", why=str(why))
                return activity.home
            self._tenants[user] = str(found.get("tenantId") or activity.home)
        return self._tenants[user]

    async def channels_of(self, activity: Activity, team: str) -> list[str]:
        """Returns the channels of a team that the bot is in, or those it knows if Teams cannot be asked."""
        known = self._references.channels_of_team(team)
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT):
                listed = await self._connector.channels(activity.service_url, team)
        except (TemporaryFailure, PermanentFailure, TimeoutError) as why:
            log.warning("the channels of a team are unknown", why=str(why))
            return known
        return [*dict.fromkeys([*known, *listed])]

    async def members(self, group: str) -> frozenset[UserRef]:
        """Returns the vendor's people in a channel or team. Raises TemporaryFailure, PermanentFailure."""
        where = await self._references.conversation(group)
        if where is None:
            raise PermanentFailure(f"the bot does not know {group} yet; add the app there")
        members = [member async for member in self._connector.members(where.service, group)]
        return frozenset(filter(None, map(self._ours, members)))

    def _ours(self, member: Json) -> UserRef | None:
        user, home = member.get("aadObjectId") or member.get("objectId"), member.get("tenantId")
        if not isinstance(user, str) or str(member.get("userRole") or "").lower() in _GUEST:
            return None
        # A roster entry without a tenant makes nobody an agent.
        ours = self._app.tenant
        return UserRef(PLATFORM, str(home or ""), user) if home == ours or not ours else None

    async def name_of(self, user: UserRef, place: Place) -> str:
        """Returns a member's name. Raises TemporaryFailure, PermanentFailure."""
        where = await self._references.conversation(place.id)
        if where is None:
            raise PermanentFailure(f"the bot does not know {place.id} yet; add the app there")
        name = (await self._connector.member(where.service, place.id, user.id)).get("name")
        return (one_line(name) if isinstance(name, str) else "") or user.id

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """Returns the channels and groups that the person and the bot are in. Raises TemporaryFailure."""
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
