"""A whole desk living for weeks in a moment: people act, processes die, the platform fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from bot.clock import WakeSignal
from bot.config.directory import Directory
from bot.config.settings import DeskSettings, OpeningLimits
from bot.desk import routes
from bot.desk.desk import Desk
from bot.model.address import Actor, MessageRef, Place
from bot.model.inbound import Inbound, Posted, Press, Submission
from bot.ports import RedeliverLater
from bot.runtime import scheduler
from bot.runtime.delivery import Delivery
from sla_core.events import Event
from tests.harness import ACME, ALICE, BOB, EVE, S1, S2, S3, TRIAGE
from tests.journeys.crash_points import Crash, CrashingPort, Process
from tests.journeys.failures import FailureRates, RandomCrashes, UnreliableChat
from tests.journeys.inline_sqlite import InlineSqlite, InspectableMemoryStore
from tests.journeys.invariants import Invariants
from tests.virtual_time import VirtualClock, simulated, time_passes

START = "2026-03-16T06:00:00Z"
"""The Monday of a week before the clocks change in Europe, in one in which America's have."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST_DOWN = 20.0
"""Seconds until another process takes over."""
MOST_DELIVERIES = 1_000


@dataclass(frozen=True, slots=True)
class RunSize:
    """How much happens in a run."""

    tickets: int
    days: float = 30
    fewest: int = 4
    most: int = 14
    """Acts that a ticket sees after it was opened."""
    crashes: float = 10
    """Of a thousand steps of input and output, how many kill the process."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to, to be compared with another of the same seed."""

    crashes: int
    steps: int
    histories: list[tuple[Event, ...]] = field(repr=False)
    """Of every ticket, every event."""
    stands: list[tuple[str | None, int, str]] = field(repr=False)
    """Everything on the platform at the end, in order: its key, how often it was edited, its text."""

    @property
    def events(self) -> int:
        return sum(map(len, self.histories))

    @property
    def delivered(self) -> int:
        """Messages and edits."""
        return sum(1 + edits for _, edits, _ in self.stands)


