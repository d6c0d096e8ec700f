"""Delivery: each place at its own pace, patient with what passes, and honest about what never will."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bot.clock import WakeSignal, WallClock
from bot.desk.desk import Desk
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Audience, Notice, View
from bot.ports import LONGEST_BLOCK, Card, Charge, Message, PermanentFailure, Priority, TemporaryFailure
from bot.runtime.delivery import FIRST_RETRY_DELAY, LONGEST_RETRY_DELAY, MAX_LANES, Delivery
from sla_core.events import Undelivered
from tests.harness import ACME, ALICE, BOB, NO_CLOCK, S2, TRIAGE, DeskInMemory, FakeChat, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON, OpenDesk, a_desk
from tests.memory_store import MemoryStore
from tests.waiting import PATIENCE, eventually, turns

__all__ = ["a_desk"]

WEEK_LONG_OUTAGE = 5000


def pauses(desk: DeskInMemory, store: MemoryStore, to: Place = ACME) -> float:
    """Seconds for which a place is left alone."""
    return (parked(store)[str(to)] - desk.clock.now()).total_seconds()


def parked(store: MemoryStore) -> dict[str, datetime]:
    return {name: lane.not_before for name, lane in store.held.items() if lane.not_before is not None}


@dataclass
class RefusingChat(FakeChat):
    """A chat that permanently refuses every message for which `refuses` is true."""

    refuses: Callable[[Place | UserRef, View], bool] = lambda to, view: False
    why: str = "is_archived"

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        if self.refuses(to, view):
            raise PermanentFailure(self.why)
        return await super().post(to, view, thread, key)


def refuse(desk: DeskInMemory, refuses: Callable[[Place | UserRef, View], bool]) -> None:
    desk.desk.platforms["slack"] = RefusingChat(posted=desk.chat.posted, refuses=refuses)


async def parked_desk(tmp_path: Path) -> tuple[DeskInMemory, MemoryStore]:
    store = MemoryStore()
    return await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store), store


async def test_a_rate_limited_channel_waits_as_long_as_the_platform_asks(tmp_path: Path) -> None:
    """Complaint 33: a 429 in one channel delays no other channel; Retry-After is a lower bound."""
    desk, store = await parked_desk(tmp_path)
    desk.chat.failures.append(TemporaryFailure("ratelimited", retry_after=30))

    key = await desk.submits(ALICE, "Bills are slow", S2)

    assert desk.heard(ACME) == []
    assert len(desk.heard(TRIAGE)) == 2, "the card, and the mention of the first line below it"
    assert 30 <= pauses(desk, store) <= 31
    desk.clock.at += timedelta(seconds=29)
    await desk.deliver()
    assert desk.heard(ACME) == []
    desk.clock.at += timedelta(seconds=8)
    await desk.deliver()
    assert desk.card_view(key).key == key


async def test_a_retry_after_of_a_day_is_shortened(tmp_path: Path) -> None:
    """So that a bucket that is shut for longer can be told for what a clock set back has left."""
    desk, store = await parked_desk(tmp_path)
    desk.chat.call_costs = (Charge("posts", timedelta(seconds=1), 9),)
    desk.chat.failures.append(TemporaryFailure("ratelimited", retry_after=86400))
    await desk.submits(ALICE, "Bills are slow", S2)
    assert store.buckets["posts"].shut_until == desk.clock.now() + LONGEST_BLOCK
    desk.clock.at += LONGEST_BLOCK
    await desk.deliver()
    assert (len(desk.heard(ACME)), len(desk.heard(TRIAGE))) == (1, 2)


async def test_the_pause_doubles_up_to_a_limit(tmp_path: Path) -> None:
    """An outage of days is waited for as well; 2 to the power of the tries would be no number any more."""
    desk, store = await parked_desk(tmp_path)
    desk.chat.failures.append(TemporaryFailure("HTTP 503"))
    await desk.submits(ALICE, "Bills are slow", S2)
    lengths = [pauses(desk, store)]
    for _ in range(12):
        desk.chat.failures.append(TemporaryFailure("HTTP 503"))
        desk.clock.at = parked(store)[str(ACME)]
        await desk.deliver()
        lengths.append(pauses(desk, store))

    assert FIRST_RETRY_DELAY <= lengths[0] <= FIRST_RETRY_DELAY * 1.2
    assert all(later / earlier >= 2 / 1.2 for earlier, later in pairwise(lengths[:6]))
    assert LONGEST_RETRY_DELAY <= lengths[-1] <= LONGEST_RETRY_DELAY * 1.2
    store.outbox["ACME-1/customer"].attempts = WEEK_LONG_OUTAGE
    desk.chat.failures.append(TemporaryFailure("HTTP 503"))
    desk.clock.at = parked(store)[str(ACME)]
    await desk.deliver()
    assert LONGEST_RETRY_DELAY <= pauses(desk, store) <= LONGEST_RETRY_DELAY * 1.2


async def test_a_delivery_ends_the_pause(tmp_path: Path) -> None:
    desk, store = await parked_desk(tmp_path)
    desk.chat.failures.append(TemporaryFailure("HTTP 503"))
    await desk.submits(ALICE, "Bills are slow", S2)
    desk.clock.at = parked(store)[str(ACME)]
    await desk.deliver()
    assert store.held == {}


async def test_nothing_waits_behind_a_parked_countdown(tmp_path: Path) -> None:
    """engine.md 3, complaint 33: countdowns are the first to yield and delay nothing else."""
    desk, store = await parked_desk(tmp_path)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(minutes=1)
    desk.chat.failures.append(TemporaryFailure("ratelimited", 600))
    await desk.fast_forward(hours=1)
    assert set(parked(store)) == {"countdown:slack"}

    await desk.submits_form(BOB, "Reply", key, text="We look into it.")

    assert desk.thread(key) == [f"{key} Bob replied: “We look into it.”  @Alice"]
    assert desk.standing(key) == ["met"], "the card as well: it tells what happened"
    assert set(parked(store)) == {"countdown:slack"}


async def test_a_page_does_not_wait_behind_a_parked_place(tmp_path: Path) -> None:
    """engine.md 3: pages have lanes of their own."""
    desk, store = await parked_desk(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    store.say(Message("state", "ACME-1", TRIAGE, Notice(("hello",)), Priority.STATE))
    desk.chat.failures.append(TemporaryFailure("ratelimited", 600))
    await desk.deliver()
    before = len(desk.chat.posted)
    assert set(parked(store)) == {str(TRIAGE)}

    store.say(Message("page", "ACME-1", TRIAGE, Notice(("wake up",)), Priority.PAGE))
    await desk.deliver()

    assert [said.text for said in desk.chat.posted[before:]] == ["wake up"]


async def test_a_reply_refused_for_good_does_not_count(a_desk: OpenDesk) -> None:
    """contract.md: an event takes the effect back, agents are told, the first response is unmet again."""
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    refuse(desk, lambda to, view: to == ACME)

    await desk.submits_form(BOB, "Reply", key, text="We look into it.")

    assert await desk.events(key) == ["Opened", "Answered", "Undelivered"]
    assert desk.thread(key) == []
    assert desk.standing(key) == ["less than 4 h left"]
    told = [text for text in desk.heard(TRIAGE) if "Not delivered" in text]
    assert told == [
        f"{key} Not delivered: Bob's reply did not reach the customer (is_archived), "
        "so it does not count. First response is still due Fri 20 Mar 19:30. Please contact "
        "the customer another way."
    ]
    await desk.fast_forward(hours=5)
    assert desk.standing(key) == ["breached"]


async def test_an_undeliverable_message_is_reported_once(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", S2)
    refuse(desk, lambda to, view: to != TRIAGE)

    await desk.fast_forward(hours=4)
    await desk.fast_forward(days=2)

    undelivered = [e for e in (await desk.ticket(key)).history if isinstance(e, Undelivered)]
    assert [event.message.rpartition("/")[0] for event in undelivered].count(f"{key}/3/dm") == 1
    assert len({event.message for event in undelivered}) == len(undelivered)
    assert sum("Not delivered" in text for text in desk.heard(TRIAGE)) == len(undelivered)


async def test_a_message_refused_by_triage_is_not_reported_to_triage(a_desk: OpenDesk) -> None:
    """Otherwise each refusal would cause another message that is refused."""
    desk = await a_desk()

    refuse(desk, lambda to, view: to == TRIAGE)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    await desk.fast_forward(days=5)
    assert desk.heard(TRIAGE) == []
    assert desk.standing(key) == ["breached"]
    assert "Undelivered" not in await desk.events(key)


async def test_an_unconnected_platform_refuses_messages(a_desk: OpenDesk) -> None:
    desk = await a_desk()
    key = await desk.submits(ALICE, "Bills are slow", NO_CLOCK)
    desk.desk.platforms.clear()

    await desk.submits_form(BOB, "Reply", key, text="We look into it.")

    last = (await desk.ticket(key)).history[-1]
    assert isinstance(last, Undelivered)
    assert last.reason == "slack is not connected"


async def test_a_message_that_cannot_be_rendered_does_not_block_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Complaint 23: nothing stops for good because one thing went wrong."""
    desk, store = await parked_desk(tmp_path)
    draw = Desk.render

    async def poisoned(self: Desk, message: Message) -> View:
        if message.content == Card(Audience.CUSTOMER):
            raise KeyError("a plan that is no more")
        return await draw(self, message)

    monkeypatch.setattr(Desk, "render", poisoned)
    await desk.submits(ALICE, "Bills are slow", S2)

    assert desk.heard(ACME) == []
    assert len(desk.heard(TRIAGE)) == 2, "the card, and the mention of the first line below it"
    assert FIRST_RETRY_DELAY <= pauses(desk, store) <= FIRST_RETRY_DELAY * 1.2
    monkeypatch.setattr(Desk, "render", draw)
    desk.clock.at += timedelta(seconds=2)
    await desk.deliver()
    assert len(desk.heard(ACME)) == 1


