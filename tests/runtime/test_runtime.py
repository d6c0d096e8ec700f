"""The loops are kept up: one that fails is started again, and until then the desk is not ready."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.clock import parse_instant, real_now
from bot.desk.tam import forecast, monthly
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.ports import DecideWake, Message, Outgoing, Priority
from bot.runtime import runtime, scheduler
from bot.runtime.runtime import Runtime
from tests.harness import ACME, ALICE, DANA, S2, TRIAGE, DeskInMemory, FakeChat, HeldClock, open_desk, person
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore
from tests.virtual_time import in_virtual_time
from tests.waiting import eventually, turns

OF_TAMS = (forecast.KIND, monthly.KIND)


class FailingOnce(MemoryStore):
    """Fails on request."""

    broken: str = ""
    ill: Collection[str] = ()

    async def wake(
        self, now: datetime, limit: int, excluding: Collection[str], decide: DecideWake
    ) -> list[str]:
        if self.broken == "scheduler":
            raise OSError("disk full")
        return await super().wake(now, limit, excluding, decide)

    async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
        if self.broken == "delivery":
            raise OSError("disk full")
        return await super().lanes(ready_at, limit)

    async def claim(self, lane: str, now: datetime, until: datetime) -> Outgoing | None:
        if lane in self.ill:
            raise OSError("disk full")
        return await super().claim(lane, now, until)


class StoppedClock(HeldClock):
    """Never advances."""

    async def sleep_until(self, instant: datetime) -> None:
        if instant > self.at:
            await asyncio.Event().wait()


async def desk_that_fails_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[DeskInMemory, FailingOnce]:
    monkeypatch.setattr(runtime, "RESTART_AFTER", 0.02)
    store = FailingOnce()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    desk.desk.clock = desk.clock = StoppedClock(FRIDAY_AFTERNOON)
    return desk, store


async def reported_troubles(running: Runtime, by: list[str]) -> None:
    async def so_it_is() -> bool:
        return await running.readiness_faults() == by

    await eventually(so_it_is)


@pytest.mark.parametrize("loop", ["scheduler", "delivery"])
async def test_a_failed_loop_is_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    """engine.md 6: supervised under a loop of our own, and /readyz says so meanwhile."""
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    running = Runtime(desk.desk, store)
    store.on_change = running.store_changed
    await desk.submits(ALICE, "Bills are late", S2)
    async with running.running():
        assert await running.readiness_faults() == []
        store.broken = loop
        desk.clock.at += timedelta(days=1)
        running.store_changed()
        await reported_troubles(running, [f"{loop} is failing"])
        store.broken = ""
        await reported_troubles(running, [])
        key = await desk.submits(ALICE, "Bills are slow", S2)
        await eventually(lambda: any(said.key == f"{key}/customer" for said in desk.chat.posted))
        assert desk.card_view(key).key == key


async def test_messages_that_waited_during_a_stop_are_sent_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    running = Runtime(desk.desk, store)
    store.broken = "delivery"
    async with running.running():
        await reported_troubles(running, ["delivery is failing"])
        store.broken = ""
        await desk.submits(ALICE, "Bills are slow", S2)
        await eventually(lambda: desk.heard(ACME))


class PoolStub:
    """A crew of one: what is offered is spoken for at once."""

    def __init__(self) -> None:
        self._speak: Callable[[str], Awaitable[object]] | None = None

    async def run(self, send_lane: Callable[[str], Awaitable[object]]) -> None:
        self._speak = send_lane
        await asyncio.Event().wait()

    async def offer(self, lanes: Sequence[str]) -> None:
        if self._speak is not None:
            await asyncio.gather(*map(self._speak, lanes), return_exceptions=True)

    async def recover(self) -> None:
        return None


@pytest.mark.parametrize("crew", [None, PoolStub()])
async def test_readiness_reports_how_many_lanes_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crew: PoolStub | None
) -> None:
    """Each lane is retried, and neither the delivery loop nor the worker pool ends."""
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    running = Runtime(desk.desk, store, worker_pool=crew)
    store.on_change = running.store_changed
    ill = [Place("slack", f"C{number}") for number in range(3)]
    for place in ill[:1]:
        store.say(Message(str(place), "ACME-1", place, Notice(("hello",)), Priority.STATE))
    store.ill = {str(place) for place in ill}
    async with running.running():
        await eventually(running._delivery.backoff.active)
        assert await running.readiness_faults() == [], (
            "one lane is for the log, and for the auditor if it lasts"
        )
        for place in ill[1:]:
            store.say(Message(str(place), "ACME-1", place, Notice(("hello",)), Priority.STATE))
        running.store_changed()
        await reported_troubles(running, ["the store fails for 3 lanes of messages"])
        store.ill = set()
        await reported_troubles(running, [])


async def test_user_groups_are_read_periodically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "REFRESH_EVERY", 0.01)
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    gwen = person("Gwen")
    async with Runtime(desk.desk, store).running():
        desk.chat.groups["S0SUPPORT"] = frozenset({gwen.user})
        await eventually(lambda: desk.desk.directory.is_agent(gwen))


async def test_a_process_learns_what_another_one_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one source fails, the others are read all the same."""
    monkeypatch.setattr(runtime, "REFRESH_EVERY", 0.01)
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    looks: list[str] = []

    async def fails() -> None:
        raise OSError("database is locked")

    async def learns() -> None:
        looks.append("installations")

    new = Place("slack", "C0NEW")
    async with Runtime(desk.desk, store, store, learn=[fails, learns]).running():
        await store.put("channel-moved", str(ACME), str(new))
        await eventually(lambda: desk.desk.directory.current_address(ACME) == new)
        await eventually(lambda: len(looks) > 1)


