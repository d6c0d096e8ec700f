"""The ports of the desk: what a chat platform, a store and a clock must provide."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import Protocol

from bot.faults import OperatorFault
from bot.model.address import Location, MessageRef, Place, UserRef
from bot.model.queue import QueueEntry, QueuePage, QueueSummary
from bot.model.views import Card as Card
from bot.model.views import EventReport as EventReport
from bot.model.views import MessageContent as MessageContent
from bot.model.views import SharedFile, View
from bot.model.views import StandingHelp as StandingHelp
from bot.model.views import TicketBoard as TicketBoard
from sla_core.calendar import Span
from sla_core.events import Event, Opened


class Clock(Protocol):
    """The time that promises run on. Instants are aware and in UTC."""

    def now(self) -> datetime: ...
    async def sleep_until(self, instant: datetime) -> None:
        """Returns at `instant`; at once if it is past, early if the clock is set back meanwhile."""


class Priority(IntEnum):
    """The order in which messages go out under a platform's rate limits; the lowest number goes first."""

    PAGE = 0
    BREACH = 1
    STATE = 2
    REPLY = 3
    COUNTDOWN = 4


COUNTDOWN_LANES = "countdown:"
"""The prefix of the names of countdown lanes."""


FILE_LANES = "file:"
"""The prefix of the names of lanes of files."""


REMOVED = "removed"
"""The id in the MessageRef of a message that was deleted because it has nothing to show."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to post or edit. It is stored until the platform accepts it or rejects it for good."""

    key: str
    """Unique for all time; a message with a known key is the same message."""
    ticket: str | None
    """The key of the ticket that it belongs to, if any."""
    to: Place | UserRef
    content: MessageContent
    priority: Priority
    thread: str | None = None
    """The key of the message in whose thread this is posted."""
    edits: str | None = None
    """The key of the message that this replaces. Of several waiting edits, only the newest is sent."""
    effect: int | None = None
    """The number of the event that is undone if this can never be delivered."""
    rate_limit_key: str = ""
    """The rate limit that this countdown shares with others; empty: one limit for the whole platform."""
    fairness_key: str = ""
    """The account, in a place that several accounts share: there, accounts take turns."""
    delay: timedelta = timedelta(0)
    """How long to wait. A newer edit replaces one that waits, and is sent at that one's time."""
    posted: MessageRef | None = None
    """Where it stands already: a person or an earlier version posted it. It is stored as sent, so that
    others can edit it or reply in its thread."""

    @property
    def lane(self) -> str:
        """The queue that this message waits in: messages of one lane are sent one after another.

        Each place or person has one lane, another for pages, and one for files. Countdowns have one per rate
        limit.
        """
        if isinstance(self.content, SharedFile):
            return f"{FILE_LANES}{self.to}"  # an upload takes its time
        match self.priority:
            case Priority.PAGE:
                return f"page:{self.to}"
            case Priority.COUNTDOWN:
                return f"{COUNTDOWN_LANES}{self.rate_limit_key or self.to.platform}"
            case _:
                return str(self.to)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed message that is ready to send, with the posted messages that it replies to or edits."""

    message: Message
    attempts: int
    thread: MessageRef | None
    edits: MessageRef | None
    fence: str
    """The claim under which it may be sent; void once another process claims its lane."""
    tried_at: datetime | None = None
    """When the first try began whose outcome is unknown: it may have arrived since then."""
    trace: str = ""
    """The trace id of the act that caused it: one id in the log, from the click to the message."""
    decided_at: datetime | None = None
    """When it was decided, in real time."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call takes from a rate limit: one call per `every`, at most `burst` calls at once.

    `bucket` names the limit, which all processes share: a method of a workspace, or a conversation.
    """

    bucket: str
    every: timedelta
    burst: int
    held_by_retry_after: bool = True
    """Whether the platform's Retry-After blocks the whole bucket; False if it concerns this call only."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that happens at a given instant and belongs to no ticket."""

    kind: str
    key: str
    """Unique within its kind. Setting a timer with the same kind and key replaces it."""
    due_at: datetime
    """By the clock that promises run on."""
    payload: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One decision about a ticket: its events, next wake-up and messages. It is stored in one transaction."""

    ticket: str
    version: int
    """The number of events that the ticket had when this was decided."""
    events: tuple[Event, ...]
    wake_at: datetime | None
    messages: tuple[Message, ...]
    closed: bool = False
    """Whether the ticket is closed after this change. Closed tickets are in no queue."""
    summary: QueueSummary | None = None
    """How a queue shows the ticket after this change."""
    timers: tuple[Timer, ...] = ()
    """Timers to set; one that is due earlier keeps its instant."""


@dataclass(frozen=True, slots=True)
class TimerResult:
    """What a timer does when it fires: the messages to send, and when it is due again (None: never)."""

    messages: tuple[Message, ...] = ()
    again_at: datetime | None = None
    payload: str = ""


DecideWake = Callable[[str, tuple[Event, ...]], Change | None]
"""Decides about a due ticket from its key and history. None: no change. Must be pure and fast."""


@dataclass(frozen=True, slots=True)
class Appended:
    ticket: str
    version: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The act with this envelope was already recorded, on this ticket."""

    ticket: str


