"""The desk is killed between two I/O steps, started again, and forgets nothing and decides nothing twice.

Every call of a port is two steps: before it took effect, and after it did but before the desk knew. A crash
loses all that is in memory. What the platform did not see acknowledged, it sends again, same envelope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sql.store import connect
from bot.address import Place, UserRef
from bot.desk.core import Desk
from bot.directory import Directory
from bot.exchange import Press, Submission
from bot.ports import Store
from bot.settings import DeskSettings, load_desk
from tests.harness import ACME, ALICE, BOB, DESK_FILE, S1, TRIAGE, DeskInMemory, FakeChat, HeldClock
from tests.memory_store import MemoryStore

START = "2026-03-20T15:30:00Z"
LANES = 4
"""Customer's channel, triage, pages in triage, direct message: one send in flight in each."""


class Crash(BaseException):
    """The process is gone; nothing may catch this."""


@dataclass
class Wire:
    """Counts I/O steps and kills the desk at the chosen ones."""

    fatal: frozenset[int] = frozenset()
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps in self.fatal:
            raise Crash(self.steps)


class Process:
    """Whose calls these are; once it is dead, what it still had in flight dies with it."""

    def __init__(self, wire: Wire) -> None:
        self._wire, self._dead = wire, False

    def step(self) -> None:
        if self._dead:
            raise Crash
        try:
            self._wire.step()
        except Crash:
            self._dead = True
            raise


class Wired:
    """A port whose every call passes the wire twice."""

    def __init__(self, port: Any, process: Process) -> None:
        self._port, self._process = port, process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name in ("name", "is_group", "said"):
            return found

        async def call(*args: Any) -> Any:
            self._process.step()
            result = await found(*args)
            self._process.step()
            return result

        return call


@dataclass
class Story:
    """One ticket's life, retold over crashes: opened, escalated, warned, breached, answered, resolved."""

    desk_settings: DeskSettings
    store: Store
    wire: Wire
    chat: FakeChat = field(default_factory=FakeChat)
    clock: HeldClock = field(default_factory=lambda: HeldClock(START))
    crashes: int = 0

    def process(self) -> DeskInMemory:
        """A new process: all it has is the store, the platform and the time."""
        process = Process(self.wire)
        wired: Any = Wired(self.store, process)
        chat: Any = Wired(self.chat, process)
        desk = Desk(wired, self.clock, Directory(self.desk_settings), {"slack": chat})
        return DeskInMemory(desk, self.clock, self.chat)

    async def survives(self, act: Callable[[DeskInMemory], Awaitable[object]]) -> None:
        while True:
            try:
                await act(self.process())
                return
            except Crash:
                self.crashes += 1

    async def tell(self) -> None:
        await self.survives(lambda desk: desk.answers(self.form("intake", {"summary": "Down", **S1})))
        await self.survives(lambda desk: desk.answers(self.form("escalate", {"text": "Hurry"}, TRIAGE)))
        await self.survives(lambda desk: desk.forward_to("2026-03-20T16:20:00Z"))
        await self.survives(lambda desk: desk.answers(self.acknowledges()))
        await self.survives(lambda desk: desk.forward_to("2026-03-20T18:00:00Z"))
        await self.survives(lambda desk: desk.answers(self.form("reply", {"text": "Sorry"}, TRIAGE)))
        await self.survives(lambda desk: desk.answers(self.form("resolve", {"text": "Restarted"}, TRIAGE)))
        await self.survives(lambda desk: desk.forward_to("2026-03-24T12:00:00Z"))

    def form(self, form: str, values: dict[str, str], place: Place = ACME) -> Submission:
        context = {"place": str(place), "ticket": "ACME-1", "accounts": "acme", "version": "2025-02-10"}
        actor = ALICE if form == "intake" else BOB
        given = {name: (value,) for name, value in values.items()}
        return Submission(f"envelope/{form}", self.clock.now(), actor, form, given, context)

    def acknowledges(self) -> Press:
        return Press("envelope/ack", self.clock.now(), BOB, TRIAGE, None, "acknowledge", "ACME-1")

    async def events(self) -> list[str]:
        return [type(event).__name__ for event in await self.store.load("ACME-1")]

    def notices(self) -> Counter[tuple[str, str]]:
        """What was posted, by place and text; cards count by place, since their text changes."""
        return Counter(
            (_where(said.to), "card" if said.thread is None and "[" in said.text else said.text)
            for said in self.chat.said
        )


def _where(to: Place | UserRef) -> str:
    return str(to)


@pytest.fixture
def desk_settings(tmp_path: Path) -> DeskSettings:
    path = tmp_path / "frontline.toml"
    path.write_text(DESK_FILE, encoding="utf-8")
    return load_desk(path)


async def told(desk_settings: DeskSettings, store: Store, *fatal: int) -> Story:
    story = Story(desk_settings, store, Wire(frozenset(fatal)))
    await story.tell()
    return story


async def agrees(story: Story, calm: Story) -> None:
    """Same decisions, every obligation said; said twice only where a crash lost the answer to a send."""
    assert await story.events() == await calm.events()
    said, expected = story.notices(), calm.notices()
    assert set(said) == set(expected)
    assert sum(said.values()) - sum(expected.values()) <= story.crashes * LANES
    assert (await story.store.unsent(story.clock.now(), 10)) == []
    shown = {said.to for said in story.chat.said if said.text == "ACME-1 Down [S1] First response: breached"}
    assert shown == {ACME, TRIAGE}


async def test_killed_once_at_every_step(desk_settings: DeskSettings) -> None:
    """Enumerated, not sampled: each step of the whole story is a crash once."""
    calm = await told(desk_settings, MemoryStore())
    assert await calm.events() == [
        "Opened",
        "Escalated",
        "Warned",
        "Acknowledged",
        "Breached",
        "Answered",
        "Resolved",
    ]
    assert calm.wire.steps > 100
    for step in range(1, calm.wire.steps + 1):
        story = await told(desk_settings, MemoryStore(), step)
        assert story.crashes == 1, step
        await agrees(story, calm)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fatal=st.sets(st.integers(1, 400), min_size=2, max_size=25))
async def test_killed_again_and_again(desk_settings: DeskSettings, fatal: set[int]) -> None:
    calm = await told(desk_settings, MemoryStore())
    story = await told(desk_settings, MemoryStore(), *fatal)
    await agrees(story, calm)


async def test_killed_over_the_real_store(desk_settings: DeskSettings, tmp_path: Path) -> None:
    """The same on SQLite, each crash with a new file."""
    calm = await told(desk_settings, MemoryStore())
    for step in range(1, calm.wire.steps + 1, 9):
        async with connect(f"sqlite:///{tmp_path}/{step}.db") as store:
            await agrees(await told(desk_settings, store, step), calm)
