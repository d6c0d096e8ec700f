"""Memory, start time and stop time of a desk with a hundred thousand open tickets."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bench import postgres, stock
from bench.measure import Progress
from bench.report import Gate, Report, Row, Table
from bench.serving import ready_at, serving
from bot.clock import SimulatedClock, real_now

TICKETS = 100_000
DUE = 200
SEND = 1.0
"""Slack's seconds for a send, so that some are always in flight."""
SENDS = 3
"""How many sends must be in flight when we stop the desk."""
PATIENCE = 60.0
EMPTY = "no ticket, SQLite"


@dataclass(frozen=True, slots=True)
class Taken:
    """For one desk: seconds until ready, megabytes, seconds from SIGTERM to its end."""

    ready: float
    memory: float
    drain: float
    under_way: int
    """Sends in flight at SIGTERM."""


@dataclass
class SlowSlack:
    """A Slack that answers slowly, and counts the sends in flight."""

    begun: int = 0
    ended: int = 0

    def __post_init__(self) -> None:
        self.many = asyncio.Event()

    async def call(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        if method == "auth.test":
            us = {"team_id": "T0VENDOR", "user_id": "U0BOT", "bot_id": "B0BOT", "user": "frontline"}
            return web.json_response({"ok": True, "url": "https://vendor.slack.com/", "team": "Vendor", **us})
        if not method.startswith("chat."):
            return web.json_response({"ok": True, "users": [], "channels": [], "channel": {"id": "D0BOB"}})
        given = await request.json()
        self.begun += 1
        if self.begun - self.ended >= SENDS:
            self.many.set()
        await asyncio.sleep(SEND)
        self.ended += 1
        return web.json_response({"ok": True, "channel": given["channel"], "ts": f"{self.begun}.000100"})


def run(progress: Progress) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontline-bench-")))
        server = stack.enter_context(postgres.server())
        file, at = stock.desk_file(folder), stock.warned_at()
        urls = {
            EMPTY: f"sqlite:///{folder}/empty.db",
            f"{TICKETS:,} open tickets, SQLite": f"sqlite:///{folder}/full.db",
            f"{TICKETS:,} open tickets, PostgreSQL": server.fresh(),
        }
        taken = {}
        for name, url in urls.items():
            progress.say(f"footprint: {name}")
            if name != EMPTY:
                asyncio.run(stock.stock(url, file, TICKETS, DUE, at, stock.ACCOUNTS))
                # Some tickets are due as soon as the desk starts.
                stock.stage(url, SimulatedClock(real_now(), at, 1.0))
                if not url.startswith("sqlite"):
                    postgres.settle(url)
            taken[name] = asyncio.run(_taken(url, file, stocked=name != EMPTY))
    return Report("footprint", "the real `frontline serve`", _tables(taken), _gates(taken), _NOTES)


_NOTES = (
    "ready: from the start of the process to the first 200 of /readyz, Python and all libraries loaded",
    f"drain: Slack takes {SEND:g} s for every send; SIGTERM falls while sends are under way",
    f"memory: resident, while it delivers for {DUE} tickets due at its start; a server's is its own",
)


async def _taken(url: str, file: Path, *, stocked: bool) -> Taken:
    slack = SlowSlack()
    app = web.Application()
    app.router.add_post("/api/{method}", slack.call)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        api = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
        with serving(url, file, api) as (process, address):
            begun = time.monotonic()
            await asyncio.to_thread(ready_at, address, process)
            ready = time.monotonic() - begun
            if stocked:
                async with asyncio.timeout(PATIENCE):
                    await slack.many.wait()
            memory, under_way = _megabytes(process.pid), slack.begun - slack.ended
            begun = time.monotonic()
            process.terminate()
            code = await asyncio.to_thread(process.wait, PATIENCE)
            if code:
                raise RuntimeError(f"the desk ended with {code}")
            return Taken(ready, memory, time.monotonic() - begun, under_way)
    finally:
        await runner.cleanup()


def _megabytes(pid: int) -> float:
    """Resident memory in megabytes. Raises OSError on systems without /proc."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.M)
    assert found
    return int(found[1]) / 1024


def _tables(taken: dict[str, Taken]) -> tuple[Table, ...]:
    return (
        Table("memory", tuple(Row(name, each.memory, "MB") for name, each in taken.items())),
        Table("start to ready", tuple(Row(name, each.ready, "s") for name, each in taken.items())),
        Table(
            "SIGTERM to the end",
            tuple(
                Row(name, each.drain, "s", None, f"{each.under_way} sends were under way")
                for name, each in taken.items()
            ),
        ),
    )


def _gates(taken: dict[str, Taken]) -> tuple[Gate, ...]:
    gates = []
    for name, each in taken.items():
        if name != EMPTY:
            gates.append(Gate(f"ready, {name}", each.ready, 2, unit="s", at_most=True))
            gates.append(Gate(f"stopped, {name}", each.drain, 10, unit="s", at_most=True))
    return tuple(gates)
