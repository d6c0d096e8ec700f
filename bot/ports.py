"""What the desk needs from the outside: a chat platform, a store, a clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import Protocol

from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Audience, Notice, View
from sla_core.countdown import Countdown
from sla_core.events import Event, Opened


class OperatorFault(Exception):
    """A fault that the operator can mend. Its text is one line that says what to do."""


class Clock(Protocol):
    """Tells the time that promises run on; aware, UTC."""

    def now(self) -> datetime: ...
    async def sleep_until(self, instant: datetime) -> None:
        """Returns at `instant`, at once when it is past; sooner when the clock is set back."""


class Priority(IntEnum):
    """What goes first when a platform lets only so much through."""

    PAGE = 0
    BREACH = 1
    STATE = 2
    REPLY = 3
    COUNTDOWN = 4


COUNTDOWN_LANES = "countdown:"
"""What the names of their lanes begin with."""


@dataclass(frozen=True, slots=True)
class Card:
    """A ticket's card, drawn when it is sent and not before, so that it is never older than its message."""

    audience: Audience


@dataclass(frozen=True, slots=True)
class StandingHelp:
    """`Get help` as it stands in a customer channel, drawn when it is sent."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to say, kept until the platform has taken it or refused it for good."""

    key: str
    """Unique for ever; the same key again is the same message."""
    ticket: str | None
    """The ticket that it belongs to, if it belongs to one."""
    to: Place | UserRef
    content: Card | Notice | StandingHelp
    priority: Priority
    thread: str | None = None
    """The key of the message in whose thread this goes."""
    edits: str | None = None
    """The key of the message that this replaces. Of several waiting edits only the newest is sent."""
    effect: int | None = None
    """The event that is taken back when this can never be delivered."""
    rate_limit_key: str = ""
    """What a countdown is paid from together with others; empty: with all of its platform."""
    fairness_key: str = ""
    """Whose message it is, in a place that several accounts share: there they take turns."""
    delay: timedelta = timedelta(0)
    """How long it waits for a newer edit to replace it, which goes when the first of them would have."""

    @property
    def lane(self) -> str:
        """Who waits behind whom: what goes to the same place or person, one after another.

        Pages wait behind pages only. Countdowns, the first to yield, share one lane of their purse.
        """
        match self.priority:
            case Priority.PAGE:
                return f"page:{self.to}"
            case Priority.COUNTDOWN:
                return f"{COUNTDOWN_LANES}{self.rate_limit_key or self.to.platform}"
            case _:
                return str(self.to)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message whose turn has come, with the posted messages that it answers or replaces."""

    message: Message
    attempts: int
    thread: MessageRef | None
    edits: MessageRef | None
    fence: str
    """The claim under which it may be sent; void once somebody else has claimed its lane."""
    tried_at: datetime | None = None
    """Since when it may have arrived without our learning of it."""
    trace: str = ""
    """The act that it tells of, as the log calls it: one id from the click to the message."""
    decided_at: datetime | None = None
    """When it was decided, in real time."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One call's share of what a platform lets through: a call each `every`, `burst` calls at once at most.

    `bucket` names what is shared, over all processes: a method of a workspace, a conversation.
    """

    bucket: str
    every: timedelta
    burst: int
    held_by_retry_after: bool = True
    """Whether it is shut when the platform asks to wait; else that says nothing about who shares it."""


@dataclass(frozen=True, slots=True)
class QueueSummary:
    """What a queue sorts by and shows of a ticket, as it stood after its last change."""

    title: str
    state: str
    """`open`, `resolved` or `closed`."""
    severity: str
    severity_name: str
    rank: int
    """The severity's place in its policy: 0 for the most critical."""
    vendor: str
    opened_at: datetime
    ended_at: datetime | None = None
    """When it was resolved or closed, while it is."""
    owner: str = ""
    acknowledged_by: str = ""
    held: bool = False
    customers_turn: bool = False
    due: Countdown | None = None
    """Of the promises that are still to be kept, the one due first."""
    wording: str = "target"
    """What the vendor calls that promise."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A ticket in a queue. `summary` is None if an older version of Frontline changed the ticket since."""

    key: str
    account: str
    summary: QueueSummary | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The first entries of a queue, and how many there are in all."""

    entries: tuple[QueueEntry, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Change:
    """One decision: what happened to a ticket, when to look at it again, what to say. All or nothing."""

    ticket: str
    version: int
    """How many events the ticket had when this was decided."""
    events: tuple[Event, ...]
    wake_at: datetime | None
    messages: tuple[Message, ...]
    closed: bool = False
    """Whether the ticket is closed by it; it is then in no queue any more."""
    summary: QueueSummary | None = None
    """The ticket as a queue shows it after this change."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that is to happen at an instant and belongs to no ticket."""

    kind: str
    key: str
    """Of its kind; the same key again replaces the timer."""
    due_at: datetime
    """By the clock that promises run on."""
    payload: str = ""


