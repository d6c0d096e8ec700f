"""A whole desk living for weeks in a moment: people act, processes die, the platform fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from bot import ticker
from bot.address import Actor, MessageRef, Place, UserRef
from bot.bell import Bell
from bot.courier import Courier
from bot.desk import routes
from bot.desk.core import Desk
from bot.directory import Directory
from bot.exchange import Inbound, Posted, Press, Submission
from bot.ports import Card, NotNow
from bot.settings import DeskSettings
from bot.views import TicketCard, View
from sla_core.engine import evaluate
from sla_core.events import Breached, Reopened, SeverityChanged, Warned
from sla_core.ticket import State, Ticket
from tests.harness import ACME, ALICE, BOB, EVE, S1, S2, S3, TRIAGE, FakeChat, plain
from tests.journeys.crashing import Crash, Process, Wire, Wired
from tests.journeys.inline_sqlite import InlineSqlite
from tests.memory_store import MemoryStore
from tests.virtual_time import VirtualClock, simulated

START = "2026-03-16T06:00:00Z"
"""The Monday of a week before the clocks change in Europe, in one in which America's have."""
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
LONGEST_DOWN = 20.0
"""Seconds until another process takes over."""


@dataclass
class Weather:
    """How often things go wrong, of a thousand steps or calls."""

    crashes: float = 10
    limited: float = 20
    failed: float = 20
    lost: float = 15

    def clear(self) -> None:
        self.crashes = self.limited = self.failed = self.lost = 0


@dataclass
class Doubtful(FakeChat):
    """A platform that takes its time and fails now and then."""

    random: Random = field(default_factory=Random)
    weather: Weather = field(default_factory=Weather)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        lost = await self._called()
        ref = await super().post(to, view, thread, key)
        if lost:
            raise NotNow("connection reset", unsure=True)
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        lost = await self._called()
        await super().update(message, view)
        if lost:
            raise NotNow("connection reset", unsure=True)

    async def _called(self) -> bool:
        await asyncio.sleep(self.random.uniform(0.05, 0.3))
        fate = self.random.random() * 1000
        for share, fault in (
            (self.weather.limited, NotNow("ratelimited", self.random.randint(1, 30))),
            (self.weather.failed, NotNow("HTTP 500")),
        ):
            if fate < share:
                raise fault
            fate -= share
        return fate < self.weather.lost


class Weathered(Wire):
    """Kills at random, while there is weather."""

    def __init__(self, random: Random, weather: Weather) -> None:
        super().__init__()
        self.random, self.weather = random, weather

    def step(self) -> None:
        self.steps += 1
        if self.random.random() * 1000 < self.weather.crashes:
            raise Crash


