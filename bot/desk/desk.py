"""The desk: every change of a ticket goes through it, whether a person or the clock causes it."""

from __future__ import annotations

import asyncio
import re
from asyncio import Lock
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4
from weakref import WeakValueDictionary

import structlog

from bot.clock import WallClock, later, real_now
from bot.config.directory import DeskDuty, Directory
from bot.config.settings import Account, OpeningLimits
from bot.model.address import Actor, Location, MessageRef, Place, UserRef
from bot.model.inbound import Answer, Ask, Done, Show
from bot.model.views import Audience, Link, Notice, Part, RichText, SharedFile, TicketCard, View
from bot.notify import cards, recipients, texts
from bot.notify.cards import queue_summary
from bot.notify.message_factory import card_key, named_in
from bot.ports import (
    Appended,
    Card,
    Change,
    ChatPlatform,
    Clock,
    Conflict,
    DeskStore,
    Duplicate,
    KeyValueStore,
    Message,
    Priority,
    StandingHelp,
    Timer,
    trace_id,
)
from bot.reports.promise_metrics import PromiseMetrics
from sla_core.engine import evaluate
from sla_core.events import THE_CLOCK, Event, Notified, Opened, PageAccepted, Paged, Undelivered, Who
from sla_core.policy import Policy
from sla_core.promise import Tone
from sla_core.ticket import State, Ticket, after, fold

log = structlog.get_logger(__name__)


class KeyedLocks:
    """Locks by name. A lock that nobody holds or waits for is discarded."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: str) -> asyncio.Lock:
        """The lock of this name, for `async with`."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock


class InMemoryKeyValueStore:
    """A KeyValueStore in dicts, for tests and for desks without a database."""

    def __init__(self) -> None:
        self.real_clock: Clock = WallClock()
        """Decides what has expired."""
        self.topics: dict[str, dict[str, str]] = {}
        self.expiries: dict[tuple[str, str], datetime] = {}
        self.locks: dict[str, tuple[str, datetime]] = {}

    async def put(self, topic: str, key: str, value: str, expires_at: datetime | None = None) -> None:
        self._delete_expired()
        self._delete(topic, key)
        self.topics.setdefault(topic, {})[key] = value
        if expires_at is not None:
            self.expiries[topic, key] = expires_at

    async def get(self, topic: str, key: str) -> str | None:
        self._delete_expired()
        return self.topics.get(topic, {}).get(key)

    async def get_all(self, topic: str) -> dict[str, str]:
        self._delete_expired()
        return dict(self.topics.get(topic, {}))

    async def delete(self, topic: str, key: str) -> None:
        self._delete(topic, key)

    async def try_lock(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        held = self.locks.get(name)
        if held is not None and held[0] != holder and held[1] > now:
            return False
        self.locks[name] = (holder, until)
        return True

    async def unlock(self, name: str, holder: str) -> None:
        if name in self.locks and self.locks[name][0] == holder:
            del self.locks[name]

    def _delete_expired(self) -> None:
        now = self.real_clock.now()
        for topic, key in [name for name, expires_at in self.expiries.items() if expires_at <= now]:
            self._delete(topic, key)

    def _delete(self, topic: str, key: str) -> None:
        self.topics.get(topic, {}).pop(key, None)
        self.expiries.pop((topic, key), None)


LOCK_LIFE = timedelta(minutes=1)
"""How long a process that died keeps its lock; far longer than the work under a lock takes."""


@asynccontextmanager
async def try_lock(key_values: KeyValueStore, what: str) -> AsyncIterator[bool]:
    """Yields whether the lock was acquired. Then read again: another holder may just have finished."""
    holder, now = uuid4().hex, real_now()
    acquired = await key_values.try_lock(what, holder, now + LOCK_LIFE, now)
    try:
        yield acquired
    finally:
        if acquired:
            await key_values.unlock(what, holder)


HOUR = timedelta(hours=1)


@dataclass
class RecentOpenings:
    """The openings of the last hour in this process; each replica counts for itself.

    Instants are real time.
    """

    limits: OpeningLimits
    _opened: defaultdict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))

    def full_until(self, person: str, account: str, now: datetime) -> datetime | None:
        """When the next ticket may be opened, if a limit is reached; None if it may be opened now."""
        waits = [*self._waits(f"person {person}", self.limits.per_person, now)]
        waits += self._waits(f"account {account}", self.limits.per_account, now)
        return max(waits, default=None)

    def record(self, person: str, account: str, now: datetime) -> None:
        for name in (f"person {person}", f"account {account}"):
            self._opened[name].append(now)

    def _waits(self, name: str, most: int, now: datetime) -> Iterator[datetime]:
        known = self._opened.get(name)
        if known is None:
            return
        # An opening in the future was recorded before the clock was set back.
        while known and not now - HOUR < known[0] <= now:
            known.popleft()
        if not known:
            del self._opened[name]
        elif len(known) >= most:
            yield known[len(known) - most] + HOUR


