"""Many workspaces: a rate limit of one does not delay the countdowns of another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import WakeSignal
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.ports import Charge, Message, Priority, TemporaryFailure
from bot.runtime.delivery import MAX_COUNTDOWN_LANES, MAX_LANES, MAX_RETRYING_LANES, Delivery
from bot.runtime.lane_dispatcher import LaneDispatcher
from tests.harness import ACME, ALICE, S2, TRIAGE, DeskInMemory, FakeChat, PostedMessage, open_desk
from tests.journeys.conftest import FRIDAY_AFTERNOON
from tests.memory_store import MemoryStore
from tests.runtime import test_delivery_backlog as outage
from tests.runtime.test_delivery import delivering, parked
from tests.virtual_time import in_virtual_time, time_passes
from tests.waiting import eventually

RATE_LIMIT_KEYS = {ACME: "slack:T0ACME:edits", TRIAGE: "slack:T0VENDOR:edits"}
BUSY = TemporaryFailure("ratelimited", retry_after=600)


@dataclass
class Workspaces(FakeChat):
    """Each place is of a workspace with limits of its own; those in `busy` answer 429."""

    busy: set[Place] = field(default_factory=set)

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        if edits is None or not isinstance(to, Place):
            return ()
        return (Charge(RATE_LIMIT_KEYS.get(to, f"{to}'s own"), timedelta(seconds=2.5), 1),)

    async def update(self, message: MessageRef, view: View) -> None:
        if message.place in self.busy:
            raise BUSY
        await super().update(message, view)


async def two_workspaces(tmp_path: Path) -> tuple[DeskInMemory, Workspaces, MemoryStore]:
    store, chat = MemoryStore(), Workspaces()
    desk = await open_desk(tmp_path, FRIDAY_AFTERNOON, store=store)
    desk.desk.platforms["slack"] = desk.chat = chat
    desk.chats = (chat,)
    return desk, chat, store


async def test_a_busy_workspace_delays_only_its_own_countdowns(tmp_path: Path) -> None:
    """Complaint 33: one 429 is not everybody's."""
    desk, chat, store = await two_workspaces(tmp_path)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    before = desk.standing(key)
    chat.busy = {ACME}

    await desk.fast_forward(hours=1)

    assert set(parked(store)) == {f"countdown:{RATE_LIMIT_KEYS[ACME]}"}
    assert desk.standing(key) == before
    triage = next(said for said in chat.posted if said.ref.place == TRIAGE)
    assert triage.edits > 0, "agents see less time left meanwhile"

    chat.busy = set()
    await desk.fast_forward(minutes=11)
    assert desk.standing(key) != before


async def test_countdowns_of_one_workspace_share_its_rate_limit(tmp_path: Path) -> None:
    desk, _, store = await two_workspaces(tmp_path)
    keys = [await desk.submits(ALICE, f"Bills are slow {n}", S2) for n in range(3)]
    await desk.fast_forward(hours=1)
    assert set(parked(store)) <= {
        f"countdown:{rate_limit_key}" for rate_limit_key in RATE_LIMIT_KEYS.values()
    }
    for _ in range(9):
        desk.clock.at += timedelta(seconds=2.5)
        await desk.deliver()
    assert all(desk.standing(key) == ["less than 3 h left"] for key in keys)


async def test_messages_left_by_the_previous_version_are_sent(tmp_path: Path) -> None:
    """Its countdowns knew no purse."""
    desk, _, store = await two_workspaces(tmp_path)
    key = await desk.submits(ALICE, "Bills are slow", S2)
    card = f"{key}/customer"
    say = store.outbox[card].message.content
    store.say(Message(f"{card}/old", key, ACME, say, Priority.COUNTDOWN, edits=card))
    assert await store.lanes(desk.clock.now(), 9) == ["countdown:slack"]
    await desk.deliver()
    assert desk.card(key).edits == 1


