"""A desk with real adapters and a clock that the test moves: what its people do, and what they receive."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.desk.routes import dispatch
from bot.desk.timed_work import TimedWork
from bot.model.address import MessageRef
from bot.model.views import Audience
from bot.ports import Card, Outbox
from bot.runtime.delivery import Delivery
from bot.runtime.scheduler import fire_due_timers, wake_due_tickets
from tests.harness import HeldClock, directory_of
from tests.memory_store import MemoryStore
from tests.platforms.on_console import OnConsole
from tests.platforms.workplace import Answers, DisplayedMessage, Workplace

S1: Answers = {"request": "incident", "production": "down", "privacy": "no"}
S2: Answers = {"request": "incident", "production": "reduced", "privacy": "no"}
KEY = "ACME-1"
PATIENCE = timedelta(minutes=1)


@dataclass
class Story:
    """`customers` and `agents` may be the same house; the TAM is where the agents are."""

    desk: Desk
    clock: HeldClock
    store: MemoryStore
    customers: Workplace
    agents: Workplace
    delivery_clock: HeldClock
    """What platforms ask us to wait is real time, which the desk's clock does not show."""

    async def opens(self, who: str, summary: str, answers: Answers = S2) -> None:
        await self.customers.opens(who, summary, answers)
        await self.deliver()

    async def customer(self, label: str, text: str | None = None) -> str:
        """Alice presses a button of her card."""
        told = await self.customers.presses("Alice", label, self.card(Audience.CUSTOMER), text)
        await self.deliver()
        return told

    async def agent(self, label: str, text: str | None = None) -> str:
        """Bob presses one in triage."""
        told = await self.agents.presses("Bob", label, self.card(Audience.AGENTS), text)
        await self.deliver()
        return told

    async def tam(self, label: str) -> str:
        """Dana presses one of the last direct message."""
        told = await self.agents.presses("Dana", label, self.refs("/dm/")[-1])
        await self.deliver()
        return told

    async def writes(self, who: str, text: str) -> None:
        await self.customers.writes(who, text, self.card(Audience.CUSTOMER))
        await self.deliver()

    async def wait(self, **length: float) -> None:
        until = self.clock.at + timedelta(**length)
        while (wake := await self.store.next_wake()) is not None and wake <= until:
            self.clock.at = max(self.clock.at, wake)
            await wake_due_tickets(self.desk)
            await self.deliver()
        self.clock.at = until

    async def wait_for_timers(self, **length: float) -> None:
        """Like `wait`, and timers that belong to no ticket fire as well."""
        until = self.clock.at + timedelta(**length)
        work = TimedWork(self.desk)
        while (due := await self._next_due()) is not None and due <= until:
            self.clock.at = max(self.clock.at, due)
            await wake_due_tickets(self.desk)
            await fire_due_timers(self.desk, work.handlers)
            await work.do_what_is_due()
            await self.deliver()
        self.clock.at = until

    async def _next_due(self) -> datetime | None:
        due = (await self.store.next_wake(), await self.store.next_timer())
        return min((at for at in due if at is not None), default=None)

    async def deliver(self) -> None:
        self.delivery_clock.at = max(self.delivery_clock.at, self.clock.at)
        await deliver_all(self.desk, self.store, self.delivery_clock)

    # What people see --------------------------------------------------------------------------

    def card(self, audience: Audience) -> MessageRef:
        ref = self.store.outbox[f"{KEY}/{audience}"].ref
        assert ref is not None
        return ref

    def card_view(self, audience: Audience) -> DisplayedMessage:
        workplace = self.customers if audience is Audience.CUSTOMER else self.agents
        return workplace.displayed(self.card(audience))

    def refs(self, whose: str) -> list[MessageRef]:
        """The messages of one audience but for its card: `/customer/`, `/triage/`, `/dm/`."""
        return [
            said.ref
            for key, said in self.store.outbox.items()
            if whose in key and said.ref is not None and said.message.edits is None
            if not isinstance(said.message.content, Card)
        ]

    def told(self, whose: str) -> list[DisplayedMessage]:
        workplace = self.customers if whose == "/customer/" else self.agents
        return [workplace.displayed(ref) for ref in self.refs(whose)]

    def words(self, whose: str) -> list[str]:
        return [displayed.words for displayed in self.told(whose)]

    async def events(self) -> list[str]:
        """The names of what happened to the ticket, without the records of direct messages."""
        names = [type(happened).__name__ for happened in (await self.desk.ticket(KEY)).history]
        return [name for name in names if name != "Notified"]


async def deliver_all(desk: Desk, outbox: Outbox, clock: HeldClock) -> None:
    """Until all is said that may be, however long the platforms let us wait between."""
    delivery = Delivery(desk, outbox, clock, WakeSignal())
    while True:
        while await delivery.deliver():
            pass
        soon = await outbox.next_ready(clock.at)
        if soon is None or soon > clock.at + PATIENCE:
            return
        clock.at = soon


async def open_story(
    folder: Path, file: str, clock: HeldClock, store: MemoryStore, workplaces: Sequence[Workplace]
) -> Story:
    """The first house is the customers', the last the agents'."""
    platforms = {workplace.ours.name: workplace.ours for workplace in workplaces}
    desk = Desk(store, clock, directory_of(folder, file), platforms)
    assert await desk.directory.refresh(platforms) == []
    made = Story(desk, clock, store, workplaces[0], workplaces[-1], copy(clock))
    for workplace in workplaces:
        workplace.dispatch = dispatch(desk)
        if isinstance(workplace, OnConsole):
            workplace.settle = made.deliver
    return made