BOARD = "board"
"""The kind of the timers after which channels' boards are drawn; their keys are the channels."""
BOARD_DELAY = timedelta(seconds=5)
"""In real time, how long a board waits for further changes."""

MAX_TRIES = 50
"""How often to decide again because the ticket changed meanwhile."""


class Decide(Protocol):
    """Decides about an act on a ticket: returns the events to record, or an answer that refuses the act."""

    def __call__(self, ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer: ...


def _is_told(before: str, now: str) -> bool:
    """Whether the message that agents know of is this one, or a page that took the same way."""
    (way, before_way) = (re.sub(r"^[^/]+/\d+/pager?(-again)?/", "", key) for key in (now, before))
    return before_way == way


def _has_link(view: View | None) -> bool:
    thread = view.customers_thread if isinstance(view, TicketCard) else ()
    return any(isinstance(part, Link) for part in thread)


def private_notice(*parts: Part, tone: Tone = Tone.CALM) -> Show:
    """A sentence that only the actor sees."""
    return Show(Notice(parts, tone))


def refusal(*parts: str) -> Show:
    return private_notice(*parts, tone=Tone.WARN)


@dataclass
class Desk:
    """The store, clock and directory. `platforms` only answers questions: delivery sends the messages."""

    store: DeskStore
    clock: Clock
    directory: Directory
    platforms: dict[str, ChatPlatform] = field(default_factory=dict)
    key_values: KeyValueStore = field(default_factory=InMemoryKeyValueStore)
    """Remembers what belongs to no ticket, such as drafts."""
    real_clock: Clock = field(default_factory=WallClock)
    """Decides how old a form is."""
    metrics: PromiseMetrics | None = None
    """Counts what stored changes settle; None: nothing is counted."""
    openings: RecentOpenings = field(init=False)
    """How many tickets were opened in the last hour."""
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    channel_lock: Lock = field(default_factory=Lock, repr=False, compare=False)
    """Held while channel states and `Get help` messages are updated."""

    def __post_init__(self) -> None:
        self.openings = RecentOpenings(self.directory.settings.limits)

    @property
    def duty(self) -> DeskDuty:
        """Who is paged behind the roles of the policy."""
        return DeskDuty(self.directory)

    async def ticket(self, key: str) -> Ticket:
        """Raises NoSuchTicket."""
        return fold(key, await self.store.load(key))

    def policy_of(self, ticket: Ticket) -> Policy:
        return self.directory.policy(ticket.opened.version)

    def account_of(self, ticket: Ticket) -> Account | None:
        return self.directory.settings.accounts.get(ticket.opened.account)

    def who(self, actor: Actor) -> Who:
        return Who(str(actor.user), self.directory.name_of(actor))

    async def open(
        self, envelope: str, account: Account, draft: Callable[[], Opened], newest: str | None = None
    ) -> Appended | Duplicate:
        """Opens the account's next ticket. For a known envelope, returns Duplicate with its ticket.

        With `newest`, raises Conflict if the account's newest ticket is another one by now.
        """

        def change(number: int) -> Change:
            if newest is not None and newest != f"{account.id.upper()}-{number - 1}":
                raise Conflict(f"{account.id.upper()}-{number - 1} was opened meanwhile")
            opened = draft()
            policy = self.directory.policy(opened.version)
            if contact := self.directory.first_contact(account, opened.plan, policy):
                opened = replace(opened, contact=contact.id)
            key = f"{account.id.upper()}-{number}"
            return self._change_of(fold(key, (opened,)), (opened,), opened.at)

        return await self.store.open(envelope, account.id, change)

    async def change(self, envelope: str | None, ticket: Ticket | str, decide: Decide) -> Answer:
        """Records what is due by now, then the events that `decide` returns, in one transaction.

        `ticket` is a key or a loaded ticket; it is loaded again if it has changed meanwhile. Returns the
        answer of `decide` if that refuses, otherwise Done, which says whether the envelope is a duplicate.
        Raises NoSuchTicket, and Conflict after too many tries.
        """
        key = ticket if isinstance(ticket, str) else ticket.key
        for _ in range(MAX_TRIES):
            if isinstance(ticket, str):
                ticket = await self.ticket(key)
            now = max(self.clock.now(), ticket.history[-1].at)
            policy = self.policy_of(ticket)
            fell_due = evaluate(ticket, policy, now, self.duty).events
            current = after(ticket, fell_due)
            decided = decide(current, policy, now)
            if isinstance(decided, Show | Ask | Done):
                # An act that the platform delivers again would be refused because of its own effect.
                return (
                    Done(duplicate=True)
                    if envelope and await self.store.ticket_of_envelope(envelope)
                    else decided
                )
            events = (*fell_due, *decided)
            change = self._change_of(after(ticket, events), events, now, ticket)
            try:
                kept = await self.store.append(envelope, change)
            except Conflict:
                ticket = key
                continue
            if isinstance(kept, Appended):
                self.count(change, ticket)
            return Done(duplicate=isinstance(kept, Duplicate))
        raise Conflict(f"{key} is changing too quickly; please try again")

    def count(self, change: Change, before: Ticket) -> None:
        """Counts what a stored change settled on a ticket that was `before`."""
        if self.metrics is None or not change.events:
            return
        try:
            self.metrics.count(before, change.events, self.policy_of(before))
        except Exception:  # the act is stored, so its answer must not fail
            log.exception("could not count what a change settled", ticket=change.ticket)

    def change_on_wake(self, key: str, history: tuple[Event, ...]) -> Change:
        """Decides what is due on a ticket, and updates its cards. Raises PolicyVersionMissing."""
        ticket = fold(key, history)
        now = max(self.clock.now(), history[-1].at)
        events = evaluate(ticket, self.policy_of(ticket), now, self.duty).events
        return self._change_of(after(ticket, events), events, now, ticket)

    def _change_of(
        self, ticket: Ticket, events: Sequence[Event], now: datetime, before: Ticket | None = None
    ) -> Change:
        """The change for the ticket's last events, with the messages that they cause.

        `before` is the ticket without them; None if they are all of its events.
        """
        policy = self.policy_of(ticket)
        more = evaluate(ticket, policy, now, self.duty)
        ticket = after(ticket, more.events)
        events = (*events, *more.events)
        messages = recipients.messages_of(ticket, events, policy, self.directory, before)
        if all(isinstance(event, Notified) for event in events):
            # A direct message changes nothing on a card, but a bound may have changed at the same instant.
            stamp = f"{now:%Y%m%dT%H%M%S.%f}"
            messages += recipients.card_updates(ticket, self.directory, stamp, Priority.COUNTDOWN)
        return Change(
            ticket.key,
            ticket.version - len(events),
            tuple(events),
            more.wake_at,
            tuple(messages),
            closed=ticket.state is State.CLOSED,
            summary=queue_summary(ticket, policy, now),
            timers=self._board_timers(ticket, events),
        )

    async def redraw_card(self, ticket: Ticket, audience: Audience, act: str) -> None:
        """Draws a card again although the ticket has not changed. `act` is the key of what asks for it."""
        edits = recipients.card_updates(ticket, self.directory, trace_id(act), Priority.STATE)
        await self.store.enqueue([edit for edit in edits if edit.content == Card(audience)])

    def _board_timers(self, ticket: Ticket, events: Sequence[Event]) -> tuple[Timer, ...]:
        """The board shows open tickets, and every change of one, also of its bounds, may change a row."""
        channel = self.directory.channel_of(ticket)
        account = self.directory.account_of(channel)
        if account is None or not account.board or not (events or ticket.state is State.OPEN):
            return ()
        return (Timer(BOARD, str(channel), later(self.clock, BOARD_DELAY)),)

    async def render(self, message: Message) -> View:
        """What a message shows now."""
        if isinstance(message.content, SharedFile):
            return message.content
        if isinstance(message.content, Notice):
            return await self._with_link(message, message.content)
        if isinstance(message.content, StandingHelp):
            return cards.get_help(self.directory.policy_on(self.clock.now().date()))
        assert isinstance(message.content, Card), "boards are rendered by bot.desk.ticket_board"
        assert message.ticket is not None, "only a ticket has cards"
        return await self.card(await self.ticket(message.ticket), message.content.audience)

    async def card(self, ticket: Ticket, audience: Audience) -> TicketCard:
        """The ticket's card as of now. The agents' card says where the customer's thread is."""
        now = max(self.clock.now(), ticket.history[-1].at)
        card = cards.card(ticket, self.policy_of(ticket), self.directory, audience, now)
        if audience is Audience.CUSTOMER:
            return card
        there = (await self.card_locations([ticket.key], Audience.CUSTOMER)).get(ticket.key)
        named = Location(self.channel_name(self.directory.channel_of(ticket)))
        return replace(card, customers_thread=texts.where_the_thread_is(there or named))

    async def card_locations(self, tickets: Collection[str], audience: Audience) -> dict[str, Location]:
        """Where the cards of these tickets are, by ticket, without those that are not posted."""
        keys = {card_key(ticket, audience): ticket for ticket in tickets}
        found = {}
        for key, ref in (await self.store.posted(keys)).items():
            place = self.directory.current_address(ref.place)
            if platform := self.platforms.get(place.platform):
                location = await platform.location(replace(ref, place=place))
                found[keys[key]] = replace(location, channel=location.channel or self.channel_name(place))
        return found

    def channel_name(self, place: Place) -> str:
        """What we call a channel; empty if it is nobody's."""
        if self.directory.is_triage(place):
            return "triage"
        account = self.directory.account_of(place)
        return f"the channel of {account.name}" if account else ""

    async def _with_link(self, message: Message, notice: Notice) -> Notice:
        """The notice with links to the card of its ticket and of another that it names.

        In the thread of a ticket's card there is no link to that card.
        """
        key, to = message.ticket, message.to
        edits_reply = message.edits is not None and isinstance(to, Place)
        if key and (edits_reply or message.thread in [card_key(key, each) for each in Audience]):
            key = None
        named = filter(None, (key, named_in(message.key)))
        links = [part for each in named for part in await self.link_to_card(each, to)]
        return replace(notice, text=(*notice.text, *links)) if links else notice

    async def link_to_card(self, ticket: str, to: Place | UserRef) -> RichText:
        """A link to a ticket's card, for the end of a message; empty until that card is posted.

        Where there are no links, it names the card's channel, unless `to` is that channel.
        """
        is_chat = to.platform in self.directory.settings.chats
        for_agents = isinstance(to, UserRef) or self.directory.is_triage(to) or not is_chat
        audience = Audience.AGENTS if for_agents else Audience.CUSTOMER
        location = (await self.card_locations([ticket], audience)).get(ticket, Location())
        if isinstance(to, Place) and is_chat and not to.direct:
            location = replace(location, channel="")
        return texts.where_the_card_is(ticket, location)

    async def link_cards(self, message: Message, view: View | None) -> None:
        """Edits the agents' card once both cards are posted, if it was drawn without its link.

        `view` is what `message`, just posted, shows; None if that is not known. The edit is a countdown, so
        it yields to all others, and any other edit of the card replaces it.
        """
        key = message.ticket
        if key is None or message.edits or not isinstance(message.content, Card) or _has_link(view):
            return
        posted = await self.store.posted([card_key(key, audience) for audience in Audience])
        there = (await self.card_locations([key], Audience.CUSTOMER)).get(key)
        if len(posted) < len(Audience) or there is None or not there.url:
            return
        edits = recipients.card_updates(await self.ticket(key), self.directory, "linked", Priority.COUNTDOWN)
        await self.store.enqueue([edit for edit in edits if edit.content == Card(Audience.AGENTS)])

    async def shown(self, message: MessageRef) -> View | None:
        """What a posted message shows now; None if the desk did not post it."""
        for place in self.directory.addresses(message.place):
            if found := await self.store.newest_version(replace(message, place=place)):
                return await self.render(found)
        return None

    async def key_of(self, message: MessageRef) -> str | None:
        """The key of a posted message; None if the desk did not post it."""
        for place in self.directory.addresses(message.place):
            if key := await self.store.key_of(replace(message, place=place)):
                return key
        return None

    def triages(self) -> list[Place]:
        """The triage channels on connected platforms."""
        chats = self.directory.settings.chats.values()
        return [
            self.directory.current_address(chat.triage)
            for chat in chats
            if chat.triage and chat.platform in self.platforms
        ]

    async def record_undelivered(self, message: Message, why: str) -> None:
        """Records that a platform rejected this message for good: undoes its effect and tells agents once."""
        if message.ticket is None:
            return
        what = message.edits or message.key

        def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
            known = any(isinstance(e, Undelivered) and _is_told(e.message, what) for e in ticket.history)
            in_triage = message.to == self.directory.triage_for(self.directory.channel_of(ticket))
            if known or (in_triage and message.effect is None):
                return Done()
            return [Undelivered(now, THE_CLOCK, what, why, message.effect)]

        await self.change(None, message.ticket, decide)

    async def record_accepted_page(self, ticket: str, seq: int) -> None:
        """Records that a platform accepted a message that reaches whoever event `seq` paged, once a chain."""

        def decide(ticket: Ticket, policy: Policy, now: datetime) -> Sequence[Event] | Answer:
            page = ticket.history[seq - 1]
            if not isinstance(page, Paged) or page.person is None:
                return Done()
            accepted = (e for e in ticket.history if isinstance(e, PageAccepted))
            if any((e.chain, e.person) == (page.chain, page.person) for e in accepted):
                return Done()
            return [PageAccepted(now, THE_CLOCK, page.chain, page.person)]

        await self.change(None, ticket, decide)

    def relation(self, actor: Actor, place: Place | None, ticket: Ticket) -> str | None:
        """`agent`, `customer` (in a channel of the ticket's account), or None for anybody else."""
        account = self.account_of(ticket)
        if self.directory.is_agent(actor, account):
            return "agent"
        owner = self.directory.account_of(place) if place else None
        return "customer" if owner is not None and owner.id == ticket.opened.account else None