async def test_a_decision_of_another_replica_is_noticed_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its changes ring no wake_signal of ours."""
    monkeypatch.setattr(runtime, "POLL_EVERY", timedelta(milliseconds=10))
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    async with Runtime(desk.desk, store, worker_pool=PoolStub()).running():
        await turns(20)
        key = await desk.submits(ALICE, "Bills are slow", S2)
        desk.clock.at += timedelta(hours=5)
        await eventually(lambda: len(store.tickets_by_key[key].events) > 1)


async def test_stopping_ends_every_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    before = asyncio.all_tasks()
    async with Runtime(desk.desk, store).running():
        await turns(5)
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before


async def test_a_long_wake_up_does_not_count_as_a_stall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a night off thousands are due at once: a desk that works them off is ready meanwhile."""
    monkeypatch.setattr(scheduler, "BATCH_SIZE", 2)
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    running = Runtime(desk.desk, store)
    for _ in range(6):
        await desk.submits(ALICE, "Bills are slow", S2)
    desk.clock.at += timedelta(hours=5)
    running._progress_at = long_ago = real_now() - timedelta(days=1, minutes=1)
    assert await running.readiness_faults() == ["tickets are due, and nothing was woken for 86460 s"]
    said: list[list[str]] = []

    def ticked() -> None:
        running._on_progress()
        said.append([key for key, ticket in store.tickets_by_key.items() if len(ticket.events) > 1])

    await scheduler.wake_due_tickets(desk.desk, ticked)
    assert [len(woken) for woken in said[:3]] == [2, 4, 6]
    assert running._progress_at > long_ago
    assert await running.readiness_faults() == []


async def test_a_ticket_that_just_fell_due_is_not_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was due for hours; a load balancer that asks in that very moment is not sent away."""
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    running = Runtime(desk.desk, store)
    await desk.submits(ALICE, "Bills are slow", S2)
    running._progress_at = real_now() - timedelta(hours=3)
    due = await store.next_wake()
    assert due is not None
    desk.clock.at = due
    assert await running.readiness_faults() == []
    desk.clock.at += runtime.MAX_SCHEDULER_LAG
    assert await running.readiness_faults() == ["tickets are due, and nothing was woken for 10800 s"]


class SlowChat(FakeChat):
    """Holds each message until it may go, and knows what was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.may_go = asyncio.Event()

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        self.begun += 1
        await self.may_go.wait()
        return await super().post(to, view, thread, key)


