"""Where conversations and people are reached, remembered from what they send, across restarts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from adapters.teams.payloads import Activity
from bot.ports import Notebook

log = structlog.get_logger(__name__)

CONVERSATIONS, PEOPLE = "teams.conversation", "teams.person"


@dataclass(frozen=True, slots=True)
class Where:
    """A conversation: its service address, tenant, kind (channel, groupChat or personal) and team."""

    service: str
    tenant: str
    bot: str
    kind: str
    team: str = ""

    @property
    def has_threads(self) -> bool:
        return self.kind == "channel"


@dataclass(frozen=True, slots=True)
class Whom:
    """A person: their id for this bot, the tenant they are of, and our conversation with them alone."""

    mri: str = ""
    home: str = ""
    chat: str = ""
    service: str = ""


_WHERE, _WHOM = TypeAdapter(Where), TypeAdapter(Whom)
Kept = TypeVar("Kept", Where, Whom)


class References:
    """Kept in memory and in the notebook; written only when something changed."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._places: dict[str, Where] = {}
        self._people: dict[str, Whom] = {}
        self._unwritten: dict[tuple[str, str], bytes] = {}
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        for key, text in (await self._notebook.notes(CONVERSATIONS)).items():
            _read(_WHERE, text, key, self._places)
        for key, text in (await self._notebook.notes(PEOPLE)).items():
            _read(_WHOM, text, key, self._people)

    async def where(self, place: str) -> Where | None:
        if place not in self._places:
            # Another process may have heard of it.
            _read(_WHERE, await self._notebook.noted(CONVERSATIONS, place), place, self._places)
        return self._places.get(place)

    async def whom(self, user: str) -> Whom:
        if user not in self._people:
            _read(_WHOM, await self._notebook.noted(PEOPLE, user), user, self._people)
        return self._people.get(user, Whom())

    def groups(self) -> dict[str, Where]:
        """Every conversation of more than two."""
        return {place: where for place, where in self._places.items() if where.kind != "personal"}

    def of_team(self, team: str) -> list[str]:
        """The channels of a team that we know of."""
        return [place for place, where in self._places.items() if where.team == team]

    def latest(self) -> str:
        """The service address of the conversation that was heard of last."""
        return next((where.service for where in reversed(self._places.values())), "")

    def mri(self, user: str) -> str | None:
        """What somebody is called by in mentions, where they have written to us before."""
        found = self._people.get(user)
        return (found and found.mri) or None

    def learn(self, activity: Activity, user: str, home: str) -> None:
        """Take in what an activity tells; it is written soon, and is durable after `written`."""
        conversation = activity.conversation
        kind = conversation.conversation_type or (
            "channel" if is_channel(conversation.place) else "groupChat"
        )
        known_as = self._places.get(conversation.place)
        team = (activity.about.team and activity.about.team.id) or (known_as.team if known_as else "")
        where = Where(activity.service_url, activity.host, activity.recipient.id, kind, team)
        if self._places.get(conversation.place) != where:
            self._places[conversation.place] = where
            self._write(CONVERSATIONS, conversation.place, _WHERE.dump_json(where))
        if not activity.sender.aad_object_id:
            return
        known = self._people.get(user, Whom())
        chat = (
            (conversation.place, activity.service_url)
            if activity.is_personal
            else (known.chat, known.service)
        )
        self.meet(user, replace(known, mri=activity.sender.id, home=home, chat=chat[0], service=chat[1]))

    def meet(self, user: str, whom: Whom) -> None:
        """As `learn`, of a person."""
        if self._people.get(user) != whom:
            self._people[user] = whom
            self._write(PEOPLE, user, _WHOM.dump_json(whom))

    async def written(self) -> None:
        """Returns when all that was learnt is durable. Raises what the notebook raised."""
        if self._writing is not None:
            await asyncio.shield(self._writing)
        if self._unwritten:
            await self._write_all()

    async def close(self) -> None:
        try:
            await self.written()
        except Exception:
            log.exception("conversation references not written")

    def _write(self, topic: str, key: str, text: bytes) -> None:
        self._unwritten[topic, key] = text
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_quietly())

    async def _write_quietly(self) -> None:
        try:
            await self._write_all()
        except Exception:
            # They stay unwritten, and go with the next.
            log.exception("conversation references not written")

    async def _write_all(self) -> None:
        while self._unwritten:
            (topic, key), text = next(iter(self._unwritten.items()))
            await self._notebook.note(topic, key, text.decode())
            if self._unwritten.get((topic, key)) == text:
                del self._unwritten[topic, key]


def is_channel(place: str) -> bool:
    return place.endswith(("@thread.tacv2", "@thread.skype"))


def _read(kind: TypeAdapter[Kept], text: str | None, key: str, into: dict[str, Kept]) -> None:
    if not text:
        return
    try:
        into[key] = kind.validate_json(text)
    except ValidationError:
        log.warning("a conversation reference cannot be read", key=key)
