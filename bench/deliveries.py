"""Deliveries: how many a second, in which order, and what happens when a replica is killed.

First a platform that takes 5 ms for a send and has no limits, then Slack's limits on a held clock.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import time

from adapters.sql.store import connect
from bench import held, hung, postgres, stock
from bench.children import child
from bench.measure import Progress, silence
from bench.platform import SEND, Counting, counting
from bench.report import Gate, Report, Row, Table
from bot.model.address import Place
from bot.model.views import Notice
from bot.ports import Change, Message, Priority

CHANNELS, EACH = 20, 100
MESSAGES = CHANNELS * EACH
PATIENCE = 90.0
ONE, TWO, ALONE = "one replica, PostgreSQL", "two replicas, PostgreSQL", "one process, SQLite"
KILLED = "two replicas, one killed"
SLOW_FILE, SLOW_SERVER = "one process, SQLite, 250 ms a call", "one replica, PostgreSQL, 250 ms a call"


@dataclass(frozen=True, slots=True)
class Load:
    """The number of channels and of messages in each, and the platform's seconds for each message."""

    channels: int = CHANNELS
    each: int = EACH
    send: float = SEND

    @property
    def messages(self) -> int:
        return self.channels * self.each


FAST, SLOW = Load(), Load(channels=150, each=10, send=0.25)


@dataclass(frozen=True, slots=True)
class Run:
    """The result for all messages."""

    rate: float
    disorder: int
    lost: int
    repeats: int
    gap: float
    """Seconds: the longest gap between arrivals in a channel."""


def run(progress: Progress) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontline-bench-")))
        server = stack.enter_context(postgres.server())
        file = stock.desk_file(folder, max(FAST.channels, SLOW.channels))
        runs = {}
        for name, url, replicas, load in (
            (ONE, server.fresh(), 1, FAST),
            (TWO, server.fresh(), 2, FAST),
            (KILLED, server.fresh(), 2, FAST),
            (ALONE, f"sqlite:///{folder}/alone.db", 1, FAST),
            (SLOW_FILE, f"sqlite:///{folder}/slow.db", 1, SLOW),
            (SLOW_SERVER, server.fresh(), 1, SLOW),
        ):
            progress.say(f"deliveries: {name}")
            runs[name] = asyncio.run(_delivered(url, file, replicas, load, kill=name == KILLED))
        progress.say(f"deliveries: {held.CARDS:,} live cards on a held clock")
        edits = asyncio.run(held.measured(folder))
        progress.say(f"deliveries: {hung.HANGING} conversations that hang")
        with silence():
            delays = asyncio.run(hung.measured(folder))
    return Report(
        "deliveries",
        f"{MESSAGES:,} messages into {CHANNELS} channels, 5 ms a send",
        (_table(runs), held.table(edits), hung.table(delays)),
        (*_gates(runs), *held.gates(edits), *hung.gates(delays)),
        _NOTES,
    )


_NOTES = (
    "desks without requests: wake-ups, delivery, on PostgreSQL the worker pool; the platform counts",
    "gap: the longest time between arrivals in a channel; SIGKILL after a third of the messages",
    *held.NOTES,
    *hung.NOTES,
)


async def _delivered(url: str, file: Path, replicas: int, load: Load, *, kill: bool) -> Run:
    with ExitStack() as stack:
        async with counting() as platform:
            platform.send = load.send
            if url.startswith("sqlite"):
                # Only one process may write such a file while a desk runs on it.
                await _said(url, load)
            words = (url, str(file), platform.url)
            made = [stack.enter_context(child("bench.replica", *words)) for _ in range(replicas)]
            for each in made:
                await asyncio.to_thread(each.read)
            if not url.startswith("sqlite"):
                await _said(url, load)
            if kill:
                await platform.until(load.messages // 3, PATIENCE)
                await asyncio.to_thread(made[0].kill)
            await platform.until(load.messages, PATIENCE)
            await _complete(platform, load)
            return _run(platform, load)


async def _complete(platform: Counting, load: Load) -> None:
    """Waits until each message has come; repeats do not count."""
    give_up = time() + PATIENCE
    while len({sent.key for sent in platform.sent}) < load.messages and time() < give_up:
        await asyncio.sleep(0.05)


async def _said(url: str, load: Load) -> None:
    """Opens a ticket in each channel, with all of its messages."""
    async with connect(url) as store:
        accounts = [stock.account_id(nth) for nth in range(load.channels)]
        await asyncio.gather(
            *(
                store.open(f"e-{nth}", account, partial(_draft, load.each, nth, account))
                for nth, account in enumerate(accounts)
            )
        )


def _draft(each: int, nth: int, account: str, number: int) -> Change:
    key, where = f"{account.upper()}-{number}", Place("slack", stock.channel_id(nth))
    messages = tuple(
        Message(f"{key}/{turn:03}", key, where, Notice((f"{turn}",)), Priority.STATE) for turn in range(each)
    )
    return Change(key, 0, (stock.opened(account, where.id),), None, messages)


def _run(platform: Counting, load: Load) -> Run:
    sent, places = platform.sent, platform.by_place()
    disorder = sum(_disorder([each.key for each in there]) for there in places.values())
    gap = max(_longest([each.at for each in there]) for there in places.values())
    lost = load.messages - len({each.key for each in sent})
    return Run(len(sent) / (sent[-1].at - sent[0].at), disorder, lost, platform.repeats(), gap)


def _disorder(keys: Sequence[str]) -> int:
    """How many messages came after one that should have followed them."""
    return sum(later < earlier for earlier, later in pairwise(keys))


def _longest(instants: Sequence[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(instants))


def _table(runs: dict[str, Run]) -> Table:
    rows = [
        Row(
            name,
            found.rate,
            "/s",
            found.rate / runs[ONE].rate,
            f"longest gap {found.gap:.2f} s, {found.repeats} repeated, {found.lost} lost",
        )
        for name, found in runs.items()
    ]
    return Table("messages a second; ratios are to one replica", tuple(rows))


def _gates(runs: dict[str, Run]) -> tuple[Gate, ...]:
    return (
        Gate("out of order, all runs", sum(r.disorder for r in runs.values()), 0, unit="", at_most=True),
        Gate("lost, all runs", sum(r.lost for r in runs.values()), 0, unit="", at_most=True),
        Gate("said twice after SIGKILL, of 20 lanes in flight", runs[KILLED].repeats, 20, "", at_most=True),
        Gate("longest gap in a channel after SIGKILL", runs[KILLED].gap, 7, "s", at_most=True),
        *(
            Gate(f"messages a second, {name}", runs[name].rate, bound, "/s", stretch=bound == 400)
            for name in (SLOW_FILE, SLOW_SERVER)
            for bound in (200, 400)
        ),
    )