def counting_down(store: MemoryStore, chat: FakeChat, number: int) -> Place:
    """A card of a workspace of its own, with an edit to come."""
    place, card = Place("slack", f"C{number}"), f"card {number}"
    store.say(Message(card, "ACME-1", place, Notice(("card",)), Priority.STATE))
    ref = MessageRef(place, card)
    chat.posted.append(PostedMessage(ref, place, Notice(("card",)), None))
    store.outbox[card].state, store.outbox[card].ref = "sent", ref
    say, rate_limit_key = Notice(("less",)), str(place)
    edit = Message(
        f"edit {number}", "ACME-1", place, say, Priority.COUNTDOWN, edits=card, rate_limit_key=rate_limit_key
    )
    store.say(edit)
    return place


@dataclass
class Hanging(Workspaces):
    """Takes every edit and answers none until it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    async def update(self, message: MessageRef, view: View) -> None:
        self.begun += 1
        await self.let.wait()


async def test_countdowns_of_many_workspaces_leave_capacity_for_other_messages(tmp_path: Path) -> None:
    """Forty hung edits, and a customer's answer goes out at once."""
    desk, _, store = await two_workspaces(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    desk.desk.platforms["slack"] = chat = Hanging()
    for number in range(40):
        counting_down(store, chat, number)
    async with delivering(desk.desk):
        await eventually(lambda: chat.begun == MAX_COUNTDOWN_LANES)
        store.say(Message("m", "ACME-1", ACME, Notice(("hello",)), Priority.STATE))
        assert store.on_change
        store.on_change()
        await eventually(lambda: [said.text for said in chat.posted if said.to == ACME] == ["hello"])
        assert chat.begun == MAX_COUNTDOWN_LANES
        chat.let.set()
        await eventually(lambda: chat.begun == 40)


async def test_a_replica_limits_its_concurrent_countdowns(tmp_path: Path) -> None:
    desk, _, store = await two_workspaces(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    desk.desk.platforms["slack"] = chat = Hanging()
    lanes = [f"countdown:{counting_down(store, chat, number)}" for number in range(MAX_COUNTDOWN_LANES + 3)]
    delivery = Delivery(desk.desk, store, desk.clock, WakeSignal())
    dispatcher = LaneDispatcher(NotImplemented, delivery, store, desk.clock, WakeSignal())
    speaking = [asyncio.create_task(dispatcher.send_lane(lane)) for lane in lanes]
    await eventually(lambda: sum(task.done() for task in speaking) == 3)
    assert chat.begun == MAX_COUNTDOWN_LANES
    chat.let.set()
    await asyncio.gather(*speaking)


@dataclass
class ManyWorkspaces(outage.LimitedPlatform):
    """Each place is a workspace of its own; number 0 answers every edit with 429."""

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        charges = super().charges(to, edits, priority)
        return [Charge(f"{to}: {charge.bucket}", charge.every, charge.burst) for charge in charges]

    async def update(self, message: MessageRef, view: View) -> None:
        if message.place == outage.place(0):
            raise TemporaryFailure("ratelimited", retry_after=30)
        await super().update(message, view)


def counts_down(store: MemoryStore, chat: ManyWorkspaces, to: Place, nth: int) -> None:
    number = int(to.id[1:]) * 100 + nth
    outage.a_card(store, chat, number)
    card = store.outbox[f"card {number}"]
    card.ref = MessageRef(to, card.message.key)
    text = f"countdown {to.id} {nth}"
    rate_limit_key = chat.charges(to, card.ref, Priority.COUNTDOWN)[-1].bucket
    edit = Message(text, "ACME-1", to, Notice((text,)), Priority.COUNTDOWN)
    store.say(replace(edit, edits=card.message.key, rate_limit_key=rate_limit_key))


@in_virtual_time
async def test_thirty_workspaces_count_down_each_at_its_own_pace(tmp_path: Path) -> None:
    """Each workspace has its own budget, with any number of cards."""
    chat = ManyWorkspaces()
    async with outage.delivering(tmp_path, chat) as (store, wake_signal):
        for number in range(30):
            for nth in range(40):
                counts_down(store, chat, outage.place(number), nth)
        wake_signal.trigger()
        await time_passes(60)
        edits = Counter(text.split()[1] for text in chat.arrived)
        assert set(edits) == {f"C{number}" for number in range(1, 30)}
        assert all(20 <= number <= 26 for number in edits.values()), edits
        said_at = chat.clock.now()
        outage.says(store, wake_signal, "page", outage.place(0), Priority.PAGE)
        outage.says(store, wake_signal, "state", outage.place(1))
        await time_passes(1)
        assert chat.arrived["page"] - said_at <= timedelta(seconds=0.5)
        assert chat.arrived["state"] - said_at <= timedelta(seconds=0.5)


async def test_only_as_many_countdowns_are_offered_as_fit(tmp_path: Path) -> None:
    """Each offer is a row to write and to claim."""
    desk, chat, store = await two_workspaces(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    for number in range(40):
        counting_down(store, chat, number)
    store.say(Message("m", "ACME-1", ACME, Notice(("hello",)), Priority.STATE))
    offered: list[str] = []

    class WorkerPool:
        async def offer(self, lanes: list[str]) -> None:
            offered.extend(lanes)

    delivery = Delivery(desk.desk, store, desk.clock, WakeSignal())
    dispatcher = LaneDispatcher(WorkerPool(), delivery, store, desk.clock, WakeSignal())  # type: ignore[arg-type]
    await dispatcher.offer_ready_lanes()
    assert offered[0] == str(ACME)
    assert len(offered) == 1 + MAX_COUNTDOWN_LANES


@pytest.mark.parametrize(
    ("lane", "busy", "most"),
    [
        ("countdown:slack:new", "countdown:slack:{}", MAX_COUNTDOWN_LANES),
        ("slack:new", "slack:C{}", MAX_LANES),
        ("slack:hung", "slack:hung{}", MAX_RETRYING_LANES),
    ],
)
async def test_countdown_lanes_wait_while_too_many_are_busy(
    tmp_path: Path, lane: str, busy: str, most: int
) -> None:
    desk, _, store = await two_workspaces(tmp_path)
    delivery = Delivery(desk.desk, store, desk.clock, WakeSignal())
    speaking = [busy.format(n) for n in range(most)]
    delivery.retrying = {each for each in (lane, *speaking) if "hung" in each}
    assert delivery.must_wait(lane, speaking)
    assert not delivery.must_wait(lane, speaking[1:])
    assert not delivery.must_wait("page:slack:C1", speaking), "a page never waits"
    assert not delivery.must_wait(lane.replace("slack", "teams"), speaking), "another platform's do not count"


@dataclass
class SomeHang(Workspaces):
    """Places whose names begin with H answer nothing until they are let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        if str(to).startswith("slack:H"):
            await self.let.wait()
        return await super().post(to, view, thread, key)


async def test_channels_that_hang_do_not_delay_healthy_ones(tmp_path: Path) -> None:
    """Sixty conversations that answer nothing: ten others still get their messages at once."""
    desk, _, store = await two_workspaces(tmp_path)
    await desk.submits(ALICE, "Bills are slow", S2)
    desk.desk.platforms["slack"] = chat = SomeHang()
    hung = [Place("slack", f"H{number}") for number in range(60)]
    healthy = [Place("slack", f"C{number}") for number in range(10)]
    for place in (*hung, *healthy):
        store.say(Message(f"m {place}", "ACME-1", place, Notice(("hello",)), Priority.STATE))
    async with delivering(desk.desk):
        await eventually(lambda: {said.to for said in chat.posted} == {*healthy})
        chat.let.set()
        await eventually(lambda: {said.to for said in chat.posted} == {*hung, *healthy})


async def test_a_retry_after_blocks_the_conversation_and_not_the_tenant(tmp_path: Path) -> None:
    """Teams does not say which limit it was: the tenant's goes on, and pages elsewhere with it."""
    desk, _, store = await two_workspaces(tmp_path)
    slow = FakeChat()
    slow.call_costs = (
        Charge("the tenant's", timedelta(seconds=0.05), 10, held_by_retry_after=False),
        Charge("the conversation's", timedelta(seconds=2.2), 100),
    )
    desk.desk.platforms["slack"] = desk.chat = slow
    desk.chats = (slow,)
    slow.failures = [BUSY]

    await desk.submits(ALICE, "Bills are slow", S2)

    assert {name for name, bucket in store.buckets.items() if bucket.shut_until} == {"the conversation's"}