class Mortal(Process):
    """Tells when it has died."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.died = asyncio.Event()

    def step(self) -> None:
        try:
            super().step()
        except Crash:
            self.died.set()
            raise


@dataclass
class Outcome:
    """What a run came to, to be compared with another of the same seed."""

    days: float
    tickets: int
    crashes: int
    events: Counter[str]
    said: int
    edits: int


class Simulation:
    def __init__(
        self,
        settings: DeskSettings,
        seed: int,
        tickets: int,
        days: float,
        store: MemoryStore | InlineSqlite | None = None,
    ) -> None:
        self.settings, self.tickets, self.days = settings, tickets, days
        self.random, self.weather = Random(seed), Weather()
        self.clock = VirtualClock(START, longest_sleep=DAY)
        self.store = store or MemoryStore()
        self.chat = Doubtful(random=self.random, weather=self.weather)
        self.wire = Weathered(self.random, self.weather)
        self.up: asyncio.Event
        self.desk: Desk
        self.crashes = 0

    def run(self) -> Outcome:
        return simulated(self._live())

    async def _live(self) -> Outcome:
        self.up = asyncio.Event()
        keeping = asyncio.create_task(self._keep_up())
        starts = sorted(self.random.uniform(0, self.days * 0.7) for _ in range(self.tickets))
        people = [asyncio.create_task(self._a_ticket(n, DAY * start)) for n, start in enumerate(starts)]
        await asyncio.gather(*people)
        await self.clock.sleep_until(self.clock.start + DAY * self.days)
        self.weather.clear()
        await asyncio.sleep(HOUR.total_seconds())
        await self._is_well()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        events = Counter(type(e).__name__ for t in self.store.by_key.values() for e in t.events)
        edits = sum(said.edits for said in self.chat.said)
        return Outcome(self.days, self.tickets, self.crashes, events, len(self.chat.said), edits)

    # The desk --------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        """Process after process; each has nothing but the store, the platform and the time."""
        while True:
            process, ticking, sending = Mortal(self.wire), Bell(), Bell()

            def rung(ticking: Bell = ticking, sending: Bell = sending) -> None:
                ticking.ring()
                sending.ring()

            self.store.on_change = rung
            store: Any = Wired(self.store, process)
            chat: Any = Wired(self.chat, process)
            self.desk = Desk(store, self.clock, Directory(self.settings), {"slack": chat})
            courier = Courier(self.desk, store, self.clock, sending, self.random)
            loops = [
                asyncio.create_task(ticker.run(self.desk, ticking)),
                asyncio.create_task(courier.run()),
            ]
            self.up.set()
            try:
                await process.died.wait()
            finally:
                self.up.clear()
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)
            self.crashes += 1
            await asyncio.sleep(self.random.uniform(0.5, LONGEST_DOWN))

    async def _delivered(self, act: Inbound) -> None:
        """The platform sends an act again until somebody has answered it."""
        while True:
            await self.up.wait()
            try:
                await routes.answer(self.desk, act)
                return
            except Crash:
                await asyncio.sleep(self.random.uniform(1, 60))

    # The people ------------------------------------------------------------------------------

    async def _a_ticket(self, number: int, after: timedelta) -> None:
        """Somebody opens it, and both sides do things with it for days."""
        await asyncio.sleep(after.total_seconds())
        answers = self.random.choice([S1, S2, S2, S3])
        opening = f"open {number}"
        await self._delivered(self._sent(opening, "intake", "", ALICE, ACME, summary=opening, **answers))
        key = self.store.inbox[opening]
        for step in range(self.random.randint(4, 14)):
            await asyncio.sleep(self.random.expovariate(1 / (5 * HOUR.total_seconds())))
            await self._delivered(self._something(f"{number}/{step}", key))

    def _something(self, envelope: str, key: str) -> Inbound:
        agent = self.random.choice([BOB, EVE])
        acts: list[Inbound] = [
            self._sent(envelope, "reply", key, agent, TRIAGE, text=f"We look into it {envelope}"),
            self._sent(envelope, "update", key, agent, TRIAGE, text=f"News {envelope}"),
            self._sent(envelope, "escalate", key, ALICE, ACME, text=f"Hurry {envelope}"),
            self._sent(envelope, "escalate", key, agent, TRIAGE, text=f"Help {envelope}"),
            self._sent(envelope, "severity", key, agent, TRIAGE, severity="S1", text=f"Worse {envelope}"),
            self._sent(envelope, "hold", key, agent, TRIAGE, text=f"Which one? {envelope}"),
            self._sent(envelope, "resolve", key, agent, TRIAGE, text=f"Done {envelope}"),
            self._press(envelope, "acknowledge", key, agent, TRIAGE),
            self._press(envelope, "take", key, agent, TRIAGE),
            self._press(envelope, "close", key, ALICE, ACME),
            self._press(envelope, "reopen", key, ALICE, ACME),
        ]
        if (card := self.store.outbox[f"{key}/customer"].ref) is not None:
            for who, text in ((ALICE, f"And? {envelope}"), (BOB, f"Soon {envelope}")):
                ref = MessageRef(ACME, f"typed {text}")
                acts.append(Posted(envelope, self.clock.now(), who, ACME, ref, text, card))
        return self.random.choice(acts)

    def _sent(
        self, envelope: str, form: str, key: str, who: Actor, place: Place, **values: str
    ) -> Submission:
        context = {"place": str(place), "ticket": key, "accounts": "acme", "version": "2025-02-10"}
        given = {name: (value,) for name, value in values.items()}
        return Submission(envelope, self.clock.now(), who, form, given, context)

    def _press(self, envelope: str, action: str, key: str, who: Actor, place: Place) -> Press:
        return Press(envelope, self.clock.now(), who, place, None, action, key)

    # What has to hold ------------------------------------------------------------------------

    async def _is_well(self) -> None:
        stuck = [said.message.key for said in self.store.outbox.values() if said.state == "waiting"]
        assert stuck == [], "everything was said"
        assert not [said for said in self.store.outbox.values() if said.state == "refused"]
        keys = Counter(said.key for said in self.chat.said)
        assert [key for key, times in keys.items() if times > 1] == [], "nothing was said twice"
        self._is_in_order()
        assert len(self.store.by_key) == self.tickets, "each opened once"
        for key in self.store.by_key:
            ticket = await self.desk.ticket(key)
            self._kept_time(ticket)
            await self._shows(ticket)

    def _is_in_order(self) -> None:
        """In each place, messages of one urgency stand in the order in which they were decided."""
        stands = {said.key: position for position, said in enumerate(self.chat.said)}
        lanes: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for said in self.store.outbox.values():
            if said.message.edits is None:
                lane = (said.message.lane, int(said.message.priority))
                lanes.setdefault(lane, []).append((said.turn, stands[said.message.key]))
        for lane, turns in lanes.items():
            positions = [position for _, position in sorted(turns)]
            assert positions == sorted(positions), lane

    def _kept_time(self, ticket: Ticket) -> None:
        policy, now = self.desk.policy_of(ticket), self.clock.now()
        again = evaluate(ticket, policy, now)
        assert again.events == (), "nothing is overdue"
        kept = self.store.by_key[ticket.key]
        assert kept.wake_at is None or kept.wake_at > now
        assert kept.closed == (ticket.state is State.CLOSED)
        ats = [event.at for event in ticket.history]
        assert ats == sorted(ats)
        fired = [event for event in ticket.history if isinstance(event, Warned | Breached)]
        runs = Counter((type(event), event.run) for event in fired)
        assert set(runs.values()) <= {1}, "each is told once"
        moved = any(isinstance(event, Reopened | SeverityChanged) for event in ticket.history)
        for event in fired:
            if isinstance(event, Breached):
                assert event.at >= event.due_at, "never before its time"
                late = event.at - event.due_at
                assert moved or late <= SECOND * (2 * LONGEST_DOWN + 1), f"{ticket.key} {late}"
            else:
                assert event.at < event.due_at or moved, "a warning after the deadline is none"

    async def _shows(self, ticket: Ticket) -> None:
        """Both cards are what they would be if they were drawn now."""
        for said in [said for said in self.chat.said if isinstance(said.view, TicketCard)]:
            assert isinstance(said.view, TicketCard)
            if said.view.key == ticket.key:
                message = self.store.outbox[str(said.key)].message
                assert isinstance(message.say, Card)
                drawn = await self.desk.draw(message)
                assert plain(said.view) == plain(drawn)
