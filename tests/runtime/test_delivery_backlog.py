"""What platforms cannot take at once: thousands of cards, a bad hour. The delivery in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bot.clock import WakeSignal
from bot.desk.desk import Desk
from bot.model.address import MessageRef, Place, UserRef
from bot.model.views import Notice, View
from bot.ports import Charge, Message, Priority, TemporaryFailure
from bot.runtime.delivery import Delivery
from tests.harness import FakeChat, PostedMessage, directory_of, running
from tests.memory_store import MemoryStore
from tests.virtual_time import VirtualClock, in_virtual_time, simulated, time_passes

START = "2026-03-20T15:30:00Z"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
A_CALL = 0.1
"""Seconds that the platform takes to answer."""


@dataclass
class LimitedPlatform(FakeChat):
    """Limits posts and edits as Slack does; `trouble` decides how each call ends."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))
    random: Random = field(default_factory=Random)
    trouble: tuple[datetime, datetime] | None = None
    arrived: dict[str, datetime] = field(default_factory=dict)
    """When the text of a message was first seen."""
    asked_until: datetime | None = None
    """The end of the longest wait that it asked for."""
    again: int = 0

    def charges(self, to: Place | UserRef, edits: MessageRef | None, priority: Priority) -> Sequence[Charge]:
        more = 10 if priority <= Priority.BREACH else 0
        if edits is None:
            return (Charge("posts", SECOND / 4, 20 + more), Charge(f"channel:{to.id}", SECOND, 3 + more))
        if priority is Priority.COUNTDOWN:
            return (Charge("edits", SECOND * 1.5, 10), Charge("countdowns", SECOND * 2.5, 1))
        return (Charge("edits", SECOND * 1.5, 10),)

    async def post(
        self, to: Place | UserRef, view: View, thread: MessageRef | None, key: str | None = None
    ) -> MessageRef:
        lost = await self._called()
        ref = await super().post(to, view, thread, key)
        self.again += self.posted[-1].text in self.arrived
        self.arrived.setdefault(self.posted[-1].text, self.clock.now())
        if lost:
            raise TemporaryFailure("connection reset", maybe_delivered=True)
        return ref

    async def update(self, message: MessageRef, view: View) -> None:
        lost = await self._called()
        assert isinstance(view, Notice)
        self.arrived[str(view.text[0])] = self.clock.now()
        if lost:
            raise TemporaryFailure("connection reset", maybe_delivered=True)

    async def _called(self) -> bool:
        """Whether the answer will be lost."""
        await time_passes(A_CALL)
        if self.trouble is None or not self.trouble[0] <= self.clock.now() < self.trouble[1]:
            return False
        what = self.random.random()
        if what < 0.30:
            after = self.random.randint(1, 60)
            self.asked_until = max(self.asked_until or self.clock.start, self.clock.now() + after * SECOND)
            raise TemporaryFailure("ratelimited", after)
        if what < 0.40:
            raise TemporaryFailure("HTTP 500")
        return what < 0.42


@asynccontextmanager
async def delivering(
    tmp_path: Path, chat: LimitedPlatform, seed: int = 1
) -> AsyncIterator[tuple[MemoryStore, WakeSignal]]:
    """The delivery loop over a store that the test fills."""
    store, wake_signal = MemoryStore(), WakeSignal()
    desk = Desk(store, chat.clock, directory_of(tmp_path), {"slack": chat})
    async with running(Delivery(desk, store, chat.clock, wake_signal, Random(seed)).run()):
        yield store, wake_signal


def place(number: int) -> Place:
    return Place("slack", f"C{number}")


def says(
    store: MemoryStore, wake_signal: WakeSignal, key: str, to: Place, priority: Priority = Priority.STATE
) -> None:
    store.say(Message(key, "ACME-1", to, Notice((key,)), priority))
    wake_signal.trigger()


