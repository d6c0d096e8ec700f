"""How late each of a thousand timers due at one instant is woken, with a hundred thousand pending.

Then the same burst on two whole desks that also deliver, one of which is killed in the middle.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from bench import postgres, stock
from bench.children import Child, child
from bench.measure import Progress
from bench.platform import counting
from bench.report import Gate, Report, Row, Table
from bench.wakers import TASK
from bot.clock import SimulatedClock, real_now
from tests.postgres import Postgres

PENDING, DUE = int(os.environ.get("PENDING", "100000")), 1_000
ROUNDS = {"index": 3, "pgqueuer": 3, "desk": 1, "procrastinate": 1}
"""The number of bursts; the median one counts."""
LEAD = 3.0
"""Seconds from the end of the preparations to the instant."""
SETTLED = 1.0
PATIENCE = 90.0
KILL_AFTER = DUE // 3
INDEX, DESK = "Frontline, the index", "Frontline, the whole desk"
PGQUEUER, PROCRASTINATE = "pgqueuer", "procrastinate, poll 0.5 s"


@dataclass(frozen=True, slots=True)
class Lateness:
    """Seconds late of each timer, sorted."""

    late: list[float]
    note: str = ""

    def quantile(self, share: float) -> float:
        return self.late[min(len(self.late) - 1, int(share * len(self.late)))]


@dataclass(frozen=True, slots=True)
class Killed:
    """The result of the burst in which one of two desks was killed."""

    lost: int
    twice: int
    repeated: int
    whole: float


def run(progress: Progress) -> Report:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frontline-bench-")))
        server = stack.enter_context(postgres.server())
        folder.chmod(0o755)
        file = stock.desk_file(folder)
        found, killed = _ours(server, folder, file, progress)
        found[PGQUEUER] = _pgqueuer(server, file, progress)
        found[PROCRASTINATE] = _procrastinate(server, file, progress)
    shared = [f"{INDEX}, PostgreSQL", PGQUEUER, PROCRASTINATE, f"{DESK}, PostgreSQL"]
    alone = [f"{INDEX}, SQLite", f"{DESK}, SQLite"]
    tables = (
        _table("p99 late, two workers on PostgreSQL", found, shared),
        _table("p99 late, one process on SQLite", found, alone),
    )
    return Report(
        "wakes",
        f"{PENDING:,} timers pending, {DUE:,} due at one instant",
        tables,
        _gates(found, killed),
        (
            *_NOTES,
            f"after SIGKILL: all were woken {killed.whole:.2f} s after the instant;"
            f" {killed.repeated} posts came twice",
        ),
    )


_NOTES = (
    "late: from the instant to the commit that fired it; for a peer, the one that recorded the job as done",
    "the whole desk: promises evaluated, a warning recorded, its messages and both cards stored for delivery",
    "the median of three bursts for the index and pgqueuer; one burst for the others",
    "for peers each timer is a job; their handlers do nothing else",
)


def _ours(
    server: Postgres, folder: Path, file: Path, progress: Progress
) -> tuple[dict[str, Lateness], Killed]:
    at, found = stock.warned_at(), {}
    sqlite = f"sqlite:///{folder}/stock.db"
    shared = server.fresh()
    for url in (sqlite, shared):
        progress.say(f"wakes: {PENDING:,} tickets into {url.partition(':')[0]}")
        asyncio.run(stock.stock(url, file, PENDING, 0, at, stock.ACCOUNTS))
    for role, name in (("index", INDEX), ("desk", DESK)):
        copy = folder / f"{role}.db"
        copy.write_bytes((folder / "stock.db").read_bytes())
        found[f"{name}, SQLite"] = _woken(role, f"sqlite:///{copy}", file, 1, at, progress)
        url = postgres.copied(server, shared, f"wakes_{role}")
        postgres.settle(url)
        found[f"{name}, PostgreSQL"] = _woken(role, url, file, 2, at, progress)
        server.drop(url)
    postgres.settle(shared)
    progress.say("wakes: one of two is killed")
    killed = asyncio.run(_killed(shared, file, at))
    server.drop(shared)
    return found, killed


def _woken(role: str, url: str, file: Path, workers: int, at: datetime, progress: Progress) -> Lateness:
    progress.say(f"wakes: {role}, {url.partition(':')[0]}")
    return _middle(_measured(role, url, file, workers, _armed(url, at)))


Arm = Callable[[int, datetime], None]
"""Sets the timers of a round to an instant."""


def _armed(url: str, at: datetime) -> Arm:
    """Sets a clock for the database, and returns the function that arms its timers."""
    real, each = real_now(), DUE // stock.ACCOUNTS
    stock.stage(url, SimulatedClock(real, at, 1.0))
    return lambda nth, due: stock.arm(url, nth * each + 1, (nth + 1) * each, at + (due - real))


def _measured(role: str, url: str, file: Path, workers: int, arm: Arm) -> list[tuple[datetime, Lateness]]:
    """The instant of each round, and how late its timers were. Raises RuntimeError if some did not fire."""
    rounds = []
    woken: dict[str, float] = {}
    with ExitStack() as stack:
        made = [stack.enter_context(child("bench.wakers", role, url, str(file))) for _ in range(workers)]
        for each in made:
            each.read()
        for nth in range(ROUNDS[role]):
            due = real_now() + timedelta(seconds=LEAD)
            arm(nth, due)
            if real_now() >= due:
                raise RuntimeError(f"the timers of {role} were not set in time")
            before = len(woken)
            _hear(made, woken, before + DUE)
            late = sorted(at - due.timestamp() for at in [*woken.values()][before:])
            rounds.append((due, Lateness(late)))
            # Running jobs are recorded before the workers end.
            time.sleep(SETTLED)
    return rounds


def _hear(made: list[Child], woken: dict[str, float], number: int) -> None:
    """Collects first wake-ups until there are `number`."""
    give_up = time.monotonic() + PATIENCE
    while len(woken) < number:
        if time.monotonic() > give_up:
            raise RuntimeError(f"only {len(woken)} of {number} were woken")
        time.sleep(0.05)
        for each in made:
            for news in each.unread():
                for key in news["keys"]:
                    woken.setdefault(key, news["at"])


def _middle(rounds: list[tuple[datetime, Lateness]]) -> Lateness:
    found = sorted((late for _, late in rounds), key=lambda late: late.quantile(0.99))
    return found[len(found) // 2]


async def _killed(url: str, file: Path, at: datetime) -> Killed:
    """Two desks wake and deliver; one is killed after a third of the first messages."""
    arm = _armed(url, at)
    with ExitStack() as stack:
        async with counting() as platform:
            words = (url, str(file), platform.url)
            two = [stack.enter_context(child("bench.replica", *words)) for _ in range(2)]
            for each in two:
                await asyncio.to_thread(each.read)
            due = real_now() + timedelta(seconds=LEAD)
            arm(0, due)
            while _awake(url) < KILL_AFTER:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(two[0].kill)
            give_up = time.monotonic() + PATIENCE
            while _awake(url) < DUE and time.monotonic() < give_up:
                await asyncio.sleep(0.05)
            whole = (real_now() - due).total_seconds()
            await _quiet(url)
            warned = [int(str(number)) for (number,) in stock.found(url, _WARNINGS)]
            return Killed(DUE - len(warned), sum(n - 1 for n in warned), platform.repeats(), whole)


_WARNINGS = "SELECT count(*) FROM event WHERE kind = 'Warned' GROUP BY ticket"


def _awake(url: str) -> int:
    return len(stock.found(url, _WARNINGS))


async def _quiet(url: str) -> None:
    """Waits until only countdowns are left."""
    give_up = time.monotonic() + PATIENCE
    waiting = "SELECT count(*) FROM outbox WHERE state = 'waiting' AND priority < 4"
    while stock.found(url, waiting) != [(0,)] and time.monotonic() < give_up:
        await asyncio.sleep(0.2)


def _pgqueuer(server: Postgres, file: Path, progress: Progress) -> Lateness:
    progress.say("wakes: pgqueuer")
    url = server.empty()
    asyncio.run(_load_pgqueuer(url))
    postgres.settle(url)
    statement = "UPDATE pgqueuer SET execute_after = %s WHERE convert_from(payload, 'utf8')::int / %s = %s"
    return _middle(_recorded(url, _measured("pgqueuer", url, file, 2, _job_arm(url, statement)), _LOGGED))


def _job_arm(url: str, statement: str) -> Arm:
    def arm(nth: int, due: datetime) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(statement.encode(), (due, DUE, nth))

    return arm


async def _load_pgqueuer(url: str) -> None:
    import asyncpg
    from pgqueuer import AsyncpgDriver, Queries

    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for first in range(0, PENDING, 10_000):
        payloads: list[bytes | None] = [str(first + nth).encode() for nth in range(10_000)]
        later: list[timedelta | None] = [stock.FAR] * len(payloads)
        await queries.enqueue([TASK] * len(payloads), payloads, [0] * len(payloads), later)
    await connection.close()


def _procrastinate(server: Postgres, file: Path, progress: Progress) -> Lateness:
    progress.say("wakes: procrastinate")
    url = server.empty()
    asyncio.run(_load_procrastinate(url))
    postgres.settle(url)
    statement = "UPDATE procrastinate_jobs SET scheduled_at = %s WHERE (args ->> 'nth')::int / %s = %s"
    measured = _measured("procrastinate", url, file, 2, _job_arm(url, statement))
    return _middle(_recorded(url, measured, _SUCCEEDED))


_LOGGED = (
    "SELECT extract(epoch FROM min(created)) FROM pgqueuer_log WHERE status = 'successful' GROUP BY job_id"
)
_SUCCEEDED = (
    "SELECT extract(epoch FROM min(at)) FROM procrastinate_events WHERE type = 'succeeded' GROUP BY job_id"
)


def _recorded(
    url: str, rounds: list[tuple[datetime, Lateness]], query: str
) -> list[tuple[datetime, Lateness]]:
    """The lateness that a peer recorded itself, by round."""
    at = sorted(float(str(at)) for (at,) in stock.found(url, query))
    if len(at) != DUE * len(rounds):
        raise RuntimeError(f"{len(at)} of {DUE * len(rounds)} were recorded as done")
    found = []
    for nth, (due, begun) in enumerate(rounds):
        late = [each - due.timestamp() for each in at[nth * DUE : (nth + 1) * DUE]]
        found.append((due, Lateness(late, f"; handlers begun: p99 {begun.quantile(0.99) * 1e3:,.0f} ms")))
    return found


async def _load_procrastinate(url: str) -> None:
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)"
            " SELECT 'default', %s, jsonb_build_object('nth', n), %s FROM generate_series(0, %s) n",
            (TASK, datetime.now(UTC) + stock.FAR, PENDING - 1),
        )


def _table(title: str, found: dict[str, Lateness], names: list[str]) -> Table:
    ours = found[names[0]].quantile(0.99)
    rows = []
    for name in names:
        late = found[name]
        whole = f"p50 {late.quantile(0.5) * 1e3:,.0f} ms, max {late.late[-1] * 1e3:,.0f} ms{late.note}"
        rows.append(Row(name, late.quantile(0.99) * 1e3, "ms", late.quantile(0.99) / ours, whole))
    return Table(title, tuple(rows))


def _gates(found: dict[str, Lateness], killed: Killed) -> tuple[Gate, ...]:
    ours = found[f"{INDEX}, PostgreSQL"].quantile(0.99)
    peers = {name: found[name].quantile(0.99) / ours for name in (PGQUEUER, PROCRASTINATE)}
    return (
        Gate("p99 late: pgqueuer / ours", peers[PGQUEUER], 1),
        Gate("p99 late: pgqueuer / ours", peers[PGQUEUER], 3, stretch=True),
        Gate("p99 late: procrastinate / ours", peers[PROCRASTINATE], 20),
        Gate("p99 late: procrastinate / ours", peers[PROCRASTINATE], 100, stretch=True),
        Gate("lost when one of two was killed", killed.lost, 0, unit="", at_most=True),
        Gate("decided twice when one of two was killed", killed.twice, 0, unit="", at_most=True),
    )
