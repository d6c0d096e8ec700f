"""Boards while a desk runs: the loops of several replicas, in virtual time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from bot.clock import WakeSignal
from bot.desk.desk import BOARD_DELAY, Desk
from bot.desk.timed_work import AGAIN_AFTER, TimedWork
from bot.model.views import QueueBoard
from bot.runtime import scheduler
from bot.runtime.delivery import Delivery
from tests.harness import ACME, ALICE, BOB, S2, DeskInMemory, FakeChat, PostedMessage, directory_of, running
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore
from tests.virtual_time import VirtualClock, in_virtual_time, time_passes

SECOND = timedelta(seconds=1)
A_BOARD = BOARD_DELAY.total_seconds() + 2


class Replicas:
    """A desk whose processes come and go."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock, self.store, self.chat = VirtualClock(FRIDAY_AFTERNOON), MemoryStore(), FakeChat()
        self.desk = Desk(self.store, self.clock, directory_of(tmp_path), {"slack": self.chat}, self.store)
        people = DeskInMemory(self.desk, self.store, self.clock, self.chat)  # type: ignore[arg-type]
        self.people = people

    async def replica(self) -> None:
        work = TimedWork(self.desk)
        async with work.running():
            await scheduler.run(
                self.desk,
                WakeSignal(),
                handlers=work.handlers,
                fired=work.begin,
                poll=SECOND,
            )

    async def delivers(self) -> None:
        delivery = Delivery(self.desk, self.store, self.clock, WakeSignal())
        while True:
            await delivery.deliver()
            await time_passes(1)

    def boards(self) -> list[PostedMessage]:
        return [said for said in self.chat.posted if isinstance(said.view, QueueBoard) and said.to == ACME]


@in_virtual_time
async def test_replicas_keep_one_board_and_edit_it_once_for_each_change(tmp_path: Path) -> None:
    life = Replicas(tmp_path)
    async with running(life.delivers(), *(life.replica() for _ in range(3))):
        key = await life.people.submits(ALICE, "Bills are slow", S2)
        await time_passes(A_BOARD)
        [board] = life.boards()
        await life.people.presses(BOB, "Acknowledge", key)
        await time_passes(A_BOARD)
        assert board.edits == 1
        await time_passes(3 * 60)
        assert board.edits == 1
        await life.people.submits_form(BOB, "Resolve", key, text="It runs again.")
        await time_passes(A_BOARD)
        assert life.boards() == []
        await time_passes(3 * 60)
    assert life.store.timers == {}, "nothing more is due"


@in_virtual_time
async def test_a_replica_that_is_stopped_leaves_the_board_to_another(tmp_path: Path) -> None:
    life = Replicas(tmp_path)
    gone = TimedWork(life.desk)
    key = await life.people.submits(ALICE, "Bills are slow", S2)
    await time_passes(A_BOARD)
    await scheduler.fire_due_timers(life.desk, gone.handlers)
    async with running(life.delivers(), life.replica()):
        await time_passes(A_BOARD)
        assert life.boards() == []
        await time_passes(AGAIN_AFTER.total_seconds())
        [board] = life.boards()
        assert key in board.text


@in_virtual_time
async def test_a_board_that_cannot_be_refreshed_delays_no_other_and_comes_later(tmp_path: Path) -> None:
    life = Replicas(tmp_path)
    queue, faults = life.store.queue, [OSError("disk full")]

    async def failing(*args: object, **more: object) -> object:
        if faults:
            raise faults.pop()
        return await queue(*args, **more)  # type: ignore[arg-type]

    await life.people.submits(ALICE, "Bills are slow", S2)
    life.store.queue = failing  # type: ignore[assignment]
    async with running(life.delivers(), life.replica()):
        await time_passes(A_BOARD)
        assert life.boards() == []
        await time_passes(AGAIN_AFTER.total_seconds())
        assert len(life.boards()) == 1
