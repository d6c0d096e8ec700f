"""Counts how often an act loads its ticket and folds the history."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.measure import Progress, silence
from bench.report import Gate, Report, Row, Table
from bot.desk import routes
from bot.model.inbound import Answer, Inbound
from sla_core.events import Event
from sla_core.ticket import fold
from tests.harness import ALICE, BOB, S1, DeskInMemory, open_desk
from tests.memory_store import MemoryStore

AT = "2026-03-20T14:00:00Z"


class StatsSource(MemoryStore):
    """A store that counts its loads."""

    loads = 0

    async def load(self, ticket: str) -> tuple[Event, ...]:
        self.loads += 1
        return await super().load(ticket)


@dataclass(frozen=True, slots=True)
class Act:
    name: str
    loads: int
    folds: int


class _Watched(DeskInMemory):
    """Counts during each act, without the deliveries after it."""

    counted: list[tuple[int, int]]
    store: StatsSource

    async def answers(self, act: Inbound) -> Answer:
        before = self.store.loads
        with _folds() as folds:
            answer = await routes.answer(self.desk, act)
        self.counted.append((self.store.loads - before, len(folds)))
        await self.deliver()
        return answer


def run(progress: Progress) -> Report:
    progress.say("acts: loads and folds")
    with tempfile.TemporaryDirectory(prefix="frontline-bench-") as folder, silence():
        acts = asyncio.run(_acts(Path(folder)))
    rows = tuple(Row(act.name, act.loads, "loads", note=f"{act.folds} folds") for act in acts)
    return Report(
        "acts",
        "what each act on a ticket reads",
        (Table("until its answer", rows),),
        (
            Gate("loads of an act, most", max(act.loads for act in acts), 1, "", at_most=True),
            Gate("folds of an act, most", max(act.folds for act in acts), 1, "", at_most=True),
        ),
    )


async def _acts(folder: Path) -> list[Act]:
    store, acts = StatsSource(), list[Act]()
    made = await open_desk(folder, AT, store=store)
    desk = _Watched(made.desk, store, made.clock, *made.chats)
    desk.store, desk.counted = store, []

    def done(name: str) -> None:
        acts.extend(Act(name, *counted) for counted in desk.counted)
        desk.counted.clear()

    key = await desk.submits(ALICE, "The export fails", S1)
    desk.counted.clear()
    await desk.writes(ALICE, "It still fails", key)
    done("a customer's message in the thread")
    await desk.presses(BOB, "Acknowledge", key)
    done("Acknowledge")
    await desk.writes(BOB, "We are looking", key)
    done("an agent's message in the thread")
    await desk.presses(BOB, "Take it", key)
    done("Take it")
    return acts


@contextmanager
def _folds() -> Iterator[list[None]]:
    """A list that grows by one with each fold of a whole history."""
    folds: list[None] = []

    def watch(frame: FrameType, what: str, _: object) -> None:
        if what == "call" and frame.f_code is fold.__code__:
            folds.append(None)

    sys.setprofile(watch)
    try:
        yield folds
    finally:
        sys.setprofile(None)