class Simulation:
    def __init__(
        self,
        settings: DeskSettings,
        seed: int,
        size: RunSize,
        store: InlineSqlite | InspectableMemoryStore | None = None,
    ) -> None:
        # One Alice opens a month's tickets within seconds of real time.
        self.settings = replace(settings, limits=OpeningLimits(10_000, 10_000))
        self.size = size
        self.random, self.failure_rates = Random(seed), FailureRates(size.crashes)
        self.clock = VirtualClock(START, longest_sleep=DAY)
        self.store = InlineSqlite() if store is None else store
        self.chat = UnreliableChat(random=self.random, failure_rates=self.failure_rates)
        self.crash_points = RandomCrashes(self.random, self.failure_rates)
        self.up: asyncio.Event
        self.desk: Desk
        self.outages: list[tuple[datetime, datetime]] = []
        """From when until when there was no process."""
        self.faults: list[object] = []

    def run(self) -> Outcome:
        return simulated(self._live())

    async def _live(self) -> Outcome:
        self.up = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._unheard(context))
        keeping = asyncio.create_task(self._keep_up())
        starts = sorted(self.random.uniform(0, self.size.days * 0.7) for _ in range(self.size.tickets))
        people = [asyncio.create_task(self._a_ticket(n, DAY * start)) for n, start in enumerate(starts)]
        await asyncio.gather(*people)
        await self.clock.sleep_until(self.clock.start + DAY * self.size.days)
        self.failure_rates.clear()
        await time_passes(HOUR.total_seconds())
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert not self.faults, self.faults
        histories = await Invariants(self.desk, self.store, self.chat, self.outages).is_well(
            self.size.tickets
        )
        stands = [(said.key, said.edits, said.text) for said in self.chat.posted]
        return Outcome(len(self.outages), self.crash_points.steps, histories, stands)

    def _unheard(self, context: dict[str, Any]) -> None:
        """Errors of a killed process are ignored; any other error fails the test."""
        if not isinstance(context.get("exception"), Crash):
            self.faults.append(context)

    # The desk --------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        """Process after process; each has nothing but the store, the platform and the time."""
        while True:
            died, ticking, sending = asyncio.Event(), WakeSignal(), WakeSignal()

            def store_changed(ticking: WakeSignal = ticking, sending: WakeSignal = sending) -> None:
                ticking.trigger()
                sending.trigger()

            self.store.on_change = store_changed
            process = Process(self.crash_points, died.set)
            store: Any = CrashingPort(self.store, process)
            chat: Any = CrashingPort(self.chat, process)
            self.desk = Desk(store, self.clock, Directory(self.settings), {"slack": chat})
            delivery = Delivery(self.desk, store, self.clock, sending, self.random)
            loops = [
                asyncio.create_task(scheduler.run(self.desk, ticking)),
                asyncio.create_task(delivery.run()),
            ]
            self.up.set()
            try:
                await died.wait()
            finally:
                down = self.clock.now()
                self.up.clear()
                for loop in loops:
                    loop.cancel()
                ends = await asyncio.gather(*loops, return_exceptions=True)
                mortal = (Crash, asyncio.CancelledError)
                self.faults += [
                    *(end for end in ends if not isinstance(end, mortal)),
                    *delivery.render_failures,
                ]
            await time_passes(self.random.uniform(0.5, LONGEST_DOWN))
            self.outages.append((down, self.clock.now()))

    async def _delivered(self, act: Inbound) -> None:
        """The platform sends an act again until somebody has answered it.

        A reply in the thread of a message that was posted twice would never be taken.
        """
        for _ in range(MOST_DELIVERIES):
            await self.up.wait()
            try:
                await routes.answer(self.desk, act)
                return
            except (Crash, RedeliverLater):
                await time_passes(self.random.uniform(1, 60))
        raise AssertionError(f"each act is taken in the end, but not {act.key}")

    # The people ------------------------------------------------------------------------------

    async def _a_ticket(self, number: int, after: timedelta) -> None:
        """A person opens it, and both sides act on it for days."""
        await time_passes(after.total_seconds())
        answers = self.random.choice([S1, S2, S2, S3])
        opening = f"open {number}"
        await self._delivered(self._sent(opening, "intake", "", ALICE, ACME, summary=opening, **answers))
        key = await self.store.ticket_of_envelope(opening)
        assert key is not None
        await self._answers_pages(f"{number}/page", key)
        for step in range(self.random.randint(self.size.fewest, self.size.most)):
            await time_passes(self.random.expovariate(1 / (5 * HOUR.total_seconds())))
            await self._delivered(self._something(f"{number}/{step}", key))
            await self._answers_pages(f"{number}/{step}/page", key)

    async def _answers_pages(self, envelope: str, key: str) -> None:
        """Within half an hour somebody answers; otherwise somebody is paged every five minutes for weeks."""
        await time_passes(self.random.uniform(0, HOUR.total_seconds() / 2))
        await self._delivered(self._press(envelope, "page_acknowledge", key, BOB, TRIAGE))

    def _something(self, envelope: str, key: str) -> Inbound:
        agent = self.random.choice([BOB, EVE])
        acts: list[Callable[[], Inbound]] = [
            lambda: self._sent(envelope, "reply", key, agent, TRIAGE, text=f"We look into it {envelope}"),
            lambda: self._sent(envelope, "update", key, agent, TRIAGE, text=f"News {envelope}"),
            lambda: self._sent(envelope, "escalate", key, ALICE, ACME, text=f"Hurry {envelope}"),
            lambda: self._sent(envelope, "escalate", key, agent, TRIAGE, text=f"Help {envelope}"),
            lambda: self._sent(envelope, "severity", key, agent, TRIAGE, severity="S1", text=f"!{envelope}"),
            lambda: self._sent(envelope, "hold", key, agent, TRIAGE, text=f"Which one? {envelope}"),
            lambda: self._sent(envelope, "resolve", key, agent, TRIAGE, text=f"Done {envelope}"),
            lambda: self._press(envelope, "acknowledge", key, agent, TRIAGE),
            lambda: self._press(envelope, "take", key, agent, TRIAGE),
            lambda: self._sent(envelope, "close", key, ALICE, ACME),
            lambda: self._press(envelope, "reopen", key, ALICE, ACME),
        ]
        if (card := self.chat.by_key.get(f"{key}/customer")) is not None:
            acts += [
                lambda: self._wrote(ALICE, f"And? {envelope}", envelope, card.ref),
                lambda: self._wrote(BOB, f"Soon {envelope}", envelope, card.ref),
            ]
        return self.random.choice(acts)()

    def _sent(
        self, envelope: str, form: str, key: str, who: Actor, place: Place, **values: str
    ) -> Submission:
        context = {"place": str(place), "ticket": key, "accounts": "acme", "version": "2025-02-10"}
        given = {name: (value,) for name, value in values.items()}
        return Submission(envelope, self.clock.now(), who, form, given, context)

    def _press(self, envelope: str, action: str, key: str, who: Actor, place: Place) -> Press:
        return Press(envelope, self.clock.now(), who, place, None, action, key)

    def _wrote(self, who: Actor, text: str, envelope: str, root: MessageRef) -> Posted:
        """Below the card, which they may see before the desk knows that it has arrived."""
        ref = MessageRef(ACME, f"typed {text}")
        return Posted(envelope, self.clock.now(), who, ACME, ref, text, root, in_own_thread=True)
