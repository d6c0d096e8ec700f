"""How soon a form opens: from a signed `/support` to views.open, at two hundred commands a second.

The real `frontline serve` on SQLite. Commands are sent on schedule, answered or not.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web

from bench import stock
from bench.load import Burst, burst, signed
from bench.measure import Progress
from bench.report import Gate, Report, Row, Table
from bench.serving import ready_at, serving
from bench.stock import ACCOUNTS, channel_id
from bot.clock import SimulatedClock, real_now
from demo.stage import SIGNING_SECRET

A_SECOND = 200
SECONDS = 10
WARM = 2
"""Seconds of warm-up."""
LIFE = 3.0
"""Seconds that a trigger stays valid."""
PATIENCE = 30.0
TICKETS = 2_000
FORM = "application/x-www-form-urlencoded"


@dataclass
class Slack:
    """A Slack that records when each form was opened."""

    opened: dict[str, float] = field(default_factory=dict)
    published: list[float] = field(default_factory=list)
    bad: int = 0

    async def call(self, request: web.Request) -> web.Response:
        at, given = time.perf_counter(), await request.read()
        match request.match_info["method"]:
            case "auth.test":
                us = {"team_id": "T0VENDOR", "user_id": "U0BOT", "bot_id": "B0BOT", "user": "frontline"}
                return web.json_response({"ok": True, "url": "https://v.slack.com/", "team": "V", **us})
            case "views.open":
                asked = json.loads(given)
                self.bad += asked["view"]["type"] != "modal" or not asked["view"]["blocks"]
                self.opened.setdefault(asked["trigger_id"], at)
                return web.json_response({"ok": True, "view": {"id": "V0", "hash": "1.a"}})
            case "views.publish":
                self.bad += json.loads(given)["view"]["type"] != "home"
                self.published.append(at)
                return web.json_response({"ok": True, "view": {"id": "V1", "hash": "1.a"}})
            case _:
                return web.json_response(
                    {"ok": True, "users": [], "channels": [], "ts": "1.1", "channel": "C0"}
                )


@dataclass(frozen=True, slots=True)
class Asked:
    """Seconds from each command to its form and to its answer, and the number refused."""

    forms: list[float]
    answers: list[float]
    refused: int

    def form(self, share: float) -> float:
        return self.forms[min(len(self.forms) - 1, int(share * len(self.forms)))]

    def answer(self, share: float) -> float:
        return self.answers[min(len(self.answers) - 1, int(share * len(self.answers)))]


def run(progress: Progress) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontline-bench-")))
        file, url = stock.desk_file(folder), f"sqlite:///{folder}/modal.db"
        progress.say(f"modal: {TICKETS:,} open tickets")
        asyncio.run(stock.stock(url, file, TICKETS, 0, stock.FRIDAY, ACCOUNTS))
        stock.stage(url, SimulatedClock(real_now(), stock.FRIDAY, 1.0))
        progress.say(f"modal: {A_SECOND} commands a second for {SECONDS} s")
        found = asyncio.run(_asked(url, file))
    total = A_SECOND * SECONDS
    rows = (
        Row("until views.open, p50", found.form(0.5) * 1e3, "ms"),
        Row("until views.open, p99", found.form(0.99) * 1e3, "ms"),
        Row("until views.open, max", found.forms[-1] * 1e3, "ms"),
        Row("until the answer, p99", found.answer(0.99) * 1e3, "ms"),
    )
    return Report(
        "modal",
        f"{A_SECOND} signed /support a second for {SECONDS} s, {TICKETS:,} tickets open",
        (Table("from the command", rows),),
        (
            Gate("/support to views.open, p99", found.form(0.99) * 1e3, LIFE * 1e3, unit="ms", at_most=True),
            Gate("commands refused", found.refused, 0, unit="", at_most=True),
            Gate("commands without a form in time", total - len(found.forms), 0, unit="", at_most=True),
        ),
        _NOTES,
    )


_NOTES = (
    "commands are sent on schedule, whether others were answered or not, and timed from then",
    "200 customers, ten open tickets each; caller, desk and Slack share two cores",
)


async def _asked(url: str, file: Path) -> Asked:
    numbers = count()
    async with desk(url, file) as (slack, at):
        await stream(at, numbers, WARM * A_SECOND, A_SECOND)
        slack.opened.clear()
        return await asked(slack, *await stream(at, numbers, SECONDS * A_SECOND, A_SECOND))


@asynccontextmanager
async def desk(url: str, file: Path) -> AsyncIterator[tuple[Slack, str]]:
    """Yields a Slack, and the URL of the real desk."""
    slack, app = Slack(), web.Application()
    app.router.add_post("/api/{method}", slack.call)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with serving(url, file, f"http://127.0.0.1:{runner.addresses[0][1]}/api/") as (process, address):
            await asyncio.to_thread(ready_at, address, process)
            yield slack, f"{address}/slack/events"
    finally:
        await runner.cleanup()


async def asked(slack: Slack, due: dict[str, float], bursts: Sequence[Burst]) -> Asked:
    """The results of the commands of a `stream`; waits for their forms."""
    give_up = time.perf_counter() + LIFE
    while len(slack.opened) < len(due) and time.perf_counter() < give_up:
        await asyncio.sleep(0.05)
    forms = sorted(slack.opened[trigger] - at for trigger, at in due.items() if trigger in slack.opened)
    answers = sorted(seconds for each in bursts for seconds in each.took)
    refused = sum(each.refused for each in bursts) + slack.bad
    return Asked([each for each in forms if each <= LIFE], answers, refused)


async def stream(
    url: str, numbers: count[int], calls: int, a_second: int
) -> tuple[dict[str, float], list[Burst]]:
    """Sends the commands. Returns when each was due, by trigger, and the bursts."""
    begun, due = time.perf_counter(), dict[str, float]()
    tasks: list[asyncio.Task[Burst]] = []
    async with asyncio.timeout(PATIENCE):
        for nth in range(calls):
            at = begun + nth / a_second
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            trigger = f"{next(numbers)}.1.trigger"
            due[trigger] = at
            tasks.append(asyncio.create_task(burst(url, [_command(url, nth, trigger)], 1)))
        return due, await asyncio.gather(*tasks)


def _command(url: str, nth: int, trigger: str) -> bytes:
    said = {
        "command": "/support",
        "text": "The export fails",
        "team_id": "T0VENDOR",
        "user_id": f"U0ANN{nth:04}",
        "user_name": "ann",
        "channel_id": channel_id(nth % ACCOUNTS),
        "channel_name": "acme",
        "trigger_id": trigger,
        "response_url": "http://127.0.0.1:9/none",
        "api_app_id": "A0",
    }
    return signed(url, SIGNING_SECRET, urlencode(said).encode(), FORM)
