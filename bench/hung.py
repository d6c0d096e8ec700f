"""How long messages take to healthy channels while other conversations of the platform hang."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import time

import aiohttp

from bench import stock
from bench.platform import Counting, PlatformClient, counting
from bench.report import Gate, Row, Table
from bot.model.address import Place
from bot.model.views import Notice
from bot.ports import Message, Priority
from bot.runtime.runtime import Runtime

HANGING, HEALTHY, EACH = 60, 10, 3
BETWEEN = 2.5
"""Seconds between the healthy channels' messages; hanging calls time out and are retried meanwhile."""
PATIENCE = 60.0
PLACES = [Place("slack", stock.channel_id(nth)) for nth in range(HANGING + HEALTHY)]


@dataclass(frozen=True, slots=True)
class Hung:
    """Seconds from the commit of each message to a healthy channel until its arrival."""

    beside: list[float]
    alone: list[float]


async def measured(folder: Path) -> Hung:
    """Measures on SQLite. Desk and platform share one process and so one clock."""
    file = stock.desk_file(folder, len(PLACES))
    runs = [
        sorted(await _delays(f"sqlite:///{folder}/hung-{hanging}.db", file, hanging))
        for hanging in (HANGING, 0)
    ]
    return Hung(*runs)


async def _delays(url: str, file: Path, hanging: int) -> list[float]:
    async with counting() as platform, stock.open_desk(url, file) as (store, desk):
        platform.hanging = frozenset(map(str, PLACES[:HANGING]))
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            desk.platforms["slack"] = PlatformClient(platform.url, session)
            runtime, delays = Runtime(desk, store), list[float]()
            store.on_change = runtime.store_changed
            async with runtime.running():
                if hanging:
                    await store.enqueue(_messages(PLACES[:hanging], "hangs"))
                    await platform.until(hanging, PATIENCE)
                for turn in range(EACH):
                    said = _messages(PLACES[HANGING:], str(turn))
                    await store.enqueue(said)
                    committed = time()
                    arrived = await _arrived(platform, {message.key for message in said})
                    delays += [at - committed for at in arrived]
                    await asyncio.sleep(BETWEEN)
    return delays


def _messages(places: Iterable[Place], what: str) -> list[Message]:
    return [Message(f"{at}/{what}", None, at, Notice((what,)), Priority.STATE) for at in places]


async def _arrived(platform: Counting, keys: set[str]) -> list[float]:
    """When each of these messages arrived. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while len(found := [sent.at for sent in platform.sent if sent.key in keys]) < len(keys):
            await asyncio.sleep(0.005)
    return found


def table(hung: Hung) -> Table:
    return Table(
        f"{HEALTHY * EACH} messages to {HEALTHY} healthy channels, longest",
        (
            Row(f"beside {HANGING} conversations that hang", hung.beside[-1] * 1e3, "ms"),
            Row("without them", hung.alone[-1] * 1e3, "ms"),
        ),
    )


def gates(hung: Hung) -> tuple[Gate, ...]:
    more = hung.beside[-1] - hung.alone[-1]
    return (Gate("longest delay beside 60 that hang, more than without", more, 0.25, "s", at_most=True),)


NOTES = (f"messages are sent {BETWEEN} s apart; hanging calls time out after 4 s and are retried",)