@dataclass(frozen=True, slots=True)
class TimerResult:
    """What a timer does when it is due: messages to send, and when it is due again, if it is."""

    messages: tuple[Message, ...] = ()
    again_at: datetime | None = None
    payload: str = ""


DecideWake = Callable[[str, tuple[Event, ...]], Change | None]
"""What to make of a ticket, by its key and history; None: leave it. Pure and quick, in a transaction."""


@dataclass(frozen=True, slots=True)
class Appended:
    ticket: str
    version: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """This envelope's act was already done, on this ticket."""

    ticket: str


class Conflict(Exception):
    """The ticket moved on since it was loaded; load it again and decide again."""


class RedeliverLater(Exception):
    """What this act belongs to is still being recorded; the platform is to deliver it again."""


def trace_id(act: str) -> str:
    """What the log calls an act, by its envelope: short, and nothing of anybody's words in it."""
    return sha256(act.encode()).hexdigest()[:12]


def trace_id_of_change(envelope: str | None, change: Change) -> str:
    """The same for a change; one that nobody asked for is a wake-up."""
    return trace_id(envelope or f"wake/{change.ticket}/{change.version}")


class NoSuchTicket(LookupError):
    """No ticket has this key."""


class StoreUnavailable(OperatorFault):
    """The store cannot be reached now. What was asked of it may be asked again."""


class LeaseLost(Exception):
    """Somebody else has claimed the lane since; what was claimed must not be sent."""


