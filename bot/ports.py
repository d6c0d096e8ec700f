"""What the desk needs from the outside: a chat platform, a store, a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Protocol

from bot.address import MessageRef, Place, UserRef
from bot.views import Audience, Notice, View
from sla_core.events import Event


class Clock(Protocol):
    """Tells the time that promises run on; aware, UTC."""

    def now(self) -> datetime: ...
    async def sleep_until(self, instant: datetime) -> None:
        """Returns at `instant`, at once when it is past."""
        ...


class Priority(IntEnum):
    """What goes first when a platform lets only so much through."""

    PAGE = 0
    BREACH = 1
    STATE = 2
    REPLY = 3
    COUNTDOWN = 4


@dataclass(frozen=True, slots=True)
class Card:
    """A ticket's card, drawn when it is sent and not before, so that it is never older than its message."""

    audience: Audience


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to say, kept until the platform has taken it or refused it for good."""

    key: str
    """Unique for ever; the same key again is the same message."""
    ticket: str
    to: Place | UserRef
    say: Card | Notice
    priority: Priority
    thread: str | None = None
    """The key of the message in whose thread this goes."""
    edits: str | None = None
    """The key of the message that this replaces. Of several waiting edits only the newest is sent."""
    effect: int | None = None
    """The event that is taken back when this can never be delivered."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message whose turn has come, with the posted messages that it answers or replaces."""

    message: Message
    attempts: int
    thread: MessageRef | None
    edits: MessageRef | None


@dataclass(frozen=True, slots=True)
class Change:
    """One decision: what happened to a ticket, when to look at it again, what to say. All or nothing."""

    ticket: str
    version: int
    """How many events the ticket had when this was decided."""
    events: tuple[Event, ...]
    wake_at: datetime | None
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Appended:
    ticket: str
    version: int


@dataclass(frozen=True, slots=True)
class Seen:
    """This envelope's act was already done, on this ticket."""

    ticket: str


class Conflict(Exception):
    """The ticket moved on since it was loaded; load it again and decide again."""


class NotYet(Exception):
    """What this act belongs to is still being recorded; the platform is to deliver it again."""


class NoSuchTicket(LookupError):
    """No ticket has this key."""


class Store(Protocol):
    """Tickets, and what is still to be said. Each verb is one transaction, durable when it returns."""

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Seen:
        """Give the account's next number to `draft` and keep what it makes; `draft` is pure and quick."""
        ...

    async def append(self, envelope: str | None, change: Change) -> Appended | Seen:
        """Keep a change. A known envelope is Seen and changes nothing. Raises Conflict, NoSuchTicket."""
        ...

    async def load(self, ticket: str) -> tuple[Event, ...]:
        """The whole history. Raises NoSuchTicket."""
        ...

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Tickets whose wake-up has come, earliest first."""
        ...

    async def next_wake(self) -> datetime | None:
        """The earliest wake-up of all tickets."""
        ...

    async def unsent(self, ready_at: datetime, limit: int) -> list[Outgoing]:
        """The next message of each lane that is not parked beyond `ready_at`, most urgent first.

        A lane is a place or person (pages have one of their own); in it, order of priority, then of decision.
        A message whose `thread` or `edits` has not been posted yet waits for it.
        """
        ...

    async def next_ready(self) -> datetime | None:
        """The earliest instant at which a parked lane with something to say may speak again."""
        ...

    async def sent(self, key: str, ref: MessageRef) -> None:
        """The platform took it; what it superseded is done as well."""
        ...

    async def park(self, key: str, until: datetime, why: str) -> None:
        """It did not go through this time; the lane waits until `until`."""
        ...

    async def refused(self, key: str, why: str) -> None:
        """The platform will never take it; nothing waits for it any longer."""
        ...

    async def ticket_of(self, message: MessageRef) -> str | None:
        """The ticket that a posted message belongs to."""
        ...

    async def tickets(self, account: str) -> list[str]:
        """Keys of the account's tickets, newest first."""
        ...


class Notebook(Protocol):
    """What an adapter has to remember across restarts, by topic and key. Durable when a verb returns."""

    async def note(self, topic: str, key: str, value: str) -> None:
        """Keep a value in place of the one before."""
        ...

    async def noted(self, topic: str, key: str) -> str | None:
        """The value of a key, if it has one."""
        ...

    async def notes(self, topic: str) -> dict[str, str]:
        """All keys of a topic with their values."""
        ...


class NotNow(Exception):
    """The platform asks to wait; `after` is in seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Never(Exception):
    """The platform refuses for good: archived, removed, gone."""


class ChatPlatform(Protocol):
    """One chat platform. Both verbs of speech raise NotNow or Never."""

    name: str

    async def post(self, to: Place | UserRef, view: View, thread: MessageRef | None) -> MessageRef:
        """Say something new."""
        ...

    async def update(self, message: MessageRef, view: View) -> None:
        """Replace what was said; nobody is notified."""
        ...

    def is_group(self, id: str) -> bool:
        """Whether an id names a user group rather than a person."""
        ...

    async def members(self, group: str) -> frozenset[UserRef]:
        """The people of a user group, by the platform's id for it."""
        ...

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels with the bot in them that a person belongs to."""
        ...
