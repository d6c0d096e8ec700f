"""FRONTLINE_DRILL: a page that says that there is nothing to do, each day, by the way that real ones take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path

import pytest

from bot import drill, metrics
from bot.address import MessageRef, Place, UserRef
from bot.auditor import Auditor
from bot.bell import Bell
from bot.clock import parse_instant
from bot.courier import Courier
from bot.desk.core import Desk
from bot.doctor import Finding, Health, of_database
from bot.drill import Drill
from bot.ports import CannotEdit, Never, NotNow, Priority
from bot.views import View
from tests.harness import (
    ALICE,
    BOB,
    S2,
    TRIAGE,
    DeskInMemory,
    FakeChat,
    HeldClock,
    directory_of,
    open_desk,
    running,
)
from tests.memory_store import MemoryStore
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes

FRIDAY_EVENING = "2026-03-20T18:00:00Z"
NINE, DUE = time(9, 0), parse_instant("2026-03-20T09:00:00Z")
TEST = "Test of the pager, 09:00 UTC: nothing to do."
DAY, A_WHILE = timedelta(days=1), timedelta(minutes=1)


@dataclass
class Refusing(FakeChat):
    refuses: Place | None = None
    refuses_edits: Exception | None = None
    edited: list[MessageRef] = field(default_factory=list)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        if to == self.refuses:
            raise Never("not_in_channel")
        return await super().post(to, view, thread, key)

    async def update(self, message: MessageRef, view: View) -> None:
        self.edited.append(message)
        if self.refuses_edits is not None:
            raise self.refuses_edits
        await super().update(message, view)


@dataclass
class Life:
    """A desk in virtual time, with one ticket; its processes come and go."""

    desk: Desk
    store: MemoryStore
    chat: Refusing
    clock: VirtualClock
    ticket: str

    @asynccontextmanager
    async def running(self, replicas: int = 1) -> AsyncIterator[None]:
        loops = []
        for _ in range(replicas):
            bell = Bell()
            loops.append(Courier(self.desk, self.store, self.clock, bell).run())
            loops.append(Drill(self.desk, NINE, self.clock).run())
            self.store.on_change = bell.ring
        async with running(*loops):
            yield

    async def until(self, instant: str) -> None:
        await self.clock.sleep_until(parse_instant(instant))

    @property
    def tests(self) -> int:
        return [said.text for said in self.chat.said if said.to == TRIAGE].count(TEST)


async def a_life(tmp_path: Path) -> Life:
    clock, store, chat = VirtualClock(FRIDAY_EVENING, longest_sleep=A_WHILE), MemoryStore(), Refusing()
    desk = Desk(store, clock, directory_of(tmp_path), {"slack": chat}, store)
    opener = DeskInMemory(desk, store, HeldClock(FRIDAY_EVENING), chat)
    return Life(desk, store, chat, clock, await opener.submits(ALICE, "Bills are slow", S2))


@in_virtual_time
async def test_each_day_at_its_time_all_replicas_together_say_it_once(tmp_path: Path) -> None:
    life = await a_life(tmp_path)
    async with life.running(replicas=3):
        await time_passes(1)
        assert life.tests == 1, "the first one as soon as it is switched on"
        await life.until("2026-03-21T08:59:59Z")
        assert life.tests == 1
        await life.until("2026-03-21T09:00:01Z")
        assert life.tests == 2
        await life.until("2026-03-30T09:00:01Z")
        assert life.tests == 11


@in_virtual_time
async def test_it_is_a_page_with_a_lane_of_its_own_and_changes_nothing_of_any_ticket(tmp_path: Path) -> None:
    life = await a_life(tmp_path)
    before = life.store.by_key[life.ticket]
    history, wake_at = list(before.events), before.wake_at
    async with life.running():
        await time_passes(1)
    (page,) = [said.message for said in life.store.outbox.values() if drill.is_drill(said.message)]
    assert (page.priority, page.lane, page.thread) == (Priority.PAGE, "page:slack:C0TRIAGE", None)
    after = life.store.by_key[life.ticket]
    assert (after.events, after.wake_at, after.closed) == (history, wake_at, False)


@in_virtual_time
async def test_it_goes_with_a_closed_ticket_as_well(tmp_path: Path) -> None:
    life = await a_life(tmp_path)
    people = DeskInMemory(life.desk, life.store, HeldClock(FRIDAY_EVENING), life.chat)
    await people.does(BOB, "Resolve", life.ticket, text="Done")
    await people.presses(ALICE, "Close", life.ticket)
    said = len(life.chat.said)
    async with life.running():
        await time_passes(1)
    assert life.tests == len(life.chat.said) - said == 1
    assert life.store.by_key[life.ticket].closed


@in_virtual_time
async def test_one_that_was_missed_is_made_up_for_once(tmp_path: Path) -> None:
    """Down from Friday night to Monday noon: one test then, and the next at its time."""
    life = await a_life(tmp_path)
    async with life.running():
        await time_passes(1)
    assert life.tests == 1
    await life.until("2026-03-23T12:00:00Z")
    for _ in range(3):
        async with life.running():
            await time_passes(60)
        assert life.tests == 2, "a restart is no new day"
    async with life.running():
        await life.until("2026-03-24T09:00:01Z")
        assert life.tests == 3


@in_virtual_time
async def test_a_clock_that_is_set_back_says_nothing_twice(tmp_path: Path) -> None:
    life = await a_life(tmp_path)
    async with life.running(replicas=2):
        await life.until("2026-03-21T09:30:00Z")
        assert life.tests == 2
        life.clock.set_by -= timedelta(hours=1)
        await life.until("2026-03-21T09:30:00Z")
        assert life.tests == 2
        life.clock.set_by += DAY
        await time_passes(2)
        assert life.tests == 3


@in_virtual_time
async def test_the_time_of_its_arrival_is_measured_by_every_process(tmp_path: Path) -> None:
    """What took several tries is on record, and known after a restart."""
    life = await a_life(tmp_path)
    life.chat.failures += [NotNow("HTTP 503")] * 3
    async with life.running():
        await time_passes(60)
    (arrival,) = await drill.arrivals(life.store)
    assert arrival.triage == "slack:C0TRIAGE"
    assert 1 <= arrival.took < 6
    assert arrival.at - life.clock.start < timedelta(seconds=7)
    metrics.drilled_at.set(0)
    await Auditor(life.desk, life.store, life.clock).look()
    assert metrics.drilled_at._value.get() == arrival.at.timestamp()
    assert metrics.drill_took._value.get() == arrival.took


@pytest.mark.parametrize("refusal", [None, CannotEdit("message_not_found"), Never("is_archived")])
@in_virtual_time
async def test_the_cards_of_a_closed_ticket_are_left_alone(tmp_path: Path, refusal: Exception | None) -> None:
    """Customers' channels never hear of a test: nothing is edited or posted there, nor noted."""
    life = await a_life(tmp_path)
    people = DeskInMemory(life.desk, life.store, HeldClock(FRIDAY_EVENING), life.chat)
    await people.does(BOB, "Resolve", life.ticket, text="Done")
    await people.presses(ALICE, "Close", life.ticket)
    life.chat.edited.clear()
    life.chat.refuses_edits = refusal
    said, history = len(life.chat.said), [*life.store.by_key[life.ticket].events]
    async with life.running():
        await time_passes(3 * 24 * 60 * 60)
    assert [(said.to, said.text) for said in life.chat.said[said:]] == [(TRIAGE, TEST)] * 4
    assert life.chat.edited == []
    assert life.store.by_key[life.ticket].events == history


async def test_a_desk_without_tickets_pages_nobody(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY_EVENING)
    await Drill(desk.desk, NINE, desk.clock).page(DUE)
    await desk.deliver()
    assert desk.heard(TRIAGE) == []


async def test_the_doctor_tells_when_the_last_one_arrived(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, "2026-03-20T09:00:00Z", store=(store := MemoryStore()))
    desk.desk.notebook = store

    async def pager() -> list[Finding]:
        now = desk.clock.now()
        return [found async for found in of_database(store, "0001", now, now) if found.about == "pager"]

    await desk.submits(ALICE, "Bills are slow", S2)
    assert await pager() == []
    await Drill(desk.desk, NINE, desk.clock).page(DUE)
    await desk.deliver()
    (found,) = await pager()
    assert found.health is Health.WELL
    assert found.says == "its last test reached slack:C0TRIAGE on 2026-03-20 09:00 UTC, in 0.0 s"
    desk.clock.at += 2 * DAY
    (found,) = await pager()
    assert found.health is Health.DOUBT
    assert "if FRONTLINE_DRILL is still set, is the bot in that channel" in found.says
