"""A Store of dicts and lists: what every other Store is compared with, and quick enough for journeys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.desk.desk import InMemoryKeyValueStore
from bot.model.address import MessageRef
from bot.model.queue import QueueEntry, QueuePage, QueueSummary
from bot.notify.cards import queue_order
from bot.ports import (
    COUNTDOWN_LANES,
    LONGEST_BLOCK,
    LONGEST_DEFERRAL,
    Appended,
    Change,
    Charge,
    Clock,
    Conflict,
    DecideWake,
    Duplicate,
    LeaseLost,
    Message,
    NoSuchTicket,
    Outgoing,
    Priority,
    Selection,
    StoredTicket,
    Timer,
    TimerResult,
    trace_id,
    trace_id_of_change,
)
from bot.runtime.monitor import StoreStats
from sla_core.events import Event, Opened


@dataclass
class Ticket:
    account: str
    number: int
    events: list[Event] = field(default_factory=list)
    wake_at: datetime | None = None
    closed: bool = False
    summary: QueueSummary | None = None


@dataclass
class OutboxMessage:
    id: int
    turn: int
    message: Message
    state: str = "waiting"
    attempts: int = 0
    ref: MessageRef | None = None
    not_before: datetime | None = None
    tried_at: datetime | None = None
    trace: str = ""
    decided_at: datetime | None = None


@dataclass
class Lane:
    """Held for `sending` until `lease_until`; or parked, but for what is more urgent than `priority`."""

    fence: str = ""
    lease_until: datetime | None = None
    sending: str | None = None
    not_before: datetime | None = None
    priority: int = 0


@dataclass
class Bucket:
    full_until: datetime | None = None
    shut_until: datetime | None = None


class MemoryStore(InMemoryKeyValueStore):
    """Implements bot.ports.DeskStore and KeyValueStore; nothing awaits, so each verb is a transaction."""

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.on_change = on_change
        self.clock: Clock | None = None
        """Says when messages were decided; without one that is not known."""
        self.tickets_by_key: dict[str, Ticket] = {}
        self.inbox: dict[str, str] = {}
        self.numbers: dict[str, int] = {}
        self.outbox: dict[str, OutboxMessage] = {}
        self.held: dict[str, Lane] = {}
        self.buckets: dict[str, Bucket] = {}
        self.fence_count = 0
        self.timers: dict[tuple[str, str], Timer] = {}
        self.unwritable: str | None = None
        """What it says when it is asked to prove a write."""

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Duplicate:
        if envelope in self.inbox:
            return Duplicate(self.inbox[envelope])
        number = self.numbers.get(account, 0) + 1
        change = draft(number)
        if change.version != 0 or not change.events or change.ticket in self.tickets_by_key:
            raise ValueError(f"{change.ticket} cannot be opened by this draft")
        self.numbers[account] = number
        self.tickets_by_key[change.ticket] = Ticket(account, number)
        return self._store_change(envelope, change)

    async def append(self, envelope: str | None, change: Change) -> Appended | Duplicate:
        if envelope is not None and envelope in self.inbox:
            return Duplicate(self.inbox[envelope])
        found = len(self._ticket(change.ticket).events)
        if found != change.version:
            raise Conflict(f"{change.ticket} has {found} events, not {change.version}")
        return self._store_change(envelope, change)

    async def ticket_of_envelope(self, envelope: str) -> str | None:
        return self.inbox.get(envelope)

    async def archive_size(self, chosen: Selection) -> int:
        return len(self._selected(chosen))

    async def archive_after(self, ticket: str, chosen: Selection, limit: int) -> list[StoredTicket]:
        keys = sorted(key for key in self._selected(chosen) if key > ticket)[:limit]
        return [StoredTicket(key, tuple(self.tickets_by_key[key].events)) for key in keys]

    def _selected(self, chosen: Selection) -> list[str]:
        return [
            key
            for key, ticket in self.tickets_by_key.items()
            if chosen.account in (None, ticket.account) and ticket.events[0].at in chosen.opened
        ]

    async def load(self, ticket: str) -> tuple[Event, ...]:
        return tuple(self._ticket(ticket).events)

    async def due(self, now: datetime, limit: int) -> list[str]:
        woken = [(t.wake_at, key) for key, t in self.tickets_by_key.items() if t.wake_at and t.wake_at <= now]
        return [key for _, key in sorted(woken)[:limit]]

    async def next_wake(self) -> datetime | None:
        return min((t.wake_at for t in self.tickets_by_key.values() if t.wake_at), default=None)

    async def wake(
        self, now: datetime, limit: int, excluding: Collection[str], decide: DecideWake
    ) -> list[str]:
        due = [key for key in await self.due(now, limit + len(excluding)) if key not in excluding][:limit]
        for key in due:
            change = decide(key, tuple(self.tickets_by_key[key].events))
            if change is not None:
                self._store_change(None, change)
        return due

    async def open_tickets(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        newest = (key for key in await self.tickets(account) if not self.tickets_by_key[key].closed)
        first_events = ((key, self.tickets_by_key[key].events[0]) for key in newest)
        return [(key, first) for key, first in first_events if isinstance(first, Opened)][:limit]

    async def queue(self, accounts: Collection[str] | None, limit: int, *, ended: bool = False) -> QueuePage:
        found = [
            QueueEntry(key, ticket.account, ticket.summary)
            for key, ticket in self.tickets_by_key.items()
            if not ticket.closed and (accounts is None or ticket.account in accounts)
            if ended or ticket.summary is None or ticket.summary.state == "open"
        ]
        found.sort(
            key=lambda entry: (entry.summary is not None, queue_order(entry) if entry.summary else entry.key)
        )
        return QueuePage(tuple(found[:limit]), len(found))

    async def since(self, accounts: Collection[str], opened: datetime) -> list[QueueEntry]:
        return [
            QueueEntry(key, ticket.account, ticket.summary)
            for key, ticket in self.tickets_by_key.items()
            if ticket.account in accounts and (not ticket.closed or ticket.events[0].at >= opened)
        ]

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        heads: dict[str, OutboxMessage] = {}
        for said in self._in_order(self._waiting()):
            if self._is_sendable(said, ready_at):
                heads.setdefault(said.message.lane, said)
        return [said.message.lane for said in self._in_order(list(heads.values()))[:limit]]

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        for said in self._in_order(self._waiting()):
            if said.message.lane == lane and self._is_sendable(said, now):
                held = self.held.setdefault(lane, Lane())
                self.fence_count += 1
                held.fence, held.lease_until, held.sending = str(self.fence_count), until, said.message.key
                thread, edits = self._ref(said.message.thread), self._ref(said.message.edits)
                message = said.message
                if message.priority is Priority.COUNTDOWN:
                    # As the tables do, which keep the lane alone.
                    message = replace(message, rate_limit_key=lane.removeprefix(COUNTDOWN_LANES))
                known = (message, said.attempts, thread, edits, held.fence, said.tried_at, said.trace)
                return Outgoing(*known, said.decided_at)
        return None

    async def begin(
        self, outgoing: Outgoing, charges: Sequence[Charge], now: datetime, until: datetime
    ) -> datetime | None:
        said, held = self.outbox[outgoing.message.key], self.held.get(outgoing.message.lane)
        if held is None or held.fence != outgoing.fence or said.state != "waiting":
            raise LeaseLost(outgoing.message.key)
        waits = [wait for charge in charges if (wait := self._available_at(charge, now)) is not None]
        if waits:
            return max(waits)
        for charge in charges:
            bucket = self.buckets.setdefault(charge.bucket, Bucket())
            bucket.full_until, bucket.shut_until = self._full_until(charge, now) + charge.every, None
        said.tried_at, held.lease_until = said.tried_at or now, until
        return None

    def _available_at(self, charge: Charge, now: datetime) -> datetime | None:
        bucket = self.buckets.get(charge.bucket, Bucket())
        if bucket.shut_until is not None and now < bucket.shut_until <= now + LONGEST_BLOCK:
            return bucket.shut_until
        enough = self._full_until(charge, now) + charge.every - charge.every * charge.burst
        return enough if enough > now else None

    def _full_until(self, charge: Charge, now: datetime) -> datetime:
        full = self.buckets.get(charge.bucket, Bucket()).full_until or now
        return full if now <= full <= now + charge.every * charge.burst + timedelta(minutes=1) else now

    async def sent(self, key: str, ref: MessageRef) -> None:
        said = self.outbox[key]
        said.state = "sent"
        original = self.outbox.get(said.message.edits or "")
        if original is not None and original.ref not in (None, ref):
            said.ref, original.ref = original.ref, ref
        else:
            said.ref = ref
        self._release_lane(said)

    async def defer(
        self,
        outgoing: Outgoing,
        until: datetime,
        why: str,
        *,
        message_only: bool = False,
        maybe_delivered: bool = False,
    ) -> None:
        lane = outgoing.message.lane
        held = self.held.get(lane)
        if held is None or held.fence != outgoing.fence:
            return
        said = self.outbox[outgoing.message.key]
        if said.state == "waiting":
            said.attempts += 1
            said.tried_at = said.tried_at if maybe_delivered else None
            said.not_before = until if message_only else None
        if not message_only:
            held.not_before, held.priority = until, outgoing.message.priority
        held.fence, held.lease_until, held.sending = "", None, None
        if held.not_before is None:
            self.held.pop(lane)

    async def block_until(self, buckets: Collection[str], until: datetime) -> None:
        for bucket in buckets:
            found = self.buckets.setdefault(bucket, Bucket())
            found.shut_until = max(found.shut_until or until, until)

    async def refused(self, key: str, why: str) -> None:
        said = self.outbox[key]
        if said.state != "sent":
            said.state = "refused"
        for edit in self._waiting_edits(key):
            edit.state = "superseded"
        self._release_lane(said)

    async def next_ready(self, after: datetime) -> datetime | None:
        busy = {said.message.lane for said in self._waiting()}
        instants = (
            *(lane.not_before for name, lane in self.held.items() if name in busy),
            *(lane.lease_until for lane in self.held.values()),
            *(said.not_before for said in self._waiting()),
        )
        return min((at for at in instants if at is not None and at > after), default=None)

    def _release_lane(self, said: OutboxMessage) -> None:
        held = self.held.get(said.message.lane)
        if held is not None and held.sending == said.message.key:
            self.held.pop(said.message.lane)

    async def ticket_of(self, message: MessageRef) -> str | None:
        for said in self.outbox.values():
            where = (str(said.ref.place), said.ref.id) if said.ref else None
            if where == (str(message.place), message.id) and said.message.ticket is not None:
                return said.message.ticket
        return None

    async def tickets(self, account: str) -> list[str]:
        keys = [key for key, ticket in self.tickets_by_key.items() if ticket.account == account]
        return sorted(keys, key=lambda key: self.tickets_by_key[key].number, reverse=True)

    async def store_stats(self, due_before: datetime) -> StoreStats:
        waiting = Counter(said.message.priority for said in self._waiting())
        wakes = [t.wake_at for t in self.tickets_by_key.values() if t.wake_at is not None]
        overdue = sum(at <= due_before for at in wakes)
        late = sum(timer.due_at <= due_before for timer in self.timers.values())
        return StoreStats(
            sum(not t.closed for t in self.tickets_by_key.values()), len(wakes), overdue, waiting, {}, late
        )

    async def integrity_faults(self) -> list[str]:
        return []

    async def write_fault(self) -> str | None:
        return self.unwritable

    async def set_timer(self, timer: Timer) -> None:
        self.timers[timer.kind, timer.key] = timer
        self._changed()

    async def cancel_timer(self, kind: str, key: str) -> None:
        self.timers.pop((kind, key), None)

    async def next_timer(self, excluding: Collection[str] = ()) -> datetime | None:
        return min((each.due_at for each in self.timers.values() if each.kind not in excluding), default=None)

    async def fire(
        self, now: datetime, limit: int, excluding: Collection[str], fire: Callable[[Timer], TimerResult]
    ) -> list[str]:
        due = [each for each in self.timers.values() if each.due_at <= now and each.kind not in excluding]
        due.sort(key=lambda each: (each.due_at, each.kind, each.key))
        for timer in due[:limit]:
            fired = fire(timer)
            del self.timers[timer.kind, timer.key]
            if fired.again_at is not None:
                self.timers[timer.kind, timer.key] = replace(
                    timer, due_at=fired.again_at, payload=fired.payload
                )
            await self.enqueue(fired.messages)
        return [timer.kind for timer in due[:limit]]

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _ticket(self, key: str) -> Ticket:
        try:
            return self.tickets_by_key[key]
        except KeyError:
            raise NoSuchTicket(key) from None

    def _store_change(self, envelope: str | None, change: Change) -> Appended:
        ticket = self.tickets_by_key[change.ticket]
        ticket.events.extend(change.events)
        ticket.wake_at, ticket.closed, ticket.summary = change.wake_at, change.closed, change.summary
        if envelope is not None:
            self.inbox[envelope] = change.ticket
        for timer in change.timers:
            due_at = min(timer.due_at, self.timers.get((timer.kind, timer.key), timer).due_at)
            self.timers[timer.kind, timer.key] = replace(timer, due_at=due_at)
        for message in change.messages:
            if message.key not in self.outbox:
                self.say(message, trace_id_of_change(envelope, change))
        self._changed()
        return Appended(change.ticket, len(ticket.events))

    async def enqueue(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.key not in self.outbox:
                self.say(message, trace_id(message.key))
        self._changed()

    async def key_of(self, message: MessageRef) -> str | None:
        for key, said in self.outbox.items():
            where = (str(said.ref.place), said.ref.id) if said.ref else None
            if where == (str(message.place), message.id) and said.message.edits is None:
                return key
        return None

    async def newest_version(self, message: MessageRef) -> Message | None:
        there = (str(message.place), message.id)
        versions = [
            said for said in self.outbox.values() if said.ref and (str(said.ref.place), said.ref.id) == there
        ]
        return max(versions, key=lambda said: said.id).message if versions else None

    async def posted(self, keys: Collection[str]) -> dict[str, MessageRef]:
        found = {key: self.outbox[key].ref for key in keys if key in self.outbox}
        return {key: ref for key, ref in found.items() if ref is not None}

    def say(self, message: Message, trace: str = "") -> None:
        """Let a message wait as if it had been decided."""
        state, turn = "waiting", self._turn(message)
        decided_at = self.clock.now() if self.clock is not None else None
        not_before = decided_at + message.delay if decided_at and message.delay else None
        if message.edits is not None:
            older = list(self._waiting_edits(message.edits))
            for edit in older:
                edit.state = "superseded"
            urgent = min([message.priority, *(edit.message.priority for edit in older)])
            turn = min([turn, *(edit.turn for edit in older)])
            awaited = [edit.not_before for edit in older if edit.message.priority != Priority.COUNTDOWN]
            if message.priority != Priority.COUNTDOWN:
                awaited.append(not_before)
            not_before = None if None in awaited else min(filter(None, awaited), default=None)
            if (target := self.outbox.get(message.edits)) and target.state == "refused":
                state = "superseded"
            message = replace(message, priority=urgent)
        said = OutboxMessage(
            len(self.outbox), turn, message, state, not_before=not_before, trace=trace, decided_at=decided_at
        )
        self.outbox[message.key] = said
        if message.posted is not None:
            said.state, said.ref = "sent", message.posted

    def _turn(self, message: Message) -> int:
        """After the last of its own share, and not before what its lane sends next."""
        if not message.fairness_key:
            return len(self.outbox)
        ahead = [
            said
            for said in self._waiting()
            if (said.message.lane, said.message.priority) == (message.lane, message.priority)
        ]
        if not ahead:
            return len(self.outbox)
        own = (said.turn for said in ahead if said.message.fairness_key == message.fairness_key)
        return max([min(said.turn for said in ahead), *own]) + 1

    def _waiting_edits(self, target: str) -> Iterator[OutboxMessage]:
        return (said for said in self._waiting() if said.message.edits == target)

    def _waiting(self) -> list[OutboxMessage]:
        return [said for said in self.outbox.values() if said.state == "waiting"]

    def _in_order(self, messages: list[OutboxMessage]) -> list[OutboxMessage]:
        return sorted(messages, key=lambda said: (said.message.priority, said.turn, said.id))

    def _is_sendable(self, said: OutboxMessage, now: datetime) -> bool:
        message, held = said.message, self.held.get(said.message.lane, Lane())
        if _in_force(held.lease_until, now) or _in_force(said.not_before, now):
            return False
        if _in_force(held.not_before, now) and message.priority >= held.priority:
            return False
        if message.edits is not None:
            return self._ref(message.edits) is not None and not self._being_edited(message.edits, now)
        if message.thread is None:
            return True
        target = self.outbox.get(message.thread)
        return target is not None and target.state != "waiting"

    def _being_edited(self, target: str, now: datetime) -> bool:
        under_way = (lane.sending for lane in self.held.values() if _in_force(lane.lease_until, now))
        return any(self.outbox[key].message.edits == target for key in under_way if key is not None)

    def _ref(self, key: str | None) -> MessageRef | None:
        return self.outbox[key].ref if key is not None and key in self.outbox else None


def _in_force(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until <= now + LONGEST_DEFERRAL
