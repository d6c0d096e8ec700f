"""Opening a ticket over HTTP: from Slack's signed request to the answer, every row on disk before it.

Each server is a process of its own on one core, the callers run on the other; servers take turns.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from bench import stock
from bench.children import child
from bench.load import Burst, burst, pinned, signed
from bench.measure import Progress
from bench.report import Gate, Report, Row, Table

OURS, HELLO, FLOOR = "Frontline", "Bolt default, hello", "Bolt PBR, hello"
NAIVE = "Bolt default + SQLModel ORM"
ROLES = {OURS: "ours", HELLO: "hello", NAIVE: "naive", FLOOR: "floor"}
TICKETS = "tickets.db"
SUMMARY = "Order VIEWID"
"""All different."""
SECRET = "bench"
ROUNDS = 5
AT_ONCE = 32
CALLS = {OURS: (3000, 600), HELLO: (3000, 60), NAIVE: (300, 60), FLOOR: (3000, 600)}
"""Requests of a burst with 32 clients, and with one."""
FORM = "application/x-www-form-urlencoded"


def run(progress: Progress) -> Report:
    progress.say("opens: starting the servers")
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontline-bench-")))
        servers, folders = {}, {name: root / role for name, role in ROLES.items()}
        for name, folder in folders.items():
            folder.mkdir()
            servers[name] = stack.enter_context(child("bench.open_servers", ROLES[name], str(folder))).read()
        samples: list[str] = servers[OURS]["samples"]
        pinned(1)
        crowd: dict[str, list[Burst]] = {name: [] for name in CALLS}
        alone: dict[str, list[Burst]] = {name: [] for name in CALLS}
        for number in range(ROUNDS):
            for name, server in servers.items():
                progress.say(f"opens: round {number + 1} of {ROUNDS}, {name}")
                many, few = CALLS[name]
                crowd[name].append(_burst(server["url"], samples, f"{number}m", many, AT_ONCE))
                alone[name].append(_burst(server["url"], samples, f"{number}s", few, 1))
        missing = {
            name: sum(len(each.took) for each in (*crowd[name], *alone[name])) - _opened(folders[name])
            for name in (OURS, NAIVE)
        }
    return Report(
        "opens",
        f"a signed view_submission of m3ter's form, medians of {ROUNDS} rounds",
        (_rates(crowd), _times(alone, "one client", 0.5), _times(crowd, "32 clients", 0.99)),
        _gates(crowd, alone, missing[OURS]),
        (*_NOTES, f"requests of {NAIVE} that opened no ticket: {missing[NAIVE]}"),
    )


_NOTES = (
    "200 customers share the requests; ours: the Bolt app, the whole desk (screening, promises, messages)"
    " and SQLite with synchronous FULL; delivery is off, since it runs independently",
    "Bolt default + SQLModel ORM writes as many rows of the same tables through an async session (aiosqlite)",
    "PBR: process_before_response, which has no 10 ms poll; hello: nothing is stored",
)


def _burst(url: str, samples: Sequence[str], stamp: str, calls: int, at_once: int) -> Burst:
    bodies = (
        samples[number % len(samples)].replace("VIEWID", f"V{stamp}{number:05}") for number in range(calls)
    )
    raw = [signed(url, SECRET, urlencode({"payload": body}).encode(), FORM) for body in bodies]
    return asyncio.run(burst(url, raw, at_once))


def _rate(bursts: Sequence[Burst]) -> float:
    return median(len(each.took) / each.whole for each in bursts)


def _rates(bursts: Mapping[str, Sequence[Burst]]) -> Table:
    rows = []
    for name, found in bursts.items():
        rate = _rate(found)
        refused = sum(each.refused for each in found)
        note = f"{rate:,.0f} a second" + (f", {refused} refused" if refused else "")
        rows.append(Row(name, 1e6 / rate, "us", _rate(bursts[OURS]) / rate, note))
    return Table("a request, 32 clients", tuple(rows))


def _times(bursts: Mapping[str, Sequence[Burst]], who: str, share: float) -> Table:
    took = {name: _quantile(found, share) for name, found in bursts.items()}
    rows = [Row(name, each * 1e3, "ms", each / took[OURS]) for name, each in took.items()]
    return Table(f"p{share * 100:.0f}, {who}", tuple(rows))


def _quantile(bursts: Sequence[Burst], share: float) -> float:
    return median(each.quantile(share) for each in bursts)


def _gates(
    crowd: Mapping[str, Sequence[Burst]], alone: Mapping[str, Sequence[Burst]], missing: int
) -> tuple[Gate, ...]:
    ours = _rate(crowd[OURS])
    naive = ours / _rate(crowd[NAIVE])
    one = _quantile(alone[HELLO], 0.5) / _quantile(alone[OURS], 0.5)
    late = _quantile(crowd[NAIVE], 0.99) / _quantile(crowd[OURS], 0.99)
    refused = sum(each.refused for each in (*crowd[OURS], *alone[OURS]))
    return (
        Gate("opens a second, 32 clients: ours / Bolt default + ORM", naive, 4),
        Gate("opens a second, 32 clients: ours / Bolt default + ORM", naive, 8, stretch=True),
        Gate("p50, one client: Bolt default hello / ours", one, 4),
        Gate("p50, one client: Bolt default hello / ours", one, 8, stretch=True),
        Gate("p99, 32 clients: Bolt default + ORM / ours", late, 20),
        Gate("p99, 32 clients: Bolt default + ORM / ours", late, 50, stretch=True),
        Gate("requests of ours that were refused", refused, 0, unit="", at_most=True),
        Gate("requests of ours that opened no ticket", missing, 0, unit="", at_most=True),
    )


def _opened(folder: Path) -> int:
    """The number of stored tickets."""
    ((number,),) = stock.found(f"sqlite:///{folder}/{TICKETS}", "SELECT count(*) FROM ticket")
    return int(str(number))