class Conflict(Exception):
    """The ticket changed after it was loaded. Load it again and decide again."""


class RedeliverLater(Exception):
    """What this act refers to is not recorded yet. The platform should deliver the act again."""


def trace_id(act: str) -> str:
    """The id of an act in the log, made from its envelope. It is short and reveals no content."""
    return sha256(act.encode()).hexdigest()[:12]


def trace_id_of_change(envelope: str | None, change: Change) -> str:
    """The trace id of a change. A change without an envelope comes from a wake-up."""
    return trace_id(envelope or f"wake/{change.ticket}/{change.version}")


class NoSuchTicket(LookupError):
    """No ticket has this key."""


class StoreUnavailable(OperatorFault):
    """The store cannot be reached now. The call may be retried."""


class LeaseLost(Exception):
    """Another process has claimed the lane. The claimed message must not be sent."""


class Store(Protocol):
    """Tickets and their index. Each method is one transaction, durable when it returns."""

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Duplicate:
        """Calls `draft`, which must be pure and fast, with the account's next number; stores its change."""

    async def append(self, envelope: str | None, change: Change) -> Appended | Duplicate:
        """Stores a change, or returns Duplicate for a known envelope. Raises Conflict, NoSuchTicket."""

    async def wake(
        self, now: datetime, limit: int, excluding: Collection[str], decide: DecideWake
    ) -> list[str]:
        """Claims due tickets, earliest first, and stores the change that `decide` returns for each.

        Skips those in `excluding` and those that another process is waking. Does not call `decide` for a
        ticket that cannot be read. Returns the claimed keys.
        """

    async def ticket_of_envelope(self, envelope: str) -> str | None:
        """The ticket on which the act with this envelope was recorded, or None."""

    async def load(self, ticket: str) -> tuple[Event, ...]:
        """The ticket's whole history. Raises NoSuchTicket."""

    async def due(self, now: datetime, limit: int) -> list[str]:
        """The keys of due tickets, earliest wake-up first."""

    async def next_wake(self) -> datetime | None:
        """The earliest wake-up of all tickets."""

    async def ticket_of(self, message: MessageRef) -> str | None:
        """The ticket that a posted message belongs to, or None."""

    async def tickets(self, account: str) -> list[str]:
        """Keys of the account's tickets, newest first."""

    async def open_tickets(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        """The account's newest tickets that are not closed, newest first, each with its Opened event."""

    async def queue(self, accounts: Collection[str] | None, limit: int, *, ended: bool = False) -> QueuePage:
        """Open tickets of these accounts (None: of all accounts), most urgent first.

        Sorts by severity, then by the promise due next, then by age (MTA-11). `ended` appends the resolved
        tickets.
        """

    async def since(self, accounts: Collection[str], opened: datetime) -> list[QueueEntry]:
        """These accounts' tickets that are not closed, and closed ones opened at or after `opened`."""


LONGEST_DEFERRAL = timedelta(minutes=2)
"""The longest time for which an outbox holds or defers anything at once."""
CALLS_AT_ONCE = 512
"""The connections that an adapter may open to its platform. Delivery uses fewer, so no form waits for one."""
LONGEST_BLOCK = timedelta(minutes=10)
"""The longest time for which a bucket is blocked. If a platform asks for more, we try again after this."""


class Timers(Protocol):
    """Timers that belong to no ticket. Each method is one transaction."""

    async def set_timer(self, timer: Timer) -> None:
        """Stores a timer. It replaces the timer of the same kind and key, if any."""

    async def cancel_timer(self, kind: str, key: str) -> None:
        """Deletes a timer if it exists."""

    async def next_timer(self, excluding: Collection[str] = ()) -> datetime | None:
        """When the earliest timer is due, without the kinds in `excluding`. None if there is no timer."""

    async def fire(
        self, now: datetime, limit: int, excluding: Collection[str], fire: Callable[[Timer], TimerResult]
    ) -> list[str]:
        """Claims due timers, earliest first, and stores the result of `fire` for each, in one transaction.

        Skips the kinds in `excluding` and timers that another process is firing. `fire` must be pure and
        fast. Returns the kinds of the claimed timers.
        """


class Outbox(Protocol):
    """Messages that wait to be sent, in lanes. Instants are real time. Each method is one transaction.

    Ignores a hold or deferral that ends more than LONGEST_DEFERRAL from now, and a block of more than
    LONGEST_BLOCK: they were stored before the clock was set back.
    """

    async def enqueue(self, messages: Sequence[Message]) -> None:
        """Stores messages that belong to no change of a ticket. Ignores messages with a known key."""

    async def key_of(self, message: MessageRef) -> str | None:
        """The key of a posted message, or None."""

    async def newest_version(self, message: MessageRef) -> Message | None:
        """The posted message, or the last edit of it that arrived. None if the outbox did not post it.

        Countdown edits do not count: they have the content of what they edit.
        """
        ...

    async def posted(self, keys: Collection[str]) -> dict[str, MessageRef]:
        """The messages with these keys, by key, without those that are not posted."""

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        """Free lanes that have a message to send by `ready_at`, most urgent first."""

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        """Holds the lane until `until` and returns its next message; None if it is held or nothing is ready.

        Messages come in order of priority, then of decision. A message waits until its `thread` or `edits`
        has been posted, and an edit waits while another edit of the same message is being sent.
        """

    async def begin(
        self, outgoing: Outgoing, charges: Sequence[Charge], now: datetime, until: datetime
    ) -> datetime | None:
        """The last step before sending: takes the charges, records the try and holds the lane until `until`.

        Returns None if the message may be sent; otherwise takes nothing and returns when the rate limits
        allow it. Raises LeaseLost.
        """

    async def sent(self, key: str, ref: MessageRef) -> None:
        """Records that the platform accepted it as `ref`, which later edits change. Frees the lane."""

    async def defer(
        self,
        outgoing: Outgoing,
        until: datetime,
        why: str,
        *,
        message_only: bool = False,
        maybe_delivered: bool = False,
    ) -> None:
        """Records a failed try: its lane waits until `until`, or only this message if `message_only`.

        `maybe_delivered`: the message may have arrived anyway.
        """

    async def block_until(self, buckets: Collection[str], until: datetime) -> None:
        """Blocks these buckets until `until`, because the platform asked to wait."""

    async def refused(self, key: str, why: str) -> None:
        """Records that the platform rejected it for good. Nothing waits for it any longer."""

    async def next_ready(self, after: datetime) -> datetime | None:
        """The earliest instant after `after` at which a waiting message may be sent, or None."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tickets: those opened within `opened`, of one account (None: of all)."""

    opened: Span
    account: str | None = None


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """A ticket with its events. `fault` says why they cannot be read; `history` is empty then."""

    key: str
    history: tuple[Event, ...]
    fault: str = ""


class Archive(Protocol):
    """Access to the events of all tickets, also closed ones."""

    async def archive_size(self, chosen: Selection) -> int:
        """How many tickets are selected."""

    async def archive_after(self, ticket: str, chosen: Selection, limit: int) -> Sequence[StoredTicket]:
        """Up to `limit` selected tickets after this key, in order of their keys."""


class DeskStore(Store, Outbox, Timers, Archive, Protocol):
    """Everything that the desk's database provides."""


class KeyValueStore(Protocol):
    """Values that survive restarts, by topic and key. Durable when a method returns.

    Instants are real time.
    """

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        """Stores a value in place of the previous one. It expires at `expires_at`; None: never."""

    async def get(self, topic: str, key: str) -> str | None:
        """The value of a key, or None if there is none or it has expired."""

    async def get_all(self, topic: str) -> dict[str, str]:
        """All unexpired values of a topic, by key."""

    async def delete(self, topic: str, key: str) -> None:
        """Deletes a key if it exists."""

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        """Takes a lock until `until` and returns True, if it is free, has expired or is already `holder`'s.

        All replicas share locks.
        """

    async def unlock(self, name: str, holder: str) -> None:
        """Releases the lock if `holder` still has it."""


class TemporaryFailure(Exception):
    """The call failed and may be retried, after `retry_after` seconds if the platform named a time.

    `maybe_delivered`: the answer was lost, and the message may have arrived.
    """

    def __init__(self, why: str, retry_after: float | None = None, *, maybe_delivered: bool = False) -> None:
        super().__init__(why)
        self.retry_after, self.maybe_delivered = retry_after, maybe_delivered


class PermanentFailure(Exception):
    """The platform rejects the call for good: the channel is archived, or the bot was removed from it."""


class NotEditable(PermanentFailure):
    """The message can no longer be edited. A new message in the same place may still work."""


class ChatPlatform(Protocol):
    """A chat platform. Methods that call it raise TemporaryFailure or PermanentFailure."""

    name: str

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        """Posts a new message. `key` is attached to it invisibly, so that `find` can find it."""

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """The message posted with this key after `since`; None if there is none or we cannot find out."""

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """The rate-limit charges of posting a message, or of editing `edits`.

        A countdown's last charge names its `rate_limit_key`: countdowns with the same one share a lane.
        """

    async def update(self, message: MessageRef, view: View) -> None:
        """Replaces a message's content. Edits notify nobody. Raises NotEditable."""

    async def location(self, message: MessageRef) -> Location:
        """Where people find a posted message, or the channel if its id is empty. Calls no platform."""

    async def delete(self, message: MessageRef) -> None:
        """Deletes a message. Does nothing if it is gone."""

    def is_group(self, id: str) -> bool:
        """Whether this is the id of a user group rather than of a person."""

    async def members(self, group: str) -> frozenset[UserRef]:
        """The members of a user group, by the platform's id for the group."""

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels that this person shares with the bot."""

    async def name_of(self, user: UserRef, place: Place) -> str:
        """What people call this person, who is in `place`."""
