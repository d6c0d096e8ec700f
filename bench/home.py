"""How soon a form opens while every agent opens the Home tab, which shows the queue of all open tickets.

The real `frontline serve` on SQLite. Commands are sent on schedule, answered or not.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench import stock
from bench.load import Burst, burst, signed
from bench.measure import Progress
from bench.modal import Asked, Slack, asked, desk, stream
from bench.report import Gate, Report, Row, Table
from bot.clock import SimulatedClock, real_now
from demo.stage import SIGNING_SECRET

AGENTS = 20
WAVES = 3
"""How often each agent opens Home, a second apart."""
A_SECOND = 20
TICKETS, MANY = 2_500, 20_000
PATIENCE = 30.0
_ONE_AGENT = 'agents = ["U0BOB"]'


@dataclass(frozen=True, slots=True)
class Storm:
    """The commands, and the seconds from each opening of Home until it was published."""

    asked: Asked
    homes: list[float]


def run(progress: Progress) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontline-bench-")))
        file = stock.desk_file(folder)
        agents = json.dumps([_agent(nth) for nth in range(AGENTS)])
        text = file.read_text(encoding="utf-8")
        assert _ONE_AGENT in text, "the sample desk file has other agents"
        file.write_text(text.replace(_ONE_AGENT, f"agents = {agents}"), encoding="utf-8")
        storms = {}
        for tickets in (TICKETS, MANY):
            progress.say(f"home: {tickets:,} open tickets")
            url = f"sqlite:///{folder}/home-{tickets}.db"
            asyncio.run(stock.stock(url, file, tickets, 0, stock.FRIDAY, stock.ACCOUNTS))
            stock.stage(url, SimulatedClock(real_now(), stock.FRIDAY, 1.0))
            storms[tickets] = asyncio.run(_storm(url, file))
    return Report(
        "home",
        f"{A_SECOND} signed /support a second while {AGENTS} agents open Home, {WAVES} times each",
        tuple(_table(tickets, storm) for tickets, storm in storms.items()),
        tuple(_gates(storms)),
        ("all agents open it in the same instant; caller, desk and Slack share two cores",),
    )


def _table(tickets: int, storm: Storm) -> Table:
    rows = (
        Row("until views.open, p50", storm.asked.form(0.5) * 1e3, "ms"),
        Row("until views.open, p99", storm.asked.form(0.99) * 1e3, "ms"),
        Row("until views.open, max", storm.asked.forms[-1] * 1e3, "ms"),
        Row("until views.publish, max", storm.homes[-1] * 1e3, "ms"),
    )
    return Table(f"{tickets:,} open tickets", rows)


def _gates(storms: dict[int, Storm]) -> Iterator[Gate]:
    usual, many = storms[TICKETS].asked, storms[MANY].asked
    commands = 2 * WAVES * A_SECOND
    yield Gate(f"/support to views.open, {TICKETS:,} open, longest", usual.forms[-1], 1, "s", at_most=True)
    yield Gate(
        f"/support to views.open, {MANY:,} open, p99", many.form(0.99), 0.2, "s", stretch=True, at_most=True
    )
    opened = len(usual.forms) + len(many.forms)
    yield Gate("commands without a form in time", commands - opened, 0, "", at_most=True)
    homes = sum(len(storm.homes) for storm in storms.values())
    yield Gate("Home tabs not drawn", 2 * WAVES * AGENTS - homes, 0, "", at_most=True)


async def _storm(url: str, file: Path) -> Storm:
    numbers = count()
    async with desk(url, file) as (slack, at):
        await stream(at, numbers, A_SECOND, A_SECOND)
        await _opens_home(at, slack, 0, 1)
        slack.opened.clear()
        slack.published.clear()
        waves = asyncio.create_task(_waves(at, slack))
        commands = await stream(at, numbers, WAVES * A_SECOND, A_SECOND)
        return Storm(await asked(slack, *commands), sorted(await waves))


async def _waves(url: str, slack: Slack) -> list[float]:
    begun, homes = time.perf_counter(), list[float]()
    for wave in range(1, WAVES + 1):
        homes += await _opens_home(url, slack, wave, AGENTS)
        await asyncio.sleep(max(0.0, begun + wave - time.perf_counter()))
    return homes


async def _opens_home(url: str, slack: Slack, wave: int, agents: int) -> list[float]:
    """Seconds until each Home was published, without those that were late."""
    before, begun = len(slack.published), time.perf_counter()
    events = [_event(url, f"Ev{wave}A{nth}", _agent(nth)) for nth in range(agents)]
    answers: list[Burst] = await asyncio.gather(*(burst(url, [event], 1) for event in events))
    slack.bad += sum(answer.refused for answer in answers)
    while len(slack.published) < before + agents and time.perf_counter() < begun + PATIENCE:
        await asyncio.sleep(0.01)
    return [at - begun for at in slack.published[before:]]


def _agent(nth: int) -> str:
    return f"U0AGENT{nth:02}" if nth else "U0BOB"


def _event(url: str, id: str, user: str) -> bytes:
    said = {
        "type": "event_callback",
        "team_id": "T0VENDOR",
        "api_app_id": "A0",
        "event_id": id,
        "event_time": int(time.time()),
        "event": {"type": "app_home_opened", "user": user, "channel": f"D{user[1:]}", "tab": "home"},
        "authorizations": [{"team_id": "T0VENDOR", "user_id": "U0BOT", "is_bot": True}],
    }
    return signed(url, SIGNING_SECRET, json.dumps(said).encode(), "application/json")
