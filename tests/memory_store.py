"""A Store of dicts and lists: what every other Store is compared with, and quick enough for journeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.address import MessageRef
from bot.ports import Appended, Change, Conflict, Message, NoSuchTicket, Outgoing, Priority, Seen
from sla_core.events import Event


@dataclass
class Ticket:
    account: str
    number: int
    events: list[Event] = field(default_factory=list)
    wake_at: datetime | None = None


@dataclass
class Said:
    id: int
    message: Message
    state: str = "waiting"
    attempts: int = 0
    ref: MessageRef | None = None

    @property
    def lane(self) -> str:
        paged = self.message.priority == Priority.PAGE
        return f"page:{self.message.to}" if paged else str(self.message.to)


class MemoryStore:
    """Implements bot.ports.Store and Notebook; nothing awaits, so each verb is a transaction."""

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        self.on_change = on_change
        self.by_key: dict[str, Ticket] = {}
        self.inbox: dict[str, str] = {}
        self.numbers: dict[str, int] = {}
        self.outbox: dict[str, Said] = {}
        self.parked: dict[str, datetime] = {}
        self.pages: dict[str, dict[str, str]] = {}

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

    async def load(self, ticket: str) -> tuple[Event, ...]:
        return tuple(self._ticket(ticket).events)

    async def due(self, now: datetime, limit: int) -> list[str]:
        woken = [(t.wake_at, key) for key, t in self.by_key.items() if t.wake_at and t.wake_at <= now]
        return [key for _, key in sorted(woken)[:limit]]

    async def next_wake(self) -> datetime | None:
        return min((t.wake_at for t in self.by_key.values() if t.wake_at), default=None)

    async def unsent(self, ready_at: datetime, limit: int) -> list[Outgoing]:
        heads = [
            said
            for lane, said in self._heads().items()
            if lane not in self.parked or self.parked[lane] <= ready_at
        ]
        return [
            Outgoing(
                said.message, said.attempts, self._ref(said.message.thread), self._ref(said.message.edits)
            )
            for said in self._in_order(heads)[:limit]
        ]

    async def next_ready(self, after: datetime | None = None) -> datetime | None:
        heads = self._heads()
        return min(
            (at for lane, at in self.parked.items() if lane in heads and (after is None or at > after)),
            default=None,
        )

    async def sent(self, key: str, ref: MessageRef) -> None:
        said = self.outbox[key]
        said.state, said.ref = "sent", ref
        self.parked.pop(said.lane, None)

    async def park(self, key: str, until: datetime, why: str) -> None:
        said = self.outbox[key]
        said.attempts += 1
        self.parked[said.lane] = until

    async def refused(self, key: str, why: str) -> None:
        said = self.outbox[key]
        if said.state != "sent":
            said.state = "refused"
        for edit in self._waiting_edits(key):
            edit.state = "superseded"
        self.parked.pop(said.lane, None)

    async def ticket_of(self, message: MessageRef) -> str | None:
        for said in self.outbox.values():
            if said.ref and (str(said.ref.place), said.ref.id) == (str(message.place), message.id):
                return said.message.ticket
        return None

    async def tickets(self, account: str) -> list[str]:
        keys = [key for key, ticket in self.by_key.items() if ticket.account == account]
        return sorted(keys, key=lambda key: self.by_key[key].number, reverse=True)

    async def note(self, topic: str, key: str, value: str) -> None:
        self.pages.setdefault(topic, {})[key] = value

    async def noted(self, topic: str, key: str) -> str | None:
        return self.pages.get(topic, {}).get(key)

    async def notes(self, topic: str) -> dict[str, str]:
        return dict(self.pages.get(topic, {}))

    def _ticket(self, key: str) -> Ticket:
        try:
            return self.by_key[key]
        except KeyError:
            raise NoSuchTicket(key) from None

    def _keep(self, envelope: str | None, change: Change) -> Appended:
        ticket = self.by_key[change.ticket]
        ticket.events.extend(change.events)
        ticket.wake_at = change.wake_at
        if envelope is not None:
            self.inbox[envelope] = change.ticket
        for message in change.messages:
            if message.key not in self.outbox:
                self._say(message)
        if self.on_change is not None:
            self.on_change()
        return Appended(change.ticket, len(ticket.events))

    def _say(self, message: Message) -> None:
        state = "waiting"
        if message.edits is not None:
            older = list(self._waiting_edits(message.edits))
            for edit in older:
                edit.state = "superseded"
            urgent = min([message.priority, *(edit.message.priority for edit in older)])
            if (target := self.outbox.get(message.edits)) and target.state == "refused":
                state = "superseded"
            message = replace(message, priority=urgent)
        self.outbox[message.key] = Said(len(self.outbox), message, state)

    def _waiting_edits(self, target: str) -> Iterator[Said]:
        return (said for said in self._waiting() if said.message.edits == target)

    def _waiting(self) -> list[Said]:
        return [said for said in self.outbox.values() if said.state == "waiting"]

    def _heads(self) -> dict[str, Said]:
        """The message of each lane that goes next, once the lane may speak."""
        heads: dict[str, Said] = {}
        for said in self._in_order(self._waiting()):
            if self._may_go(said.message):
                heads.setdefault(said.lane, said)
        return heads

    def _in_order(self, messages: list[Said]) -> list[Said]:
        return sorted(messages, key=lambda said: (said.message.priority, said.id))

    def _may_go(self, message: Message) -> bool:
        if message.edits is not None and self._ref(message.edits) is None:
            return False
        if message.thread is None:
            return True
        target = self.outbox.get(message.thread)
        return target is not None and target.state != "waiting"

    def _ref(self, key: str | None) -> MessageRef | None:
        return self.outbox[key].ref if key is not None and key in self.outbox else None