async def test_stopping_finishes_sends_in_progress_and_begins_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complaint 36: a place with much to say would be cut off in mid-message, and say it again."""
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    await desk.submits(ALICE, "Bills are slow", S2)
    desk.desk.platforms["slack"] = chat = SlowChat()
    for number in range(200):
        store.say(Message(f"m{number}", "ACME-1", ACME, Notice((str(number),)), Priority.STATE))

    async def lets_go() -> None:
        await turns(50)
        chat.may_go.set()

    async with Runtime(desk.desk, store).running():
        await eventually(lambda: chat.begun)
        letting = asyncio.create_task(lets_go())
    await letting
    assert chat.begun == len(chat.posted) == 1


@in_virtual_time
async def test_a_loop_that_misses_its_cancellation_is_cancelled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that was stopped as it started used to run on forever."""
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    missed: list[float] = []

    class Deaf(PoolStub):
        async def run(self, send_lane: Callable[[str], Awaitable[object]]) -> None:
            try:
                await super().run(send_lane)
            except asyncio.CancelledError:
                missed.append(asyncio.get_running_loop().time())
            await asyncio.Event().wait()

    async with Runtime(desk.desk, store, worker_pool=Deaf()).running():
        await turns(5)
    (at,) = missed
    assert asyncio.get_running_loop().time() == at + runtime.CANCEL_AGAIN_AFTER


async def test_the_pager_is_tested_only_if_enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its timer outlives the process that set it, and a replica without the setting leaves it alone."""
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    on, off = Runtime(desk.desk, store, pager_test_at=time(9, 0)), Runtime(desk.desk, store)
    store.on_change = on.store_changed
    test, tomorrow = (
        "Daily test page, 09:00 UTC. You do not need to do anything.",
        parse_instant("2026-03-21T09:00:00Z"),
    )
    async with on.running():
        await eventually(lambda: desk.heard(TRIAGE))
    timers = [(timer.kind, timer.due_at) for timer in store.timers.values() if timer.kind not in OF_TAMS]
    assert timers == [("pager_test", tomorrow)]
    desk.clock.at = tomorrow
    async with off.running():
        await turns(50)
    assert desk.heard(TRIAGE) == [test]
    async with on.running():
        await eventually(lambda: len(desk.heard(TRIAGE)) == 2)
    assert desk.heard(TRIAGE) == [test, test]


async def test_notices_left_by_an_earlier_version_are_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, store = await desk_that_fails_once(tmp_path, monkeypatch)
    await store.put("notice", "Ev1/tam", json.dumps({"person": str(DANA.user), "text": "It is cut off."}))
    await store.put("notice", "Ev1/triage", json.dumps({"place": str(TRIAGE), "text": "It is cut off."}))
    for _ in range(2):
        running = Runtime(desk.desk, store, store)
        store.on_change = running.store_changed
        async with running.running():
            await eventually(lambda: desk.heard(TRIAGE) and desk.direct(DANA))
    assert await store.get_all("notice") == {}
    assert desk.heard(TRIAGE) == [said.text for said in desk.direct(DANA)] == ["It is cut off."]


async def test_a_failed_write_is_looked_into_at_once(tmp_path: Path) -> None:
    """/readyz does not answer from before it, and the monitor does not wait for its next round."""
    desk, store = await open_desk(tmp_path, FRIDAY_AFTERNOON), UnwellStore()
    running = Runtime(desk.desk, desk.desk.store, stats=store)
    with capture_logs() as lines:
        async with running.running():
            assert await running.readiness_faults() == []
            store.fault = "database or disk is full"
            running.write_failed()
            assert await running.readiness_faults() == [f"the database cannot be written: {store.fault}"]
            running.write_failed()
            await eventually(lambda: any(line["event"] == "the database is unwell" for line in lines))


async def test_what_is_not_of_the_store_is_in_its_readiness(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON)
    running = Runtime(desk.desk, desk.desk.store, parts=[lambda: ["the log is full"], list])
    assert await running.readiness_faults() == ["the log is full"]


class UnwellStore(MemoryStore):
    """Says that it cannot be written, if so."""

    fault: str | None = None

    async def write_fault(self) -> str | None:
        return self.fault
