"""A Store of dicts and lists: what every other Store is compared with, and quick enough for journeys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.address import MessageRef
from bot.auditor import Census
from bot.pad import Pad
from bot.ports import (
    LONGEST_SHUT,
    MOST_AHEAD,
    Appended,
    Change,
    Clock,
    Conflict,
    Cost,
    Decision,
    Entry,
    Fired,
    Message,
    NoSuchTicket,
    Outgoing,
    Overtaken,
    Page,
    Priority,
    Seen,
    Summary,
    Timer,
    trace_id,
    trace_of,
)
from bot.queue_rows import turn_of
from sla_core.events import Event, Opened


@dataclass
class Ticket:
    account: str
    number: int
    events: list[Event] = field(default_factory=list)
    wake_at: datetime | None = None
    closed: bool = False
    summary: Summary | None = None


@dataclass
class Said:
    id: int
    turn: int
    message: Message
    state: str = "waiting"
    attempts: int = 0
    ref: MessageRef | None = None
    not_before: datetime | None = None
    tried_at: datetime | None = None
    trace: str = ""
    said_at: datetime | None = None


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


class MemoryStore(Pad):
    """Implements bot.ports.Records and Notebook; nothing awaits, so each verb is a transaction."""

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.on_change = on_change
        self.clock: Clock | None = None
        """Says when messages were decided; without one that is not known."""
        self.by_key: dict[str, Ticket] = {}
        self.inbox: dict[str, str] = {}
        self.numbers: dict[str, int] = {}
        self.outbox: dict[str, Said] = {}
        self.held: dict[str, Lane] = {}
        self.buckets: dict[str, Bucket] = {}
        self.fences = 0
        self.timers: dict[tuple[str, str], Timer] = {}

    async def open(self, envelope: str, account: str, draft: Callable[[int], Change]) -> Appended | Seen:
        if envelope in self.inbox:
            return Seen(self.inbox[envelope])
        number = self.numbers.get(account, 0) + 1
        change = draft(number)
        if change.version != 0 or not change.events or change.ticket in self.by_key:
            raise ValueError(f"{change.ticket} cannot be opened by this draft")
        self.numbers[account] = number
        self.by_key[change.ticket] = Ticket(account, number)
        return self._keep(envelope, change)

    async def append(self, envelope: str | None, change: Change) -> Appended | Seen:
        if envelope is not None and envelope in self.inbox:
            return Seen(self.inbox[envelope])
        found = len(self._ticket(change.ticket).events)
        if found != change.version:
            raise Conflict(f"{change.ticket} has {found} events, not {change.version}")
        return self._keep(envelope, change)

    async def seen(self, envelope: str) -> str | None:
        return self.inbox.get(envelope)

    async def load(self, ticket: str) -> tuple[Event, ...]:
        return tuple(self._ticket(ticket).events)

    async def due(self, now: datetime, limit: int) -> list[str]:
        woken = [(t.wake_at, key) for key, t in self.by_key.items() if t.wake_at and t.wake_at <= now]
        return [key for _, key in sorted(woken)[:limit]]

    async def next_wake(self) -> datetime | None:
        return min((t.wake_at for t in self.by_key.values() if t.wake_at), default=None)

    async def wake(self, now: datetime, limit: int, but: Collection[str], decide: Decision) -> list[str]:
        due = [key for key in await self.due(now, limit + len(but)) if key not in but][:limit]
        for key in due:
            change = decide(key, tuple(self.by_key[key].events))
            if change is not None:
                self._keep(None, change)
        return due

    async def openings(self, account: str, limit: int) -> list[tuple[str, Opened]]:
        newest = (key for key in await self.tickets(account) if not self.by_key[key].closed)
        firsts = ((key, self.by_key[key].events[0]) for key in newest)
        return [(key, first) for key, first in firsts if isinstance(first, Opened)][:limit]

    async def queue(self, accounts: Collection[str] | None, limit: int, *, ended: bool = False) -> Page:
        found = [
            Entry(key, ticket.account, ticket.summary)
            for key, ticket in self.by_key.items()
            if not ticket.closed and (accounts is None or ticket.account in accounts)
            if ended or ticket.summary is None or ticket.summary.state == "open"
        ]
        found.sort(
            key=lambda entry: (entry.summary is not None, turn_of(entry) if entry.summary else entry.key)
        )
        return Page(tuple(found[:limit]), len(found))

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        heads: dict[str, Said] = {}
        for said in self._in_order(self._waiting()):
            if self._may_go(said, ready_at):
                heads.setdefault(said.message.lane, said)
        return [said.message.lane for said in self._in_order(list(heads.values()))[:limit]]

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        for said in self._in_order(self._waiting()):
            if said.message.lane == lane and self._may_go(said, now):
                held = self.held.setdefault(lane, Lane())
                self.fences += 1
                held.fence, held.lease_until, held.sending = str(self.fences), until, said.message.key
                thread, edits = self._ref(said.message.thread), self._ref(said.message.edits)
                known = (said.message, said.attempts, thread, edits, held.fence, said.tried_at, said.trace)
                return Outgoing(*known, said.said_at)
        return None

    async def begin(
        self, outgoing: Outgoing, costs: Sequence[Cost], now: datetime, until: datetime
    ) -> datetime | None:
        said, held = self.outbox[outgoing.message.key], self.held.get(outgoing.message.lane)
        if held is None or held.fence != outgoing.fence or said.state != "waiting":
            raise Overtaken(outgoing.message.key)
        waits = [wait for cost in costs if (wait := self._wait(cost, now)) is not None]
        if waits:
            return max(waits)
        for cost in costs:
            bucket = self.buckets.setdefault(cost.bucket, Bucket())
            bucket.full_until, bucket.shut_until = self._full(cost, now) + cost.every, None
        said.tried_at, held.lease_until = said.tried_at or now, until
        return None

    def _wait(self, cost: Cost, now: datetime) -> datetime | None:
        bucket = self.buckets.get(cost.bucket, Bucket())
        if bucket.shut_until is not None and now < bucket.shut_until <= now + LONGEST_SHUT:
            return bucket.shut_until
        enough = self._full(cost, now) + cost.every - cost.every * cost.burst
        return enough if enough > now else None

    def _full(self, cost: Cost, now: datetime) -> datetime:
        full = self.buckets.get(cost.bucket, Bucket()).full_until or now
        return full if now <= full <= now + cost.every * cost.burst + timedelta(minutes=1) else now

    async def sent(self, key: str, ref: MessageRef) -> None:
        said = self.outbox[key]
        said.state = "sent"
        original = self.outbox.get(said.message.edits or "")
        if original is not None and original.ref not in (None, ref):
            said.ref, original.ref = original.ref, ref
        else:
            said.ref = ref
        self._let_go(said)

    async def put_off(
        self, outgoing: Outgoing, until: datetime, why: str, *, alone: bool = False, unsure: bool = False
    ) -> None:
        lane = outgoing.message.lane
        held = self.held.get(lane)
        if held is None or held.fence != outgoing.fence:
            return
        said = self.outbox[outgoing.message.key]
        if said.state == "waiting":
            said.attempts += 1
            said.tried_at = said.tried_at if unsure else None
            said.not_before = until if alone else None
        if not alone:
            held.not_before, held.priority = until, outgoing.message.priority
        held.fence, held.lease_until, held.sending = "", None, None
        if held.not_before is None:
            self.held.pop(lane)

    async def shut(self, buckets: Collection[str], until: datetime) -> None:
        for bucket in buckets:
            found = self.buckets.setdefault(bucket, Bucket())
            found.shut_until = max(found.shut_until or until, until)

    async def refused(self, key: str, why: str) -> None:
        said = self.outbox[key]
        if said.state != "sent":
            said.state = "refused"
        for edit in self._waiting_edits(key):
            edit.state = "superseded"
        self._let_go(said)

    async def next_ready(self, after: datetime) -> datetime | None:
        busy = {said.message.lane for said in self._waiting()}
        instants = (
            *(lane.not_before for name, lane in self.held.items() if name in busy),
            *(lane.lease_until for lane in self.held.values()),
            *(said.not_before for said in self._waiting()),
        )
        return min((at for at in instants if at is not None and at > after), default=None)

    def _let_go(self, said: Said) -> None:
        held = self.held.get(said.message.lane)
        if held is not None and held.sending == said.message.key:
            self.held.pop(said.message.lane)

    async def ticket_of(self, message: MessageRef) -> str | None:
        for said in self.outbox.values():
            if said.ref and (str(said.ref.place), said.ref.id) == (str(message.place), message.id):
                return said.message.ticket
        return None

    async def tickets(self, account: str) -> list[str]:
        keys = [key for key, ticket in self.by_key.items() if ticket.account == account]
        return sorted(keys, key=lambda key: self.by_key[key].number, reverse=True)

    async def census(self, due_before: datetime) -> Census:
        waiting = Counter(said.message.priority for said in self._waiting())
        wakes = [t.wake_at for t in self.by_key.values() if t.wake_at is not None]
        overdue = sum(at <= due_before for at in wakes)
        late = sum(timer.due_at <= due_before for timer in self.timers.values())
        return Census(sum(not t.closed for t in self.by_key.values()), len(wakes), overdue, waiting, {}, late)

    async def set_timer(self, timer: Timer) -> None:
        self.timers[timer.kind, timer.key] = timer
        self._changed()

    async def cancel_timer(self, kind: str, key: str) -> None:
        self.timers.pop((kind, key), None)

    async def next_timer(self, but: Collection[str] = ()) -> datetime | None:
        return min((each.due_at for each in self.timers.values() if each.kind not in but), default=None)

    async def fire(
        self, now: datetime, limit: int, but: Collection[str], fire: Callable[[Timer], Fired]
    ) -> list[str]:
        due = [each for each in self.timers.values() if each.due_at <= now and each.kind not in but]
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
            return self.by_key[key]
        except KeyError:
            raise NoSuchTicket(key) from None

    def _keep(self, envelope: str | None, change: Change) -> Appended:
        ticket = self.by_key[change.ticket]
        ticket.events.extend(change.events)
        ticket.wake_at, ticket.closed, ticket.summary = change.wake_at, change.closed, change.summary
        if envelope is not None:
            self.inbox[envelope] = change.ticket
        for message in change.messages:
            if message.key not in self.outbox:
                self.say(message, trace_of(envelope, change))
        self._changed()
        return Appended(change.ticket, len(ticket.events))

    async def enqueue(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.key not in self.outbox:
                self.say(message, trace_id(message.key))
        self._changed()

    async def adopt(self, message: Message, ref: MessageRef) -> None:
        if message.key not in self.outbox:
            self.say(message, trace_id(message.key))
            await self.sent(message.key, ref)
        self._changed()

    async def key_of(self, message: MessageRef) -> str | None:
        for key, said in self.outbox.items():
            where = (str(said.ref.place), said.ref.id) if said.ref else None
            if where == (str(message.place), message.id) and said.message.edits is None:
                return key
        return None

    def say(self, message: Message, trace: str = "") -> None:
        """Let a message wait as if it had been decided."""
        state, turn = "waiting", self._turn(message)
        said_at = self.clock.now() if self.clock is not None else None
        not_before = said_at + message.delay if said_at and message.delay else None
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
        said = Said(
            len(self.outbox), turn, message, state, not_before=not_before, trace=trace, said_at=said_at
        )
        self.outbox[message.key] = said

    def _turn(self, message: Message) -> int:
        """After the last of its own share, and not before what its lane sends next."""
        if not message.share:
            return len(self.outbox)
        ahead = [
            said
            for said in self._waiting()
            if (said.message.lane, said.message.priority) == (message.lane, message.priority)
        ]
        if not ahead:
            return len(self.outbox)
        own = (said.turn for said in ahead if said.message.share == message.share)
        return max([min(said.turn for said in ahead), *own]) + 1

    def _waiting_edits(self, target: str) -> Iterator[Said]:
        return (said for said in self._waiting() if said.message.edits == target)

    def _waiting(self) -> list[Said]:
        return [said for said in self.outbox.values() if said.state == "waiting"]

    def _in_order(self, messages: list[Said]) -> list[Said]:
        return sorted(messages, key=lambda said: (said.message.priority, said.turn, said.id))

    def _may_go(self, said: Said, now: datetime) -> bool:
        message, held = said.message, self.held.get(said.message.lane, Lane())
        if _counts(held.lease_until, now) or _counts(said.not_before, now):
            return False
        if _counts(held.not_before, now) and message.priority >= held.priority:
            return False
        if message.edits is not None:
            return self._ref(message.edits) is not None and not self._being_edited(message.edits, now)
        if message.thread is None:
            return True
        target = self.outbox.get(message.thread)
        return target is not None and target.state != "waiting"

    def _being_edited(self, target: str, now: datetime) -> bool:
        under_way = (lane.sending for lane in self.held.values() if _counts(lane.lease_until, now))
        return any(self.outbox[key].message.edits == target for key in under_way if key is not None)

    def _ref(self, key: str | None) -> MessageRef | None:
        return self.outbox[key].ref if key is not None and key in self.outbox else None


def _counts(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until <= now + MOST_AHEAD