@dataclass
class SlowChat(FakeChat):
    """A chat that answers when it is let; `began` and `ended` are the recipients of what is on its way."""

    holds: Callable[[Place | UserRef], bool] = lambda to: True
    let: asyncio.Event = field(default_factory=asyncio.Event)
    began: list[Place | UserRef] = field(default_factory=list)
    ended: list[Place | UserRef] = field(default_factory=list)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        self.began.append(to)
        if self.holds(to):
            await self.let.wait()
        self.ended.append(to)
        return await super().post(to, view, thread, key)


@asynccontextmanager
async def delivering(desk: Desk) -> AsyncIterator[asyncio.Task[None]]:
    """The delivery loop, in real time."""
    wake_signal = WakeSignal()
    assert isinstance(desk.store, MemoryStore)
    desk.store.on_change = wake_signal.trigger
    running = asyncio.create_task(Delivery(desk, desk.store, WallClock(), wake_signal).run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_page_does_not_wait_for_a_slow_answer_elsewhere(tmp_path: Path) -> None:
    """Complaint 25, 33: hanging channels delay no page and no other channel's messages."""
    desk, store = await parked_desk(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    chat = SlowChat(holds=lambda to: to != TRIAGE)
    desk.desk.platforms["slack"] = chat
    for number in range(MAX_LANES + 4):
        place = Place("slack", f"C{number}")
        store.say(Message(f"m{number}", "ACME-1", place, Notice(("hello",)), Priority.STATE))
    async with delivering(desk.desk):
        await eventually(lambda: len(chat.began) == MAX_LANES)
        page = Message("page", "ACME-1", TRIAGE, Notice(("wake up",)), Priority.PAGE)
        store.say(page)
        assert store.on_change
        store.on_change()
        await eventually(lambda: chat.ended == [TRIAGE])
        chat.let.set()
        await eventually(lambda: len(chat.ended) == MAX_LANES + 5)


async def test_one_message_at_a_time_in_each_place(tmp_path: Path) -> None:
    """engine.md 3: order is kept, because the next goes out when the one before has arrived."""
    desk, store = await parked_desk(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    chat = SlowChat()
    desk.desk.platforms["slack"] = chat
    for number in range(3):
        store.say(Message(f"m{number}", "ACME-1", ACME, Notice((str(number),)), Priority.STATE))
    async with delivering(desk.desk):
        await eventually(lambda: chat.began)
        assert store.on_change
        for _ in range(5):
            store.on_change()
            await turns(20)
        assert len(chat.began) == 1
        chat.let.set()
        await eventually(lambda: len(chat.ended) == 3)


async def test_stopping_waits_for_messages_being_sent(tmp_path: Path) -> None:
    """Cut off, it would be said a second time after the start."""
    desk, store = await parked_desk(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    chat = SlowChat()
    desk.desk.platforms["slack"] = chat
    store.say(Message("m", "ACME-1", ACME, Notice(("hello",)), Priority.STATE))
    async with delivering(desk.desk) as running:
        await eventually(lambda: chat.began)
        running.cancel()
        await turns(20)
        chat.let.set()
        await asyncio.gather(running, return_exceptions=True)
    assert store.outbox["m"].state == "sent"


async def test_a_failing_store_ends_the_loop(tmp_path: Path) -> None:
    desk, _ = await parked_desk(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)

    class Broken(MemoryStore):
        async def lanes(self, ready_at: datetime, limit: int) -> list[str]:
            raise OSError("disk full")

    desk.desk.store = Broken()
    async with delivering(desk.desk) as running, asyncio.timeout(PATIENCE):
        with pytest.raises(OSError, match="disk full"):
            await running