def a_card(store: MemoryStore, chat: LimitedPlatform, number: int) -> None:
    """One that was posted long ago."""
    store.say(Message(f"card {number}", "ACME-1", place(number), Notice(("card",)), Priority.STATE))
    ref = MessageRef(place(number), f"card {number}")
    chat.posted.append(PostedMessage(ref, place(number), Notice(("card",)), None))
    posted = store.outbox[f"card {number}"]
    posted.state, posted.ref = "sent", ref


def counts_down(store: MemoryStore, wake_signal: WakeSignal, number: int, round_: int) -> None:
    key, card = f"countdown {number}", f"card {number}"
    say = Notice((key,))
    store.say(Message(f"{key}/{round_}", "ACME-1", place(number), say, Priority.COUNTDOWN, edits=card))
    wake_signal.trigger()


@pytest.mark.parametrize("cards", [1000, pytest.param(5000, marks=pytest.mark.soak)])
@in_virtual_time
async def test_a_page_is_sent_at_once_among_thousands_of_countdowns(tmp_path: Path, cards: int) -> None:
    """Complaints 25, 33; and what really happened waits for no countdown either."""
    chat = LimitedPlatform()
    async with delivering(tmp_path, chat) as (store, wake_signal):
        for number in range(cards):
            a_card(store, chat, number)
            counts_down(store, wake_signal, number, 0)
        await time_passes(60)
        assert 20 <= sum(text.startswith("countdown") for text in chat.arrived) <= 26
        said_at = chat.clock.now()
        says(store, wake_signal, "page", place(1), Priority.PAGE)
        says(store, wake_signal, "state", place(2))
        await time_passes(1)
        assert chat.arrived["page"] - said_at <= SECOND / 2
        assert chat.arrived["state"] - said_at <= SECOND / 2


@dataclass
class Report:
    late: dict[str, float]
    again: int


def run_outage(tmp_path: Path, seed: int) -> Report:
    """Pages, changes and countdowns in thirty places: a good minute, ten bad ones, and five good ones."""

    async def story() -> Report:
        chat = LimitedPlatform(random=Random(seed))
        begins, ends = chat.clock.start + MINUTE, chat.clock.start + 11 * MINUTE
        chat.trouble = (begins, ends)
        said_at: dict[str, datetime] = {}
        async with delivering(tmp_path, chat, seed) as (store, wake_signal):
            for number in range(30):
                a_card(store, chat, number)
            for second in range(0, 16 * 60, 5):
                number = second // 5
                said_at[f"state {second}"] = chat.clock.now()
                says(store, wake_signal, f"state {second}", place(number % 30))
                if second % 20 == 0:
                    said_at[f"page {second}"] = chat.clock.now()
                    says(store, wake_signal, f"page {second}", place(number % 7), Priority.PAGE)
                counts_down(store, wake_signal, number % 30, second)
                await time_passes(5)
            await time_passes(300)
            waiting = [said.message.key for said in store.outbox.values() if said.state == "waiting"]
            assert waiting == [], "nothing is stuck"
        assert set(said_at) <= set(chat.arrived), "nothing is lost"
        assert chat.asked_until is not None
        over = max(ends, chat.asked_until)
        late = {
            key: (chat.arrived[key] - max(at, over)).total_seconds()
            for key, at in said_at.items()
            if chat.arrived[key] > over and key.startswith("page")
        }
        return Report(late, chat.again)

    return simulated(story())


def p99(late: dict[str, float]) -> float:
    return sorted(late.values())[int(len(late) * 0.99)]


@pytest.mark.parametrize("seed", range(3))
def test_after_ten_bad_minutes_pages_are_quick_again_and_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    """engine.md test 7: 30 % are limited, 10 % fail, 2 % arrive without an answer."""
    report = run_outage(tmp_path, seed)
    assert p99(report.late) < 5, report.late
    assert report.again == 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 33))
def test_any_ten_minutes_of_failures_recover(tmp_path: Path, seed: int) -> None:
    report = run_outage(tmp_path, seed)
    assert p99(report.late) < 5, report.late
    assert report.again == 0


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    assert run_outage(tmp_path, 7) == run_outage(tmp_path, 7)