class Store(Protocol):
    """Tickets and their index. Each verb is one transaction, durable when it returns."""

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Duplicate:
        """Give the account's next number to `draft` and keep what it makes; `draft` is pure and quick."""

    async def append(self, envelope: str | None, change: Change) -> Appended | Duplicate:
        """Keep a change. A known envelope is Duplicate and changes nothing. Raises Conflict, NoSuchTicket."""

    async def wake(
        self, now: datetime, limit: int, excluding: Collection[str], decide: DecideWake
    ) -> list[str]:
        """Claim tickets whose wake-up has come, earliest first, and keep what `decide` makes of each.

        Skips those in `excluding` and those that another process is waking. Returns the claimed keys;
        for one that cannot be read `decide` is not called.
        """

    async def ticket_of_envelope(self, envelope: str) -> str | None:
        """The ticket on which this envelope's act was done, if it was."""

    async def load(self, ticket: str) -> tuple[Event, ...]:
        """The whole history. Raises NoSuchTicket."""

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Tickets whose wake-up has come, earliest first."""

    async def next_wake(self) -> datetime | None:
        """The earliest wake-up of all tickets."""

    async def ticket_of(self, message: MessageRef) -> str | None:
        """The ticket that a posted message belongs to."""

    async def tickets(self, account: str) -> list[str]:
        """Keys of the account's tickets, newest first."""

    async def open_tickets(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        """The account's newest tickets that are not closed, newest first, each with its first event."""

    async def queue(self, accounts: Collection[str] | None, limit: int, *, ended: bool = False) -> QueuePage:
        """Tickets that are not closed, of these accounts or of all, most urgent first.

        Urgent is: by severity, then by the promise due next, then by age (MTA-11). `ended` adds the resolved
        ones, after the open ones.
        """


LONGEST_DEFERRAL = timedelta(minutes=2)
"""Nothing in an outbox is held or put off for longer at a time."""
CALLS_AT_ONCE = 512
"""Connections that an adapter may keep to its platform: more than deliveries, pages and forms ever use.

How many messages are under way at a time is the courier's business, and no form waits for a connection.
"""
LONGEST_BLOCK = timedelta(minutes=10)
"""No bucket is shut for longer at a time; a platform that asks for more is asked again then."""


class Timers(Protocol):
    """What is to happen later and belongs to no ticket. Each verb is one transaction."""

    async def set_timer(self, timer: Timer) -> None:
        """Stores a timer, in place of the one of its kind and key if there is one."""

    async def cancel_timer(self, kind: str, key: str) -> None:
        """Deletes a timer, if it is there."""

    async def next_timer(self, excluding: Collection[str] = ()) -> datetime | None:
        """When the earliest timer is due, but for those of these kinds."""

    async def fire(
        self, now: datetime, limit: int, excluding: Collection[str], fire: Callable[[Timer], TimerResult]
    ) -> list[str]:
        """Claims due timers, earliest first, and stores what `fire` makes of each: all or nothing.

        Skips the kinds in `excluding` and timers that another process is firing. `fire` is pure and quick.
        Returns the kinds of the timers that were claimed.
        """


class Outbox(Protocol):
    """What is still to be said, in lanes. Instants are real time. Each verb is one transaction.

    A hold or a wait that ends more than LONGEST_DEFERRAL from now was noted by a clock that has been set back
    since, and does not count; nor does a bucket that is shut for more than LONGEST_BLOCK.
    """

    async def enqueue(self, messages: Sequence[Message]) -> None:
        """Stores messages that come with no change of a ticket. A known key is the same message."""

    async def adopt(self, message: Message, ref: MessageRef) -> None:
        """Stores a message as sent that stands there already. Others may edit it, or go in its thread.

        An earlier version posted it, or a person. A known key is left as it is.
        """

    async def key_of(self, message: MessageRef) -> str | None:
        """The key of the message that was posted there."""

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        """Lanes with something to say that nobody holds and that may speak by then, most urgent first."""

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        """Hold the lane until then and take its next message; None when it is held, or has none that may go.

        In order of priority, then of decision; a message whose `thread` or `edits` has not been posted yet
        waits for it, and an edit while another edit of the same message is under way.
        """

    async def begin(
        self, outgoing: Outgoing, charges: Sequence[Charge], now: datetime, until: datetime
    ) -> datetime | None:
        """The last step before sending: pay for it, note that it was tried, hold the lane until then.

        None: go ahead. Else nothing was paid, and this is when there will be enough. Raises LeaseLost.
        """

    async def sent(self, key: str, ref: MessageRef) -> None:
        """The platform took it; its lane is free. What was posted for want of an edit is edited from now."""

    async def defer(
        self,
        outgoing: Outgoing,
        until: datetime,
        why: str,
        *,
        message_only: bool = False,
        maybe_delivered: bool = False,
    ) -> None:
        """It did not go through this time: its lane waits until then, or only this message if `message_only`.

        `maybe_delivered`: it may have arrived all the same.
        """

    async def block_until(self, buckets: Collection[str], until: datetime) -> None:
        """The platform asked to wait: nothing is paid from these until then."""

    async def refused(self, key: str, why: str) -> None:
        """The platform will never take it; nothing waits for it any longer."""

    async def next_ready(self, after: datetime) -> datetime | None:
        """The earliest instant after this one at which something that waits may be said."""


class DeskStore(Store, Outbox, Timers, Protocol):
    """All that a database holds of a desk."""


class KeyValueStore(Protocol):
    """What has to be remembered across restarts, by topic and key. Durable when a verb returns.

    Instants are real time.
    """

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        """Keep a value in place of the one before. From `expires_at` on nobody sees it; None: it stays."""

    async def get(self, topic: str, key: str) -> str | None:
        """The value of a key, if it has one that has not expired."""

    async def get_all(self, topic: str) -> dict[str, str]:
        """All keys of a topic with their values, without those that have expired."""

    async def delete(self, topic: str, key: str) -> None:
        """Let go of a key, if it is there."""

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        """Whether the lock is `holder`'s until then: it was free, its time was over, or it was theirs.

        Replicas share locks.
        """

    async def unlock(self, name: str, holder: str) -> None:
        """Frees the lock, if it is still `holder`'s."""


class TemporaryFailure(Exception):
    """It did not go through. `retry_after` is in seconds, where the platform named it.

    `maybe_delivered`: the answer was lost, and the message may have arrived.
    """

    def __init__(self, why: str, retry_after: float | None = None, *, maybe_delivered: bool = False) -> None:
        super().__init__(why)
        self.retry_after, self.maybe_delivered = retry_after, maybe_delivered


class PermanentFailure(Exception):
    """The platform refuses for good: archived, removed, gone."""


class NotEditable(PermanentFailure):
    """The message cannot be changed any more; its place may still take a new one."""


class ChatPlatform(Protocol):
    """One chat platform. Both verbs of speech raise TemporaryFailure or PermanentFailure."""

    name: str

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        """Say something new. `key` marks it, unseen by people, for `find`."""

    async def find(
        self, to: Place | UserRef, key: str, thread: MessageRef | None, since: datetime
    ) -> MessageRef | None:
        """The message that was posted under this key since then; None where there is none, or no telling."""

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        """What saying this takes of what the platform lets through.

        The last of a countdown's is its purse: those with the same one wait behind one another, and for
        nobody else.
        """

    async def update(self, message: MessageRef, view: View) -> None:
        """Replace what was said; nobody is notified."""

    def is_group(self, id: str) -> bool:
        """Whether an id names a user group rather than a person."""

    async def members(self, group: str) -> frozenset[UserRef]:
        """The people of a user group, by the platform's id for it."""

    async def places_of(self, user: UserRef) -> frozenset[Place]:
        """The channels with the bot in them that a person belongs to."""
